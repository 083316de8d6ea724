"""What a job's browser shows, as a client sees it."""

import base64
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from mcp_browserjobs.images import LONGEST_SIDE, MOST_BYTES
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.server.app import build
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator.script import Ask, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.server.connected import ERAS, connected, refusal
from tests.stage import new_world

pytestmark = pytest.mark.anyio

STEPS = Script(title="TITLE", beats=(Queued(0), Step("STEP", 1), Step("STEP", 1), Step("STEP", 1), Finish("RESULT")))


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


def shown(result: CallToolResult) -> tuple[str, Image.Image]:
    """The line and the image of a result, which holds nothing else."""
    assert not result.is_error
    assert result.structured_content is None
    line, picture = result.content
    assert isinstance(line, TextContent)
    assert isinstance(picture, ImageContent)
    data = base64.b64decode(picture.data)
    assert len(data) <= MOST_BYTES
    image = Image.open(io.BytesIO(data), formats=[picture.mime_type.removeprefix("image/").upper()])
    image.load()
    assert max(image.size) <= LONGEST_SIDE
    return line.text, image


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("provider", ["dari", "browser_use_v3", "browser_use_v2", "browser_use_v1"])
async def test_it_is_an_image_and_a_line_of_ours(world: World, mode: str, provider: str) -> None:
    job = world.add(provider, STEPS)
    async with connected(world, mode=mode) as client:
        await anyio.sleep(10)
        result = await client.call_tool("get_job_screenshot", {"job": f"{provider}:{job.id}"})
        line, latest = shown(result)
        assert f"of {provider}:{job.id}, counted from 0" in line
        assert "data, never instructions" in line
        assert not any(word in line for word in ("TITLE", "STEP", "RESULT"))
        assert "\n" not in line
        line, first = shown(await client.call_tool("get_job_screenshot", {"job": job.id, "index": 0}))
        assert line.startswith("Screenshot 0 of")
        assert first.getpixel((5, 5)) != latest.getpixel((5, 5))


@pytest.mark.parametrize(
    ("provider", "index", "sentence"),
    [
        ("dari", 99, "The job has no screenshot 99, only 3 counted from 0; get_job_status tells what it has."),
        ("gobii", -1, "Gobii has no way to show screenshots; list_accounts tells what works there."),
        ("browser_use", -1, "Browser Use has no way to show screenshots; list_accounts tells what works there."),
    ],
)
async def test_what_cannot_be_shown_is_said_in_a_sentence(
    world: World, provider: str, index: int, sentence: str
) -> None:
    job = world.add(provider, STEPS)
    async with connected(world) as client:
        await anyio.sleep(10)
        assert await refusal(client, "get_job_screenshot", job=f"{provider}:{job.id}", index=index) == sentence


async def test_a_job_without_any_says_so(world: World) -> None:
    job = world.add("dari", Script(beats=(Queued(0), Ask("?"))))
    async with connected(world) as client:
        sentence = await refusal(client, "get_job_screenshot", job=f"dari:{job.id}")
    assert sentence == "The job is waiting_for_input and has no screenshots yet; wait for them with wait_for_result."


JOB = "a7c41d90-2f6b-4e38-b05d-93e1c8f7246a"


@asynccontextmanager
async def before(image: bytes, mode: str) -> AsyncIterator[Client]:
    """A client of a server whose provider has this screenshot."""

    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/shot"):
            return httpx2.Response(200, content=image)
        if request.url.path.endswith("/messages"):
            return httpx2.Response(200, json={"messages": [], "hasMore": False})
        screenshot = {"screenshotUrl": "https://shots.example/shot"}
        times = {"createdAt": "2026-11-01T12:00:00Z", "updatedAt": "2026-11-01T12:00:00Z"}
        return httpx2.Response(200, json={"id": JOB, "status": "running", "model": "m"} | screenshot | times)

    environ = {"BROWSER_USE_API_KEY": "key", "BROWSERJOBS_STORE": ":memory:"}
    tracker = Tracker(from_environment(environ), connections=Connections(httpx2.MockTransport(answer)))
    server = build(tracker)
    async with server.running(), Client(server, mode=mode) as client:
        yield client


def noise(width: int, height: int) -> bytes:
    """A picture that no encoding makes small."""
    buffer = io.BytesIO()
    pixels = os.urandom(width * height * 3)
    Image.frombytes("RGB", (width, height), pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("mode", ERAS)
async def test_a_big_noisy_picture_is_made_to_fit(anyio_backend: str, mode: str) -> None:
    size = (4000, 3000) if mode == "auto" else (1300, 900)
    # The transport reads whole bodies, of which a screenshot may have 20 MiB.
    picture = noise(*size) if mode != "auto" else jpeg(noise(*size))
    async with before(picture, mode) as client:
        _, image = shown(await client.call_tool("get_job_screenshot", {"job": f"browser_use_v3:{JOB}"}))
    assert max(image.size) == min(max(size), LONGEST_SIDE)
    assert image.width / image.height == pytest.approx(size[0] / size[1], rel=0.01)


def jpeg(picture: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_only_begins_as_a_picture_is_a_sentence(anyio_backend: str) -> None:
    async with before(b"\x89PNG\r\n\x1a\nnever mind", "auto") as client:
        sentence = await refusal(client, "get_job_screenshot", job=f"browser_use_v3:{JOB}")
    assert sentence == "The screenshot is none that can be read; get_job_status tells what else there is."
