"""References, addresses, files of keys, waits that a provider asks for, results in slices, text of strangers."""

import asyncio
import json
import sys
from contextlib import closing
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from pydantic import JsonValue

from mcp_browserjobs import providers
from mcp_browserjobs.envfile import read_env_file
from mcp_browserjobs.errors import BrowserJobsError, ConfigError
from mcp_browserjobs.jobs import PROVIDER_STATUS_CHARACTERS, Job, JobRef, JobStatus
from mcp_browserjobs.providers.base import Connections, retry_after
from mcp_browserjobs.providers.base.http import LONGEST_RETRY
from mcp_browserjobs.references import References
from mcp_browserjobs.reported import (
    BYTES_A_CHARACTER,
    as_text,
    clean,
    cleaned,
    shown,
    status_word,
    without_capability_links,
)
from mcp_browserjobs.server import uris
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.store import MEMORY
from mcp_browserjobs.tracker import Tracker
from tests.conftest import START
from tests.properties.bodies import ANYTHING, ODD_TEXTS, TEXTS, ids

FORM = providers.load("dari").example_id
KEYS = {f"{providers.prefix(name)}_API_KEY": "k" for name in providers.names()}
STRANGE = st.one_of(st.text(max_size=300), ODD_TEXTS, TEXTS)
LINKS = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["https", "http", "ftp", "HTTPS", "wss"]),
    st.sampled_from(
        ["api.skyvern.com", "gobii.ai", "user@gobii.ai", "evil.example", "[::1", "gobii.ai:99999", "\u2100"]
    ),
    st.text(max_size=40),
)


@pytest.fixture(scope="module")
def references() -> References:
    """Reads references where every provider has a key."""
    settings = from_environment({"BROWSERJOBS_STORE": MEMORY, **KEYS})
    tracker = Tracker(settings, connections=Connections(httpx2.MockTransport(lambda _: httpx2.Response(500))))
    tracker.store.close()
    return References(tracker.accounts, tracker.provider)


@given(text=st.one_of(STRANGE, LINKS, st.builds("{}:{}".format, st.sampled_from(providers.names()), STRANGE)))
def test_whatever_is_given_for_a_reference_is_one_or_an_error_of_ours(references: References, text: str) -> None:
    try:
        meaning = references.read(text)
    except BrowserJobsError:
        return
    for candidate in meaning.candidates:
        again = references.read(str(candidate.ref))
        assert again.candidates[0].ref == candidate.ref


@pytest.mark.parametrize("name", providers.names())
@given(data=st.data())
def test_every_id_is_a_reference_and_a_uri_that_means_it(references: References, name: str, data: DataObject) -> None:
    text = data.draw(ids(providers.load(name).id_pattern))
    assume(text.isprintable() and text == text.strip())
    ref = references.read(f"{name}:{text}").candidates[0].ref
    assert references.read(str(ref)).candidates[0].ref == ref
    assert uris.read(uris.of_job(ref)) == uris.Address("job", str(ref))


@given(text=STRANGE)
def test_whatever_is_given_for_a_uri_is_one_of_ours_or_none(text: str) -> None:
    for uri in (text, f"browserjobs://{text}", f"browserjobs://dari/{text}"):
        address = uris.read(uri)
        assert address is None or isinstance(address, uris.Address)


@given(content=st.one_of(st.binary(max_size=200), st.text("AB=#'\"\\ \n\r${}x", max_size=60).map(str.encode)))
def test_a_file_of_keys_is_read_or_says_what_is_wrong(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "keys.env"
        file.write_bytes(content)
        try:
            found = read_env_file(file)
        except ConfigError as error:
            found = {error.setting: error.problem}
        assert all(found)
        assert all(found.values())


@given(header=st.one_of(STRANGE, st.integers().map(str), st.floats().map(str), st.datetimes().map(format_datetime)))
@example(header="-1")
@example(header="Mon, 01 Jan 0001 00:00:00 +2359")
def test_a_wait_that_is_asked_for_is_bounded_or_none(header: str) -> None:
    seconds = retry_after({"retry-after": header}, now=lambda: START)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY


@given(value=ANYTHING.filter(lambda value: value is not None), most=st.integers(1, 40), pointed=st.booleans())
def test_the_slices_of_a_result_are_the_whole(value: JsonValue, most: int, *, pointed: bool) -> None:
    result: JsonValue = {"a~/b": [value]} if pointed else value
    pointer = "/a~0~1b/0" if pointed else ""
    whole, slices = asyncio.run(read(result, pointer, most))
    assert whole == shown(value)
    assert "".join(slices) == as_text(shown(value))
    assert all(len(part) == most for part in slices[:-1])


async def read(result: JsonValue, pointer: str, most: int) -> tuple[JsonValue, list[str]]:
    """What a job's result says at a pointer: whole, and in slices of so many characters."""
    tracker = Tracker(from_environment({"BROWSERJOBS_STORE": MEMORY, **KEYS}))
    with closing(tracker.store) as store:
        job = Job(id=FORM, status=JobStatus.COMPLETED, provider_status="completed", result=result)
        await store.record(JobRef("dari", FORM), job, (), now=START)
        whole = await tracker.result(f"dari:{FORM}", pointer=pointer, most=sys.maxsize)
        slices: list[str] = []
        offset: int | None = 0
        while offset is not None:
            part = await tracker.result(f"dari:{FORM}", pointer=pointer, offset=offset, most=most)
            slices.append(as_text(part.value) if part.text is None else part.text)
            offset = part.next_offset
    return whole.value, slices


@given(text=STRANGE, limit=st.integers(10, 100))
def test_clean_text_is_within_its_limits_and_stays_as_it_is(text: str, limit: int) -> None:
    once = clean(text, limit)
    assert len(once) <= limit
    assert len(once.encode(errors="replace")) <= limit * BYTES_A_CHARACTER
    assert clean(once, limit) == once


@given(text=STRANGE)
def test_a_status_word_is_short_and_stays_as_it_is(text: str) -> None:
    word = status_word(text)
    assert len(word) <= PROVIDER_STATUS_CHARACTERS
    assert status_word(word) == word


@given(before=STRANGE, after=STRANGE, host=st.sampled_from(["live.example", "a.live.example", "LIVE.example."]))
def test_no_capability_link_is_left_wherever_it_stands(before: str, after: str, host: str) -> None:
    text = f"{before} https://{host}/x?y=1 {after}"
    for kept in (without_capability_links(text, hosts=["live.example"]), str(cleaned([text], hosts=["live.example"]))):
        assert f"https://{host}/x" not in kept


@given(value=ANYTHING)
def test_clean_values_keep_their_shape(value: Any) -> None:
    assert json.loads(json.dumps(cleaned(value))) == cleaned(cleaned(value))
