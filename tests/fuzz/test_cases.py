"""What a fuzzer found once is read well ever since, and what it begins with is too."""

from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("case", sorted(CASES.glob("*/*")), ids=lambda case: f"{case.parent.name}-{case.name}")
def test_what_was_found_is_read_well(case: Path) -> None:
    TARGETS[case.parent.name](case.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_reads_what_it_is_known_to_be_given(target: str) -> None:
    begun = [*seeds(target)]
    assert begun
    for content in begun:
        TARGETS[target](content)


def test_every_case_is_of_a_target() -> None:
    assert {folder.name for folder in CASES.iterdir()} <= TARGETS.keys()
