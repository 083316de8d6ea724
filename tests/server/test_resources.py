"""What can be read by URI."""

import base64
import io
import json
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import BlobResourceContents
from PIL import Image

from mcp_browserjobs.server.resources import MOST_BYTES
from mcp_browserjobs.simulator.script import Ask, Finish, Outage, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, read, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

STEPS = Script(title="TITLE", beats=(Queued(0), *(Step(f"Read page {page}", 1) for page in range(9)), Finish({"a": 1})))
NOT_FOUND, FAILED = -32602, -32603
UNKNOWN = "0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, script: Script = STEPS) -> str:
    """A job's URI."""
    return f"browserjobs://dari/{quote(world.add('dari', script).id, safe='')}"


def lines(text: str) -> list[dict[str, Any]]:
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


async def refused(client: Client, uri: str) -> MCPError:
    with pytest.raises(MCPError) as caught:
        await client.read_resource(uri)
    return caught.value


@pytest.mark.parametrize("mode", ERAS)
async def test_a_job_is_read_as_its_tool_tells_it(world: World, mode: str) -> None:
    uri = start(world)
    async with connected(world, mode=mode) as client:
        content = await read(client, uri)
        answer = json.loads(content.text)
        assert content.mime_type == "application/json"
        assert answer == await told(client, "get_job_status", job=answer["job"])


@pytest.mark.parametrize("mode", ERAS)
async def test_a_log_is_read_line_by_line_and_goes_on_where_the_last_line_says(world: World, mode: str) -> None:
    uri = start(world)
    async with connected(world, mode=mode) as client:
        await anyio.sleep(20)
        content = await read(client, f"{uri}/events")
        assert content.mime_type == "application/x-ndjson"
        *whole, end = lines(content.text)
        assert end == {"next_after": len(whole), "more": False}
        pages: list[dict[str, Any]] = []
        end = {"next_after": 0, "more": True}
        while end["more"]:
            *page, end = lines((await read(client, f"{uri}/events?limit=4&after={end['next_after']}")).text)
            assert len(page) <= 4
            pages += page
        assert pages == whole
        answer = await told(client, "get_job_events", job=f"dari:{world.jobs('dari')[0].id}", limit=200)
        assert answer["events"] == whole


async def test_a_page_of_a_log_never_grows_too_big_for_a_stream(world: World) -> None:
    texts = ("\N{CAT FACE}" * 1999 + str(number) for number in range(100))
    uri = start(world, Script(beats=(Queued(0), *(Step(text, 1) for text in texts), Finish())))
    async with connected(world) as client:
        await anyio.sleep(200)
        seen, end = 0, {"next_after": 0, "more": True}
        while end["more"]:
            content = await read(client, f"{uri}/events?limit=200&after={end['next_after']}")
            assert len(content.text.encode()) < MOST_BYTES + 100
            *page, end = lines(content.text)
            assert [event["seq"] for event in page] == list(range(seen + 1, seen + 1 + len(page)))
            seen += len(page)
        assert seen > 100


async def test_an_empty_page_stays_where_it_is(world: World) -> None:
    uri = start(world)
    async with connected(world) as client:
        assert lines((await read(client, f"{uri}/events?after=70")).text) == [{"next_after": 70, "more": False}]


@pytest.mark.parametrize(
    ("result", "mime", "text"),
    [({"a": [1, "é"]}, "application/json", '{"a":[1,"é"]}'), ("plain é", "text/plain", "plain é")],
)
async def test_a_result_is_read_as_json_or_as_text(world: World, result: Any, mime: str, text: str) -> None:
    uri = start(world, Script(beats=(Queued(0), Finish(result))))
    async with connected(world) as client:
        content = await read(client, f"{uri}/result")
    assert content.mime_type == mime
    assert content.text == text


@pytest.mark.parametrize("filler", ["x" * (MOST_BYTES + 1), "\N{CAT FACE}" * (MOST_BYTES // 4 + 1)])
async def test_a_result_too_long_for_a_stream_is_left_to_its_tool(world: World, filler: str) -> None:
    uri = start(world, Script(beats=(Queued(0), Finish(filler))))
    async with connected(world) as client:
        error = await refused(client, f"{uri}/result")
    assert error.code == FAILED
    assert "get_job_result" in error.message


@pytest.mark.parametrize("mode", ERAS)
async def test_the_recent_jobs_are_listed_without_foreign_text(world: World, mode: str) -> None:
    async with connected(world, mode=mode) as client:
        assert [each.uri for each in (await client.list_resources()).resources] == ["browserjobs://jobs"]
        uris = []
        for _ in range(52):
            uris.append(start(world))
            await client.read_resource(uris[-1])
            await anyio.sleep(1)
        first, *jobs = (await client.list_resources()).resources
        assert first.uri == "browserjobs://jobs"
        assert [each.uri for each in jobs] == uris[:-51:-1]
        assert all(each.name.startswith("dari:demo-org/contact_form/") for each in jobs)
        assert "TITLE" not in str(jobs)
        content = await read(client, "browserjobs://jobs")
        assert content.mime_type == "application/json"
        assert [row["job"] for row in json.loads(content.text)["jobs"]] == [each.name for each in jobs]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_screenshot_is_read_as_bytes(world: World, mode: str) -> None:
    uri = start(world)
    async with connected(world, mode=mode) as client:
        await anyio.sleep(20)
        for index in ("0", "-1"):
            [content] = (await client.read_resource(f"{uri}/screenshots/{index}")).contents
            assert isinstance(content, BlobResourceContents)
            assert content.mime_type == "image/png"
            with Image.open(io.BytesIO(base64.b64decode(content.blob)), formats=["PNG"]) as image:
                image.load()


@pytest.mark.parametrize("mode", ERAS)
async def test_a_raw_log_is_read_as_text_without_links(world: World, mode: str) -> None:
    job = world.add("browser_use_v2", STEPS)
    async with connected(world, mode=mode) as client:
        await anyio.sleep(20)
        content = await read(client, f"browserjobs://browser_use_v2/{job.id}/log")
        links = (await told(client, "get_job_links", job=f"browser_use_v2:{job.id}"))["links"]
    assert content.mime_type == "text/plain"
    assert "Read page" in content.text
    assert not [link["url"] for link in links if link["url"] in content.text]


@pytest.mark.parametrize(
    ("provider", "part", "words"),
    [
        ("gobii", "log", "Gobii has no way to show a raw log"),
        ("gobii", "screenshots/0", "Gobii has no way to show screenshots"),
        ("dari", "screenshots/latest", "index must be a whole number"),
        ("dari", "screenshots/99", "The job has no screenshot 99"),
    ],
)
async def test_what_a_job_has_not_is_not_found(world: World, provider: str, part: str, words: str) -> None:
    job = world.add(provider, STEPS)
    async with connected(world) as client:
        await anyio.sleep(20)
        error = await refused(client, f"browserjobs://{provider}/{quote(job.id, safe='')}/{part}")
    assert error.code == NOT_FOUND
    assert words in error.message


async def test_reading_the_recent_jobs_asks_nobody(world: World) -> None:
    async with connected(world) as client:
        await client.list_resources()
        await client.read_resource("browserjobs://jobs")
    assert world.requests == []


@pytest.mark.parametrize("mode", ERAS)
async def test_every_kind_of_resource_is_told_as_a_template(world: World, mode: str) -> None:
    async with connected(world, mode=mode) as client:
        templates = (await client.list_resource_templates()).resource_templates
    assert [each.uri_template for each in templates] == [
        "browserjobs://{account}/{job_id}",
        "browserjobs://{account}/{job_id}/events{?after,limit}",
        "browserjobs://{account}/{job_id}/result",
        "browserjobs://{account}/{job_id}/log",
        "browserjobs://{account}/{job_id}/screenshots/{index}",
    ]
    assert all(each.title and each.description and each.description.isascii() for each in templates)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("browserjobs://nothing", "There is no such resource"),
        ("browserjobs://dari/a/b/c", "There is no such resource"),
        ("file:///etc/passwd", "There is no such resource"),
        ("browserjobs://nobody/1", "No account has that name"),
        ("browserjobs://gobii/1", "its ids have the form"),
        (f"browserjobs://gobii/{UNKNOWN}", "knows no such job"),
        (f"browserjobs://gobii/{UNKNOWN}/events?after=x", "after must be a whole number"),
        (f"browserjobs://gobii/{UNKNOWN}/events?limit=0", "limit must be a whole number from 1 up"),
    ],
)
async def test_what_is_not_there_is_not_found(world: World, mode: str, uri: str, words: str) -> None:
    async with connected(world, mode=mode) as client:
        error = await refused(client, uri)
    assert error.code == NOT_FOUND
    assert words in error.message


async def test_a_result_that_is_not_there_yet_is_not_found(world: World) -> None:
    uri = start(world, Script(beats=(Queued(0), Ask("?"))))
    async with connected(world) as client:
        error = await refused(client, f"{uri}/result")
    assert error.code == NOT_FOUND
    assert "There is no result yet" in error.message


async def test_a_provider_out_of_reach_is_a_failure_of_reading(world: World) -> None:
    uri = start(world)
    world.trouble = Outage(0, 0)
    async with connected(world) as client:
        error = await refused(client, uri)
    assert error.code == FAILED
    assert "try again" in error.message
