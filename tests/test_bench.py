"""The figures: each script runs in its small form, and what no clock has measured is as promised."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import bench
from scripts.benches import rows
from scripts.benches.rows import Row, at_most, told

TIMED = {"start": 1, "status": 3, "watched": 4, "pages": 1}
"""How many of a figure's first rows depend on the clock or on what else the machine does."""


@pytest.mark.parametrize("name", bench.FIGURES)
def test_a_figure_is_measured_and_what_takes_no_clock_is_as_promised(name: str) -> None:
    found = list(bench.FIGURES[name](quick=True))
    assert found
    assert all(row.what and row.figure for row in found)
    assert [row for row in found[TIMED.get(name, 0) :] if row.met is False] == []


def test_the_table_has_also_what_other_scripts_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def quickly(*, quick: bool) -> Iterator[Row]:
        yield at_most("bytes of it" if quick else "", 7, 8, "bytes")
        yield told("beside it", "9 bytes")

    monkeypatch.setattr(bench, "FIGURES", {"sizes": quickly})
    rows.write(tmp_path / "soak.json", [Row("handles lost", "0", "1", met=False)])
    out = tmp_path / "bench.json"
    with pytest.raises(SystemExit) as left:
        bench.main(["sizes", "--quick", "--out", str(out)])
    assert left.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "met     bytes of it   7 bytes  at most 8 bytes",
        "-       beside it     9 bytes",
        "MISSED  handles lost  1        0",
    ]
    assert [row["what"] for row in json.loads(out.read_text("utf-8"))["rows"]] == ["bytes of it", "beside it"]


def test_an_unknown_figure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        bench.main(["speed"])
    assert left.value.code == 2
    assert "speed" in capsys.readouterr().err


def test_the_page_says_what_was_measured_and_on_what() -> None:
    page = bench.told([told("a", "1")])
    assert page.startswith("Measured on ")
    assert page.endswith("| a |  | 1 |  |")
