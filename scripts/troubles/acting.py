"""Every trouble of tests/trouble/deeds.py while somebody acts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from mcp_browserjobs import providers
from scripts.troubles.words import general, once
from tests.trouble import deeds
from tests.trouble.deeds import DEEDS, MISHAPS, Outcome

HEAD = (
    *("Trouble", "What is done", "Deeds", "What the call is answered"),
    *("Carried out at most", "Longest call", "Done afterwards"),
)


def chosen(words: Sequence[str], names: Sequence[str]) -> list[tuple[int, int, str]]:
    """The mishaps whose name holds one of these words, by their places, with each deed of the providers."""
    return [
        (place, number, provider)
        for place, mishap in enumerate(MISHAPS)
        if not words or any(word in mishap.name for word in words)
        for number, deed in enumerate(DEEDS)
        for provider in names or providers.names()
        if deed.concerns(provider)
    ]


def played(what: tuple[int, int, str]) -> Outcome:
    """What became of a deed."""
    place, number, provider = what
    return deeds.play(DEEDS[number], MISHAPS[place], provider)


def rows(found: Iterable[Outcome]) -> Iterator[tuple[str, ...]]:
    """A row for each mishap, whichever requests it met."""
    what = {mishap.name: mishap.done for mishap in MISHAPS}
    for name, group in groupby(found, key=lambda outcome: outcome.trouble):
        every = list(group)
        yield (
            name,
            what[name],
            str(len(every)),
            once(sorted((general(outcome.told[0], outcome.provider) for outcome in every), key=_last_sentences)),
            str(max(outcome.carried_out for outcome in every)),
            f"{max(outcome.seconds for outcome in every):.0f} s",
            f"{sum(outcome.done for outcome in every)} of {len(every)}",
        )


def _last_sentences(said: str) -> bool:
    return said.endswith(".")
