"""The world of the pretend providers: their jobs, the keys they take, and the troubles they are in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Literal, NamedTuple

from .archives import Hostile
from .script import Clock, PretendJob, Script, Trouble, wall_clock
from .stories import QUICK, STORIES

LABELS = ("session", "browser")
"""What else of a job has an id of its own that requests may name."""


class Asked(NamedTuple):
    """A request as it came: the provider, the method, and the path with its query below the provider's base."""

    provider: str
    method: str
    path: str


@dataclass
class World:
    """All that the pretend providers know. One world may stand behind any number of apps.

    Args:
        clock: tells the time to every job.
        key: the key that all providers take.
        more_keys: others that are as good.
        story: what a job does that is started by a request.
        trouble: what meets every request for as long as it is set; its times do not matter.
        troubles: the same for one provider, by its name.
        out_of_credits: whether starting a job is refused for lack of money.
        dialect: which of Dari's documented generations is served; "mixed" has the routes where the pages show them.
        retired: whether Browser Use's first API is gone.
        archive: what comes instead of an archive of screenshots, None for the archive itself.
        grace: for how many seconds Browser Use does not know a run that it has just made.
    """

    clock: Clock = wall_clock
    key: str = "demo-key"
    more_keys: frozenset[str] = frozenset()
    story: Script = QUICK
    trouble: Trouble | None = None
    troubles: dict[str, Trouble] = field(default_factory=dict)
    out_of_credits: bool = False
    dialect: Literal["jobs", "task", "mixed"] = "jobs"
    retired: bool = True
    archive: Hostile | None = None
    grace: float = 0
    requests: list[Asked] = field(default_factory=list)
    _jobs: dict[str, dict[str, PretendJob]] = field(default_factory=dict)
    _by_name: dict[tuple[str, str], PretendJob] = field(default_factory=dict)

    def add(self, provider: str, script: Script, id: str | None = None) -> PretendJob:  # noqa: A002 # as `job.id`
        """Start a job at a provider; `id` is whole, with all its parts."""
        vendor = import_module(f".{provider}", __package__).SIMULATOR
        job = PretendJob(script, self.clock, id or vendor.new_id())
        self._jobs.setdefault(provider, {})[job.id] = job
        self._by_name.update({(provider, name): job for name in _aliases(job)})
        return job

    def start(self, provider: str, task: str, job_id: str | None = None) -> PretendJob:
        """Start the job that a request asks for: the story that the task names, or else the usual one."""
        return self.add(provider, STORIES.get(task) or replace(self.story, title=task), job_id)

    def remove(self, provider: str, job: PretendJob) -> None:
        """Let a provider forget a job."""
        del self._jobs[provider][job.id]
        for name in set(_aliases(job)):
            del self._by_name[provider, name]

    def find(self, provider: str, name: str) -> PretendJob | None:
        """The job with this id, or whose session or browser has it."""
        return self._by_name.get((provider, name))

    def jobs(self, provider: str) -> list[PretendJob]:
        """A provider's jobs, newest first."""
        return list(self._jobs.get(provider, {}).values())[::-1]

    def accepts(self, key: str | None) -> bool:
        """Whether the key is good."""
        return key == self.key or key in self.more_keys

    def trouble_of(self, provider: str, path: str) -> Trouble | None:
        """What meets a request now: the trouble of the job it names or, when it names none, of any job."""
        everywhere = self.troubles.get(provider, self.trouble)
        if everywhere is not None:
            return everywhere
        words = re.split(r"[/?&=]", path)
        named = [job for word in words if (job := self.find(provider, word)) is not None]
        return next((trouble for job in named or self.jobs(provider) if (trouble := job.trouble()) is not None), None)


def _aliases(job: PretendJob) -> Iterator[str]:
    yield job.id
    yield job.id.rpartition("/")[2]
    yield from map(job.named, LABELS)
