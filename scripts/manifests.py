"""Writes what is generated: manifests/providers.json, manifests/tools.json and two tables of README.md.

With `--check` nothing is written; the exit code is 1 when something is stale.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import Client

from mcp_browserjobs import providers
from mcp_browserjobs.providers.base import Provider
from mcp_browserjobs.server.answers import abilities
from mcp_browserjobs.server.app import build
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.tracker import Tracker

ROOT = Path(__file__).parent.parent


EVERYTHING = Settings(allow_start=True)


def provider_rows() -> list[dict[str, Any]]:
    """Every provider as a host or a person who installs needs to know it."""
    return [
        {
            "name": provider.name,
            "title": provider.title,
            "key_variable": f"{provider.prefix}_API_KEY",
            "base_url_variable": f"{provider.prefix}_BASE_URL",
            "base_url": provider.base_url,
            "tools": abilities(provider.name, EVERYTHING),
            "tells_by": tells_by(provider),
        }
        for provider in map(providers.load, providers.names())
    ]


async def tool_rows() -> list[dict[str, Any]]:
    """Every tool exactly as a client is told of it, starting included."""
    async with Client(build(Tracker(EVERYTHING))) as client:
        tools = (await client.list_tools()).tools
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]


COLUMNS = {
    "List": ["list_jobs"],
    "Screenshots": ["get_job_screenshot"],
    "Questions": ["answer_job_question"],
    "Pause": ["pause_job", "resume_job"],
}
"""What not every provider can do, and the tools by which it does."""


def provider_table(rows: list[dict[str, Any]]) -> str:
    """The providers as a table in Markdown, with what not every one of them can do."""
    return table(
        ("Provider", "Account", "Key", *COLUMNS, "Tells by itself"),
        [
            (
                row["title"],
                f"`{row['name']}`",
                f"`{row['key_variable']}`",
                *("yes" if set(tools) <= set(row["tools"]) else "" for tools in COLUMNS.values()),
                ", ".join(row["tells_by"]),
            )
            for row in rows
        ],
    )


def tells_by(provider: type[Provider]) -> list[str]:
    """By what a provider tells of changes before anybody looks."""
    ways = {"stream": "stream_changes", "long poll": "await_change", "webhooks": "jobs_of"}
    return [way for way, method in ways.items() if hasattr(provider, method)]


def tool_table(rows: list[dict[str, Any]]) -> str:
    """The tools as a table in Markdown, each with its description's first sentence."""
    return table(
        ("Tool", "Kind", "What it does"),
        [
            (
                f"`{row['name']}`",
                "reads" if row["annotations"]["readOnlyHint"] else "acts",
                re.split(r"(?<=\.)\s", row["description"], maxsplit=1)[0],
            )
            for row in rows
        ],
    )


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(text: str, name: str, content: str) -> str:
    """The text with `content` between the markers of `name`."""
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        sys.exit(f"README.md lacks the markers {start} and {end}.")
    return f"{before}{start}\n{content}\n{end}{after}"


def as_json(value: Any) -> str:
    """JSON as it is committed."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def generated() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    readme = ROOT / "README.md"
    known, tools = provider_rows(), anyio.run(tool_rows)
    text = filled(readme.read_text(encoding="utf-8"), "providers", provider_table(known))
    return {
        ROOT / "manifests" / "providers.json": as_json({"providers": known}),
        ROOT / "manifests" / "tools.json": as_json({"tools": tools}),
        readme: filled(text, "tools", tool_table(tools)),
    }


def main(arguments: list[str]) -> None:
    """Write what is stale, or with `--check` only say so."""
    stale = {
        path: text
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    if arguments == ["--check"]:
        if stale:
            names = ", ".join(sorted(path.relative_to(ROOT).as_posix() for path in stale))
            sys.exit(f"Stale: {names}. Run scripts/manifests.")
        return
    for path, text in stale.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


main(sys.argv[1:])
