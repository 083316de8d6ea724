"""The table of variables and the settings that are read from them agree."""

from collections.abc import Iterator, Mapping

import pytest

from mcp_browserjobs import providers, variables
from mcp_browserjobs.errors import ConfigError
from mcp_browserjobs.settings import Settings, default_store, from_environment

EVERY = variables.every()
KEYS = {each.name: "a-key" for each in variables.api_keys()}


class Noted(Mapping[str, str]):
    """An environment that notes what is asked of it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.asked: set[str] = set()
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("variables are read by their names")

    def __len__(self) -> int:
        return len(self._environ)


def test_it_has_every_variable_that_is_read_and_no_other() -> None:
    public = {"BROWSERJOBS_PUBLIC_URL": "https://jobs.example", "BROWSERJOBS_OAUTH_ISSUER": "https://issuer.example"}
    environ = Noted(KEYS | public)
    from_environment(environ)
    kinds = [providers.load(name) for name in providers.names()]
    tell = {providers.prefix(kind.name) for kind in kinds if hasattr(kind, "jobs_of")}
    silent = {
        f"{providers.prefix(kind.name)}_WEBHOOK_SECRET" for kind in kinds if providers.prefix(kind.name) not in tell
    }
    assert environ.asked - silent == {each.name for each in EVERY}


def test_every_name_comes_once_and_is_described_in_a_sentence() -> None:
    assert len({each.name for each in EVERY}) == len(EVERY)
    for each in EVERY:
        assert each.description.endswith(".")
        assert each.description.isascii()
        assert "{}" not in each.title + each.description


def test_a_default_is_what_holds_without_it() -> None:
    assert from_environment({each.name: each.default for each in variables.OWN}) == Settings(store=default_store())
    said = {each.name: each.default for each in EVERY if each.default}
    assert from_environment(KEYS | said) == from_environment(KEYS)


@pytest.mark.parametrize("name", [each.name for each in EVERY if each.kind in ("number", "switch", "address")])
def test_a_variable_takes_what_its_kind_says_and_nothing_else(name: str) -> None:
    beside = {"BROWSERJOBS_PUBLIC_URL": "https://jobs.example"} | KEYS
    with pytest.raises(ConfigError) as caught:
        from_environment(beside | {name: "not that"})
    assert caught.value.setting == name


@pytest.mark.parametrize(
    "left", ["${GOBII_API_KEY}", "${GOBII_API_KEY:-}", "$GOBII_API_KEY", "${user_config.gobii_api_key}"]
)
def test_a_key_that_a_host_did_not_fill_in_is_not_set(left: str) -> None:
    assert not from_environment({"GOBII_API_KEY": left}).accounts


@pytest.mark.parametrize("variable", ["BROWSERJOBS_READ_ONLY", "BROWSERJOBS_OAUTH_ISSUER", "BROWSERJOBS_TOKEN"])
def test_what_guards_something_is_never_passed_over_for_being_left_open(variable: str) -> None:
    with pytest.raises(ConfigError):
        from_environment({"BROWSERJOBS_PUBLIC_URL": "https://jobs.example", variable: f"${{{variable}}}"})
