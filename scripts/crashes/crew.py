"""Twenty runs at pretend vendors that live on whatever happens to the servers."""

from dataclasses import dataclass, field
from itertools import cycle
from random import Random

from mcp_browserjobs.jobs import JobRef
from mcp_browserjobs.simulator import simulators
from mcp_browserjobs.simulator.script import Fail, Finish, PretendJob, Queued, Script, Step
from mcp_browserjobs.simulator.world import World

RUNS = 20
STEP_SECONDS = 0.4


def run(random: Random) -> Script:
    """A run that reports a step every now and then, and ends well or badly after half a minute."""
    steps = [Step(f"Read page {page}", STEP_SECONDS * random.uniform(0.5, 1.5)) for page in range(60)]
    return Script(beats=(Queued(0.5), *steps, random.choice((Finish({"pages": 60}), Fail()))))


@dataclass
class Crew:
    """Twenty runs, of every provider; where one ends, another one begins."""

    world: World
    random: Random
    runs: dict[str, PretendJob] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._providers = cycle(simulators())

    def references(self) -> list[str]:
        """Those of now."""
        self.runs = {name: job for name, job in self.runs.items() if job.state().finished_at is None}
        while len(self.runs) < RUNS:
            provider = next(self._providers)
            job = self.world.add(provider, run(self.random))
            self.runs[str(JobRef(provider, job.id))] = job
        return list(self.runs)
