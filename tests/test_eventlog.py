"""How what a provider lists becomes a log whose numbers keep their meaning."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest
from pydantic import JsonValue

from mcp_browserjobs.eventlog import STALL_SECONDS, Known, digest, merge, stalled_seconds
from mcp_browserjobs.jobs import Event, EventKind, JobStatus
from tests.conftest import START
from tests.histories import EXACT, INEXACT, History


class Log:
    """The least that a merge can be written down in."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, listed: Sequence[Event], *, part: bool = False) -> list[int]:
        """Merge a list in; the numbers that were given or rewritten."""
        known = [Known(seq, event.key, digest(event)) for seq, event in enumerate(self.events, 1)]
        merged = merge(known, listed, part=part)
        for seq, event in merged.rewritten:
            self.events[seq - 1] = event
        first = len(self.events) + 1
        self.events += merged.new
        return [*(seq for seq, _ in merged.rewritten), *range(first, len(self.events) + 1)]

    @property
    def texts(self) -> list[JsonValue]:
        """What stands under each number."""
        return [event.reported.get("text") for event in self.events]


def exact(key: str, text: str, **more: JsonValue) -> Event:
    """An event with the provider's own id."""
    return Event(key=key, kind=EventKind.STEP, reported={"text": text, **more})


def said(*texts: str, key: str = "12:00 step") -> list[Event]:
    """Events without an id, of one time and type."""
    return [Event(key=key, kind=EventKind.STEP, reported={"text": text}, exact=False) for text in texts]


def log_of(listed: Sequence[Event]) -> Log:
    log = Log()
    log.take(listed)
    return log


@pytest.mark.parametrize("listed", [said("a", "b", "c"), [exact("1", "a"), exact("2", "b"), exact("3", "c")]])
def test_a_list_told_again_in_any_order_and_number_adds_nothing(listed: list[Event]) -> None:
    log = log_of(listed)
    assert log.texts == ["a", "b", "c"]
    for again in (listed, listed[::-1], listed * 3, listed[1:], listed[:1], []):
        assert log.take(again) == []
    assert log.texts == ["a", "b", "c"]


@pytest.mark.parametrize("listed", [said("a", "a", "b"), [exact("1", "a"), exact("1", "a"), exact("2", "b")]])
def test_what_one_list_repeats_happened_once(listed: list[Event]) -> None:
    assert log_of(listed).texts == ["a", "b"]


def test_new_events_are_numbered_in_the_order_of_the_list() -> None:
    log = log_of([exact("9", "a"), *said("b"), exact("1", "c")])
    log.take([*said("d", key="later"), exact("5", "e"), exact("9", "a")])
    assert log.texts == ["a", "b", "c", "d", "e"]


def test_an_event_with_an_id_may_be_rewritten_any_number_of_times() -> None:
    log = log_of([exact("1", "a"), exact("2", "b")])
    assert log.take([exact("1", "a, done"), exact("2", "b")]) == [1]
    assert log.take([exact("1", "a")]) == [1]
    assert log.texts == ["a", "b"]


def test_the_last_version_in_one_list_counts_and_keeps_the_first_ones_place() -> None:
    assert log_of([exact("1", "a"), exact("2", "b"), exact("1", "a, done")]).texts == ["a, done", "b"]


def test_the_order_of_fields_is_no_rewrite_and_another_value_is() -> None:
    log = log_of([exact("1", "a", url="x", n=1)])
    assert log.take([Event(key="1", kind=EventKind.STEP, reported={"n": 1, "url": "x", "text": "a"})]) == []
    assert log.take([exact("1", "a", url="x", n=2)]) == [1]


@pytest.mark.parametrize("text", ["\ud83d", "\x00", "line\u2028line", "é", 10**60, None, [1, {"a": None}]])
def test_anything_that_json_can_say_has_a_digest(text: JsonValue) -> None:
    assert len(digest(Event(key="1", kind=EventKind.LOG, reported={"text": text}))) == 16


def test_without_an_id_one_gone_and_one_in_its_place_are_a_rewrite() -> None:
    log = log_of(said("a", "b", "c"))
    assert log.take(said("a", "b, done", "c")) == [2]
    assert log.take(said("a, done", "b, done", "c", "d")) == [1, 4]
    assert log.texts == ["a, done", "b, done", "c", "d"]


def test_without_an_id_a_list_that_lost_its_beginning_has_no_rewrite() -> None:
    log = log_of(said("a", "b", "c"))
    assert log.take(said("b", "c", "d")) == [4]
    assert log.take(said("d", "e", "f")) == [5, 6]
    assert log.texts == ["a", "b", "c", "d", "e", "f"]


def test_without_an_id_a_list_of_the_newest_first_has_no_rewrite_either() -> None:
    log = log_of(said("c", "b", "a"))
    assert log.take(said("d", "c", "b")) == [4]
    assert log.texts == ["c", "b", "a", "d"]


def test_in_a_part_of_a_list_nothing_is_gone() -> None:
    log = log_of(said("a"))
    assert log.take(said("b"), part=True) == [2]
    assert log.take(said("b", "c"), part=True) == [3]
    assert log.texts == ["a", "b", "c"]


def test_in_a_part_of_a_list_an_event_with_an_id_is_rewritten_all_the_same() -> None:
    log = log_of([exact("1", "a")])
    assert log.take([exact("1", "a, done")], part=True) == [1]


def test_events_of_different_keys_never_stand_for_each_other() -> None:
    log = log_of(said("a", key="12:00 step"))
    log.take(said("a", key="12:01 step"))
    log.take(said("b", key="12:02 step"))
    assert log.texts == ["a", "a", "b"]


def test_an_event_without_text_is_an_event() -> None:
    bare = Event(key="12:00 started", kind=EventKind.OTHER, exact=False)
    log = log_of([bare])
    assert log.take([bare]) == []
    assert log.texts == [None]


def histories() -> list[tuple[bool, frozenset[str], int]]:
    """With ids; without, each event at its own time, several at a time, or all at one."""
    return [(True, EXACT, 1), *((False, habits, alike) for habits in INEXACT for alike in (1, 3, 1000))]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("with_ids", "habits", "alike"), histories())
def test_nothing_is_lost_doubled_or_renumbered(
    *, seed: int, with_ids: bool, habits: frozenset[str], alike: int
) -> None:
    history = History(Random(seed), with_ids, habits, alike)  # noqa: S311 - no secret
    log = Log()
    meaning: dict[int, int] = {}
    for _ in range(30):
        listed = history.go_on()
        log.take(listed)
        now = {seq: history.place_of(text) for seq, text in enumerate(log.texts, 1)}
        assert meaning.items() <= now.items()
        assert sorted(now.values()) == sorted(history.listed)
        assert {event.reported["text"] for event in listed} <= set(log.texts)
        meaning = now


def stall(*seconds: float, status: JobStatus = JobStatus.RUNNING, changed: float = 0, now: float) -> float | None:
    """How long a job stands still whose events happened at these seconds."""
    moments = [START + timedelta(seconds=second) for second in seconds]
    return stalled_seconds(status, moments, START + timedelta(seconds=changed), START + timedelta(seconds=now))


def test_a_job_is_stalled_after_two_minutes_of_silence() -> None:
    assert stall(0, 10, 20, now=20 + STALL_SECONDS - 1) is None
    assert stall(0, 10, 20, now=20 + STALL_SECONDS) == STALL_SECONDS


def test_a_slow_job_is_stalled_only_after_five_of_its_own_pauses() -> None:
    assert stall(0, 100, 200, 300, now=300 + 499) is None
    assert stall(0, 100, 200, 300, now=300 + 500) == 500


def test_what_is_reported_at_once_counts_once_for_the_rhythm() -> None:
    assert stall(0, 0, 0, 100, 100.1, 100.2, 200, 200, 200.5, now=200.5 + 499) is None
    assert stall(0, 0, 0, 100, 100.1, 100.2, 200, 200, 200.5, now=200.5 + 500) == 500


def test_one_long_pause_does_not_make_a_job_slow() -> None:
    assert stall(0, 10, 20, 3000, 3010, now=3010 + 120) == 120


def test_a_change_of_anything_else_ends_a_stall() -> None:
    assert stall(0, 10, changed=100, now=219) is None
    assert stall(0, 10, changed=100, now=220) == 120


def test_events_out_of_order_do_not_disturb_the_rhythm() -> None:
    assert stall(0, 50, 10, 20, now=20 + 120) == 120


def test_an_event_from_the_future_is_no_stall() -> None:
    assert stall(0, 10_000, now=300) is None


def test_where_a_provider_reports_no_events_nothing_can_be_said() -> None:
    assert stall(now=10_000) is None


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.RUNNING}))
def test_only_a_running_job_can_stall(status: JobStatus) -> None:
    assert stall(0, 10, status=status, now=10_000) is None
