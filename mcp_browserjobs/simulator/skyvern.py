"""A pretend Skyvern: runs of an agent, of a task with a timeline (`skyvern-2.0`) and of one without.

A job that is not started by a request is a run of the one agent there is. The routes that change agents, retry or
stream are left out, and so are parts of a file, webhooks, and the second id of a task with a timeline.
Not known, and so of our own making: the answers 402 and 429, which host is taken for one that cannot be found, and
what a search compares. Nothing holds a run but a question, and going on needs no words.
"""

from collections.abc import Mapping, Sequence
from json import JSONDecodeError, loads
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .pictures import picture
from .script import Json, PretendJob
from .skyvern_blocks import id_in, run_of
from .skyvern_objects import (
    AGENT,
    RECORDING,
    TASK_RUNS,
    artifacts,
    choices,
    is_good_link,
    list_item,
    new_run,
    run_object,
    run_type,
    timeline,
)
from .vendor import Answer, RefusedError, Vendor, refused

STATUSES = ("created", "queued", "running", "paused", "timed_out", "failed", "terminated", "completed", "canceled")
FINAL = {"timed_out", "failed", "terminated", "completed", "canceled"}
RUN_TYPES = (*TASK_RUNS.values(), "workflow_run")
ARTIFACT_TYPES = (
    *("recording", "audio", "session_replay", "eval_score", "eval_trajectory", "eval_rubrics", "browser_console_log"),
    *("browser_session_action_log", "skyvern_log", "skyvern_log_raw", "screenshot", "screenshot_llm"),
    *("screenshot_action", "screenshot_final", "screenshot_proxy", "screenshot_pre_submit", "llm_prompt"),
    *("llm_request", "llm_response", "llm_response_parsed", "llm_response_rendered", "visible_elements_id_css_map"),
    *("visible_elements_id_frame_map", "visible_elements_tree", "visible_elements_tree_trimmed"),
    *("visible_elements_tree_in_prompt", "hashed_href_map", "visible_elements_id_xpath_map", "html", "html_scrape"),
    *("html_action", "html_pre_submit", "trace", "har", "script_file", "pdf", "step_archive", "task_archive"),
    *("download", "unknown"),
)
OBSERVED = {"workflow_run", "task_v2"}
"""The runs with a timeline, which may also be canceled when they are over."""


class Skyvern(Vendor):
    """Runs. A job's notes hold the fields it was made with."""

    name = "skyvern"
    prefix = "SKYVERN"
    base = "/skyvern"
    takes_words = False
    id_prefix = "wr_"

    @classmethod
    def new_id(cls) -> str:
        return _new_id(cls.id_prefix)

    def routes(self) -> Sequence[Route]:
        routes: list[tuple[str, str, Answer]] = [
            ("POST", "/v1/run/tasks", self.run_task),
            ("POST", "/v1/run/agents", self.run_agent),
            ("POST", "/v1/run/workflows", self.run_agent),
            ("GET", "/v1/runs", self.list_runs),
            ("GET", "/v1/runs/{id}", self.run),
            ("GET", "/v1/runs/{id}/timeline", self.timeline),
            ("GET", "/v1/runs/{id}/artifacts", self.artifacts),
            ("POST", "/v1/runs/{id}/cancel", self.cancel),
            ("POST", "/v1/workflows/runs/{id}/continue", self.go_on),
            ("GET", "/v1/artifacts/{id}", self.artifact),
        ]
        return [
            *(self.route(method, path + end, answer) for method, path, answer in routes for end in ("", "/")),
            self.route("GET", "/v1/artifacts/{id}/content", self.content, key=False),
            self.route("GET", "/api/v1/heartbeat", self.heartbeat, key=False),
        ]

    def check_key(self, request: Request) -> None:
        key = request.headers.get("x-api-key")
        if key is None:
            is_bearer = request.headers.get("authorization", "").startswith("Bearer ")
            raise refused(403, "Invalid authentication method" if is_bearer else "Invalid credentials")
        if not self.world.accepts(key):
            raise refused(403, "Could not validate credentials")

    async def heartbeat(self, _request: Request) -> Response:
        return PlainTextResponse("Server is running.")

    async def run_task(self, request: Request) -> Response:
        body = await _body_of(request)
        prompt, engine, url = _text_in(body, "prompt"), body.get("engine", "skyvern-1.0"), body.get("url")
        if engine not in TASK_RUNS:
            raise _unlisted("body", "engine", got=engine, words=tuple(TASK_RUNS))
        if isinstance(url, str) and "." not in url:
            raise refused(400, "Invalid url: unresolvable host.")
        self._check_credits()
        job = self.world.start(self.name, prompt, _new_id("tsk_v2_" if engine == "skyvern-2.0" else "tsk_"))
        job.notes |= body
        return JSONResponse(new_run(request, job))

    async def run_agent(self, request: Request) -> Response:
        body = await _body_of(request)
        agent = _text_in({"agent_id": body["workflow_id"]} if "workflow_id" in body else body, "agent_id")
        if agent != AGENT:
            raise refused(404, f"Workflow not found. workflow_permanent_id={agent}")
        self._check_credits()
        job = self.world.add(self.name, self.world.story)
        job.notes |= body
        return JSONResponse(new_run(request, job))

    async def list_runs(self, request: Request) -> Response:
        page, size = _number_in(request, "page", 1), _number_in(request, "page_size", 10)
        statuses, types = _words_in(request, "status", STATUSES), _words_in(request, "run_type", RUN_TYPES)
        search = request.query_params.get("search_key")
        if search is not None and len(search) < 3:
            say = "String should have at least 3 characters"
            raise _invalid("query", "search_key", say=say, kind="string_too_short", got=search, min_length=3)
        items = [
            item
            for item in map(list_item, self.world.jobs(self.name))
            if item["status"] in statuses
            and item["task_run_type"] in types
            and (search or "").lower() in str(item["title"]).lower()
        ]
        return JSONResponse(items[(page - 1) * size : page * size])

    async def run(self, request: Request) -> Response:
        return JSONResponse(run_object(request, self._job(request, "Task run not found")))

    async def timeline(self, request: Request) -> Response:
        job = self._job(request, "Run not found")
        if run_type(job) not in OBSERVED:
            raise refused(400, f"Timeline not available for run type {run_type(job)}")
        return JSONResponse(timeline(job))

    async def cancel(self, request: Request) -> Response:
        job = self._job(request, "Run not found")
        status = run_of(job).status
        if status not in FINAL:
            job.cancel()
        elif run_type(job) not in OBSERVED:
            how = f"to canceled for {job.id} because task is already canceled"
            if status != "canceled":
                how = f"from {status} to canceled for {job.id}"
            raise refused(400, f"Invalid task status transition {how}")
        return JSONResponse(None)

    async def go_on(self, request: Request) -> Response:
        job = self._job(request, unknown := "Workflow run not found")
        question = job.state().question
        if question is None or run_of(job).status != "paused":
            raise refused(404, f"{unknown} {job.id}")
        job.answer(question.question_id, choices(question.options)[0])
        return JSONResponse(None)

    async def artifacts(self, request: Request) -> Response:
        types = _words_in(request, "artifact_type", ARTIFACT_TYPES)
        job = self.world.find(self.name, request.path_params["id"])
        found = () if job is None else artifacts(request, job)
        return JSONResponse([each for each in found if each["artifact_type"] in types])

    async def artifact(self, request: Request) -> Response:
        return JSONResponse(self._artifact(request)[1])

    async def content(self, request: Request) -> Response:
        signed = "sig" in request.query_params
        if not signed:
            self.check_key(request)
        job, artifact = self._artifact(request)
        if signed and not is_good_link(request, job):
            raise refused(403, "Invalid or expired artifact URL")
        number = int(str(artifact["artifact_id"])[-3:])
        if number == RECORDING:
            return Response(b"\0\0\0\x18ftypmp42", media_type="video/mp4")
        return Response(picture(number), media_type="image/png")

    def _job(self, request: Request, unknown: str) -> PretendJob:
        name = request.path_params["id"]
        return self.job(name, unknown=f"{unknown} {name}")

    def _artifact(self, request: Request) -> tuple[PretendJob, Mapping[str, Json]]:
        name = request.path_params["id"]
        for job in self.world.jobs(self.name):
            if name.startswith(id_in(job, "a")[:-3]):
                for each in artifacts(request, job):
                    if each["artifact_id"] == name:
                        return job, each
        raise refused(404, f"Artifact not found {name}")

    def _check_credits(self) -> None:
        if self.world.out_of_credits:
            raise refused(402, "Insufficient credits")


def _new_id(prefix: str) -> str:
    return f"{prefix}{uuid4().int % 10**18:018}"


def _invalid(*where: str | int, say: str, kind: str, got: Json, **context: Json) -> RefusedError:
    """A refusal of something that does not validate, with all that FastAPI can say of it."""
    error: dict[str, Json] = {"type": kind, "loc": list(where), "msg": say, "input": got}
    return refused(422, [error | {"ctx": context} if context else error])


def _unlisted(*where: str | int, got: Json, words: Sequence[str]) -> RefusedError:
    """The refusal of a word that is not in the list."""
    quoted = [f"'{each}'" for each in words]
    expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    return _invalid(*where, say=f"Input should be {expected}", kind="enum", got=got, expected=expected)


async def _body_of(request: Request) -> dict[str, Json]:
    try:
        body = loads(await request.body())
    except JSONDecodeError as error:
        say, kind = "JSON decode error", "json_invalid"
        raise _invalid("body", error.pos, say=say, kind=kind, got={}, error=error.msg) from None
    if not isinstance(body, dict):
        say = "Input should be a valid dictionary or object to extract fields from"
        raise _invalid("body", say=say, kind="model_attributes_type", got=body)
    return body


def _text_in(body: dict[str, Json], field: str) -> str:
    value = body.get(field)
    if field not in body:
        raise _invalid("body", field, say="Field required", kind="missing", got=body)
    if not isinstance(value, str):
        raise _invalid("body", field, say="Input should be a valid string", kind="string_type", got=value)
    return value


def _number_in(request: Request, field: str, default: int) -> int:
    """A whole number of the query, from 1 to 100."""
    text = request.query_params.get(field, str(default))
    try:
        number = int(text)
    except ValueError:
        say = "Input should be a valid integer, unable to parse string as an integer"
        raise _invalid("query", field, say=say, kind="int_parsing", got=text) from None
    if number < 1:
        say = "Input should be greater than or equal to 1"
        raise _invalid("query", field, say=say, kind="greater_than_equal", got=text, ge=1)
    if number > 100:
        say = "Input should be less than or equal to 100"
        raise _invalid("query", field, say=say, kind="less_than_equal", got=text, le=100)
    return number


def _words_in(request: Request, field: str, words: Sequence[str]) -> Sequence[str]:
    """The words that a parameter of the query gives, each of them in the list; all of the list where it gives none."""
    given = request.query_params.getlist(field)
    for index, word in enumerate(given):
        if word not in words:
            raise _unlisted("query", field, index, got=word, words=words)
    return given or words


SIMULATOR = Skyvern
