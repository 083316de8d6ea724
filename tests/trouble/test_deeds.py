"""Each trouble with each deed, and each deed at each provider; `scripts/trouble` plays all for all."""

from collections.abc import Iterator
from itertools import groupby

import pytest

from tests.trouble.deeds import DEEDS, MISHAPS, Deed, Mishap, play
from tests.trouble.story import PROVIDERS


def everyday() -> Iterator[tuple[Deed, Mishap, str]]:
    """Each trouble and each deed, which take turns in which requests are met, and at which provider."""
    for number, (_, group) in enumerate(groupby(MISHAPS, key=lambda mishap: mishap.name)):
        kinds = list(group)
        for place, deed in enumerate(DEEDS):
            concerned = [provider for provider in PROVIDERS if deed.concerns(provider)]
            yield deed, kinds[(number + place) % len(kinds)], concerned[number % len(concerned)]


@pytest.mark.parametrize(
    ("deed", "mishap", "provider"),
    [pytest.param(*each, id=f"{each[1].name}-{each[1].lasts}-{each[0].name}-{each[2]}") for each in everyday()],
)
def test_a_deed_is_done_once_and_what_is_told_of_it_is_true(deed: Deed, mishap: Mishap, provider: str) -> None:
    assert play(deed, mishap, provider).faults == []


def test_every_deed_has_its_turn_at_every_provider() -> None:
    played = {(deed.name, provider) for deed, _, provider in everyday()}
    assert played == {(deed.name, provider) for deed in DEEDS for provider in PROVIDERS if deed.concerns(provider)}


def test_every_trouble_comes_in_each_of_its_kinds_once() -> None:
    assert len({(mishap.name, mishap.lasts) for mishap in MISHAPS}) == len(MISHAPS)
    assert len([*groupby(MISHAPS, key=lambda mishap: mishap.name)]) == len({mishap.name for mishap in MISHAPS})
