"""Keys and tokens in a text, however they are written there, and the text without them.

What is kept here is never told: only looked for.
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from pydantic import JsonValue, SecretStr

MASK = "[secret removed]"
SHORTEST = 8
"""What is shorter stands in ordinary words."""
SHORTEST_PART = 12
"""So many characters of a secret in a row tell too much of it; its last few, as vendors show them, do not."""
BLOCK = SHORTEST_PART // 2
"""Any part of that length has one of the blocks of this length into which a secret falls."""

_ESCAPED = re.compile(rb"\\u00[2-7]")
"""A letter of a key in JSON that need not be written so."""


class Mask:
    """Takes secrets out of texts: as they are, whole or in part; URL-encoded, in JSON, or anywhere in base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._blocks = [block for secret in secrets if len(secret) >= SHORTEST for block in _blocks(secret)]
        self._probes = {block.encode("latin-1") for _, _, block in self._blocks}

    def __call__(self, text: str) -> str:
        """The text without them."""
        parts, end = [], 0
        for begin, until in sorted(self._places(text)):
            if until > end:
                parts += [text[end:begin], MASK] if begin >= end else []
                end = until
        return "".join([*parts, text[end:]])

    def of_bytes(self, body: bytes) -> bytes:
        """A body without them."""
        return self(body.decode("latin-1")).encode("latin-1") if self._may_be_in(body) else body

    def of_json(self, value: JsonValue, body: bytes) -> JsonValue:
        """What a body says in JSON without them."""
        return self._of_json(value) if _ESCAPED.search(body) or self._may_be_in(body) else value

    def _may_be_in(self, body: bytes) -> bool:
        return any(probe in body for probe in self._probes)

    def _of_json(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self(value)
            case list():
                return [self._of_json(each) for each in value]
            case dict():
                return {self(name): self._of_json(each) for name, each in value.items()}
            case _:
                return value

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        for form, start, block in self._blocks:
            at = text.find(block)
            while at >= 0:
                begin, end = _widened(text, at, at + len(block), form, start)
                if end - begin >= min(SHORTEST_PART, len(form)):
                    yield begin, end
                at = text.find(block, end)


def _widened(text: str, begin: int, end: int, form: str, start: int) -> tuple[int, int]:
    """The whole stretch of the text that repeats a part of the form; `start` is where `begin` is in it."""
    until = start + end - begin
    while begin and start and text[begin - 1] == form[start - 1]:
        begin, start = begin - 1, start - 1
    while end < len(text) and until < len(form) and text[end] == form[until]:
        end, until = end + 1, until + 1
    return begin, end


def _blocks(secret: str) -> Iterator[tuple[str, int, str]]:
    """What gives a secret away: each form of it, and a block of that with its place there."""
    encoded = secret.encode()
    plain = encoded.decode("latin-1")
    width = BLOCK if len(plain) >= SHORTEST_PART else len(plain)
    for start in range(0, len(plain) - width + 1, width):
        yield plain, start, plain[start : start + width]
    for form in sorted(_encoded(secret, encoded) - {plain}):
        start = max(0, len(form) // 2 - BLOCK)
        yield form, start, form[start : start + SHORTEST_PART]


def _encoded(secret: str, encoded: bytes) -> set[str]:
    quoted = quote(secret, safe="")
    forms = {quoted, re.sub("%..", lambda code: code.group().lower(), quoted)}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret)[1:-1].replace("/", "\\/")}
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            whole = encode(b"\0" * before + encoded).decode()
            # What its neighbours take part in differs from one text to the next.
            forms.add(whole[(before * 8 + 5) // 6 : (before + len(encoded)) * 8 // 6])
    return forms


class _Kept:
    """All secrets that this process knows."""

    def __init__(self) -> None:
        self.secrets: set[SecretStr] = set()
        self.mask = Mask(())


_kept = _Kept()


def keep(secrets: Iterable[SecretStr]) -> None:
    """Have these masked from now on."""
    if new := set(secrets) - _kept.secrets:
        _kept.secrets |= new
        _kept.mask = Mask(secret.get_secret_value() for secret in _kept.secrets)


def masked(text: str) -> str:
    """The text without any secret that this process knows."""
    return _kept.mask(text)
