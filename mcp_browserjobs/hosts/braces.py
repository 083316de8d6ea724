"""What stands between braces, in YAML and TOML: how a member gets in and out while all else stays to the letter."""

import re
from typing import NamedTuple


class Member(NamedTuple):
    """A name and its value: where the name starts, the value starts, and the value ends."""

    name: str
    start: int
    value: int
    end: int


class Braces(NamedTuple):
    """Where the opening brace stands, and what is in it."""

    start: int
    members: list[Member]

    def member(self, name: str) -> Member | None:
        """The member of this name."""
        return next((member for member in self.members if member.name == name), None)


def put_in(text: str, braces: Braces, member: str) -> str:
    """The text with a new member, as it is written, behind the others."""
    comma, at = (", ", braces.members[-1].end) if braces.members else ("", braces.start + 1)
    return text[:at] + comma + member + text[at:]


def cut_out(text: str, braces: Braces, member: Member) -> str:
    """The text without a member and the comma that told it from its neighbour."""
    place = braces.members.index(member)
    if place + 1 < len(braces.members):
        return text[: member.start] + text[braces.members[place + 1].start :]
    if place:
        return text[: braces.members[place - 1].end] + text[member.end :]
    comma = re.compile(r"\s*,").match(text, member.end)
    return text[: member.start] + text[comma.end() if comma else member.end :]
