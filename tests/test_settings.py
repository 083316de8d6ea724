"""Environment, file and defaults: what becomes of them, and what is said of what is wrong."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from mcp_browserjobs import providers
from mcp_browserjobs.errors import ConfigError
from mcp_browserjobs.settings import Account, OAuth, Settings, default_store, from_environment

KEY = "key-that-nobody-may-see"


def account(settings: Settings, name: str) -> Account:
    """The account of this name."""
    [found] = [account for account in settings.accounts if account.name == name]
    return found


def names(settings: Settings) -> list[str]:
    return [account.name for account in settings.accounts]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "browserjobs.toml"


def configured(config: Path, text: str, **environ: str) -> Settings:
    """The settings with this file."""
    config.write_text(text, "utf-8")
    return from_environment({"BROWSERJOBS_CONFIG": str(config)} | environ)


def wrong(**environ: str) -> ConfigError:
    """The error in such an environment, which does not show the key."""
    with pytest.raises(ConfigError) as caught:
        from_environment(environ)
    assert KEY not in str(caught.value)
    return caught.value


def wrong_file(config: Path, text: str, **environ: str) -> str:
    """What is wrong with such a file: the setting and the problem."""
    config.write_text(text, "utf-8")
    error = wrong(BROWSERJOBS_CONFIG=str(config), **environ)
    return f"{error.setting} {error.problem}"


def test_nothing_has_to_be_set() -> None:
    settings = from_environment({})
    assert settings == Settings(store=default_store())
    assert Path(settings.store).name == "jobs.sqlite3"
    assert Path(settings.store).is_absolute()


@pytest.mark.parametrize("provider", providers.names())
def test_a_key_makes_an_account_named_as_the_provider(provider: str) -> None:
    kind = providers.load(provider)
    made = account(from_environment({f"{providers.prefix(kind.name)}_API_KEY": f" {KEY}\n"}), provider)
    assert replace(made, webhook_secret=None) == Account(
        name=provider,
        provider=provider,
        key=SecretStr(KEY),
        key_variable=f"{providers.prefix(kind.name)}_API_KEY",
        base_url=kind.base_url,
        poll_seconds=None,
        options=dict.fromkeys(kind.options, ""),
    )


@pytest.mark.parametrize(
    ("variable", "accounts"),
    [
        ("DARI_API_KEY", ["dari"]),
        ("GOBII_API_KEY", ["gobii"]),
        ("BROWSER_USE_API_KEY", ["browser_use", "browser_use_v1", "browser_use_v2", "browser_use_v3"]),
    ],
)
def test_each_key_opens_what_it_can(variable: str, accounts: list[str]) -> None:
    assert names(from_environment({variable: KEY})) == accounts


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_variable_is_not_set(blank: str) -> None:
    every = [
        "DARI_API_KEY",
        "BROWSERJOBS_STORE",
        "BROWSERJOBS_CONFIG",
        "BROWSERJOBS_READ_ONLY",
        "BROWSERJOBS_ALLOW_START",
        "BROWSERJOBS_WAIT_SECONDS",
        "BROWSERJOBS_TOKEN",
    ]
    assert from_environment(dict.fromkeys(every, blank)) == Settings(store=default_store())
    settings = from_environment({"DARI_API_KEY": KEY} | dict.fromkeys(("DARI_BASE_URL", "DARI_POLL_SECONDS"), blank))
    assert account(settings, "dari").base_url == "https://agent.usedari.com"
    assert account(settings, "dari").poll_seconds is None


def test_no_key_and_no_token_is_ever_shown() -> None:
    settings = from_environment({"DARI_API_KEY": KEY, "BROWSERJOBS_TOKEN": KEY})
    assert settings.token == SecretStr(KEY)
    assert KEY not in f"{settings!r} {settings}"


def test_every_variable_arrives() -> None:
    settings = from_environment(
        {
            "GOBII_API_KEY": KEY,
            "GOBII_BASE_URL": " http://localhost:8000/api/v1/ ",
            "GOBII_POLL_SECONDS": "2.5",
            "DARI_API_KEY": KEY,
            "DARI_ORG": "my-org",
            "BROWSERJOBS_STORE": ":memory:",
            "BROWSERJOBS_READ_ONLY": "1",
            "BROWSERJOBS_ALLOW_START": "true",
            "BROWSERJOBS_WAIT_SECONDS": "45",
            "BROWSERJOBS_TOKEN": " t0ken\n",
            "BROWSERJOBS_READ_TOKEN": "r3ader",
            "BROWSERJOBS_PUBLIC_URL": "https://jobs.example.com/",
            "BROWSERJOBS_OAUTH_ISSUER": "https://issuer.example/tenant/",
            "GOBII_WEBHOOK_SECRET": "a-secret-of-the-user",
        }
    )
    assert account(settings, "gobii").base_url == "http://localhost:8000/api/v1"
    assert account(settings, "gobii").poll_seconds == 2.5
    assert account(settings, "dari").options == {"organization": "my-org"}
    assert (settings.store, settings.read_only, settings.allow_start) == (":memory:", True, True)
    assert (settings.wait_seconds, settings.token) == (45, SecretStr("t0ken"))
    assert (settings.read_token, settings.public_url) == (SecretStr("r3ader"), "https://jobs.example.com")
    assert settings.oauth == OAuth("https://issuer.example/tenant/", "https://jobs.example.com/mcp")
    assert account(settings, "gobii").webhook_secret == SecretStr("a-secret-of-the-user")


def test_an_audience_of_one_s_own_may_be_set() -> None:
    environ = {
        "BROWSERJOBS_PUBLIC_URL": "https://jobs.example.com",
        "BROWSERJOBS_OAUTH_ISSUER": "https://issuer.example",
        "BROWSERJOBS_OAUTH_AUDIENCE": "jobs",
    }
    assert from_environment(environ).oauth == OAuth("https://issuer.example", "jobs")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BROWSERJOBS_TOKEN", "two words"),
        ("BROWSERJOBS_TOKEN", "${BROWSERJOBS_TOKEN}"),
        ("BROWSERJOBS_READ_TOKEN", "é" * 20),
        ("BROWSERJOBS_TOKEN", "x" * 513),
        ("BROWSERJOBS_PUBLIC_URL", "jobs.example.com"),
        ("BROWSERJOBS_OAUTH_ISSUER", "issuer"),
        ("GOBII_WEBHOOK_SECRET", "short"),
        ("GOBII_WEBHOOK_SECRET", "with a blank and / more"),
    ],
)
def test_what_cannot_be_is_named_and_not_repeated(variable: str, value: str) -> None:
    environ = {"GOBII_API_KEY": KEY, "BROWSERJOBS_PUBLIC_URL": "https://jobs.example.com"}
    with pytest.raises(ConfigError) as caught:
        from_environment(environ | {variable: value})
    assert caught.value.setting == variable
    assert value not in caught.value.problem


def test_an_issuer_needs_the_address_of_the_server() -> None:
    with pytest.raises(ConfigError) as caught:
        from_environment({"BROWSERJOBS_OAUTH_ISSUER": "https://issuer.example"})
    assert caught.value.setting == "BROWSERJOBS_PUBLIC_URL"


def test_skyvern_signs_with_the_key_and_an_account_of_a_file_names_its_secret(tmp_path: Path) -> None:
    assert account(from_environment({"SKYVERN_API_KEY": KEY}), "skyvern").webhook_secret == SecretStr(KEY)
    file = tmp_path / "accounts.toml"
    file.write_text('[accounts.work]\nprovider = "dari"\nkey_variable = "K"\nwebhook_secret_variable = "HOOK"\n')
    environ = {"BROWSERJOBS_CONFIG": str(file), "K": KEY, "HOOK": "s3cret", "DARI_WEBHOOK_SECRET": "another"}
    assert account(from_environment(environ), "work").webhook_secret == SecretStr("s3cret")


def test_one_address_and_one_pace_hold_for_all_generations_of_a_vendor() -> None:
    settings = from_environment(
        {
            "BROWSER_USE_API_KEY": KEY,
            "BROWSER_USE_BASE_URL": "http://localhost:1",
            "BROWSER_USE_POLL_SECONDS": "9",
            "DARI_API_KEY": KEY,
        }
    )
    assert {(each.base_url, each.poll_seconds) for each in settings.accounts if each.name != "dari"} == {
        ("http://localhost:1", 9)
    }
    assert account(settings, "dari").poll_seconds is None


def test_the_store_may_lie_below_the_users_home() -> None:
    assert from_environment({"BROWSERJOBS_STORE": "~/jobs"}).store == str(Path.home() / "jobs")


@pytest.mark.skipif(os.name != "posix", reason="every user may have a home there")
@pytest.mark.parametrize("variable", ["BROWSERJOBS_STORE", "BROWSERJOBS_CONFIG"])
def test_nobodys_home_is_a_mistake(variable: str) -> None:
    assert wrong(**{variable: "~no-such-user-here/jobs"}).setting == variable


@pytest.mark.parametrize("variable", ["BROWSERJOBS_READ_ONLY", "BROWSERJOBS_ALLOW_START"])
@pytest.mark.parametrize(
    ("text", "on"),
    [("1", True), ("True", True), (" YES ", True), ("on", True), ("0", False), ("false", False), ("No", False)],
)
def test_a_switch_is_on_or_off(variable: str, text: str, *, on: bool) -> None:
    settings = from_environment({variable: text})
    assert {"BROWSERJOBS_READ_ONLY": settings.read_only, "BROWSERJOBS_ALLOW_START": settings.allow_start}[
        variable
    ] is on


@pytest.mark.parametrize("variable", ["BROWSERJOBS_READ_ONLY", "BROWSERJOBS_ALLOW_START"])
@pytest.mark.parametrize("text", ["2", "ja", "enabled", "-1"])
def test_a_switch_in_between_is_a_mistake(variable: str, text: str) -> None:
    error = wrong(**{variable: text})
    assert (error.setting, error.problem) == (variable, "must be 1 or 0")


@pytest.mark.parametrize("text", ["0", "-5", "soon", "nan", "inf", "1e9", "86401", "5s", "1,5"])
@pytest.mark.parametrize("variable", ["BROWSERJOBS_WAIT_SECONDS", "DARI_POLL_SECONDS"])
def test_seconds_are_a_number_of_some_use(variable: str, text: str) -> None:
    error = wrong(**{"DARI_API_KEY": KEY, variable: text})
    assert error.setting == variable
    assert "number of seconds" in error.problem


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8000",
        "agent.usedari.com",
        "ftp://a.example",
        "https://",
        "https:///path",
        "https://a.example/?key=1",
        "https://a.example?",
        "https://a.example/#top",
        "https://user:pass@a.example",
        "https://user@a.example",
        "https://@a.example",
        "https://a.example\\@b.example",
        "https://a.example:99999",
        "https://a.example:0",
        "https://a.example:http",
        "https://[::1",
        "https://a b.example",
        "https://a\n.example",
        "https://a.example/x\u200by",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_an_address_that_is_none_is_a_mistake(text: str) -> None:
    error = wrong(DARI_API_KEY=KEY, DARI_BASE_URL=text)
    assert error.setting == "DARI_BASE_URL"
    assert "http or https address" in error.problem


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/dari/", "http://[::1]:8000/dari"),
        ("HTTPS://A.Example//", "HTTPS://A.Example"),
    ],
)
def test_any_http_address_will_do(text: str, address: str) -> None:
    assert account(from_environment({"DARI_API_KEY": KEY, "DARI_BASE_URL": text}), "dari").base_url == address


def test_a_mistake_about_a_provider_that_is_not_used_does_no_harm() -> None:
    assert names(from_environment({"GOBII_API_KEY": KEY, "DARI_BASE_URL": "nonsense", "DARI_POLL_SECONDS": "x"})) == [
        "gobii"
    ]


# The file

TWO_ACCOUNTS = """
[accounts.work]
provider = "dari"
key_variable = "WORK_KEY"
organization = "acme"
poll_seconds = 7

[accounts.home]
provider = "dari"
key_variable = "HOME_KEY"
base_url = "http://localhost:9/"
"""


def test_a_file_names_several_accounts_of_one_provider(config: Path) -> None:
    settings = configured(config, TWO_ACCOUNTS, WORK_KEY=KEY, HOME_KEY=" ", GOBII_API_KEY=KEY)
    assert names(settings) == ["work", "home", "gobii"]
    assert account(settings, "work") == Account(
        "work", "dari", SecretStr(KEY), "WORK_KEY", "https://agent.usedari.com", 7, {"organization": "acme"}
    )
    assert account(settings, "home") == Account(
        "home", "dari", None, "HOME_KEY", "http://localhost:9", None, {"organization": ""}
    )


def test_an_account_without_its_key_is_an_account(config: Path) -> None:
    assert [each.key for each in configured(config, TWO_ACCOUNTS).accounts] == [None, None]


def test_what_an_account_says_of_itself_counts_more_than_a_variable_for_all(config: Path) -> None:
    settings = configured(
        config,
        TWO_ACCOUNTS,
        DARI_API_KEY=KEY,
        DARI_BASE_URL="http://localhost:1",
        DARI_POLL_SECONDS="3",
        DARI_ORG="every",
    )
    assert {
        each.name: (each.base_url, each.poll_seconds, each.options["organization"]) for each in settings.accounts
    } == {
        "work": ("http://localhost:1", 7, "acme"),
        "home": ("http://localhost:9", 3, "every"),
        "dari": ("http://localhost:1", 3, "every"),
    }


def test_a_key_that_the_file_has_an_account_for_makes_no_second_one(config: Path) -> None:
    text = '[accounts.work]\nprovider = "dari"\nkey_variable = "DARI_API_KEY"'
    assert names(configured(config, text, DARI_API_KEY=KEY)) == ["work"]


def test_an_account_named_as_its_provider_takes_the_place_of_the_usual_one(config: Path) -> None:
    text = '[accounts.dari]\nprovider = "dari"\nkey_variable = "WORK_KEY"'
    settings = configured(config, text, DARI_API_KEY="other", WORK_KEY=KEY)
    assert names(settings) == ["dari"]
    assert account(settings, "dari").key == SecretStr(KEY)


CLOUD = '[accounts.cloud]\nprovider = "browser_use"\nkey_variable = "CLOUD_KEY"\nbase_url = "http://localhost:9"\n'


def test_a_key_that_opens_several_generations_makes_an_account_of_each(config: Path) -> None:
    settings = configured(config, CLOUD, CLOUD_KEY=KEY)
    assert {each.name: each.provider for each in settings.accounts} == {
        "cloud": "browser_use",
        "cloud_v3": "browser_use_v3",
        "cloud_v2": "browser_use_v2",
    }
    assert {(each.key, each.key_variable, each.base_url) for each in settings.accounts} == {
        (SecretStr(KEY), "CLOUD_KEY", "http://localhost:9")
    }


@pytest.mark.parametrize("first", [True, False])
def test_an_account_of_ones_own_is_not_replaced_by_a_generation(config: Path, *, first: bool) -> None:
    own = '[accounts.cloud_v3]\nprovider = "dari"\nkey_variable = "WORK_KEY"\n'
    settings = configured(config, own + CLOUD if first else CLOUD + own, CLOUD_KEY=KEY)
    assert sorted(names(settings)) == ["cloud", "cloud_v2", "cloud_v3"]
    assert account(settings, "cloud_v3").provider == "dari"


def test_a_file_may_begin_with_a_mark_and_may_be_empty(config: Path) -> None:
    assert names(configured(config, "\ufeff" + TWO_ACCOUNTS)) == ["work", "home"]
    assert names(configured(config, "")) == []


ACCOUNT = '[accounts.work]\nprovider = "dari"\nkey_variable = "WORK_KEY"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[accounts.work", "BROWSERJOBS_CONFIG names a file that is no valid TOML"),
        (ACCOUNT + ACCOUNT, "BROWSERJOBS_CONFIG names a file that is no valid TOML"),
        ("accounts = 5", "BROWSERJOBS_CONFIG names a file with something wrong at accounts"),
        ("[account.work]", "BROWSERJOBS_CONFIG names a file with something wrong at account"),
        (ACCOUNT.replace("work", "Work"), "BROWSERJOBS_CONFIG names a file with something wrong at accounts.Work"),
        (ACCOUNT.replace("work", '"a:b"'), "BROWSERJOBS_CONFIG names a file with something wrong at accounts.a:b"),
        (
            '[accounts.work]\nprovider = "dari"',
            "BROWSERJOBS_CONFIG names a file with something wrong at accounts.work.key_variable",
        ),
        (
            ACCOUNT + "poll_seconds = 0",
            "BROWSERJOBS_CONFIG names a file with something wrong at accounts.work.poll_seconds",
        ),
        (
            ACCOUNT + "poll_seconds = inf",
            "BROWSERJOBS_CONFIG names a file with something wrong at accounts.work.poll_seconds",
        ),
        (
            ACCOUNT + "poll_seconds = nan",
            "BROWSERJOBS_CONFIG names a file with something wrong at accounts.work.poll_seconds",
        ),
        (ACCOUNT + 'base_url = "nonsense"', "accounts.work.base_url must be an http or https address without a query"),
        (ACCOUNT + 'key = "secret"', "accounts.work.key is no setting of this provider"),
        (CLOUD + 'organization = "acme"', "accounts.cloud.organization is no setting of this provider"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_by_its_place(config: Path, text: str, said: str) -> None:
    assert wrong_file(config, text).startswith(said)


def test_an_unknown_provider_is_told_the_known_ones(config: Path) -> None:
    said = wrong_file(config, ACCOUNT.replace("dari", "daria"))
    assert said == f"accounts.work.provider is none of {', '.join(providers.names())}"


def test_a_file_that_cannot_be_read_is_named_by_its_variable(tmp_path: Path) -> None:
    for place in (tmp_path / "nothing", tmp_path):
        assert "cannot be read" in wrong(BROWSERJOBS_CONFIG=str(place)).problem
    (tmp_path / "latin").write_bytes(b"a = '\xe9'")
    assert "no valid TOML" in wrong(BROWSERJOBS_CONFIG=str(tmp_path / "latin")).problem


def test_the_machines_own_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSERJOBS_STORE", ":memory:")
    monkeypatch.setenv("DARI_API_KEY", KEY)
    settings = from_environment()
    assert settings.store == ":memory:"
    assert account(settings, "dari").key == SecretStr(KEY)


@pytest.mark.parametrize("text", ["${DARI_WEBHOOK_SECRET}", "$DARI_WEBHOOK_SECRET", "${input:secret}", " ${X} "])
def test_a_secret_that_was_not_filled_in_is_none(config: Path, text: str) -> None:
    found = from_environment({"DARI_API_KEY": KEY, "DARI_WEBHOOK_SECRET": text})
    assert account(found, "dari").webhook_secret is None
    entry = '[accounts.work]\nprovider = "dari"\nkey_variable = "K"\nwebhook_secret_variable = "S"\n'
    assert account(configured(config, entry, K=KEY, S=text), "work").webhook_secret is None


def test_all_secrets_are_known_as_such() -> None:
    found = from_environment(
        {
            "DARI_API_KEY": KEY,
            "DARI_WEBHOOK_SECRET": "hook",
            "BROWSERJOBS_TOKEN": "t",
            "BROWSERJOBS_READ_TOKEN": "r",
        }
    )
    assert {secret.get_secret_value() for secret in found.secrets} == {KEY, "hook", "t", "r"}
    assert Settings().secrets == ()


@pytest.mark.parametrize(("text", "level"), [("", None), (" Debug ", "debug"), ("error", "error")])
def test_the_level_of_the_log_can_be_set(text: str, level: str | None) -> None:
    assert from_environment({"BROWSERJOBS_LOG_LEVEL": text}).log_level == level
    assert wrong(BROWSERJOBS_LOG_LEVEL="loud").problem == "must be one of debug, info, warning, error"
