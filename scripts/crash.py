"""Kills, stops and freezes servers, tells what was lost, and writes that into `dist/crashes.json`."""

import argparse
import logging
from pathlib import Path
from random import SystemRandom

import anyio

from scripts.benches import rows
from scripts.crashes import killing, sharing

WRITTEN = Path("dist/crashes.json")
ROUNDS = 300


def main() -> int:
    """Run it; 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many servers are killed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="when and where")
    parser.add_argument("--only", choices=("killing", "sharing"), help="one part alone")
    given = parser.parse_args()
    # The pretend vendors live here, and whoever asked them is often gone.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    print(f"seed {given.seed}", flush=True)  # noqa: T201 - for whoever started this
    found = rows.read(WRITTEN)
    if given.only != "sharing":
        found = [row for row in found if not row.what.startswith("killed")]
        found += anyio.run(killing.measure, given.rounds, given.seed)
    if given.only != "killing":
        found = [row for row in found if not row.what.startswith("shared")]
        found += anyio.run(sharing.measure)
    print(rows.as_text(found))  # noqa: T201 - as above
    rows.write(WRITTEN, found)
    return 0 if all(row.met is not False for row in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
