"""Fuzzes the parsers: `scripts/fuzz [TARGET ...] [--seconds N]`; without a target all of them, one after another.

What it finds it leaves in `.live/fuzz/found/TARGET/`: mend it, and keep it as a case in `tests/fuzz/cases/TARGET/`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from scripts.generators.project import ROOT
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

HOME = ROOT / ".live" / "fuzz"
LONGEST_INPUT = 8192
SLOWEST_SECONDS = 20
MOST_MEGABYTES = 2048


def fuzz(target: str, seconds: int) -> list[Path]:
    """Fuzz one target for so long, or until something is found; what was found."""
    corpus, begin, found = (HOME / folder / target for folder in ("corpus", "seeds", "found"))
    for folder in (corpus, begin, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (begin / str(number)).write_bytes(seed)
    before = {*found.iterdir()}
    command = [str(HOME / "bin" / "python"), "-m", "scripts.fuzzed", target]
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", f"-timeout={SLOWEST_SECONDS}"]
    limits += [f"-rss_limit_mb={MOST_MEGABYTES}", f"-artifact_prefix={found}/", "-print_final_stats=1"]
    subprocess.run([*command, *limits, str(corpus), str(begin)], cwd=ROOT, check=False)  # noqa: S603 - our own command
    return sorted({*found.iterdir()} - before)


def main() -> int:
    """Do what is asked for; 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for how long each is fuzzed")
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - TARGETS.keys():
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    found = [file for target in chosen.targets or TARGETS for file in fuzz(target, chosen.seconds)]
    sys.stdout.write("".join(f"found: {file.relative_to(ROOT)}\n" for file in found) or "nothing found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
