"""Every trouble of tests/trouble while somebody looks and waits."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from mcp_browserjobs import providers
from scripts.troubles.words import general, once
from tests.trouble import story
from tests.trouble.catalogue import CATALOGUE
from tests.trouble.story import Outcome

HEAD = ("Trouble", "What is done", "Providers", "What is told meanwhile", "Lost", "Doubled", "Later by", "Recovered")
TROUBLES = {trouble.name: trouble for trouble in CATALOGUE}


def chosen(words: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """The troubles whose name holds one of these words, each with the providers that it concerns."""
    return [
        (trouble.name, provider)
        for trouble in CATALOGUE
        if not words or any(word in trouble.name for word in words)
        for provider in names or providers.names()
        if trouble.concerns(provider)
    ]


def played(pair: tuple[str, str]) -> Outcome:
    """What became of a trouble, by its name and that of a provider."""
    trouble, provider = pair
    return story.play(TROUBLES[trouble], provider, measured=True)


def rows(found: Iterable[Outcome]) -> Iterator[tuple[str, ...]]:
    """A row for each trouble."""
    for name, group in groupby(found, key=lambda outcome: outcome.trouble):
        every = list(group)
        trouble = TROUBLES[name]
        recovered = sum(outcome.recovered for outcome in every)
        yield (
            name,
            trouble.done,
            str(len(every)),
            told(every),
            str(sum(outcome.lost for outcome in every)),
            str(sum(outcome.doubled + outcome.renumbered for outcome in every)),
            f"{max(0.0, *(outcome.seconds for outcome in every)):.0f} s",
            f"{recovered} of {len(every)}",
        )


def told(every: Sequence[Outcome]) -> str:
    """What questions were answered with, whichever the provider."""
    states = ["the last known state, `stale`"] if any(outcome.stale for outcome in every) else []
    refusals = (general(said, outcome.provider) for outcome in every for said in outcome.told)
    return once([*states, *refusals]) or "the truth"
