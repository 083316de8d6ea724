"""What stands between markers in the documents: tables in Markdown, and the configurations of hosts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_browserjobs import providers, variables
from mcp_browserjobs.providers.base import Provider
from mcp_browserjobs.server.answers import abilities
from scripts.generators.desktop import first_sentence
from scripts.generators.markdown import table
from scripts.generators.pages import chapters
from scripts.generators.surface import EVERYTHING

COLUMNS = {
    "List": ["list_jobs"],
    "Screenshots": ["get_job_screenshot"],
    "Questions": ["answer_job_question"],
    "Pause": ["pause_job", "resume_job"],
}
"""What not every provider can do, and the tools by which it does."""
OF_PROVIDERS = "<PROVIDER>"


def provider_rows() -> list[dict[str, Any]]:
    """Every provider as a host or a person who installs needs to know it."""
    return [
        {
            "name": provider.name,
            "title": provider.title,
            "key_variable": f"{providers.prefix(provider.name)}_API_KEY",
            "base_url_variable": f"{providers.prefix(provider.name)}_BASE_URL",
            "base_url": provider.base_url,
            "tools": abilities(provider.name, EVERYTHING),
            "tells_by": _tells_by(provider),
        }
        for provider in map(providers.load, providers.names())
    ]


def _tells_by(provider: type[Provider]) -> list[str]:
    """By what a provider tells of changes before anybody looks."""
    ways = {"stream": "stream_changes", "long poll": "await_change", "webhooks": "jobs_of"}
    return [way for way, method in ways.items() if hasattr(provider, method)]


def blocks(rows: list[dict[str, Any]], tools: list[dict[str, Any]], hosts: Mapping[str, str]) -> dict[str, str]:
    """Everything that a document may have between its markers, by their name."""
    fenced = {Path(name).stem: f"```{Path(name).suffix.removeprefix('.')}\n{text}```" for name, text in hosts.items()}
    made = {"providers": _providers(rows), "tools": _tools(tools), "settings": _settings(), "chapters": chapters()}
    return made | fenced


def _providers(rows: list[dict[str, Any]]) -> str:
    """The providers, with what not every one of them can do."""
    return table(
        ("Provider", "Account", "Key", *COLUMNS, "Tells by itself"),
        (
            (
                row["title"],
                f"`{row['name']}`",
                f"`{row['key_variable']}`",
                *("yes" if set(tools) <= set(row["tools"]) else "" for tools in COLUMNS.values()),
                ", ".join(row["tells_by"]),
            )
            for row in rows
        ),
    )


def _tools(rows: list[dict[str, Any]]) -> str:
    """The tools, each with its description's first sentence."""
    return table(
        ("Tool", "Kind", "What it does"),
        (
            (
                f"`{row['name']}`",
                "reads" if row["annotations"]["readOnlyHint"] else "acts",
                first_sentence(row["description"]),
            )
            for row in rows
        ),
    )


def _settings() -> str:
    """The variables, those of the providers in one line for all."""
    every = [("API_KEY", "The key, see the providers.")]
    every += [(each.name, each.description.format("the provider")) for each in variables.OF_EACH]
    every += [("WEBHOOK_SECRET", "What the provider signs its webhooks with.")]
    return table(
        ("Variable", "What it sets"),
        (
            *((f"`{OF_PROVIDERS}_{name}`", description) for name, description in every),
            *((f"`{each.name}`", each.description) for each in variables.of_providers() if _is_own_option(each.name)),
            *((f"`{each.name}`", each.description) for each in variables.OWN),
        ),
    )


def _is_own_option(name: str) -> bool:
    """Whether no other provider has such a variable."""
    return any(name in provider.options.values() for provider in map(providers.load, providers.names()))
