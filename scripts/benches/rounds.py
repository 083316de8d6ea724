"""Timings that hold on a busy machine: both sides are measured in turn, and the medians are compared."""

from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter

Act = Callable[[], Awaitable[object]]


async def in_turn(sides: list[Act], rounds: int, warm: int = 2) -> list[float]:
    """The median seconds of each side over so many rounds, after some that do not count."""
    taken: list[list[float]] = [[] for _ in sides]
    for number in range(warm + rounds):
        for side, seconds in zip(sides, taken, strict=True):
            began = perf_counter()
            await side()
            if number >= warm:
                seconds.append(perf_counter() - began)
    return [median(seconds) for seconds in taken]
