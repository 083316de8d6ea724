"""Every provider has its simulator, its payloads and its tests, and every payload says where it comes from."""

import json
from pathlib import Path

import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.simulator import simulators

TESTS = Path(__file__).parent
PAYLOADS = TESTS / "providers" / "payloads"


def test_every_provider_has_a_simulator_and_every_simulator_a_provider() -> None:
    assert tuple(simulators()) == providers.names()


@pytest.mark.parametrize("name", providers.names())
def test_a_simulator_is_reached_by_the_provider_s_variables(name: str) -> None:
    assert simulators()[name].prefix == providers.prefix(name)


@pytest.mark.parametrize("name", providers.names())
def test_a_provider_has_tests_and_payloads(name: str) -> None:
    assert (TESTS / "providers" / f"test_{name}.py").is_file()
    assert (TESTS / "simulator" / f"test_{name}.py").is_file()
    assert list((PAYLOADS / name).glob("*.json"))


@pytest.mark.parametrize("file", sorted(PAYLOADS.rglob("*.json")), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_payload_tells_where_it_comes_from(file: Path) -> None:
    payload = json.loads(file.read_text("utf-8"))
    assert file.parent.name in providers.names()
    assert {"source", "seen", "kind"} <= payload.keys() or {"server", "case", "exchanges"} <= payload.keys()


@pytest.mark.parametrize("name", providers.names())
def test_a_provider_s_docstring_names_its_documentation_with_a_date(name: str) -> None:
    module = __import__(providers.load(name).__module__, fromlist=["PROVIDER"])
    lines = (module.__doc__ or "").splitlines()
    assert any(line.startswith("API: ") and "checked" in line and "20" in line for line in lines)
    assert any(line.startswith("Quirk: ") for line in lines)
