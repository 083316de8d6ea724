"""What a whole run costs from its start to its noticed end, in virtual time: requests, and how late that is noticed."""

from collections.abc import Iterator
from dataclasses import dataclass

import anyio

from mcp_browserjobs import providers
from mcp_browserjobs.simulator.world import World
from scripts.benches.rows import Row, at_most, told
from scripts.benches.stage import in_virtual_time, run_of, tracker_in, virtual_world

LENGTHS = {"30 s": 30.0, "5 min": 300.0, "30 min": 1800.0, "2 h": 7200.0}
QUICK, SOME = ("30 s", "30 min"), ("browser_use", "gobii")
"""What a smaller run measures: two lengths, at providers of which one needs two requests for a look."""
PROMISED = "30 min"
"""The run of which a number of requests is promised."""
PHASES = (0.0, 0.009, 0.019)
"""Runs that last a little longer by these shares, since where an end falls between two looks is chance."""
SHARE, BRIEFEST = 0.03, 1.5
POLL_SECONDS = 2.0
PLAIN = "gobii"
"""The provider whose runs the fixed polls are measured with; a look takes one request there."""


@dataclass(frozen=True)
class Cost:
    """What one run cost: requests, and the seconds from its end to when that was known."""

    requests: int
    lag: float


def rows(*, quick: bool) -> Iterator[Row]:
    """Requests and lag for each length of a run, over all providers; the worst one is told."""
    for name in QUICK if quick else LENGTHS:
        length, phases = LENGTHS[name], PHASES[:1] if quick else PHASES
        measured = SOME if quick else providers.names()
        ours = {each: [watched(each, length * (1 + phase)) for phase in phases] for each in measured}
        polled = polling(length, POLL_SECONDS)
        worst = max(ours, key=lambda each: max(cost.requests for cost in ours[each]))
        most = max(cost.requests for cost in ours[worst])
        what = f"a run of {name}: requests, worst provider ({worst})"
        if name == PROMISED:
            yield at_most(what, most, polled.requests // 5, "requests")
        else:
            yield told(what, f"{most} requests")
        promised = max(SHARE * length, BRIEFEST)
        what = f"a run of {name}: a fixed poll each {POLL_SECONDS:g} s, as vendors' own clients do"
        yield told(what, f"{polled.requests} requests")
        what = f"a run of {name}: the longest fixed interval that keeps the promised lag ({promised:g} s)"
        yield told(what, f"{polling(length, promised).requests} requests")
        lag = max(cost.lag / (1 + phase) for costs in ours.values() for cost, phase in zip(costs, phases, strict=True))
        yield at_most(f"a run of {name}: its end is noticed after, worst provider", lag, promised, "s", ".1f")


def watched(provider: str, length: float) -> Cost:
    """A run that somebody waits for through the tracker."""

    async def wait() -> Cost:
        world = virtual_world()
        job = world.add(provider, run_of(length))
        async with tracker_in(world).running() as tracker:
            await tracker.wait([f"{provider}:{job.id}"], until="result", seconds=length * 2)
            return cost(world, length)

    return in_virtual_time(wait)


def polling(length: float, interval: float) -> Cost:
    """A run that is asked after at a fixed interval, as vendors' own clients do."""

    async def poll() -> Cost:
        world = virtual_world()
        job = world.add(PLAIN, run_of(length))
        async with tracker_in(world).running() as tracker:
            provider, ended = tracker.provider(PLAIN), False
            while not ended:
                await anyio.sleep(interval)
                ended = (await provider.fetch_job(job.id)).status.final
            return cost(world, length)

    return in_virtual_time(poll)


def cost(world: World, length: float) -> Cost:
    """What it cost until now."""
    return Cost(len(world.requests), anyio.current_time() - length)
