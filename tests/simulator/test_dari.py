"""How the pretend Dari answers and refuses."""

import io
import tarfile
from uuid import UUID

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.script import Ask, Fail, Finish, PretendJob, Queued, Script, Step
from mcp_browserjobs.simulator.stories import QUICK, asking
from mcp_browserjobs.simulator.world import World

pytestmark = pytest.mark.anyio

KEY = {"X-API-Key": "demo-key"}
JOBS, TASK = "/dari/jobs/demo-org/contact_form", "/dari/task/demo-org/contact_form"


def named(job: PretendJob) -> dict[str, str]:
    return {"job_id": job.id.rpartition("/")[2]}


async def status(client: httpx2.AsyncClient, job: PretendJob, place: str = JOBS) -> dict[str, object]:
    response = await client.get(f"{place}/status", params=named(job), headers=KEY)
    assert response.status_code == 200
    body: dict[str, object] = response.json()
    return body


async def test_a_started_job_runs_to_its_result(client: httpx2.AsyncClient) -> None:
    started = await client.post(f"{JOBS}/start", json={"form_data": {"email": "a@b.example"}}, headers=KEY)
    assert list(started.json()) == ["job_id"]
    seen = []
    for _ in range(4):
        body = (await client.get(f"{JOBS}/status", params=started.json(), headers=KEY)).json()
        seen.append((body["status"], [event["event_type"] for event in body["events"]]))
        await anyio.sleep(2.5)
    assert seen == [
        ("pending", []),
        ("running", ["started"]),
        ("running", ["started", "step_completed"]),
        ("running", ["started", "step_completed"]),
    ]
    body = (await client.get(f"{JOBS}/status", params=started.json(), headers=KEY)).json()
    assert (body["status"], body["result"]) == ("completed", {"price": 42, "currency": "EUR"})
    assert body["portal_id"] == "demo-org/contact_form"
    assert (body["session_cost_usd"], body["created_at"], body["updated_at"]) == (
        0.01,
        "2026-11-01T12:00:00Z",
        "2026-11-01T12:00:08Z",
    )


async def test_a_portal_named_as_a_story_plays_it(client: httpx2.AsyncClient, world: World) -> None:
    portals = (await client.get("/dari/portals/demo-org", headers=KEY)).json()
    assert {"contact_form", "failing"} < {portal["endpoint_name"] for portal in portals}
    await client.post("/dari/jobs/demo-org/failing/start", json={}, headers=KEY)
    await anyio.sleep(10)
    assert world.jobs("dari")[0].state().phase == "failed"


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer demo-key"}])
async def test_a_missing_or_wrong_key_is_a_401(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.get(f"{JOBS}/status", headers=headers)
    assert (response.status_code, response.json()) == (401, {"detail": "Missing or invalid API key"})


async def test_another_organization_is_a_403_until_it_has_a_job(client: httpx2.AsyncClient, world: World) -> None:
    assert (await client.get("/dari/portals/my-org", headers=KEY)).status_code == 403
    world.add("dari", QUICK, id="my-org/order/550e8400-e29b-41d4-a716-446655440000")
    portals = (await client.get("/dari/portals/my-org", headers=KEY)).json()
    assert [portal["endpoint_name"] for portal in portals] == ["order"]


async def test_unknown_jobs_and_portals_are_404(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("dari", QUICK)
    elsewhere = "/dari/jobs/demo-org/another/status"
    for path, params in ((f"{JOBS}/status", {"job_id": str(UUID(int=7))}), (elsewhere, named(job))):
        response = await client.get(path, params=params, headers=KEY)
        assert (response.status_code, response.json()) == (404, {"detail": "Job not found"})
    response = await client.post("/dari/jobs/demo-org/another/start", json={}, headers=KEY)
    assert (response.status_code, response.json()) == (404, {"detail": "Portal not found"})


@pytest.mark.parametrize(
    ("params", "kind"), [({}, "missing"), ({"job_id": "7"}, "uuid_parsing"), ({"job_id": ""}, "uuid_parsing")]
)
async def test_an_id_that_is_none_is_a_422_with_a_list(
    client: httpx2.AsyncClient, params: dict[str, str], kind: str
) -> None:
    response = await client.get(f"{JOBS}/status", params=params, headers=KEY)
    assert response.status_code == 422
    assert [(each["loc"], each["type"]) for each in response.json()["detail"]] == [(["query", "job_id"], kind)]


@pytest.mark.parametrize(
    ("body", "where", "kind"),
    [
        (b"{", ["body"], "json_invalid"),
        (b"[]", ["body"], "dict_type"),
        (b'{"form_data": 7}', ["body", "form_data"], "dict_type"),
        (b'{"form_data": {}, "document_bundle_id": "7"}', ["body", "form_data"], "value_error"),
    ],
)
async def test_a_body_that_does_not_validate_is_a_422(
    client: httpx2.AsyncClient, body: bytes, where: list[str], kind: str
) -> None:
    response = await client.post(f"{JOBS}/start", content=body, headers=KEY)
    assert [(each["loc"], each["type"]) for each in response.json()["detail"]] == [(where, kind)]


async def test_a_question_is_asked_and_answered_once(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("dari", asking())
    await anyio.sleep(10)
    body = await status(client, job)
    events = body["events"]
    assert isinstance(events, list)
    question = events[-1]
    assert (body["status"], question["event_type"]) == ("waiting_for_input", "question")
    assert question["message"] == "Which colour shall I order?"
    assert question["data"]["options"] == ["white", "blue", "black"]
    answer = {"question_id": question["data"]["question_id"], "answer": "blue"}
    wrong = await client.post(f"{JOBS}/answer", params=named(job), json=answer | {"question_id": "7"}, headers=KEY)
    assert wrong.status_code == 409
    right = await client.post(f"{JOBS}/answer", params=named(job), json=answer, headers=KEY)
    assert right.json() == {"success": True, "message": "Answer submitted", **named(job)}
    again = await client.post(f"{JOBS}/answer", params=named(job), json=answer, headers=KEY)
    assert again.status_code == 409
    assert (await status(client, job))["status"] == "running"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [({}, "missing"), ({"question_id": 7}, "string_type"), ({"question_id": ""}, "string_too_short")],
)
async def test_half_an_answer_is_a_422(
    client: httpx2.AsyncClient, world: World, answer: dict[str, object], kind: str
) -> None:
    job = world.add("dari", asking())
    response = await client.post(f"{JOBS}/answer", params=named(job), json=answer, headers=KEY)
    assert [(each["loc"], each["type"]) for each in response.json()["detail"]] == [(["body", "question_id"], kind)]


async def test_a_job_is_paused_resumed_and_stopped(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("dari", Script(beats=(Step("Looked", 60), Finish())))

    async def command(verb: str) -> tuple[int, object]:
        response = await client.post(f"{JOBS}/{verb}", params=named(job), headers=KEY)
        return response.status_code, response.json().get("previous_status")

    assert await command("resume") == (409, None)
    assert await command("pause") == (200, "running")
    assert (await status(client, job))["status"] == "paused"
    assert await command("pause") == (409, None)
    assert await command("resume") == (200, "paused")
    assert await command("stop") == (200, "running")
    body = await status(client, job)
    assert (body["status"], body["error"]) == ("failed", "Job stopped by user")
    assert await command("stop") == (409, None)


async def test_screenshots_come_at_the_end_as_a_tar(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("dari", QUICK)
    assert (await client.get(f"{JOBS}/screenshots", params=named(job), headers=KEY)).status_code == 404
    await anyio.sleep(20)
    response = await client.get(f"{JOBS}/screenshots", params=named(job), headers=KEY)
    with tarfile.open(fileobj=io.BytesIO(response.content)) as tar:
        assert tar.getnames() == ["screenshot_0000.png", "screenshot_0001.png"]
    world.archive = "not_gzip"
    response = await client.get(f"{JOBS}/screenshots", params=named(job), headers=KEY)
    assert response.content.startswith(b"<!doctype html>")


async def test_a_job_that_saw_nothing_has_no_screenshots(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("dari", Script(beats=(Finish(),)))
    assert (await status(client, job))["has_screenshots"] is False
    response = await client.get(f"{JOBS}/screenshots", params=named(job), headers=KEY)
    assert (response.status_code, response.json()) == (404, {"detail": "No screenshots available"})


async def test_the_older_dialect_has_other_paths_and_fields(client: httpx2.AsyncClient, world: World) -> None:
    world.dialect = "task"
    job = world.add("dari", Script(beats=(Queued(1), Ask("Which?", patience=5), Finish({"ordered": True}))))
    assert (await client.get(f"{JOBS}/status", params=named(job), headers=KEY)).status_code == 404
    assert (await client.post(f"{TASK}/answer", params=named(job), json={}, headers=KEY)).status_code == 404
    await anyio.sleep(3)
    assert (await status(client, job, TASK))["status"] == "running"
    await anyio.sleep(3)
    body = await status(client, job, TASK)
    assert (body["result"], body["final_result"]) == (None, {"ordered": True})
    assert {"log_url", "total_cost_usd"} < body.keys()
    assert not {"has_logs", "has_screenshots", "session_cost_usd"} & body.keys()


async def test_the_mixed_dialect_has_each_route_where_the_pages_show_it(
    client: httpx2.AsyncClient, world: World
) -> None:
    world.dialect = "mixed"
    job = world.add("dari", Script(beats=(Step("Looked", 60), Fail())))
    assert "has_logs" in await status(client, job)
    for place, expected in ((JOBS, 404), (TASK, 200)):
        response = await client.post(f"{place}/pause", params=named(job), headers=KEY)
        assert response.status_code == expected
    for path in (f"{TASK}/status", "/dari/runs/demo-org/contact_form/status"):
        assert (await client.get(path, params=named(job), headers=KEY)).status_code == 404
