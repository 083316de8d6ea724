"""A pretend Asteroid: executions of workflows, their activities, and a wait for their end.

The workflow that exists from the beginning plays the usual story, and one that is named as a story plays that.
The older routes under agents, those that make or change workflows and profiles, deleting, and the starts that wait are
left out; of the list's filters there are those by id, workflow, status, phase, time, outcome and metadata.
A job that ran out of time is cancelled here, for the reason `timeout`, and none awaits a confirmation. A message is
acknowledged in plain text, and so are unknown files refused.
Not known, and so of our own making: that a message answers a question only when the execution is resumed after it,
that a question without options is nothing but a reason, the texts of refusals, that what cannot be done now is a 400
(no 409 is documented), that pages begin at 1 and how long they are, that activities are told oldest first and all of
them, which there are of a step, the forms of ids and of links and how long those last, and which limit a 429 tells of.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from .asteroid_objects import (
    KEY_ID,
    ORGANIZATION,
    PASSED_ON,
    PHASE,
    WORKFLOW,
    activities,
    execution,
    execution_result,
    file_body,
    files,
    keep_message,
    messages,
    signed,
    status_of,
)
from .requests import moment_in, object_in
from .script import Json, PretendJob
from .stories import STORIES
from .vendor import Answer, RefusedError, Vendor

LONGEST_WAIT = 25
MOST_ROWS = 100
PATIENCE = 0.25
"""Seconds between two looks at a job that is waited for."""
HELD = ("paused", "paused_by_agent")
SORT_FIELDS = {"created_at": "createdAt", "status": "status", "started_at": "startedAt"}
WITHIN = re.compile(r"(?=.)(\d{1,6}w)?(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?", re.ASCII)
UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
TEN_YEARS = timedelta(days=3653)
KINDS: Mapping[str, type[Json]] = {
    "inputs": dict,
    "metadata": dict,
    "executionOptions": dict,
    "tempFiles": list,
    "version": int,
    "head": bool,
    "profileId": str,
    "profileGroupId": str,
    "onCapacityLimit": str,
}
"""The fields of a new execution, and what they have to be."""


class Asteroid(Vendor):
    """Executions. A job's notes hold the fields it was made with, and what people wrote to it."""

    name = "asteroid"
    prefix = "ASTEROID"
    base = "/asteroid"
    example_task = WORKFLOW

    def routes(self) -> Sequence[Route]:
        one = "/agents/v2/executions/{id}"
        routes: list[tuple[str, str, Answer]] = [
            ("GET", "/users/v2/whoami", self.whoami),
            ("POST", "/agents/v2/workflows/{workflow}/execute", self.execute),
            ("GET", "/agents/v2/executions", self.list_executions),
            ("GET", one, self.execution),
            ("GET", f"{one}/activities", self.activities),
            ("GET", f"{one}/sync", self.sync),
            ("POST", f"{one}/pause", self.pause),
            ("POST", f"{one}/resume", self.resume),
            ("POST", f"{one}/cancel", self.cancel),
            ("POST", f"{one}/user-messages", self.add_message),
            ("POST", f"{one}/rerun", self.rerun),
            ("GET", f"{one}/recording", self.recording),
            ("GET", f"{one}/files", self.files),
            ("GET", f"{one}/files/{{file}}/download", self.download),
        ]
        return [
            *(self.route(*each) for each in routes),
            self.route("GET", "/signed/{id}/{what}", self.signed, key=False),
        ]

    def check_key(self, request: Request) -> None:
        key = request.headers.get("x-api-key")
        if key is None and request.url.path.endswith("/recording"):
            key = request.query_params.get("token")
        if key is None:
            raise _refused(request, 401, "Authentication required")
        if not self.world.accepts(key):
            raise _refused(request, 401, "Invalid API key")

    def limited(self, _retry_after: str | None) -> Json:
        limit: dict[str, Json] = {"capability": "concurrent_executions", "used": 3, "limit": 3}
        kind: dict[str, Json] = {"type": "https://docs.asteroid.ai/errors/limit-reached", "title": "Limit reached"}
        return {**_problem(429, "The organisation is at its limit"), **kind, **limit}

    async def not_found(self, request: Request, _error: Exception) -> Response:
        return JSONResponse(_refused(request, 404, "No such route").body, 404)

    async def not_allowed(self, request: Request, _error: Exception) -> Response:
        return JSONResponse(_refused(request, 405, "No such method").body, 405)

    async def whoami(self, _request: Request) -> Response:
        who: dict[str, Json] = {"kind": "api_key", "id": KEY_ID, "organizationId": ORGANIZATION}
        return JSONResponse({**who, "credential": "org_api_key"})

    async def execute(self, request: Request) -> Response:
        workflow, body = request.path_params["workflow"], await _body_of(request)
        _check(request, body)
        if workflow != WORKFLOW and workflow not in STORIES:
            raise _refused(request, 404, "Workflow not found")
        self._check_credits(request)
        job = self.world.start(self.name, workflow)
        kept = {field: body[field] for field in (*PASSED_ON, "head") if field in body}
        name = job.script.title if workflow in STORIES else self.world.story.title
        queue = body.get("onCapacityLimit", "reject")
        job.notes |= kept | {"workflowId": workflow, "workflowName": name, "onCapacityLimit": queue}
        return JSONResponse({"executionId": job.id, "status": status_of(job, job.state())}, 202)

    async def list_executions(self, request: Request) -> Response:
        page = _number_in(request, "page", 1, high=10**6)
        size = _number_in(request, "pageSize", 20, high=MOST_ROWS)
        field, direction = _sort_in(request)
        rows = self._rows(request)
        rows.sort(key=lambda row: str(row.get(field, "")), reverse=direction == "desc")
        found: list[Json] = [*rows[(page - 1) * size : page * size]]
        return JSONResponse({"items": found, "page": page, "pageSize": size, "total": len(rows)})

    async def execution(self, request: Request) -> Response:
        return JSONResponse(execution(request, self._job(request)))

    async def activities(self, request: Request) -> Response:
        limit = _number_in(request, "limit", 10**9)
        order = _words_in(request, "order", ("asc", "desc"))
        log = activities(request, self._job(request))
        if order == ["desc"]:
            log.reverse()
        return JSONResponse(log[:limit])

    async def sync(self, request: Request) -> Response:
        wait = _number_in(request, "timeoutSeconds", LONGEST_WAIT, high=LONGEST_WAIT)
        job, deadline = self._job(request), anyio.current_time() + wait
        while True:
            state = job.state()
            status, left = status_of(job, state), deadline - anyio.current_time()
            if PHASE[status] == "terminal" or status in HELD or left <= 0:
                break
            await anyio.sleep(min(PATIENCE, left))
        result = execution_result(job, state)
        told = {"executionId": job.id, "status": status}
        return JSONResponse(
            told if result is None else {**told, "executionResult": result}, 200 if state.finished_at else 202
        )

    async def pause(self, request: Request) -> Response:
        job = self._job(request)
        if not job.pause():
            raise _refused(request, 400, f"Execution is {status_of(job, job.state())} and cannot be paused")
        return _changed(job, "paused")

    async def resume(self, request: Request) -> Response:
        job = self._job(request)
        question = job.state().question
        if question is not None:
            texts = [each["text"] for each in messages(job) if each["after"] >= question.number]
            job.answer(question.question_id, "\n".join(texts))
        elif not job.resume():
            raise _refused(request, 400, f"Execution is {status_of(job, job.state())} and cannot be resumed")
        return _changed(job, "running")

    async def cancel(self, request: Request) -> Response:
        job = self._job(request)
        if not job.cancel():
            raise _refused(request, 400, f"Execution is already {status_of(job, job.state())}")
        return _changed(job, "cancelled")

    async def add_message(self, request: Request) -> Response:
        job, text = self._job(request), (await _body_of(request)).get("message")
        if not isinstance(text, str) or not text:
            raise _refused(request, 400, "message must be a string of at least 1 character")
        if job.state().finished_at is not None:
            raise _refused(request, 400, "Execution has ended and takes no messages")
        keep_message(job, text)
        return PlainTextResponse("User message added", 201)

    async def rerun(self, request: Request) -> Response:
        job = self._job(request)
        body = await _body_of(request) if await request.body() else {}
        _check(request, body)
        self._check_credits(request)
        again = self.world.add(self.name, job.script)
        copied = ("workflowId", "workflowName", "inputs", "metadata", "profileId", "executionOptions", "head")
        again.notes |= {field: job.notes[field] for field in copied if field in job.notes}
        again.notes |= {field: body[field] for field in ("inputs", "profileId") if field in body}
        again.notes |= {"parentExecutionId": job.id, "onCapacityLimit": "reject"}
        job.notes["hasBeenRerun"] = True
        return JSONResponse({"executionId": again.id}, 202)

    async def recording(self, request: Request) -> Response:
        job = self._job(request)
        state = job.state()
        if state.started_at is None or state.finished_at is None:
            raise _refused(request, 404, "Recording not found")
        return RedirectResponse(signed(request, job, "recording.mp4"), 307)

    async def files(self, request: Request) -> Response:
        job = self._find(request)
        if job is None:
            return PlainTextResponse("Execution not found", 404)
        return JSONResponse(files(request, job))

    async def download(self, request: Request) -> Response:
        job = self._find(request)
        if job is None or request.path_params["file"] != job.named("file") or file_body(job.state()) is None:
            return PlainTextResponse("File not found", 404)
        return RedirectResponse(signed(request, job, "result.json"), 303)

    async def signed(self, request: Request) -> Response:
        job, what = self._job(request), request.path_params["what"]
        expires, signature = (request.query_params.get(each, "") for each in ("expires", "signature"))
        if signature != job.named(f"{what} {expires}") or int(expires) < self.world.clock().timestamp():
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        if what == "recording.mp4":
            return Response(b"\0\0\0\x18ftypmp42", media_type="video/mp4")
        return Response(file_body(job.state()), media_type="application/json")

    def _find(self, request: Request) -> PretendJob | None:
        name = request.path_params["id"]
        job = self.world.find(self.name, name)
        return job if job is not None and job.id == name else None

    def _job(self, request: Request) -> PretendJob:
        job = self._find(request)
        if job is None:
            raise _refused(request, 404, "Execution not found")
        return job

    def _check_credits(self, request: Request) -> None:
        if self.world.out_of_credits:
            raise _refused(request, 402, "The organisation has run out of credits")

    def _rows(self, request: Request) -> list[dict[str, Json]]:
        """The executions that pass the filters of the query, newest first."""
        asked = request.query_params
        statuses = _words_in(request, "status", tuple(PHASE))
        phases = _words_in(request, "phase", tuple(dict.fromkeys(PHASE.values())))
        since, until = self._since(request), _moment_in(request, "createdBefore")
        wanted = [_pair_in(request, text) for text in asked.getlist("metadata")]
        workflow, outcome = asked.get("workflowId", asked.get("agentId")), asked.get("outcomeLabel", "").lower()
        found = []
        for job in self.world.jobs(self.name):
            state, metadata = job.state(), job.notes.get("metadata")
            status, result = status_of(job, state), execution_result(job, state) or {}
            pairs = metadata.items() if isinstance(metadata, dict) else ()
            if (
                asked.get("executionId", "").lower() in job.id
                and workflow in {None, job.notes.get("workflowId", WORKFLOW)}
                and (not statuses or status in statuses)
                and (not phases or PHASE[status] in phases)
                and (since is None or job.created_at >= since)
                and (until is None or job.created_at <= until)
                and outcome in str(result.get("outcome", ""))
                and all(pair in pairs for pair in wanted)
            ):
                found.append(execution(request, job))
        return found

    def _since(self, request: Request) -> datetime | None:
        within, after = request.query_params.get("createdWithin"), _moment_in(request, "createdAfter")
        if within is None:
            return after
        if after is not None:
            raise _invalid(request, "createdWithin", "cannot be combined with createdAfter")
        found = WITHIN.fullmatch(within)
        parts = [part for part in found.groups() if part] if found else []
        age = timedelta(**{UNITS[part[-1]]: int(part[:-1]) for part in parts})
        if not parts or age > TEN_YEARS:
            raise _invalid(request, "createdWithin", "must be pairs of numbers and units, of at most 10 years")
        return self.world.clock() - age


def _problem(status: int, message: str) -> dict[str, Json]:
    title = HTTPStatus(status).phrase
    return {
        "code": status,
        "message": message,
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": message,
    }


def _refused(request: Request, status: int, message: str, **more: Json) -> RefusedError:
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return RefusedError(status, {**_problem(status, message), "instance": path, **more})


def _invalid(request: Request, parameter: str, detail: str) -> RefusedError:
    """The refusal of a parameter that does not validate."""
    return _refused(request, 400, f"{parameter} {detail}", errors=[{"parameter": parameter, "detail": detail}])


def _changed(job: PretendJob, status: str) -> Response:
    return JSONResponse({"executionId": job.id, "status": status})


async def _body_of(request: Request) -> dict[str, Json]:
    no_json = _refused(request, 400, "The body is not valid JSON")
    return await object_in(request, no_json, _refused(request, 400, "The body must be an object"))


def _check(request: Request, body: Mapping[str, Json]) -> None:
    """Refuse the fields of a new execution that do not go, alone or together."""
    for field, kind in KINDS.items():
        if field in body and (not isinstance(body[field], kind) or (kind is int and isinstance(body[field], bool))):
            raise _refused(request, 400, f"{field} is of the wrong type")
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and not all(isinstance(value, str) for value in metadata.values()):
        raise _refused(request, 400, "metadata must have strings for values")
    for one, other in (("version", "head"), ("profileId", "profileGroupId")):
        if body.get(one) and body.get(other):
            raise _refused(request, 400, f"{one} and {other} cannot be combined")
    if body.get("onCapacityLimit", "reject") not in {"reject", "queue"}:
        raise _refused(request, 400, "onCapacityLimit must be reject or queue")
    if body.get("onCapacityLimit") == "queue" and body.get("tempFiles"):
        raise _refused(request, 400, "Temporary files cannot be queued")


def _number_in(request: Request, field: str, default: int, *, high: int = 10**9) -> int:
    text = request.query_params.get(field, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= high:
        raise _invalid(request, field, f"must be a whole number from 1 to {high}")
    return int(text)


def _words_in(request: Request, field: str, words: Sequence[str]) -> list[str]:
    """Those of the words that a parameter gives, which may be there several times."""
    found = request.query_params.getlist(field)
    if not {*found} <= {*words}:
        raise _invalid(request, field, f"must be one of {', '.join(words)}")
    return found


def _moment_in(request: Request, field: str) -> datetime | None:
    no_time = _invalid(request, field, "must be a date and a time")
    return moment_in(request, field, no_time, _invalid(request, field, "must have an offset"))


def _pair_in(request: Request, text: str) -> tuple[str, Json]:
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise _invalid(request, "metadata", "must be a key=value pair")
    return key, value


def _sort_in(request: Request) -> tuple[str, str]:
    """The field to sort by, under its name in an execution, and the direction."""
    asked = request.query_params
    if "sort" in asked and {"sortField", "sortDirection"} & asked.keys():
        raise _invalid(request, "sort", "cannot be combined with sortField or sortDirection")
    field, _, direction = asked.get("sort", "").partition(":")
    field = field or asked.get("sortField", "created_at")
    direction = direction or asked.get("sortDirection", "desc")
    if field not in SORT_FIELDS or direction not in {"asc", "desc"}:
        raise _invalid(request, "sort", f"must be a field ({', '.join(SORT_FIELDS)}) and asc or desc")
    return SORT_FIELDS[field], direction


SIMULATOR = Asteroid
