"""Whatever a stranger writes: all that an assistant is told of the job, by way of every tool, resource and prompt."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from mcp import Client
from mcp.types import (
    BlobResourceContents,
    ElicitRequestParams,
    ElicitResult,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)

from mcp_browserjobs.server import uris
from mcp_browserjobs.server.answers import ENDED_BYTES, GOING_BYTES, compact
from mcp_browserjobs.server.prompts import PROMPTS
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Queued, Script, Step
from tests.server.connected import connected
from tests.stage import new_world
from tests.strangers.corpus import CANARY, CORPUS, SENDABLE, WORST, assert_harmless, assert_ours

pytestmark = pytest.mark.anyio

LARGEST = 64 * 1024
"""What an answer of any tool may weigh here, where no result is long."""


def asking(text: str) -> Script:
    steps = (Step(text, 1, f"https://shop.example/{text}"), Step("Filled in the form", 1))
    return Script(text, (Queued(0), *steps, Ask(text, (text, "blue")), Finish({text: [text]})))


def ended(text: str) -> Script:
    return Script(text, (Queued(0), Step(text, 1), Finish({text: [text, {"note": text}]}, goal_met=False)))


def failed(text: str) -> Script:
    return Script(text, (Queued(0), Step(text, 1), Fail(text)))


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers; that it fails is told in a sentence of ours."""
    result = await client.call_tool(tool, arguments)
    texts = [content.text for content in result.content if isinstance(content, TextContent)]
    if result.is_error or tool == "get_job_screenshot":
        assert_ours(texts)
        return {}
    answer: dict[str, Any] = json.loads(texts[0])
    assert answer == result.structured_content
    assert_ours({**answer, "links": []})
    assert all(link["url"].isascii() and link["url"].isprintable() for link in answer.get("links", []))
    assert len(texts[0].encode()) < LARGEST
    return answer


async def read(client: Client, uri: str) -> None:
    """Read a resource; the result and the log are a stranger's text as a whole."""
    try:
        contents = (await client.read_resource(uri)).contents
    except Exception as error:  # noqa: BLE001 - whatever it is, what it says counts
        assert_ours([str(error)])
        return
    for content in contents:
        assert isinstance(content, TextResourceContents | BlobResourceContents)
        if isinstance(content, BlobResourceContents):
            continue
        for line in [content.text] if uri.endswith(("/log", "/result")) else content.text.splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                assert_harmless([line])
                continue
            (assert_harmless if uri.endswith("/result") else assert_ours)(value)


ASKED: Sequence[tuple[Callable[[str], Script], str, Sequence[str], Sequence[str]]] = (
    (asking, "waiting_for_input", ("get_job_events", "answer_job_question"), ("", "/events")),
    (ended, "completed", ("get_job_result", "get_job_screenshot", "get_job_links"), ("/result",)),
    (failed, "failed", ("diagnose_job",), ()),
)
"""What is asked of each sort of job: its status, and then what these tools and resources say."""


async def test_no_answer_has_a_stranger_s_word_outside_reported() -> None:
    world = new_world()
    forms: list[ElicitRequestParams] = []

    async def person(_: Any, form: ElicitRequestParams) -> ElicitResult:
        forms.append(form)
        return ElicitResult(action="decline")

    async with connected(world, elicitation_callback=person) as client:
        for script, status, tools, parts in ASKED:
            ids = [world.add("dari", script(deception.text)).id for deception in SENDABLE]
            await anyio.sleep(10)
            for job_id in ids:
                answer = await called(client, "get_job_status", job=f"dari:{job_id}")
                assert (answer["job"], answer["status"]) == (f"dari:{job_id}", status)
                for tool in tools:
                    await called(client, tool, job=f"dari:{job_id}")
                for part in parts:
                    await read(client, f"browserjobs://dari/{quote(job_id, safe='')}{part}")
    assert len(forms) == len(SENDABLE)
    for form in forms:
        assert_harmless(form.model_dump(mode="json"))
        assert form.message.startswith("The browser job dari:demo-org/")


async def test_a_raw_log_is_harmless_too() -> None:
    world = new_world()
    job = world.add(
        "kernel", Script(beats=(Queued(0), *(Step(deception.text, 0.1) for deception in SENDABLE), Finish()))
    )
    async with connected(world) as client:
        await anyio.sleep(30)
        await called(client, "get_job_status", job=f"kernel:{job.id}")
        log = await client.read_resource(f"browserjobs://kernel/{job.id}/log")
        assert CANARY in str(log)
        await read(client, f"browserjobs://kernel/{job.id}/log")


async def test_no_list_prompt_or_completion_has_a_stranger_s_word_outside_reported() -> None:
    world = new_world()
    jobs = [f"dari:{world.add('dari', asking(deception.text)).id}" for deception in SENDABLE[:40]]
    jobs += [f"gobii:{world.add('gobii', asking(deception.text)).id}" for deception in SENDABLE]
    async with connected(world, BROWSERJOBS_ALLOW_START="1") as client:
        for job in jobs[:40]:
            await client.call_tool("get_job_status", {"job": job})
        heard: list[Any] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            heard.append(message)

        for several in (jobs[:20], jobs[:1]):
            arguments = {"jobs": several, "until": "result", "wait_seconds": 3}
            result = await client.call_tool("wait_for_result", arguments, progress_callback=note)
            assert_ours(result.structured_content)
        assert heard
        assert_ours(heard)
        for tool in ("list_jobs", "list_accounts"):
            answer = await called(client, tool, **({"limit": 100} if tool == "list_jobs" else {}))
            assert answer
        assert len((await called(client, "list_jobs", limit=100))["jobs"]) == 100
        assert_ours([resource.model_dump(mode="json") for resource in (await client.list_resources()).resources])
        assert_ours([tool.model_dump(mode="json") for tool in (await client.list_tools()).tools])
        for name in PROMPTS:
            [argument] = PROMPTS[name].listed.arguments or []
            prompt = await client.get_prompt(name, {argument.name: jobs[0]})
            assert_ours(prompt.model_dump(mode="json"))
            found = await client.complete(PromptReference(name=name), {"name": argument.name, "value": "d"})
            assert_ours(found.model_dump(mode="json"))
        template = ResourceTemplateReference(uri=str(uris.JOB))
        found = await client.complete(template, {"name": "job_id", "value": ""}, context_arguments={"account": "dari"})
        assert_ours(found.model_dump(mode="json"))
        await read(client, uris.JOBS)


@pytest.mark.parametrize(
    "filler", ["\N{CAT FACE}", '"', "\\", "\n", "\u200b", "\u0301", "<s>", "\x1b[0m", "\N{CJK UNIFIED IDEOGRAPH-4E00}"]
)
@pytest.mark.parametrize("script", [asking, ended, failed])
async def test_an_answer_keeps_its_size_whatever_it_is_about(filler: str, script: Any) -> None:
    world = new_world()
    job = f"dari:{world.add('dari', script(filler * 5000)).id}"
    async with connected(world) as client:
        for seconds in (0, 1, 20):
            await anyio.sleep(seconds)
            answer = await called(client, "get_job_status", job=job)
            assert answer["job"] == job
            assert answer["status"] in ("queued", "running", "waiting_for_input", "completed", "failed")
            reported = answer.get("reported", {})
            question, result = reported.pop("question", {}), reported.pop("result", reported.pop("result_preview", ""))
            assert len(compact(answer).encode()) <= (ENDED_BYTES if answer["final"] else GOING_BYTES)
            assert len(compact(question).encode()) <= 2 * 3 * 2000 + 20 * 2 * 3 * 200 + 500
            assert len(json.dumps(result)) < 2000 * 12
        page = await called(client, "get_job_events", job=job, limit=200)
        assert all(len(str(event["reported"].get("text", ""))) <= 2000 for event in page["events"])


async def test_the_corpus_deceives_where_nothing_is_done() -> None:
    for deception in (*CORPUS, WORST):
        assert CANARY in "".join(
            chr(ord(char) & 0x7F) if 0xE0000 <= ord(char) < 0xE0080 else char
            for char in deception.text
            if char not in "\u200b\u200d\u2060\ufeff\u00ad\u180e"
        ) or deception.name in ("zero-width-bits", "joiner-bits", "direction-bits", "selectors")
