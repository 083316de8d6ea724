"""conversation.svg: what a talk looks like in a host: what the person asks, which tools are called, what they answer.

The calls are made and answered by the real server over pretend jobs, and the assistant's words are put together from
its answers alone.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap
from typing import Any
from xml.sax.saxutils import escape

import anyio
from mcp import Client

from mcp_browserjobs.playground import Playground
from mcp_browserjobs.server.app import build

WIDTH, MARGIN = 720, 28
FONT, LETTER, LINE = 15, 8.4, 22
SMALL, SMALL_LETTER, SMALL_LINE = 12.5, 7.6, 19
"""Text: its size, how wide a letter is at most on the average, and how high a line."""
PADDING, GAP = 12, 16
LONGEST = 56
STYLE = f"""\
text{{font:{FONT}px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2430}}
.m,.n{{font:{SMALL}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}}
.y{{text-anchor:middle}}.m{{font-weight:700;fill:#0b5c86}}.n{{fill:#333b4d}}.l{{font-size:12px;fill:#5b6472}}
.page{{fill:#fff;stroke:#d0d7de}}.you{{fill:#e3edff}}.tool{{fill:#f4f6f9;stroke:#d9dee6}}.edge{{fill:#2b88b8}}
@media(prefers-color-scheme:dark){{text{{fill:#e6e9f0}}
.m{{fill:#7cc7ee}}.n{{fill:#c3cad8}}.l{{fill:#98a2b3}}
.page{{fill:#12161f;stroke:#2d3544}}.you{{fill:#23375c}}.tool{{fill:#1a202c;stroke:#2d3544}}.edge{{fill:#3f9fd0}}}}
"""
TITLE = (
    "A person asks an assistant about a pretend browser job, the assistant calls tools of mcp-browserjobs, and tells"
)
Answer = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What the person or the assistant says."""

    text: str
    by_person: bool = False


@dataclass(frozen=True)
class Called:
    """A tool's call, and some fields of its answer."""

    call: str
    fields: Sequence[tuple[str, str]]


async def drawn(clock: Callable[[], datetime]) -> str:
    """The picture."""
    return _svg([each async for each in _talk(Playground(clock=clock))])


async def _talk(tracker: Playground) -> AsyncIterator[Said | Called]:
    """The talk, from its beginning to its end."""
    async with tracker.running(), Client(build(tracker)) as client:
        await anyio.sleep(1)

        async def call(tool: str, *fields: str, **arguments: Any) -> tuple[Called, Answer]:
            result = await client.call_tool(tool, arguments)
            answer: Answer = result.structured_content or {}
            told = answer["jobs"][0] if tool == "wait_for_result" else answer
            filled = ", ".join(f"{name}={json.dumps(value)}" for name, value in arguments.items())
            shown = [(field, _text(_part(told, field))) for field in fields]
            return Called(f"{tool}({_short(filled, order)})", shown), told

        order = ""
        listed = (await client.call_tool("list_jobs", {})).structured_content or {}
        [order] = [row["job"] for row in listed["jobs"] if row["status"] == "waiting_for_input"]

        yield Said("How is the order of my kettle doing?", by_person=True)
        asking = ("status", "summary", "reported.question.text", "reported.question.options")
        called, answer = await call("get_job_status", *asking, job=order)
        yield called
        question = answer["reported"]["question"]
        *others, last = question["options"]
        yield Said(
            f"It waits for you, and asks: \N{LEFT DOUBLE QUOTATION MARK}{question['text']}"
            f"\N{RIGHT DOUBLE QUOTATION MARK} You can choose {', '.join(others)} or {last}. (This is a demonstration: "
            "the job is pretend.)"
        )
        yield Said("Blue. And tell me when it is done.", by_person=True)
        called, _ = await call("answer_job_question", "took_effect", job=order, answer="blue")
        yield called
        called, answer = await call("wait_for_result", "status", "summary", "reported.result", jobs=[order])
        yield called
        ordered = "the kettle is ordered" if answer["reported"]["result"]["ordered"] else "nothing is ordered"
        yield Said(f"It took your answer and has {answer['status']}. By what it reports, {ordered}.")


def _part(answer: Answer, field: str) -> Any:
    value: Any = answer
    for name in field.split("."):
        value = value[name]
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(call: str, job: str) -> str:
    account, _, _ = job.partition(":")
    return call.replace(job, f"{account}:\N{HORIZONTAL ELLIPSIS}")


def _svg(talk: Sequence[Said | Called]) -> str:
    top, parts = float(MARGIN), []
    for each in talk:
        height, drawing = _said(each, top) if isinstance(each, Said) else _called(each, top)
        parts.append(drawing)
        top += height + GAP
    height = round(top - GAP + MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-labelledby="t">\n<title id="t">{TITLE} what they answer.</title>\n<style>\n{STYLE}</style>\n'
        f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="12"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _said(said: Said, top: float) -> tuple[float, str]:
    """A bubble for the person, plain text for the assistant."""
    lines = wrap(said.text, LONGEST if said.by_person else LONGEST + 22)
    height = len(lines) * LINE + 2 * PADDING if said.by_person else len(lines) * LINE + 20
    if said.by_person:
        width = max(map(len, lines)) * LETTER + 2 * PADDING
        left = WIDTH - MARGIN - width
        bubble = f'<rect class="you" x="{left:g}" y="{top:g}" width="{width:g}" height="{height}" rx="14"/>'
        return height, bubble + "".join(_lines(lines, left + width / 2, top + PADDING + FONT, LINE, "y"))
    label = f'<text class="l" x="{MARGIN}" y="{top + 11:g}">Assistant</text>'
    return height, label + "".join(_lines(lines, MARGIN, top + 20 + FONT, LINE))


def _called(called: Called, top: float) -> tuple[float, str]:
    """A box with the call, and below it what was answered."""
    most = int((WIDTH - 2 * MARGIN - 2 * PADDING) / SMALL_LETTER)
    heads = wrap(called.call, most, subsequent_indent="  ")
    fields = [line for name, text in called.fields for line in wrap(f"{name}: {text}", most - 2)]
    height = (len(heads) + len(fields)) * SMALL_LINE + 2 * PADDING - 4
    box = (
        f'<rect class="tool" x="{MARGIN}" y="{top:g}" width="{WIDTH - 2 * MARGIN}" height="{height:g}" rx="6"/>'
        f'<rect class="edge" x="{MARGIN}" y="{top:g}" width="4" height="{height:g}" rx="2"/>'
    )
    first = top + PADDING + SMALL - 2
    below = first + len(heads) * SMALL_LINE
    return height, box + "".join(
        [
            *_lines(heads, MARGIN + PADDING + 4, first, SMALL_LINE, "m"),
            *_lines(fields, MARGIN + PADDING + 20, below, SMALL_LINE, "n"),
        ]
    )


def _lines(lines: Sequence[str], left: float, first: float, apart: float, kind: str = "") -> Iterator[str]:
    named = f' class="{kind}"' if kind else ""
    for number, line in enumerate(lines):
        yield f'<text{named} x="{left:g}" y="{first + number * apart:g}">{escape(line)}</text>'
