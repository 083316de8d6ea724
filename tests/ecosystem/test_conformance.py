"""The conformance suite of the protocol against the server over HTTP: what it misses is known, and none of it a fault.

Its scenarios that want tools, prompts or resources of the suite's own stand in expected-failures.yaml, among others.
"""

import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mcp_browserjobs.simulator.world import World
from tests.ecosystem.installed import NODE, modules, run
from tests.server.outside import ALONE, QUICK, address, provided, started

SUITE = modules("conformance") / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
EXPECTED = Path(__file__).with_name("expected-failures.yaml")
REVISIONS = ("2025-06-18", "2025-11-25", "2026-07-28", "extensions")
"""The last of them is every scenario there is, each in the revision that it was made for."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompletedProcess[str]]:
    """What the suite says of each revision."""
    world = World()
    world.add("dari", QUICK)
    with provided(world) as environ, started(environ, "serve", "--transport", "http", "--port", "0") as process:
        url = address(process)
        return {
            revision: run(
                NODE,
                SUITE,
                "server",
                *("--url", url),
                *("--suite", "all"),
                *(() if revision == "extensions" else ("--spec-version", revision)),
                *("--expected-failures", EXPECTED),
                *("--output-dir", tmp_path_factory.mktemp(revision)),
                environ=ALONE,
            )
            for revision in REVISIONS
        }


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_server_conforms(reports: dict[str, CompletedProcess[str]], revision: str) -> None:
    report = reports[revision]
    assert report.returncode == 0, report.stdout + report.stderr
    assert "✓ tools-list" in report.stdout


def test_every_failure_that_is_expected_has_its_reason_and_happens(reports: dict[str, CompletedProcess[str]]) -> None:
    lines = [line for line in EXPECTED.read_text().splitlines() if line.lstrip().startswith("- ")]
    listed = [re.fullmatch(r"  - (\S+) # \w.+", line) for line in lines]
    assert all(listed), lines
    happened = {failure for report in reports.values() for failure in re.findall(r"~ (\S+)", report.stdout)}
    assert {line[1] for line in listed if line} == happened
