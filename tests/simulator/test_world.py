"""What all pretend providers have in common: where they stand, whom they let in, and what may go wrong."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Literal, get_args

import anyio
import httpx2
import pytest

from mcp_browserjobs import simulator
from mcp_browserjobs.simulator import application, simulators, variables
from mcp_browserjobs.simulator.pictures import archive, picture
from mcp_browserjobs.simulator.script import Outage, RateLimit, Script
from mcp_browserjobs.simulator.stories import RATE_LIMITED, STORIES
from mcp_browserjobs.simulator.world import World

pytestmark = pytest.mark.anyio

KEY = {"X-API-Key": "demo-key"}
STATUS = "/dari/jobs/demo-org/contact_form/status"
HOWS = get_args(Outage.__dataclass_fields__["how"].type)


def test_every_module_that_says_so_is_a_simulator_and_knows_its_name() -> None:
    folder = Path(simulator.__file__).parent
    modules = {file.stem for file in folder.glob("*.py") if "\nSIMULATOR = " in file.read_text("utf-8")}
    assert list(simulators()) == sorted(modules)
    assert all(kind.name == name for name, kind in simulators().items())


def test_variables_point_at_every_provider() -> None:
    found = variables("http://localhost:8100/", World(key="a key"))
    expected = {
        "BROWSER_USE_API_KEY": "a key",
        "BROWSER_USE_BASE_URL": "http://localhost:8100/browser_use",
        "DARI_API_KEY": "a key",
        "DARI_BASE_URL": "http://localhost:8100/dari",
        "DARI_ORG": "demo-org",
        "GOBII_API_KEY": "a key",
        "GOBII_BASE_URL": "http://localhost:8100/gobii/api/v1",
    }
    assert found.items() >= expected.items()
    assert {
        f"{each.prefix}_{what}" for each in simulators().values() for what in ("API_KEY", "BASE_URL")
    } <= found.keys()


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_apps_run_under_asyncio_and_trio() -> None:
    world = World(retired=False)
    paths = {
        "dari": "/dari/jobs/{}/status?job_id={}",
        "gobii": "/gobii/api/v1/tasks/browser-use/{}/",
        "browser_use": "/browser_use/api/v4/runs/{}",
        "browser_use_v3": "/browser_use/api/v3/sessions/{}",
        "browser_use_v2": "/browser_use/api/v2/tasks/{}",
        "browser_use_v1": "/browser_use/api/v1/task/{}",
        "skyvern": "/skyvern/v1/runs/{}",
    }
    headers = KEY | {"X-Browser-Use-API-Key": "demo-key", "Authorization": "Bearer demo-key"}
    transport = httpx2.ASGITransport(application(world))
    async with httpx2.AsyncClient(transport=transport, base_url="http://simulator", headers=headers) as client:
        for provider, path in paths.items():
            place, _, name = world.add(provider, Script()).id.rpartition("/")
            response = await client.get(path.format(*filter(None, (place, name))))
            assert response.status_code == 200, provider


async def test_an_unknown_place_is_a_404(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/nowhere/runs")).status_code == 404
    assert (await client.get("/dari/jobs")).json() == {"detail": "Not Found"}
    assert (await client.put("/dari/portals/demo-org")).json() == {"detail": "Method Not Allowed"}


async def test_every_request_is_counted_with_its_query_and_below_its_base(
    client: httpx2.AsyncClient, world: World
) -> None:
    await client.get("/dari/portals/demo-org", headers=KEY)
    await client.get("/browser_use/api/v4/runs?limit=2")
    await client.post("/gobii/api/v1/nowhere")
    assert world.requests == [
        ("dari", "GET", "/portals/demo-org"),
        ("browser_use", "GET", "/runs?limit=2"),
        ("gobii", "POST", "/nowhere"),
    ]


async def test_further_keys_are_as_good(client: httpx2.AsyncClient, world: World) -> None:
    assert (await client.get("/dari/portals/demo-org", headers={"X-API-Key": "second"})).status_code == 401
    world.more_keys = frozenset({"second"})
    assert (await client.get("/dari/portals/demo-org", headers={"X-API-Key": "second"})).status_code == 200


async def test_one_app_alone_answers_without_its_base(world: World) -> None:
    transport = httpx2.ASGITransport(simulators()["dari"](world).app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://simulator") as client:
        assert (await client.get("/portals/demo-org", headers=KEY)).status_code == 200


async def test_one_app_alone_starts_and_stops(world: World) -> None:
    app = simulators()["dari"](world).app()
    asked, told = iter(["lifespan.startup", "lifespan.shutdown"]), []

    async def receive() -> dict[str, str]:
        return {"type": next(asked)}

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert world.requests == []


async def ask(client: httpx2.AsyncClient, world: World, script: Script) -> httpx2.Response:
    job = world.add("dari", script)
    return await client.get(STATUS, params={"job_id": job.id.rpartition("/")[2]}, headers=KEY)


@pytest.mark.parametrize(
    ("how", "status", "body"),
    [
        ("503", 503, '{"detail":"Service Unavailable"}'),
        ("502", 502, '{"detail":"Bad Gateway"}'),
        ("html", 200, "<!doctype html>"),
        ("html_error", 502, "<!doctype html>"),
        ("empty", 200, ""),
        ("truncated", 200, '{"id": "5'),
        ("wrong_shape", 200, '{"surprise":true}'),
    ],
)
async def test_an_outage_answers_in_its_own_way(
    client: httpx2.AsyncClient, world: World, how: Literal["503"], status: int, body: str
) -> None:
    response = await ask(client, world, Script(troubles=(Outage(0, 60, how),)))
    assert (response.status_code, response.text[: len(body)]) == (status, body)
    if not body:
        assert response.content == b""


async def test_a_reset_breaks_off_within_the_answer(client: httpx2.AsyncClient, world: World) -> None:
    with pytest.raises(ConnectionResetError):
        await ask(client, world, Script(troubles=(Outage(0, 60, "reset"),)))


def test_no_outage_is_left_out() -> None:
    assert set(HOWS) == {"503", "502", "html", "html_error", "empty", "truncated", "wrong_shape", "reset"}


@pytest.mark.parametrize("retry_after", ["5", "Sun, 01 Nov 2026 12:01:00 GMT", None])
async def test_a_rate_limit_says_when_to_come_back_if_it_knows(
    client: httpx2.AsyncClient, world: World, retry_after: str | None
) -> None:
    response = await ask(client, world, Script(troubles=(RateLimit(0, 60, retry_after),)))
    assert response.status_code == 429
    assert response.headers.get("retry-after") == retry_after
    assert response.json() == {"detail": "Too many requests"}


async def test_trouble_meets_those_who_ask_for_its_job_and_for_lists(client: httpx2.AsyncClient, world: World) -> None:
    assert (await ask(client, world, RATE_LIMITED)).status_code == 200
    await anyio.sleep(5)
    assert (await ask(client, world, Script())).status_code == 200
    assert (await client.get("/dari/portals/demo-org", headers=KEY)).status_code == 429
    assert (await client.get("/gobii/api/v1/ping/", headers=KEY)).status_code == 200
    await anyio.sleep(10)
    assert (await client.get("/dari/portals/demo-org", headers=KEY)).status_code == 200


async def test_trouble_meets_those_who_ask_for_the_job_s_session(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v2", Script(troubles=(Outage(0, 60),)))
    world.add("browser_use_v2", Script())
    path = f"/browser_use/api/v2/sessions/{job.named('session')}"
    headers = {"X-Browser-Use-API-Key": "demo-key"}
    assert (await client.get(path, headers=headers)).status_code == 503


async def test_the_whole_world_or_one_provider_can_be_in_trouble(client: httpx2.AsyncClient, world: World) -> None:
    async def statuses() -> list[int]:
        paths = ("/dari/portals/demo-org", "/gobii/api/v1/ping/")
        return [(await client.get(path, headers=KEY)).status_code for path in paths]

    world.trouble = Outage(0, 0)
    assert await statuses() == [503, 503]
    world.troubles["gobii"] = RateLimit(0, 0)
    assert await statuses() == [503, 429]
    world.trouble = None
    assert await statuses() == [200, 429]
    world.troubles.clear()
    assert await statuses() == [200, 200]


async def test_jobs_are_found_by_their_names_until_they_are_forgotten(world: World) -> None:
    first, second = world.add("dari", Script()), world.add("dari", Script(), id="my-org/order/550e8400")
    assert first.id.startswith("demo-org/contact_form/")
    assert world.jobs("dari") == [second, first]
    assert world.jobs("gobii") == []
    plain = world.add("gobii", Script())
    world.remove("gobii", plain)
    names = (second.id, "550e8400", second.named("session"), second.named("browser"))
    assert [world.find("dari", name) for name in names] == [second] * 4
    assert world.find("gobii", second.id) is None
    world.remove("dari", second)
    assert [world.find("dari", name) for name in names] == [None] * 4
    assert world.jobs("dari") == [first]


async def test_a_started_job_plays_the_story_it_names_or_the_usual_one(world: World) -> None:
    assert world.start("gobii", "failing").script is STORIES["failing"]
    usual = world.start("gobii", "Find a kettle").script
    assert (usual.title, usual.beats) == ("Find a kettle", world.story.beats)


def test_pictures_differ_and_are_packed() -> None:
    assert picture(1) != picture(2)
    assert picture(1).startswith(b"\x89PNG\r\n\x1a\n")
    assert archive(3).startswith(b"\x1f\x8b")
