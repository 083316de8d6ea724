"""Each trouble of the catalogue, and each provider in many of them; `scripts/trouble` plays all for all."""

import pytest

from tests.trouble.catalogue import CATALOGUE, Trouble
from tests.trouble.story import PROVIDERS, play


def everyday() -> list[tuple[Trouble, str]]:
    """Each trouble with one of the providers that it concerns, all of which have their turn."""
    pairs = []
    for number, trouble in enumerate(CATALOGUE):
        concerned = [provider for provider in PROVIDERS if trouble.concerns(provider)]
        pairs.append((trouble, concerned[number % len(concerned)]))
    return pairs


@pytest.mark.parametrize(
    ("trouble", "provider"), [pytest.param(*pair, id=f"{pair[0].name}-{pair[1]}") for pair in everyday()]
)
def test_nothing_is_lost_and_the_truth_comes_back(trouble: Trouble, provider: str) -> None:
    assert play(trouble, provider).faults == []


def test_every_provider_has_its_turn() -> None:
    assert {provider for _, provider in everyday()} == set(PROVIDERS)


def test_every_trouble_has_a_name_of_its_own() -> None:
    assert len({trouble.name for trouble in CATALOGUE}) == len(CATALOGUE)
