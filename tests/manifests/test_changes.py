"""A change of the tools has its line in the changelog."""

import json

import pytest

from scripts.generators.changes import ChangelogError, recorded

CHANGELOG = """\
# Changelog

## [Unreleased]

### Added

- A tool that does
  something new.
- Another thing.

## [0.1.0]

- The tools as they were.
"""
RECORD = recorded(
    "old", CHANGELOG.replace("## [Unreleased]", "## [0.2.0]").replace("[0.1.0]", "[Unreleased]"), "", "The"
)


def test_tools_that_did_not_change_need_nothing() -> None:
    assert json.loads(RECORD)["changelog"] == "The tools as they were."
    assert recorded("old", CHANGELOG, RECORD) == RECORD


def test_tools_that_changed_need_a_line() -> None:
    with pytest.raises(ChangelogError, match=r"The tools have changed\. Add a line to CHANGELOG\.md"):
        recorded("new", CHANGELOG, RECORD)


def test_the_line_is_recorded_whole_by_its_beginning() -> None:
    record = recorded("new", CHANGELOG, RECORD, "A tool that")
    assert json.loads(record)["changelog"] == "A tool that does something new."
    assert recorded("new", CHANGELOG, record) == record


@pytest.mark.parametrize("line", ["The tools as they were.", "Nothing", "A"])
def test_only_one_line_that_is_not_released_yet_will_do(line: str) -> None:
    with pytest.raises(ChangelogError, match=r"CHANGELOG\.md has [02] lines under \[Unreleased\]"):
        recorded("new", CHANGELOG, RECORD, line)


def test_the_line_outlives_a_release_and_must_not_get_lost() -> None:
    record = recorded("new", CHANGELOG, RECORD, "A tool that")
    assert recorded("new", CHANGELOG.replace("[Unreleased]", "[0.2.0]"), record) == record
    with pytest.raises(ChangelogError, match="has lost the line"):
        recorded("new", CHANGELOG.replace("something new", "nothing"), record)
