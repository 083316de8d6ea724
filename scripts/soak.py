"""Has clients come and go for a long time, tells whether the server grows, and writes that into `dist/soak.json`."""

import argparse
import logging
from pathlib import Path
from random import SystemRandom

import anyio
from trio.testing import MockClock

from scripts.benches import rows
from scripts.soaks import real, samples, virtual

WRITTEN = Path("dist/soak.json")
MINUTES, VIRTUAL_MINUTES = 10.0, 60.0


def main() -> int:
    """Run it; 1 when something grows."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, help=f"by default {MINUTES:g}, with --virtual {VIRTUAL_MINUTES:g}")
    parser.add_argument("--virtual", action="store_true", help="in this process, where time passes at once")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="who comes when")
    given = parser.parse_args()
    # Before the SDK does so in its own way, which tells every request.
    logging.basicConfig(level=logging.CRITICAL)
    minutes = given.minutes or (VIRTUAL_MINUTES if given.virtual else MINUTES)
    print(f"seed {given.seed}", flush=True)  # noqa: T201 - for whoever started this
    what = f"{minutes:g} minutes of {'virtual' if given.virtual else 'real'} time"
    if given.virtual:
        clock = {"clock": MockClock(autojump_threshold=0)}
        taken, crowd = anyio.run(virtual.soak, minutes, given.seed, backend="trio", backend_options=clock)
    else:
        taken, crowd = anyio.run(real.soak, minutes, given.seed)
    done = ", ".join(f"{number:,} {word}" for word, number in sorted(crowd.done.items()))
    found = [rows.told(f"{what}: what happened", done), *samples.rows(what, taken)]
    print(rows.as_text(found))  # noqa: T201 - as above
    kind = what.partition(" of ")[2]
    rows.write(WRITTEN, [row for row in rows.read(WRITTEN) if kind not in row.what] + found)
    return 0 if all(row.met is not False for row in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
