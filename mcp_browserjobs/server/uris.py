"""Our resource URIs: which there are, and what each means."""

from dataclasses import dataclass
from typing import Literal

from mcp.shared.uri_template import UriTemplate

from ..jobs import JobRef

Part = Literal["jobs", "job", "events", "result", "log", "screenshot"]

JOBS = "browserjobs://jobs"
JOB = UriTemplate.parse("browserjobs://{account}/{job_id}")
EVENTS = UriTemplate.parse("browserjobs://{account}/{job_id}/events{?after,limit}")
RESULT = UriTemplate.parse("browserjobs://{account}/{job_id}/result")
LOG = UriTemplate.parse("browserjobs://{account}/{job_id}/log")
SCREENSHOT = UriTemplate.parse("browserjobs://{account}/{job_id}/screenshots/{index}")

_PARTS: tuple[tuple[Part, UriTemplate], ...] = (
    ("job", JOB),
    ("events", EVENTS),
    ("result", RESULT),
    ("log", LOG),
    ("screenshot", SCREENSHOT),
)


@dataclass(frozen=True)
class Address:
    """What a URI means: the recent jobs, or a part of one job. `job` is a reference as the tracker takes it."""

    part: Part
    job: str = ""
    after: str = ""
    limit: str = ""
    index: str = ""


def read(uri: str) -> Address | None:
    """What a URI means, None when it is none of ours."""
    if uri == JOBS:
        return Address("jobs")
    for part, template in _PARTS:
        if found := template.match(uri):
            account, job_id = found.pop("account"), found.pop("job_id")
            return Address(part, f"{account}:{job_id}", **{name: str(value) for name, value in found.items()})
    return None


def of_job(ref: JobRef) -> str:
    """The URI of a job."""
    return JOB.expand({"account": ref.account, "job_id": ref.id})
