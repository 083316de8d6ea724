"""What a provider's event list may do from look to look, and what must come of it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

from pydantic import JsonValue

from mcp_browserjobs.jobs import Event, EventKind

EXACT = frozenset({"shuffle", "repeat", "rewrite", "truncate"})
"""With ids of its own a list may do all of this at once."""
INEXACT = (
    frozenset({"repeat", "truncate"}),
    frozenset({"repeat", "shuffle"}),
    frozenset({"repeat", "rewrite"}),
)
"""Without ids, what can still be told apart."""


@dataclass
class History:
    """A job's events as they really happened, and the lists in which a provider shows them.

    Without ids, `alike` events after each other have the same key. What an event says begins with what it said
    before, so that it is known again.
    """

    random: Random
    exact: bool
    habits: Collection[str]
    alike: int = 1
    texts: list[str] = field(default_factory=list)
    begin: int = 0
    listed: set[int] = field(default_factory=set)

    def go_on(self) -> list[Event]:
        """Let some time pass, and list what is there."""
        random = self.random
        if "rewrite" in self.habits and self.begin < len(self.texts):
            for _ in range(random.randrange(3)):
                place = random.randrange(self.begin, len(self.texts))
                self.texts[place] += f" Then {random.random()}."
        if "truncate" in self.habits:
            latest = len(self.texts) if self.exact else max(self.listed, default=0)
            self.begin = random.randint(self.begin, max(self.begin, latest))
        self.texts += [f"event {random.random()}." for _ in range(random.randrange(6))]
        places = list(range(self.begin, len(self.texts)))
        if "repeat" in self.habits and places:
            for place in random.choices(places, k=random.randrange(4)):
                places.insert(places.index(place), place)
        if "shuffle" in self.habits:
            random.shuffle(places)
        self.listed.update(places)
        return [self.event(place) for place in places]

    def event(self, place: int) -> Event:
        """The event at this place, as it reads now."""
        key = str(place) if self.exact else f"12:{place // self.alike:02} step"
        reported: dict[str, JsonValue] = {"text": self.texts[place]}
        return Event(key=key, kind=EventKind.STEP, reported=reported, exact=self.exact)

    def place_of(self, text: JsonValue) -> int:
        """Which event said this, now or earlier."""
        [place] = [place for place, now in enumerate(self.texts) if now.startswith(str(text))]
        return place
