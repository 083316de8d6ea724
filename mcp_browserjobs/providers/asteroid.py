"""Asteroid's agents API, version 2: a job is one execution of a workflow, which somebody built there.

API: https://docs.asteroid.ai, SDK asteroid-odyssey 1.9.167 (checked November 2026, read and never seen live)
Quirk: `workflowId` is the workflow, since SDK 1.9; before it was the version, which is now `workflowVersionId`.
Quirk: a start takes a workflow's id as its task; a version's id is unknown there, `version` names one by its number.
Quirk: the types call every id a text; those of executions are taken for UUIDs, as they look in links.
Quirk: `starting` boots a browser, so it reads as queued, though the vendor counts it as active.
Quirk: `paused` is a person's doing; `paused_by_agent` asks, and `awaiting_confirmation` asks to confirm.
Quirk: what an execution asks, and why it failed or was cancelled, stands in its last `status_changed` activity only.
Quirk: an answer is a user message like any other; the last question counts as answered once one came after it.
Quirk: what a message does to a confirmation is unknown, so that stays open for as long as the status says so.
Quirk: a message is acknowledged in plain text, by the SDK's types.
Quirk: whether a message also resumes is unknown, so what is still `paused_by_agent` after it is resumed.
Quirk: a resume might confirm, whatever the message said, so what awaits confirmation gets the message alone.
Quirk: a form of several questions is one question in several lines, and so is a choice of several options.
Quirk: `cancelled` is the end by a limit or a fault too; its reason tells which, and the status stays cancelled.
Quirk: activities have ids and no cursor: the latest are read, more of them as long as they may not reach back.
Quirk: which `limit` of activities is the most is unknown; when a larger one is a 400, what was read before counts.
Quirk: the words of `order` are unknown, and taken for those of lists; so is how activities of one moment are ordered.
Quirk: `sync` waits for the end alone, and is silent about questions and activities, so it is no long poll of changes.
Quirk: the result may come a moment after `completed`; without one, the reasoning is all that an execution says.
Quirk: outcomes are `success` and `failure`; a workflow may have labels of its own, which claim nothing here.
Quirk: a recording's route redirects to a link that is signed for a short while; so does that of a file.
Quirk: `purgedAt` marks what is left of an execution whose inputs, activities, files and recordings are gone.
Quirk: a wrong moment for a command is a 400 at most, being the only refusal that is documented.
Quirk: a 403 is a good key without the right; a 429 to a start may be the limit on executions at a time.
Quirk: lists may want an `organizationId` of keys that span several; that, rate limits and largest pages are unknown.
Quirk: nothing tells costs, and no screenshots are offered; the hosts of live views are unknown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue, RootModel

from ..errors import (
    AuthenticationError,
    InvalidArgumentError,
    JobNotFoundError,
    ProviderError,
    ProviderUnavailableError,
    UnexpectedResponseError,
)
from ..jobs import (
    Artifact,
    Event,
    EventKind,
    EventPage,
    FailureKind,
    Job,
    JobPage,
    JobRow,
    JobStatus,
    Link,
    Moment,
    Question,
    Started,
)
from .base import (
    UUID,
    CanonicalUuid,
    Optional,
    Provider,
    Query,
    Statuses,
    Wire,
    artifacts,
    in_words,
    line,
    page_number,
    unique,
    web_links,
)

STATUSES = Statuses(
    {
        "queued": JobStatus.QUEUED,
        "starting": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "paused": JobStatus.PAUSED,
        "paused_by_agent": JobStatus.WAITING_FOR_INPUT,
        "awaiting_confirmation": JobStatus.WAITING_FOR_INPUT,
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "cancelled": JobStatus.CANCELLED,
    }
)

CANCELS = {
    "timeout": FailureKind.TIMED_OUT,
    "no_activity": FailureKind.TIMED_OUT,
    "max_steps": FailureKind.AGENT_GAVE_UP,
    "budget_exceeded": FailureKind.OUT_OF_CREDITS,
    "no_warm_environment": FailureKind.PROVIDER_FAULT,
    "worker_lost": FailureKind.PROVIDER_FAULT,
    "user_requested": FailureKind.STOPPED_BY_USER,
}
"""Why an execution was cancelled. A script that failed (`script_failed`) is nobody's fault that can be told."""

GOAL_MET = {"success": True, "failure": False}

EXPLAINED = frozenset({JobStatus.WAITING_FOR_INPUT, JobStatus.FAILED, JobStatus.CANCELLED})
"""Where a job stands for a reason that an activity tells."""

UNTOLD = frozenset({"compaction_performed", "compaction_started", "step_completed", "step_started", "terminal"})
"""Activities that tell a person nothing: actions say what a step does."""

CREATE_FIELDS = frozenset(
    {
        *("inputs", "version", "head", "profileId", "profileGroupId", "tempFiles", "metadata", "executionOptions"),
        *("onCapacityLimit", "agentProfileId", "agentProfilePoolId", "dynamicData"),
    }
)
"""The known fields of a start. Parameters with any other name, and without `inputs`, are the inputs."""

API = "/agents/v2"
WORKFLOW = "[A-Za-z0-9_-]{1,64}"
EXECUTIONS = f"{API}/executions"
LATEST = 50
"""As far back as the last change of status is looked for."""
REACHES = (100, 500, 2500)
"""So many of the latest activities are read: more, when fewer may leave out new ones."""
EXECUTIONS_A_PAGE = 100
MOST_FILES = 10
WRONG_MOMENT = (400, 409)
NO_RIGHT = "its owner has no right to it"


class Outcome(Wire):
    """How a workflow ended, by its own account."""

    outcome: Optional[str] = None
    reasoning: Optional[str] = None
    result: JsonValue = None


class ScriptFailure(Wire):
    """A script of the workflow that failed."""

    error: Optional[str] = None


class Execution(Wire):
    """One execution, alone or in a list."""

    status: str
    workflowName: Optional[str] = None
    createdAt: Optional[Moment] = None
    startedAt: Optional[Moment] = None
    terminalAt: Optional[Moment] = None
    purgedAt: Optional[Moment] = None
    executionResult: Optional[Outcome] = None
    recordingUrl: Optional[str] = None
    liveViewUrl: Optional[str] = None
    scriptFailures: Optional[list[Optional[ScriptFailure]]] = None


class ExecutionItem(Execution):
    """One execution in a list."""

    id: str


class ExecutionPage(Wire):
    """A page of executions."""

    items: list[ExecutionItem]
    total: int


class NewExecution(Wire):
    """The answer to a start."""

    executionId: CanonicalUuid


class Choice(Wire):
    """One of the options of a question."""

    label: Optional[str] = None
    description: Optional[str] = None


class Asked(Wire):
    """One question of a form."""

    question: Optional[str] = None
    header: Optional[str] = None
    options: Optional[list[Optional[Choice]]] = None
    multiSelect: Optional[bool] = None

    @property
    def choices(self) -> list[Choice]:
        """The options that can be named."""
        return [choice for choice in self.options or [] if choice and choice.label]


class Form(Wire):
    """What an agent asks."""

    questions: Optional[list[Optional[Asked]]] = None


class Reason(Wire):
    """Why a status is what it is; which fields there are depends on it."""

    reason: Optional[str] = None
    question: Optional[Form] = None
    outcome: Optional[str] = None
    reasoning: Optional[str] = None


class Todo(Wire):
    """One entry of the agent's list of things to do."""

    content: Optional[str] = None
    status: Optional[str] = None


class Details(Wire):
    """More about an action."""

    url: Optional[str] = None


class Payload(Wire):
    """What an activity tells, whichever its type."""

    activityType: Optional[str] = None
    message: Optional[str] = None
    reasoning: Optional[str] = None
    actionName: Optional[str] = None
    info: Optional[Details] = None
    status: Optional[str] = None
    pausedPayload: Optional[Reason] = None
    awaitingConfirmationPayload: Optional[Reason] = None
    completedPayload: Optional[Reason] = None
    failedPayload: Optional[Reason] = None
    cancelledPayload: Optional[Reason] = None
    newNodeName: Optional[str] = None
    fromNodeSummary: Optional[str] = None
    nodeName: Optional[str] = None
    fileName: Optional[str] = None
    presignedUrl: Optional[str] = None
    todos: Optional[list[Optional[Todo]]] = None

    @property
    def why(self) -> Reason:
        """The reason for a change of status, which stands under a name for each status."""
        reasons = (self.pausedPayload, self.awaitingConfirmationPayload, self.completedPayload, self.failedPayload)
        return next(filter(None, (*reasons, self.cancelledPayload)), Reason())


class Activity(Wire):
    """One activity. All of it is optional here, so that the rest stays readable whatever one lacks."""

    id: Optional[str] = None
    timestamp: Optional[Moment] = None
    payload: Optional[Payload] = None

    @property
    def said(self) -> Payload:
        """What it tells."""
        return self.payload or Payload()

    @property
    def type(self) -> str:
        """Its type."""
        return self.said.activityType or "activity"

    @property
    def key(self) -> str:
        """Its id or, without one, where it stands."""
        return self.id or f"{self.timestamp} {self.type}"


class Activities(RootModel[list[Optional[Activity]]]):
    """Activities of an execution, the latest first."""


class File(Wire):
    """A file of an execution."""

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


class Folders(Wire):
    """Those folders of an execution whose files are for whoever started it."""

    downloads: Optional[list[Optional[File]]] = None
    workspace: Optional[list[Optional[File]]] = None


class Files(Wire):
    """The files of an execution."""

    directories: Optional[Folders] = None


class Asteroid(Provider):
    """Executions of workflows."""

    name = "asteroid"
    title = "Asteroid"
    base_url = "https://odyssey.asteroid.ai"
    keys_at = "https://platform.asteroid.ai"
    key_header = "X-Api-Key"
    example_id = "5b2f8c1e-94d7-4a36-8e0b-71c3d5a9f204"
    id_form = "an execution's UUID"
    id_pattern = re.compile(UUID)
    link_path = re.compile(rf"/executions/({UUID})(?=/|\Z)")
    statuses = STATUSES
    lists_tasks = False
    link_hosts = frozenset({"platform.asteroid.ai"})

    async def fetch_job(self, job_id: str) -> Job:
        """The execution and, where it asks or did not end well, its latest activities, which say why."""
        job_id = self.canonical_id(job_id)
        execution = await self._execution(job_id)
        explained = to_status(execution) in EXPLAINED and execution.purgedAt is None
        return to_job(job_id, execution, await self._latest(job_id, LATEST) if explained else [])

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """The activities since the moment of the latest one read, which is the cursor."""
        job_id, since = self.canonical_id(job_id), datetime.fromisoformat(cursor) if cursor else None
        latest: list[Activity] = []
        for reach in REACHES:
            latest = await self._latest(job_id, reach, otherwise=latest)
            if len(latest) < reach or reaches_before(since, latest):
                break
        return to_event_page(latest, since)

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """The live view of an execution that goes on, the recording and files of one that is over."""
        job_id = self.canonical_id(job_id)
        execution = await self._execution(job_id)
        if not to_status(execution).final or execution.purgedAt is not None:
            return to_links(execution)
        recording = await self._redirect(f"{_path(job_id)}/recording") if execution.recordingUrl else None
        files = to_files(await self.http.find_model(f"{_path(job_id)}/files", Files) or Files())
        downloads = [await self._redirect(f"{_path(job_id)}/files/{file}/download") for file in files[:MOST_FILES]]
        return web_links(("recording", recording), *(("download", url) for url in downloads))

    async def answer_question(self, job_id: str, question_id: str, answer: str) -> None:
        """Send the answer as a user's message, when this is what is asked, and resume what stays paused."""
        job = await self.fetch_job(job_id)
        if job.question is None or job.question.id != question_id:
            raise self.http.conflict()
        try:
            await self._say(job.id, answer)
        except (ProviderUnavailableError, UnexpectedResponseError):
            if await self._was_answered(job.id):
                await self._let_go(job.id)
            raise
        await self._let_go(job.id)

    async def pause_job(self, job_id: str) -> None:
        """Hold an execution that is neither over nor held."""
        job_id = self.canonical_id(job_id)
        status = to_status(await self._execution(job_id))
        if status.final or status in (JobStatus.PAUSED, JobStatus.WAITING_FOR_INPUT):
            raise self.http.conflict()
        await self._command(job_id, "pause")

    async def resume_job(self, job_id: str) -> None:
        """Let an execution go on that is held and asks nothing; an answer is not ours to give."""
        job = await self.fetch_job(job_id)
        if job.question is not None:
            raise InvalidArgumentError("job", "waits for an answer; answer its question instead of resuming it")
        if job.status is not JobStatus.PAUSED:
            raise self.http.conflict()
        await self._command(job.id, "resume")

    async def cancel_job(self, job_id: str) -> None:
        """Stop the execution for good."""
        await self._command(self.canonical_id(job_id), "cancel")

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Execute the workflow whose id the task is. The parameters are its inputs, or a whole create body."""
        workflow = task.strip()
        if not re.fullmatch(WORKFLOW, workflow):
            raise InvalidArgumentError("task", "must be the id of a workflow, as it stands in its link")
        path = f"{API}/workflows/{workflow}/execute"
        reply = await self.http.post(path, body=to_body(parameters), accept=(404,))
        if reply.status == 404:
            raise self.http.not_accepted("task")
        return Started(id=self.http.read(reply.json, NewExecution).executionId)

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """The organization's executions; `cursor` is a page's number. One limit has to be kept from page to page."""
        page, size = page_number(cursor), min(limit, EXECUTIONS_A_PAGE)
        params: Query = {"page": page, "pageSize": size, "sort": "created_at:desc"}
        with self.http.naming_no_job():
            executions = await self.http.get_model(EXECUTIONS, ExecutionPage, params=params)
        return to_page(executions, cursor=str(page + 1) if page * size < executions.total else None)

    async def check_key(self) -> None:
        """Ask whose it is."""
        with self.http.naming_no_job():
            await self.http.get("/users/v2/whoami")

    async def _execution(self, job_id: str) -> Execution:
        return await self.http.get_model(_path(job_id), Execution)

    async def _latest(self, job_id: str, most: int, otherwise: Sequence[Activity] = ()) -> list[Activity]:
        """The latest activities, the last one first; none where they are gone, `otherwise` where this is too many."""
        params: Query = {"order": "desc", "limit": most}
        accept = (400, 404) if otherwise else (404,)
        reply = await self.http.get(f"{_path(job_id)}/activities", params=params, accept=accept)
        if reply.status == 400:
            return [*otherwise]
        listed = self.http.read([] if reply.status == 404 else reply.json, Activities)
        return [activity or Activity() for activity in listed.root]

    async def _redirect(self, path: str) -> str | None:
        """The signed link that a route leads to, None when what it is about is gone or not for this key's owner."""
        try:
            return await self.http.location(path)
        except (AuthenticationError, JobNotFoundError):
            # The key has just been good for the execution itself, so this is a 403.
            return None

    async def _say(self, job_id: str, message: str) -> None:
        """Send a user's message, which is acknowledged in plain text."""
        path = f"{_path(job_id)}/user-messages"
        reply = await self.http.post(path, body={"message": message}, reads=False)
        if reply.status != 201:
            raise self.http.unexpected("no acknowledgement")

    async def _let_go(self, job_id: str) -> None:
        """Resume what stays paused after its answer; it was answered, whatever goes wrong or goes on in this moment."""
        with suppress(ProviderError):
            if (await self._execution(job_id)).status == "paused_by_agent":
                await self.http.post(f"{_path(job_id)}/resume", accept=WRONG_MOMENT)

    async def _was_answered(self, job_id: str) -> bool:
        """Whether it is seen that what was asked no longer is."""
        try:
            return (await self.fetch_job(job_id)).question is None
        except ProviderError:
            return False

    async def _command(self, job_id: str, verb: str) -> None:
        reply = await self.http.post(f"{_path(job_id)}/{verb}", accept=WRONG_MOMENT)
        if reply.status in WRONG_MOMENT:
            raise self.http.conflict()

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """That the organization or the key's owner may not; the key is good."""
        match answer:
            case {"reason": "capability_required"}:
                return self.http.denied("the organization's plan does not include it")
            case _:
                return self.http.denied(NO_RIGHT)


def to_status(execution: Execution) -> JobStatus:
    """What the status word means."""
    return STATUSES[execution.status]


def to_job(job_id: str, execution: Execution, latest: list[Activity]) -> Job:
    """An execution in our words. `latest` are its latest activities, where they say why it stands as it does."""
    status, why = to_status(execution), to_reason(execution, latest)
    question = to_question(execution, latest) if status is JobStatus.WAITING_FOR_INPUT else None
    if status is JobStatus.WAITING_FOR_INPUT and question is None:
        status = JobStatus.PAUSED
    end = (execution.executionResult if status.final else None) or Outcome()
    goal_met = GOAL_MET.get((end.outcome or "").lower())
    result = end.result
    if result is None and goal_met is not False:
        result = end.reasoning or None
    there: dict[Artifact, bool] = {
        "result": result is not None,
        "recording": bool(execution.recordingUrl) and status.final and execution.purgedAt is None,
        "question": question is not None,
    }
    return Job(
        id=job_id,
        status=status,
        provider_status=execution.status,
        title=execution.workflowName or "",
        created_at=execution.createdAt,
        started_at=execution.startedAt,
        finished_at=execution.terminalAt if status.final else None,
        result=result,
        error=to_error(status, execution, why),
        question=question,
        goal_met=goal_met,
        goal_met_by=None if goal_met is None else "agent",
        failure=to_failure(status, why),
        has=artifacts(there, to_links(execution)),
        links=to_links(execution),
    )


def to_change(execution: Execution, latest: list[Activity]) -> int | None:
    """The place of the activity that tells of the present status; one of an earlier status tells nothing of it."""
    place = next((place for place, activity in enumerate(latest) if activity.type == "status_changed"), None)
    return place if place is not None and latest[place].said.status == execution.status else None


def to_reason(execution: Execution, latest: list[Activity]) -> Reason:
    """Why the status is what it is, as far as it is told."""
    place = to_change(execution, latest)
    return Reason() if place is None else latest[place].said.why


def to_failure(status: JobStatus, why: Reason) -> FailureKind | None:
    """Why an execution failed or was cancelled, as far as a code tells."""
    match status:
        case JobStatus.FAILED:
            return FailureKind.UNKNOWN
        case JobStatus.CANCELLED:
            return CANCELS.get(why.reason or "", FailureKind.UNKNOWN)
        case _:
            return None


def to_error(status: JobStatus, execution: Execution, why: Reason) -> str | None:
    """What is said of a bad end; of one that a person asked for there is nothing to say."""
    end = execution.executionResult or Outcome()
    match status:
        case JobStatus.FAILED:
            return why.reason or end.reasoning or None
        case JobStatus.CANCELLED if CANCELS.get(why.reason or "") is not FailureKind.STOPPED_BY_USER:
            failures = [failure.error for failure in execution.scriptFailures or [] if failure and failure.error]
            detail = failures[-1] if failures and why.reason == "script_failed" else None
            return line(why.reason, detail) or None
        case JobStatus.COMPLETED if GOAL_MET.get((end.outcome or "").lower()) is False:
            return end.reasoning or None
        case _:
            return None


def to_question(execution: Execution, latest: list[Activity]) -> Question | None:
    """What is asked: a confirmation, or a question unless a message has come since."""
    place = to_change(execution, latest)
    answered = any(activity.type == "user_message_received" for activity in latest[:place])
    if place is None or (answered and execution.status == "paused_by_agent"):
        return None
    why = latest[place].said.why
    return Question(id=latest[place].key, text=to_text(why), options=to_options(why))


def to_options(why: Reason) -> tuple[str, ...]:
    """What can be chosen, where one choice is the whole answer."""
    match asked_in(why):
        case [asked] if not asked.multiSelect:
            return tuple(choice.label or "" for choice in asked.choices)
        case _:
            return ()


def to_text(why: Reason) -> str:
    """What is asked, in lines: why, each question, and options that need more than their label."""
    form = asked_in(why)
    lines = [line for number, asked in enumerate(form, 1) for line in to_lines(asked, number if form[1:] else 0)]
    text = "\n".join(lines)
    return text if not why.reason or why.reason in text else "\n".join((why.reason, *lines))


def to_lines(asked: Asked, number: int) -> Iterator[str]:
    """One question: with its number and header among several, its options with boxes when many can be chosen."""
    words = asked.question or asked.header or ""
    yield f"{number}. {words}" if number else words
    box = "[ ]" if asked.multiSelect else "-"
    if number or asked.multiSelect or any(choice.description for choice in asked.choices):
        for choice in asked.choices:
            yield f"{box} {choice.label}: {choice.description}" if choice.description else f"{box} {choice.label}"


def asked_in(why: Reason) -> list[Asked]:
    """The questions of a form."""
    return [asked for asked in (why.question and why.question.questions) or [] if asked]


def to_links(execution: Execution) -> tuple[Link, ...]:
    """The live view while there is something to see."""
    return () if to_status(execution).final else web_links(("live_view", execution.liveViewUrl))


def to_files(files: Files) -> list[str]:
    """The ids of the files that an execution leaves behind."""
    folders = files.directories or Folders()
    return [file.id for file in (*(folders.downloads or []), *(folders.workspace or [])) if file]


def to_body(parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The body of a start."""
    whole = "inputs" in parameters or parameters.keys() <= CREATE_FIELDS
    return dict(parameters) if whole else {"inputs": dict(parameters)}


def to_page(executions: ExecutionPage, *, cursor: str | None) -> JobPage:
    """A page in our words; an execution that slips to the next while others come may stand in both."""
    rows = tuple(to_row(item) for item in executions.items if re.fullmatch(UUID, item.id))
    return JobPage(jobs=rows, cursor=cursor)


def to_row(execution: ExecutionItem) -> JobRow:
    """An execution in a list, in our words."""
    return JobRow(
        id=execution.id.lower(),
        status=to_status(execution),
        provider_status=execution.status,
        title=execution.workflowName or "",
        created_at=execution.createdAt,
        started_at=execution.startedAt,
        updated_at=execution.terminalAt,
    )


def reaches_before(since: datetime | None, latest: list[Activity]) -> bool:
    """Whether activities reach back before a moment; one of that very moment may be new."""
    return since is not None and any(activity.timestamp and activity.timestamp < since for activity in latest)


def to_event_page(latest: list[Activity], since: datetime | None) -> EventPage:
    """The activities from a moment on in our words, oldest first; those of that very moment come again."""
    new = [one for one in reversed(latest) if since is None or one.timestamp is None or one.timestamp >= since]
    moments = [one.timestamp for one in new if one.timestamp]
    end = max(moments, default=since)
    return EventPage(
        events=unique(tuple(event for activity in new for event in to_events(activity))),
        cursor=end.isoformat() if end else None,
        links=web_links(*(("download", one.said.presignedUrl) for one in new)),
    )


def to_events(activity: Activity) -> Iterator[Event]:
    """An activity in our words; none, when it tells a person nothing."""
    kind, words = to_words(activity)
    if reported := in_words(**words):
        yield Event(
            key=activity.key, kind=kind, at=activity.timestamp, reported=reported, exact=activity.id is not None
        )


def to_words(activity: Activity) -> tuple[EventKind, Mapping[str, str | None]]:
    """What an activity is and says, by its type; values of variables and scripts stay where they are."""
    said = activity.said
    match activity.type:
        case "status_changed":
            return to_turn(said)
        case "action_started" | "action_completed" | "action_failed" if said.actionName == "llm_call":
            return EventKind.OTHER, {}
        case "action_started":
            url = said.info.url if said.info else None
            return EventKind.STEP, {"text": said.message, "action": said.actionName, "url": url}
        case "action_failed":
            return EventKind.LOG, {"text": said.message, "action": said.actionName, "error": said.message}
        case "action_completed" | "generic":
            return EventKind.LOG, {"text": said.message, "action": said.actionName}
        case "reasoning":
            return EventKind.MESSAGE, {"text": said.reasoning}
        case "user_message_received":
            return EventKind.MESSAGE, {"text": said.message, "from": "user"}
        case "todos_updated":
            todos = (line(todo.status, todo.content) for todo in said.todos or [] if todo)
            return EventKind.LOG, {"text": "\n".join(todos)}
        case kind if kind in UNTOLD:
            return EventKind.OTHER, {}
        case kind:
            what = said.fileName or said.newNodeName or said.nodeName or said.message
            return EventKind.OTHER, {"text": f"{kind}: {what}" if what else kind, "summary": said.fromNodeSummary}


def to_turn(said: Payload) -> tuple[EventKind, Mapping[str, str | None]]:
    """What a change of status says besides its word, which the log has by itself."""
    why = said.why
    match STATUSES.get(said.status or ""):
        case JobStatus.WAITING_FOR_INPUT:
            return EventKind.QUESTION, {"text": to_text(why)}
        case JobStatus.COMPLETED:
            return EventKind.MESSAGE, {"text": why.reasoning, "outcome": why.outcome}
        case JobStatus.FAILED | JobStatus.CANCELLED:
            return EventKind.LOG, {"text": why.reason, "error": why.reason}
        case _:
            return EventKind.OTHER, {"text": why.reason}


def _path(job_id: str) -> str:
    return f"{EXECUTIONS}/{job_id}"


PROVIDER = Asteroid
