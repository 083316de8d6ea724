"""desktop/manifest.json: what Claude Desktop shows of the bundle, asks for and starts."""

import re
from typing import Any

from mcp_browserjobs import __version__, variables
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.variables import Variable
from scripts.generators import surface
from scripts.generators.project import PACKAGE, PROJECT, TITLE

ICON = "icon.png"
LONG_DESCRIPTION = (
    "Looks at browser-agent jobs, waits for their results without polling, follows their event logs, answers their"
    " questions, pauses, resumes and cancels them. Enter the keys that you have; the others stay empty."
)
ASKED = ("BROWSERJOBS_READ_ONLY", "BROWSERJOBS_ALLOW_START", "DARI_ORG")
"""What is asked for besides the keys."""


def manifest() -> dict[str, Any]:
    """The manifest of the bundle."""
    asked = [*variables.api_keys(), *(each for each in variables.every() if each.name in ASKED)]
    return {
        "manifest_version": "0.4",
        "name": PACKAGE,
        "display_name": TITLE,
        "version": __version__,
        "description": PROJECT["description"],
        "long_description": LONG_DESCRIPTION,
        "author": {"name": PROJECT["authors"][0]["name"]},
        "icon": ICON,
        "server": {
            "type": "uv",
            "entry_point": "mcp_browserjobs/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "--module", "mcp_browserjobs"],
                "env": {each.name: f"${{user_config.{each.name.lower()}}}" for each in asked},
            },
        },
        # What is there without being allowed more; with start_job there is one more.
        "tools": [
            {"name": tool["name"], "description": first_sentence(tool["description"])}
            for tool in surface.tools(Settings())
        ],
        "tools_generated": True,
        "prompts": surface.prompts(),
        "keywords": PROJECT["keywords"],
        "license": PROJECT["license"],
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": PROJECT["requires-python"]},
        },
        "user_config": {each.name.lower(): _asked(each) for each in asked},
    }


def first_sentence(text: str) -> str:
    """The first sentence of a description."""
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def _asked(variable: Variable) -> dict[str, Any]:
    """A field to fill in. Each has a default: a host leaves the placeholder of one without where it stands."""
    switch = variable.kind == "switch"
    return {
        "type": "boolean" if switch else "string",
        "title": variable.title,
        "description": variable.description,
        "default": variable.default == "true" if switch else variable.default,
        "required": False,
        **({"sensitive": True} if variable.secret else {}),
    }
