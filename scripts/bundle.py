"""Builds the bundle for Claude Desktop into dist/, the same bytes every time, and prints its path."""

import sys

from scripts.generators import bundle
from scripts.generators.project import ROOT

if __name__ == "__main__":
    sys.stdout.write(f"{bundle.write(ROOT / 'dist').relative_to(ROOT).as_posix()}\n")
