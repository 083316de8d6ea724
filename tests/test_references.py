"""What a person may write for a job, and which jobs it can mean; nobody is asked for it."""

from collections.abc import Iterator, Mapping

import httpx2
import pytest
from pydantic import SecretStr

from mcp_browserjobs import providers
from mcp_browserjobs.errors import (
    BrowserJobsError,
    ForeignLinkError,
    InvalidArgumentError,
    MalformedIdError,
    MissingKeyError,
    UnknownAccountError,
    UnknownLinkError,
)
from mcp_browserjobs.jobs import JobRef
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.references import LONGEST, Candidate, Meaning, References, no_job_in
from mcp_browserjobs.settings import Account, Settings, from_environment
from mcp_browserjobs.store import MEMORY
from mcp_browserjobs.tracker import Tracker

pytestmark = pytest.mark.anyio

UUID = "550e8400-e29b-41d4-a716-446655440000"
AGENT = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
FORM = f"my-org/contact_form/{UUID}"
KEY = SecretStr("k")
KEYS = {f"{providers.prefix(name)}_API_KEY": "k" for name in providers.names()}
GENERATIONS = ("browser_use", "browser_use_v3", "browser_use_v2")


def answer(request: httpx2.Request) -> httpx2.Response:
    """Every request is a failure of the test."""
    raise AssertionError(request.url)


OPENED: list[Tracker] = []


def tracker_of(settings: Settings) -> Tracker:
    OPENED.append(Tracker(settings, connections=Connections(httpx2.MockTransport(answer))))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def _close_stores() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().store.close()


def reader_of(*accounts: Account) -> References:
    """Reads references to these accounts."""
    tracker = tracker_of(Settings(accounts))
    return References(tracker.accounts, tracker.provider)


def read(text: str, **environ: str) -> Meaning:
    """What the text can mean where every provider has a key."""
    return reader_of(*settings_from(KEYS | environ).accounts).read(text)


def settings_from(environ: Mapping[str, str]) -> Settings:
    return from_environment({"BROWSERJOBS_STORE": MEMORY, **environ})


def meant(text: str, **environ: str) -> list[str]:
    """The references of the jobs that it can mean."""
    return [str(candidate.ref) for candidate in read(text, **environ).candidates]


def refusal(text: str, **environ: str) -> BrowserJobsError:
    """The error that the text is; a link is not repeated in it."""
    with pytest.raises(BrowserJobsError) as caught:
        read(text, **environ)
    assert UUID not in str(caught.value)
    return caught.value


# References


@pytest.mark.parametrize("provider", providers.names())
def test_a_providers_own_example_is_a_reference(provider: str) -> None:
    text = f"{provider}:{providers.load(provider).example_id}"
    meaning = read(text)
    assert meaning.candidates[0].ref == JobRef.parse(text)
    assert not meaning.bare


@pytest.mark.parametrize(
    ("text", "reference", "locator"),
    [
        (f"dari:{FORM}", f"dari:{FORM}", FORM),
        (f"  dari:{FORM.replace(UUID, UUID.upper())}\n", f"dari:{FORM}", FORM),
        (f"gobii:{UUID.upper()}", f"gobii:{UUID}", UUID),
        (f"gobii:{AGENT}/{UUID}", f"gobii:{UUID}", f"{AGENT}/{UUID}"),
        (f"browser_use_v1:{UUID}", f"browser_use_v1:{UUID}", UUID),
    ],
)
def test_a_reference_means_one_job_and_says_how_to_ask_for_it(text: str, reference: str, locator: str) -> None:
    ref = JobRef.parse(reference)
    assert ref
    assert read(text) == Meaning((Candidate(ref, locator),))


def test_the_generations_of_browser_use_are_asked_in_turn() -> None:
    assert meant(f"browser_use:{UUID}") == [f"{name}:{UUID}" for name in GENERATIONS]
    assert meant(f"browser_use_v3:{UUID}") == [f"browser_use_v3:{UUID}"]
    assert meant(f"browser_use_v2:{UUID}") == [f"browser_use_v2:{UUID}"]


def test_the_organization_may_be_left_out_where_it_is_set() -> None:
    assert meant(f"dari:contact_form/{UUID}", DARI_ORG="my-org") == [f"dari:{FORM}"]
    assert meant(f"contact_form/{UUID}", DARI_ORG="my-org") == [f"dari:{FORM}"]
    assert meant(f"dari:other/contact_form/{UUID}", DARI_ORG="my-org") == [f"dari:other/contact_form/{UUID}"]
    assert isinstance(refusal(f"dari:contact_form/{UUID}"), MalformedIdError)


@pytest.mark.parametrize(
    "text",
    [
        "dari:1",
        f"dari:{UUID}",
        f"dari:my-org/{UUID}",
        f"dari:a/b/c/{UUID}",
        f"dari:../admin/{UUID}",
        f"dari:my-org/contact form/{UUID}",
        f"dari:my-org/form/{UUID}?job_id=1",
        f"dari: {FORM}",
        f"gobii:{UUID}/",
        f"gobii:{UUID}/{UUID}/{UUID}",
        "gobii:../../me",
        f"browser_use:{UUID}0",
        f"browser_use:{UUID}#",
        "browser_use:\uff1550e8400-e29b-41d4-a716-446655440000",
        "browser_use_v1:../me",
        f"dari:https://agent.usedari.com/public/jobs/{FORM}",
    ],
)
def test_what_cannot_be_an_id_is_answered_with_the_form_of_one(text: str) -> None:
    error = refusal(text)
    assert isinstance(error, MalformedIdError)
    assert error.form == providers.load(error.provider).id_form


@pytest.mark.parametrize("text", [f"acme:{UUID}", f"DARI:{FORM}", f"dari :{FORM}", "mailto:a@b.example"])
def test_an_account_that_is_not_there_is_unknown(text: str) -> None:
    assert isinstance(refusal(text), UnknownAccountError)


@pytest.mark.parametrize("text", ["", "  \n", "x" * (LONGEST + 1), "\udcff", "a\x00b", f"{UUID}\u200b", f"a\n{UUID}"])
def test_what_no_reference_can_look_like_is_refused(text: str) -> None:
    error = refusal(text)
    assert isinstance(error, InvalidArgumentError)
    assert error.argument == "job"


def test_a_generation_of_another_provider_is_none() -> None:
    """An account that only looks as if it belonged to another one."""
    references = reader_of(
        Account("cloud", "browser_use", KEY, "CLOUD_KEY", "https://api.browser-use.com"),
        Account("cloud_v3", "gobii", KEY, "WORK_KEY", "https://gobii.ai/api/v1"),
        Account("cloud_v2", "browser_use_v2", KEY, "CLOUD_KEY", "https://api.browser-use.com"),
    )
    assert [candidate.ref.account for candidate in references.read(f"cloud:{UUID}").candidates] == ["cloud", "cloud_v2"]


def test_an_account_without_its_key_says_which_variable() -> None:
    references = reader_of(
        Account("work", "gobii", None, "WORK_KEY", "https://gobii.ai/api/v1"),
        Account("home", "gobii", KEY, "HOME_KEY", "http://localhost/api/v1"),
    )
    for text in (f"work:{UUID}", f"https://gobii.ai/api/v1/tasks/browser-use/{UUID}/"):
        with pytest.raises(MissingKeyError) as caught:
            references.read(text)
        assert (caught.value.account, caught.value.variable) == ("work", "WORK_KEY")
    assert [str(candidate.ref) for candidate in references.read(UUID).candidates] == [f"home:{UUID}"]


def test_a_job_that_is_being_started_is_known_by_the_key_of_its_start() -> None:
    assert read("dari:start/my key/1") == Meaning((), start=("dari", "my key/1"))
    assert isinstance(refusal("acme:start/key"), UnknownAccountError)


# Bare ids


def test_a_bare_id_can_mean_a_job_of_every_account_whose_ids_look_so() -> None:
    meaning = read(UUID.upper())
    assert meaning.bare
    meant_by = {candidate.ref.account for candidate in meaning.candidates}
    assert meant_by >= {*GENERATIONS, "browser_use_v1", "gobii"}
    assert meant_by.isdisjoint({"dari", "skyvern"})
    assert {candidate.ref.id.lower() for candidate in meaning.candidates} == {UUID}
    assert meant(FORM) == [f"dari:{FORM}"]
    assert meant(f"{AGENT}/{UUID}") == [f"gobii:{UUID}"]


@pytest.mark.parametrize("text", ["my job", "../../me", "a/b", "{uuid}", "'; DROP TABLE jobs; --", "é"])
def test_a_bare_text_that_is_nobodys_id_means_nothing(text: str) -> None:
    assert read(text) == Meaning((), bare=True)


# Links


@pytest.mark.parametrize(
    ("link", "reference", "locator"),
    [
        (f"https://agent.usedari.com/jobs/my-org/contact_form/status?job_id={UUID}", f"dari:{FORM}", FORM),
        (f"https://agent.usedari.com/task/my-org/contact_form/status/?job_id={UUID}&x=1", f"dari:{FORM}", FORM),
        (f"https://AGENT.UseDari.com:443/jobs/my-org/contact_form/status?job_id={UUID}", f"dari:{FORM}", FORM),
        (f"https://gobii.ai/api/v1/tasks/browser-use/{UUID}/result/", f"gobii:{UUID}", UUID),
        (f"https://gobii.ai/api/v1/agents/browser-use/{AGENT}/tasks/{UUID}/", f"gobii:{UUID}", f"{AGENT}/{UUID}"),
        (f"https://api.browser-use.com/api/v4/runs/{UUID}/events?after=1", f"browser_use:{UUID}", UUID),
        (f"https://api.browser-use.com/api/v3/sessions/{UUID}", f"browser_use_v3:{UUID}", UUID),
        (f"https://api.browser-use.com/api/v2/tasks/{UUID}", f"browser_use_v2:{UUID}", UUID),
        (f"https://api.browser-use.com/api/v1/task/{UUID}/status", f"browser_use_v1:{UUID}", UUID),
        (f"HTTPS://api.browser-use.com/api/v4/runs/{UUID.upper()}", f"browser_use:{UUID}", UUID),
    ],
)
def test_a_link_of_an_api_means_the_job_it_leads_to(link: str, reference: str, locator: str) -> None:
    ref = JobRef.parse(reference)
    assert ref
    meaning = read(f" {link} ")
    assert meaning.candidates == (Candidate(ref, locator),)
    assert ref.account in meaning.accounts
    assert not meaning.bare


def test_a_link_of_the_dashboard_may_mean_a_job_of_any_generation() -> None:
    assert meant(f"https://cloud.browser-use.com/projects/1/agents/{UUID}") == [
        f"{name}:{UUID}" for name in GENERATIONS
    ]


@pytest.mark.parametrize(
    "link",
    [
        "https://agent.usedari.com",
        "https://agent.usedari.com/jobs/my-org/contact_form/status",
        "https://agent.usedari.com/jobs/my-org/contact_form/status?job_id=1",
        f"https://agent.usedari.com/jobs/..%2F../status?job_id={UUID}",
        f"https://gobii.ai/api/v1/agents/browser-use/{AGENT}/",
        f"https://gobii.ai/console/agents/{AGENT}/",
        f"https://api.browser-use.com/api/v2/sessions/{UUID}",
        f"https://api.browser-use.com/api/v9/runs/{UUID}",
        "https://cloud.browser-use.com/settings",
        "https://live.browser-use.com/?wss=a.example%2Fs3cr3t",
    ],
)
def test_a_link_of_ours_without_a_job_says_whose_it_is(link: str) -> None:
    meaning = read(link)
    assert not meaning.candidates
    assert meaning.accounts
    error = no_job_in(meaning)
    assert isinstance(error, UnknownLinkError)
    assert error.account == meaning.accounts[0]


PATH = f"/jobs/my-org/contact_form/status?job_id={UUID}"
STRANGERS = [
    f"https://evil.example{PATH}",
    f"https://agent.usedari.com@evil.example{PATH}",
    f"https://agent.usedari.com:443@evil.example{PATH}",
    f"https://agent.usedari.com%40evil.example{PATH}",
    f"https://evil.example@agent.usedari.com{PATH}",
    f"https://@agent.usedari.com{PATH}",
    f"https://agent.usedari.com.evil.example{PATH}",
    f"https://evilagent.usedari.com{PATH}",
    f"https://usedari.com{PATH}",
    f"https://AGENT.USEDARI.COM.EVIL.EXAMPLE{PATH}",
    f"https://agent.usedari.com.{PATH}",
    f"https://agent.usedari.com..{PATH}",
    f"https://agent.usedar\u0131.com{PATH}",
    f"https://agent\u3002usedari\u3002com{PATH}",
    f"https://agent.usedari.com:8443{PATH}",
    f"https://agent.usedari.com:80{PATH}",
    f"https://agent.usedari.com:0{PATH}",
    f"https://agent.usedari.com:99999{PATH}",
    f"https://agent.usedari.com:port{PATH}",
    f"http://agent.usedari.com{PATH}",
    f"ftp://agent.usedari.com{PATH}",
    f"javascript://agent.usedari.com{PATH}",
    f"https://evil.example\\@agent.usedari.com{PATH}",
    f"https://agent.usedari.com\\.evil.example{PATH}",
    f"https://agent.usedari.com\\{PATH}",
    f"https://evil.example/https://agent.usedari.com{PATH}",
    f"https://evil.example?https://agent.usedari.com{PATH}",
    f"https://evil.example#@agent.usedari.com{PATH}",
    f"https://[::1{PATH}",
    f"https://[agent.usedari.com]{PATH}",
    f"https://[::ffff:1.2.3.4]{PATH}",
    f"https://{PATH}",
    f"file:///agent.usedari.com{PATH}",
    f"https://evil.example/api/v4/runs/{UUID}",
    f"http://cloud.browser-use.com/{UUID}",
    f"https://cloud.browser-use.com:444/{UUID}",
    f"https://x.cloud.browser-use.com/{UUID}",
    f"https://cloud.browser-use.com@evil.example/{UUID}",
    f"browserjobs://dari/{UUID}",
]


@pytest.mark.parametrize("link", STRANGERS)
async def test_nobody_is_asked_about_a_strangers_link(link: str) -> None:
    assert isinstance(refusal(link), ForeignLinkError)
    async with tracker_of(settings_from(KEYS)).running() as tracker:
        with pytest.raises(ForeignLinkError):
            await tracker.look(link)


SELF_HOSTED = [
    Account("here", "gobii", KEY, "K", "http://localhost:8000/one/api/v1"),
    Account("there", "gobii", KEY, "K", "http://localhost:8000/two/api/v1"),
    Account("six", "gobii", KEY, "K", "https://[2001:db8::1]/api/v1"),
]


@pytest.mark.parametrize(
    ("link", "accounts"),
    [
        (f"http://localhost:8000/one/api/v1/tasks/browser-use/{UUID}/", ["here"]),
        (f"http://LOCALHOST:8000/two/api/v1/tasks/browser-use/{UUID}/", ["there"]),
        (f"https://[2001:db8::1]/api/v1/tasks/browser-use/{UUID}/", ["six"]),
        (f"https://[2001:DB8::1]:443/api/v1/tasks/browser-use/{UUID}/", ["six"]),
        (f"http://localhost:8000/one/api/v10/tasks/browser-use/{UUID}/", ["here", "there"]),
    ],
)
def test_a_link_of_a_server_of_ones_own_belongs_to_the_account_with_its_address(link: str, accounts: list[str]) -> None:
    meaning = reader_of(*SELF_HOSTED).read(link)
    assert [candidate.ref.account for candidate in meaning.candidates] == accounts
    assert meaning.accounts == tuple(accounts)


@pytest.mark.parametrize(
    "link", [f"http://localhost/one/api/v1/tasks/browser-use/{UUID}/", f"https://localhost:8000/one/tasks/{UUID}/"]
)
def test_another_port_or_scheme_is_another_server(link: str) -> None:
    with pytest.raises(ForeignLinkError):
        reader_of(*SELF_HOSTED).read(link)


def test_a_vendors_own_link_is_a_strangers_to_an_account_elsewhere() -> None:
    with pytest.raises(ForeignLinkError):
        reader_of(*SELF_HOSTED).read(f"https://gobii.ai/api/v1/tasks/browser-use/{UUID}/")
