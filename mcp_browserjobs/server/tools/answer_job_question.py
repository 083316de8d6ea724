"""answer_job_question: hand a person's answer to a job that waits for it, and ask the person where that can be."""

from typing import Annotated, Any, ClassVar, Literal

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ClientCapabilities, ToolAnnotations
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from ...acting import Actor
from ...errors import NotSupportedError
from ...jobs import JobStatus, Question
from ...tracker import Tracker
from ...views import JobView
from ..answers import FILL_IN, Unsent, acted_answer, unsent_answer
from .base import ActedAnswer, JobParameter, declare, result

QUESTION_CHARACTERS = 2000
UNSENT: dict[str, Unsent] = {"decline": "declined", "cancel": "cancelled"}


class Form(BaseModel):
    """What a person is asked to fill in: `answer`, to the question `asked`."""

    asked: ClassVar[str]
    answer: str


def tool(tracker: Tracker, actor: Actor) -> Tool:
    """The tool over this tracker and actor."""

    async def ask(ctx: Context[Any, Any], job: str, answer: str, question_id: str) -> Any:
        """A form for the person; None when there is an answer already, nothing to ask, or no way to."""
        if _given(answer) or not can_be_asked(ctx.client_capabilities):
            return None
        view = await look(job)
        question = view.seen.job.question
        if view.status is not JobStatus.WAITING_FOR_INPUT or not question or question_id not in ("", question.id):
            return None
        return Elicit(wording(view, question), _form(question))

    async def look(job: str) -> JobView:
        view = await tracker.look(job)
        if "answer_question" not in view.able:
            account, session = view.seen.ref.account, view.seen.job.session
            raise NotSupportedError(tracker.provider(account).name, account, ability="take answers", session=session)
        return view

    async def answer_job_question(
        job: JobParameter,
        asked: Annotated[ElicitationResult[Form], Resolve(ask)],
        answer: Annotated[
            str, Field(description="One of the question's options if it has any. Empty: ask the user, if possible.")
        ] = "",
        question_id: Annotated[str, Field(description="Which question is meant. Empty: the pending one.")] = "",
    ) -> Annotated[CallToolResult, ActedAnswer]:
        if _given(answer):
            return result(acted_answer(await actor.answer(job, answer, question_id=question_id)))
        if not isinstance(asked, AcceptedElicitation):
            return result(unsent_answer(await look(job), UNSENT[asked.action]))
        form: Form | None = asked.data
        if form is None:
            return result(unsent_answer(await look(job), "nobody"))
        return result(acted_answer(await actor.answer(job, form.answer, question_id=form.asked)))

    return declare(
        answer_job_question,
        title="Answer a job's question",
        description="Hands the user's answer to a job that waits for input. For one that is paused, use resume_job.",
        hints=ToolAnnotations(
            # Repeated, it could answer the next question.
            read_only_hint=False,
            destructive_hint=False,
            idempotent_hint=False,
            open_world_hint=False,
        ),
    )


def _given(answer: str) -> bool:
    """Whether it is an answer, and not the blank of a `next_step` that nobody filled in."""
    return answer.strip() not in ("", FILL_IN, "\N{HORIZONTAL ELLIPSIS}")


def can_be_asked(able: ClientCapabilities | None) -> bool:
    """Whether a client shows forms; one that names no kind of asking at all does."""
    elicitation = able.elicitation if able else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def wording(view: JobView, question: Question) -> str:
    """What a person reads above the form."""
    text = question.text[:QUESTION_CHARACTERS].strip() or "(no text)"
    return f"The browser job {view.reference} waits for your answer. The following words are the run's own:\n\n{text}"


def answer_schema(question: Question) -> dict[str, Any]:
    """The schema of the form's only field, `answer`."""
    options = list(dict.fromkeys(question.options))
    return {"type": "string", "description": "Your answer to the job"} | ({"enum": options} if options else {})


def _form(question: Question) -> type[Form]:
    options = tuple(dict.fromkeys(question.options))
    kind: Any = Literal[options] if options else str
    form = create_model("Form", __base__=Form, answer=(Annotated[kind, WithJsonSchema(answer_schema(question))], ...))
    form.asked = question.id
    return form
