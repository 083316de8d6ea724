"""How the tools' answers look to a person: as rich text for a terminal, as lines with tabs for a pipe.

Every text is shown as it stands: none of it is taken as markup, and control characters are left out of it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from . import twins
from .hazards import without
from .jobs import EventKind, FailureKind, JobStatus
from .server.answers import Answer

INDENT = (0, 0, 0, 2)
SHORT_ID = 12
LARGE = 100_000
NARROW = 60
"""A terminal with fewer columns has what stands side by side elsewhere one below the other."""

STYLES: dict[str, str] = {
    JobStatus.QUEUED: "blue",
    JobStatus.RUNNING: "cyan",
    JobStatus.PAUSED: "bold yellow",
    JobStatus.WAITING_FOR_INPUT: "bold yellow",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "bold red",
    JobStatus.CANCELLED: "magenta",
}
VERDICT_STYLES = {"healthy": "green", "stalled": "bold yellow", "waiting_for_person": "bold yellow"}
STATUS_WIDTH = max(map(len, JobStatus))
KIND_WIDTH = max(map(len, EventKind))


def plain(text: object) -> str:
    """The text without control and invisible characters."""
    return without(str(text))


# Jobs


def job(answer: Answer) -> list[RenderableType]:
    """A Job answer in full: what we say, what the run says, and the command that usually comes next."""
    parts = [*head(answer), *_indented(_facts(answer))]
    parts += _reported(answer)
    if call := answer.get("next_step"):
        parts.append(whole(f"Next: {twins.of_call(call)}"))
    return parts


def jobs_in_short(several: Sequence[Answer]) -> list[RenderableType]:
    """Job answers in short: where each stands, and what it wants or what went wrong."""
    parts: list[RenderableType] = []
    for answer in several:
        wanted = {label: said for label, said in _reported_facts(answer).items() if label in ("question", "error")}
        parts += [*([Text()] if parts else []), *head(answer), *_indented(wanted)]
    return parts


def head(answer: Answer) -> list[RenderableType]:
    """The job's reference, its status, and our sentence about it."""
    parts: list[RenderableType] = [
        whole(answer["job"], "bold"),
        Text.assemble(_status(answer["status"]), "  ", plain(answer["summary"])),
    ]
    if problem := answer.get("problem"):
        parts.append(_problem(problem))
    return parts


def _problem(sentence: str) -> Text:
    return Text(twins.of_sentence(plain(sentence)), style="red")


def question(job: str, asked: Answer) -> list[RenderableType]:
    """What a waiting job asks, with a number for each option."""
    parts: list[RenderableType] = [whole(job, "bold"), Text("The run asks:", style="dim")]
    parts.append(Padding(Text(plain(asked.get("text", "(a question without a text)"))), INDENT))
    return [*parts, *options(asked)]


def options(asked: Answer) -> list[RenderableType]:
    """The options of a question, each with a number."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for number, option in enumerate(asked.get("options", ()), 1):
        table.add_row(str(number), Text(plain(option)))
    return [Padding(table, INDENT, expand=False)] if table.rows else []


def chosen(said: str, options: Sequence[str]) -> str | None:
    """The answer that somebody means who typed this: where there are options, one of them or its number."""
    said = said.strip()
    if not options or said in options:
        return said or None
    if said.isdecimal() and 0 < int(said) <= len(options):
        return options[int(said) - 1]
    return next((option for option in options if option.strip().casefold() == said.casefold()), None)


def diagnosis(answer: Answer) -> list[RenderableType]:
    """A diagnosis: the verdict, what speaks for it, what the run says, and the commands that could help."""
    verdict = answer["verdict"]
    parts: list[RenderableType] = [
        whole(answer["job"], "bold"),
        Text.assemble((verdict, VERDICT_STYLES.get(verdict, "bold red")), "  ", answer["summary"]),
    ]
    parts += _indented(dict(map(_evidence, answer["evidence"].items())))
    parts += _reported(answer)
    for number, call in enumerate(answer.get("suggestions", ())):
        parts.append(whole(f"{'      ' if number else 'Next: '}{twins.of_call(call)}"))
    return parts


def _evidence(fact: tuple[str, Any]) -> tuple[str, str]:
    """A piece of evidence as a label and a text."""
    match fact:
        case "repeated", same:
            return (
                "repeated",
                f"the same {same['what']} {same['times']} times, events {same['first_seq']} to {same['last_seq']}",
            )
        case "last_step_seq", seq:
            return "last step", f"event {seq}"
        case "inferred", _:
            return "verdict", "inferred from what the run says of its error"
        case name, seconds if name.endswith("_seconds"):
            return name.removesuffix("_seconds").replace("_", " "), f"{_figure(seconds)} s"
        case name, value:
            return name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value)


def _facts(answer: Answer) -> dict[str, str]:
    facts = {
        "started": _moment(answer.get("started_at")),
        "finished": _moment(answer.get("finished_at")),
        "events": answer.get("events_seen"),
        "cost": (cost := answer.get("cost")) and f"{_figure(cost['amount'])} {cost['unit']}",
        "goal": _goal(answer),
        "failure": failure if (failure := answer.get("failure")) != FailureKind.UNKNOWN else None,
        "has": ", ".join(answer.get("has", [])) or None,
        "checked": _moment(answer.get("checked_at")),
    }
    return {label: str(said) for label, said in facts.items() if said is not None}


def _goal(answer: Answer) -> str | None:
    met = answer.get("goal_met")
    if met is None:
        return None
    by = f", says the {answer['goal_met_by']}" if "goal_met_by" in answer else ""
    return ("met" if met else "missed") + by


def _reported(answer: Answer) -> list[RenderableType]:
    said = _reported_facts(answer)
    return [Text("The run reports:", style="dim"), *_indented(said)] if said else []


def _reported_facts(answer: Answer) -> dict[str, str]:
    said = answer.get("reported", {})
    question = said.get("question", {})
    word = answer.get("provider_status", said.get("provider_status"))
    facts = {
        "status": word if word != answer["status"] else None,
        "step": said.get("current_step"),
        "last step": said.get("last_step"),
        "last url": said.get("last_url"),
        "question": question
        and "\n".join([question.get("text", ""), *map("- {}".format, question.get("options", []))]),
        "error": said.get("error"),
        "result": _value(said.get("result", said.get("result_preview"))),
        "latest": "\n".join(map(_short_event, said.get("latest_events", []))),
    }
    return {label: plain(text) for label, text in facts.items() if text}


def _value(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2)


def _short_event(event: Answer) -> str:
    return f"{event['seq']} {event['kind']} {event.get('text', '')}".rstrip()


# Lists


def jobs(answer: Answer) -> list[RenderableType]:
    """A list of jobs, the references on lines of their own, so that they stay whole in any width."""
    parts: list[RenderableType] = []
    for row in answer["jobs"]:
        started = (_moment(row.get("started_at")) or "")[:16]
        line = Text.assemble(_status(row["status"], STATUS_WIDTH), (f"  {started:16}", "dim"), f"  {_title(row)}")
        head = Text.assemble(_status(row["status"]), (f"  {started}", "dim"))
        parts += [
            ByWidth(_cut(line), Group(head, *([_cut(Text(f"  {title}"))] if (title := _title(row)) else []))),
            whole(f"  {row['job']}"),
        ]
    return parts


def job_lines(answer: Answer) -> Iterator[str]:
    """A list of jobs for a pipe: reference, status, start and title with tabs between."""
    for row in answer["jobs"]:
        yield _tabbed(row["job"], row["status"], row.get("started_at", ""), _title(row))


def accounts(answer: Answer) -> list[RenderableType]:
    """The accounts, what is known of their keys, and the commands that work with them; those of all are told once."""
    parts: list[RenderableType] = []
    rows = answer["accounts"]
    able = [row["abilities"] for row in rows]
    shared = [tool for tool in able[0] if all(tool in tools for tools in able)] if len(rows) > 1 else []
    for row in rows:
        provider = f"  {row['provider']}" if row["provider"] != row["account"] else ""
        key = Text("closed") if "note" in row else _key(row["key"])
        line = Text.assemble((row["account"], "bold"), f"{provider}  ", key)
        parts.append(line.append(f"  {row['key_variable']}" if "key_variable" in row else ""))
        if problem := row.get("problem"):
            parts.append(Padding(_problem(problem), INDENT, expand=False))
        if note := row.get("note"):
            parts.append(Padding(Text(plain(note)), INDENT, expand=False))
        if own := [tool for tool in row["abilities"] if tool not in shared]:
            parts.append(Padding(_commands(own), INDENT, expand=False))
    return [*parts, Text("With each: ").append_text(_commands(shared))] if shared else parts


def account_lines(answer: Answer) -> Iterator[str]:
    """The accounts for a pipe: name, provider, state of the key, its variable and what went wrong with tabs between."""
    for row in answer["accounts"]:
        yield _tabbed(
            row["account"],
            row["provider"],
            row["key"],
            row.get("key_variable", ""),
            row.get("problem") or row.get("note", ""),
        )


def _commands(tools: Sequence[str]) -> Text:
    return Text(", ".join(twins.COMMANDS[tool] for tool in tools), style="dim")


def _key(state: str) -> Text:
    return Text(f"key {state}", style={"works": "green", "refused": "bold red", "missing": "bold red"}.get(state, ""))


def _title(row: Answer) -> str:
    return _one_line(row.get("reported", {}).get("title", ""))


def links(answer: Answer) -> list[RenderableType]:
    """The links of a job: two lines each, so that the links stay whole in any width."""
    parts: list[RenderableType] = []
    for link in answer["links"]:
        until = f"  until {_moment(link['expires_at'])}" if "expires_at" in link else ""
        parts += [Text.assemble((link["kind"], "bold"), (until, "dim")), whole(f"  {link['url']}")]
    return parts


def link_lines(answer: Answer) -> Iterator[str]:
    """The links of a job for a pipe: kind, link and its end with tabs between."""
    for link in answer["links"]:
        yield _tabbed(link["kind"], link["url"], link.get("expires_at", ""))


# Events


@dataclass
class EventLog:
    """Events on a terminal, part by part: each new day is said once."""

    day: str = ""

    def rows(self, events: Iterable[Answer]) -> list[RenderableType]:
        """The next part of the log."""
        parts: list[RenderableType] = []
        for event in events:
            day, _, time = event["at"].partition("T")
            if day != self.day:
                self.day = day
                parts.append(Text(f"{day} UTC", style="dim"))
            row = Table.grid(padding=(0, 2, 0, 0))
            row.add_column(justify="right", min_width=4, no_wrap=True)
            row.add_column(style="dim", no_wrap=True)
            row.add_column(min_width=KIND_WIDTH, no_wrap=True)
            row.add_column(overflow="fold")
            kind = Text(event["kind"], style=STYLES.get(event["reported"].get("status", ""), ""))
            number, time, text = str(event["seq"]), time.removesuffix("Z"), Text(said(event), overflow="fold")
            row.add_row(number, time, kind, text)
            parts.append(ByWidth(row, Beside(Text.assemble(f"{number:>4}  ", (time, "dim"), "  ", kind), text)))
        return parts


def event_lines(events: Iterable[Answer]) -> Iterator[str]:
    """Events for a pipe: number, time, kind and text with tabs between."""
    for event in events:
        yield _tabbed(event["seq"], event["at"], event["kind"], said(event))


def said(event: Answer) -> str:
    """What an event reports: its text, then whatever else it holds but ids."""
    reported = {name: value for name, value in event["reported"].items() if value and not name.endswith("_id")}
    if reported.get("provider_status") == reported.get("status"):
        reported.pop("provider_status", None)
    text = reported.pop("text", None) or reported.pop("status", None)
    rest = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in reported.items()]
    return plain("  ".join([*([str(text)] if text else []), *rest]))


# Waiting


@dataclass
class Board:
    """A spinner with the time waited, and a line a job."""

    answers: Sequence[Answer] = ()
    began: float | None = None
    spinners: dict[bool, Spinner] = field(
        default_factory=lambda: {False: Spinner("dots", style="cyan"), True: Spinner("line", style="cyan")}
    )

    def update(self, answers: Sequence[Answer]) -> None:
        """Take the jobs as they are now."""
        self.answers = answers

    def __rich_console__(self, to: Console, options: ConsoleOptions) -> RenderResult:
        now = to.get_time()
        self.began = now if self.began is None else self.began
        yield self._line(
            self.spinners[options.ascii_only].render(now),
            f" Waiting, {round(now - self.began)} s. Ctrl-C ends the wait, not the run.",
        )
        for answer in self.answers:
            step = _one_line(answer.get("reported", {}).get("current_step", ""))
            yield self._line("  ", _status(answer["status"]), f"  {short(answer['job'])}  ", step)

    @staticmethod
    def _line(*parts: Any) -> Text:
        return _cut(Text.assemble(*parts))


def short(reference: str) -> str:
    """A reference cut so that one still sees which job is meant."""
    account, colon, job_id = plain(reference).partition(":")
    cut = job_id if len(job_id) <= SHORT_ID + 1 else f"\N{HORIZONTAL ELLIPSIS}{job_id[-SHORT_ID:]}"
    return f"{account}{colon}{cut}"


# Small parts


@dataclass(frozen=True)
class ByWidth:
    """One look where there is room for it, another where the terminal is narrow."""

    wide: RenderableType
    narrow: RenderableType

    def __rich_console__(self, to: Console, options: ConsoleOptions) -> RenderResult:
        yield self.narrow if options.max_width < NARROW else self.wide


@dataclass(frozen=True)
class Beside:
    """A text beside its head where both fit on a line, else below it."""

    head: Text
    text: Text

    def __rich_console__(self, to: Console, options: ConsoleOptions) -> RenderResult:
        if self.head.cell_len + self.text.cell_len + 2 <= options.max_width:
            yield Text.assemble(self.head, "  ", self.text)
        else:
            yield self.head
            yield Padding(self.text, (0, 0, 0, 6), expand=False)


def _cut(line: Text) -> Text:
    """A line that ends with the terminal's."""
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _status(word: str, width: int = 0) -> Text:
    return Text(f"{plain(word):{width}}", style=STYLES.get(word, ""))


def whole(text: str, style: str = "") -> Text:
    """A line that is never broken by us, so that it can be copied as one."""
    return Text(plain(text), style=style, no_wrap=True, overflow="ignore")


def _indented(facts: dict[str, str]) -> list[RenderableType]:
    if not facts:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, min_width=8)
    table.add_column(overflow="fold")
    for label, text in facts.items():
        table.add_row(label, Text(text))
    return [Padding(table, INDENT, expand=False)]


def _figure(number: float) -> str:
    """A number in as few digits as will do, and never with an exponent for being large."""
    return f"{number:g}" if abs(number) < LARGE else f"{number:.0f}"


def _moment(text: str | None) -> str | None:
    return text and text.replace("T", " ").removesuffix("Z") + " UTC"


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _tabbed(*cells: object) -> str:
    return "\t".join(_one_line(str(cell)) for cell in cells)
