"""How what a provider lists becomes our log: which of its events are new, which were rewritten. Pure."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from .jobs import Event, JobStatus

STALL_SECONDS = 120.0
STALL_GAPS = 5
AT_ONCE_SECONDS = 1.0


_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True)
class Known:
    """An event that has its number already."""

    seq: int
    key: str
    digest: str


@dataclass(frozen=True)
class Merge:
    """What a provider's list adds to the log: events without a number yet, and new text for numbered ones."""

    new: tuple[Event, ...]
    rewritten: tuple[tuple[int, Event], ...]


def digest(event: Event) -> str:
    """A short fingerprint of what an event says."""
    said = _json([event.kind, event.reported])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def merge(known: Iterable[Known], listed: Sequence[Event], *, part: bool) -> Merge:
    """Tell new events from repeated, reordered and rewritten ones.

    Events with the provider's own id are the same when the id is. Without one, events of one key (time and
    type) are told apart by what they say; one that is gone and one that came in its place are a rewrite.
    An event keeps its number for good; a rewrite only changes the text under it.

    Args:
        known: the events of the log that have one of the listed keys, in order.
        listed: what the provider lists.
        part: whether it lists only what came after an earlier list, so that nothing absent is gone.
    """
    numbered: dict[str, list[Known]] = defaultdict(list)
    for one in known:
        numbered[one.key].append(one)
    groups: dict[str, dict[str, Event]] = defaultdict(dict)
    marked = [(event.key, "" if event.exact else digest(event), event) for event in listed]
    for key, said, event in marked:
        groups[key][said] = event
    added: set[tuple[str, str]] = set()
    rewritten: list[tuple[int, Event]] = []
    for key, versions in groups.items():
        if "" in versions:
            event = versions[""]
            if not numbered[key]:
                added.add((key, ""))
            elif numbered[key][0].digest != digest(event):
                rewritten.append((numbered[key][0].seq, event))
            continue
        seen = {one.digest for one in numbered[key]}
        replaced = {} if part else dict(_replaced(numbered[key], versions))
        rewritten += [(seq, versions[said]) for said, seq in replaced.items()]
        added |= {(key, said) for said in versions if said not in seen and said not in replaced}
    new = []
    for key, said, _ in marked:
        if (key, said) in added:
            added.discard((key, said))
            new.append(groups[key][said])
    return Merge(tuple(new), tuple(rewritten))


def _replaced(known: Sequence[Known], listed: Collection[str]) -> Iterator[tuple[str, int]]:
    """The digests that stand where another one stood, after the same one that stayed, each with its number.

    A list that lost its beginning and grew at its end has none: what is new there has come in nobody's place.
    """
    stayed = {one.digest for one in known} & set(listed)
    places: dict[str, list[int]] = defaultdict(list)
    before = ""
    for one in known:
        if one.digest in stayed:
            before = one.digest
        else:
            places[before].append(one.seq)
    before = ""
    for said in listed:
        if said in stayed:
            before = said
        elif places[before]:
            yield said, places[before].pop(0)


def stalled_seconds(
    status: JobStatus, reported_at: Sequence[datetime], changed_at: datetime, read_at: datetime
) -> float | None:
    """For how long a running job has stood still against its own rhythm, None when it has not.

    Args:
        status: where the job stands; only a running one can stall.
        reported_at: when the provider's latest events happened, oldest first. A provider that reports none
            gives no rhythm, so nothing can be said.
        changed_at: when anything of the job last changed.
        read_at: when the job was last read whole; what it did since is not known.
    """
    if status is not JobStatus.RUNNING or not reported_at:
        return None
    still = (read_at - max(changed_at, reported_at[-1])).total_seconds()
    return still if still >= max(STALL_SECONDS, STALL_GAPS * (usual_gap(reported_at) or 0.0)) else None


def usual_gap(moments: Iterable[datetime]) -> float | None:
    """The median of the seconds between moments; what happens within a second happens at once, and counts once."""
    apart: list[datetime] = []
    for moment in sorted(moments):
        if not apart or (moment - apart[-1]).total_seconds() >= AT_ONCE_SECONDS:
            apart.append(moment)
    return median((after - before).total_seconds() for before, after in pairwise(apart)) if len(apart) > 1 else None
