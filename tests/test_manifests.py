"""What is generated is fresh, and what is stale is named."""

from pathlib import Path

import pytest

from scripts import manifests
from scripts.generators import icon, markdown
from scripts.generators.project import ROOT


def test_manifests_and_documents_are_fresh() -> None:
    manifests.main(["--check"])


def test_what_is_stale_missing_or_left_over_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    for name, text in (("stale.json", "old"), ("fresh.json", "new"), ("over.json", "over")):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    known = {folder / name: b"new" for name in ("stale.json", "fresh.json", "missing.json")}
    monkeypatch.setattr(manifests, "generated", lambda _line: known)
    monkeypatch.setattr(manifests, "MANIFESTS", folder)
    monkeypatch.setattr(manifests, "ROOT", tmp_path)
    with pytest.raises(
        SystemExit, match=r"Stale: manifests/missing\.json, manifests/over\.json, manifests/stale\.json"
    ):
        manifests.main(["--check"])
    assert not (folder / "missing.json").exists()
    manifests.main([])
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(
        ("stale.json", "fresh.json", "missing.json"), "new"
    )


def test_a_picture_is_compared_by_what_it_shows() -> None:
    drawn = icon.png()
    assert icon.same(drawn, drawn)
    size, pixels = icon.pixels(drawn)
    assert size == (icon.SIDE, icon.SIDE)
    assert pixels[:4] == bytes(4)


def test_a_block_is_filled_wherever_it_stands() -> None:
    text = "Before\n<!-- tools:start -->\nold\n<!-- tools:end -->\nbetween\n<!-- x:start -->\n<!-- x:end -->\n"
    assert markdown.filled(text, {"tools": "new", "x": "y"}) == (
        "Before\n<!-- tools:start -->\nnew\n<!-- tools:end -->\nbetween\n<!-- x:start -->\ny\n<!-- x:end -->\n"
    )
    with pytest.raises(KeyError):
        markdown.filled(text, {"tools": "new"})


def test_no_marker_stands_alone() -> None:
    for document in manifests.documents():
        text = document.read_text(encoding="utf-8")
        assert text.count(":start -->") == text.count(":end -->") == len(markdown.MARKED.findall(text)), document


def test_the_tables_of_tools_and_providers_stand_somewhere() -> None:
    found = {
        name for each in manifests.documents() for name in markdown.MARKED.findall(each.read_text(encoding="utf-8"))
    }
    assert {"providers", "tools"} <= found


def test_nothing_generated_names_a_place_on_this_machine() -> None:
    for path in (ROOT / "manifests").rglob("*"):
        if path.is_file() and path.suffix != ".png":
            assert str(ROOT) not in path.read_text(encoding="utf-8")
