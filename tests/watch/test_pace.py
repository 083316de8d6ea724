"""When to look again."""

from itertools import product

import pytest

from mcp_browserjobs.jobs import JobStatus
from mcp_browserjobs.watch.pace import (
    BACKOFF_LONGEST,
    BRIEFEST,
    LONGEST,
    Allowance,
    backoff,
    beating,
    detail_interval,
    interval,
    rest,
)

HOUR = 3600.0
IDLE = (JobStatus.PAUSED, JobStatus.WAITING_FOR_INPUT)
AGES = (0.0, 1.0, 30.0, 51.0, 600.0, HOUR, 4 * HOUR, 1000 * HOUR)


def after(age: float, *, status: JobStatus = JobStatus.RUNNING, quiet: float = 0.0, followed: bool = False) -> float:
    """The pause after a look at this age, where nobody asks for a longer one."""
    return interval(status=status, age=age, quiet=quiet, followed=followed, floor=0)


def looks(seconds: float, *, floor: float = 0) -> list[float]:
    """The ages at which a job is looked at that nobody follows, from the first look to its end."""
    ages = [0.0]
    while (age := ages[-1]) < seconds:
        ages.append(age + interval(status=JobStatus.RUNNING, age=age, quiet=age, followed=False, floor=floor))
    return ages[:-1]


def test_a_young_job_is_looked_at_every_second_and_a_half() -> None:
    assert [after(age) for age in (0, 10, 50)] == [BRIEFEST] * 3


@pytest.mark.parametrize("age", AGES)
def test_the_end_is_noticed_within_three_percent_of_the_age_or_a_second_and_a_half(age: float) -> None:
    assert after(age) <= max(1.5, 0.03 * age)


def test_a_run_of_half_an_hour_costs_a_fifth_of_a_fixed_poll() -> None:
    assert len(looks(1800)) <= 1800 / 2 / 5


@pytest.mark.parametrize("gap", [0.0, 1.0, 3.0, 10.0, 60.0])
def test_long_polls_that_bring_news_all_the_time_cost_no_more_than_looks(gap: float) -> None:
    allowance, age, polls = Allowance(0), 0.0, 0
    while age < 1800:
        age += gap
        polls += 1
        age += allowance.pause(age)
    assert polls <= len(looks(1800)) + 1


def test_a_long_poll_that_seldom_brings_news_is_followed_by_the_next_at_once() -> None:
    allowance = Allowance(0)
    assert [allowance.pause(age) for age in range(20, 1000, 20)] == [0] * 49


def test_no_job_is_left_alone_for_more_than_five_minutes() -> None:
    assert after(1000 * HOUR) == LONGEST
    assert after(1000 * HOUR, status=JobStatus.PAUSED, quiet=1000 * HOUR) == LONGEST


def test_who_follows_the_events_sees_them_half_as_late_as_the_pause_before() -> None:
    assert after(HOUR, quiet=10, followed=True) == 5
    assert after(HOUR, quiet=0, followed=True) == BRIEFEST
    assert after(HOUR, quiet=HOUR, followed=True) == after(HOUR)


@pytest.mark.parametrize("status", IDLE)
def test_a_job_that_waits_for_a_person_is_looked_at_at_a_persons_pace(status: JobStatus) -> None:
    assert after(60, status=status, quiet=50) == 5
    assert after(60, status=status, quiet=HOUR) == 30
    assert after(60, status=status, quiet=HOUR, followed=True) == 30


@pytest.mark.parametrize("floor", [0.2, 1.0, 30.0, 1000.0])
def test_no_pause_is_shorter_than_what_the_provider_or_the_user_allows(floor: float) -> None:
    for status, age, quiet, followed in product(JobStatus, AGES, AGES, (True, False)):
        assert interval(status=status, age=age, quiet=quiet, followed=followed, floor=floor) >= floor


def test_a_user_may_ask_for_more_looks_than_usual_at_a_young_job() -> None:
    assert looks(1, floor=0.25) == [0, 0.25, 0.5, 0.75]


def test_a_job_is_never_looked_at_less_often_for_being_followed_or_younger() -> None:
    for status, quiet in product(JobStatus, AGES):
        unfollowed = [after(age, status=status, quiet=quiet) for age in AGES]
        followed = [after(age, status=status, quiet=quiet, followed=True) for age in AGES]
        assert unfollowed == sorted(unfollowed)
        assert all(often <= usual for often, usual in zip(followed, unfollowed, strict=True))


def test_a_whole_look_comes_after_two_minutes_or_a_share_of_the_age() -> None:
    assert [detail_interval(age) for age in (0, 600, HOUR)] == [120, 120, 540]


def test_a_stream_that_only_gives_signs_of_life_costs_no_more_than_looks() -> None:
    assert [beating(age) for age in (0, HOUR, 4 * HOUR)] == [90, after(HOUR), LONGEST]


def test_pauses_double_while_looks_fail() -> None:
    assert [backoff(failures, None, 0) for failures in (1, 2, 3, 4, 5)] == [2, 4, 8, 16, 32]
    assert [backoff(failures, None, 0) for failures in (6, 10, 10_000)] == [BACKOFF_LONGEST] * 3


def test_a_failed_look_is_followed_no_sooner_than_a_good_one_or_than_asked_for() -> None:
    assert backoff(1, None, 45) == 45
    assert [backoff(1, wish, 45) for wish in (30, 90)] == [45, 90]
    assert backoff(6, 3, 1.5) == BACKOFF_LONGEST
    assert backoff(1, 0, 1.5) == 2


def test_an_account_rests_for_as_long_as_asked_within_five_seconds_and_ten_minutes() -> None:
    assert [rest(1, wish) for wish in (0, 3, 42.5, 10_000)] == [5, 5, 42.5, 600]


def test_without_a_wish_an_account_rests_twice_as_long_each_time() -> None:
    assert [rest(strikes, None) for strikes in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert [rest(strikes, None) for strikes in (8, 100, 10_000)] == [600, 600, 600]
