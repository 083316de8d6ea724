"""Prints the systems and Pythons of the classifiers, on which CI runs, as `matrix={...}` for a workflow."""

import json
import re
import sys

from scripts.generators.project import PROJECT

RUNNERS = {"POSIX :: Linux": "ubuntu-latest", "Microsoft :: Windows": "windows-latest"}
"""The runner of a system that a classifier names."""


def matrix(classifiers: list[str]) -> dict[str, list[str]]:
    """What the classifiers say, in their order."""
    return {
        "os": [runner for system, runner in RUNNERS.items() if f"Operating System :: {system}" in classifiers],
        "python": [found[1] for text in classifiers if (found := re.search(r":: Python :: (3\.\d+)$", text))],
    }


if __name__ == "__main__":
    sys.stdout.write(f"matrix={json.dumps(matrix(PROJECT['classifiers']))}\n")
