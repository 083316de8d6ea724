"""Holds what a simulator answers against the shapes of recorded and documented answers."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from mcp_browserjobs.simulator.script import Fail, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.stories import QUICK, asking

PAYLOADS = Path(__file__).parent.parent / "providers" / "payloads"
SCRIPTS = {
    "quick": QUICK,
    "failing": Script(beats=(Queued(), Step("Looked"), Fail("boom"))),
    "prose": Script(beats=(Queued(), Finish("Done.", goal_met=None))),
    "asking": asking(patience=5),
    "held": Script(beats=(Step("Looked", 60), Finish())),
}
NAMES = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "string", list: "array"}


def kind(value: object) -> str:
    """What JSON calls it."""
    return NAMES.get(type(value), "object")


def documented(provider: str, name: str) -> Any:
    """A file of the payloads."""
    return json.loads((PAYLOADS / provider / f"{name}.json").read_text("utf-8"))


def check(value: dict[str, Any], fields: dict[str, str]) -> None:
    """It has these fields and no others, each of one of its types."""
    assert value.keys() <= fields.keys()
    for name, kinds in fields.items():
        found = kind(value[name]) if name in value else "absent"
        assert "any" in kinds.split("|") or found in kinds.split("|"), (name, found)


class Shapes:
    """The objects of a provider's documentation."""

    def __init__(self, provider: str) -> None:
        self.objects: dict[str, dict[str, str]] = documented(provider, "fields")["objects"]

    def check(self, name: str, *values: dict[str, Any]) -> None:
        """They have the fields of the object of this name."""
        for value in values:
            check(value, self.objects[name])


async def get_from(base: str, key: Mapping[str, str], client: httpx2.AsyncClient, path: str, /, **params: Any) -> Any:
    """The body of a good answer; the key comes in headers."""
    response = await client.get(base + path, params=params or None, headers=key)
    assert response.status_code == 200, response.text
    return response.json()


async def any_from(base: str, key: Mapping[str, str], client: httpx2.AsyncClient, path: str, /, **params: Any) -> Any:
    """The body of an answer, good or bad."""
    return (await client.get(base + path, params=params or None, headers=key)).json()


async def post_to(
    base: str, key: Mapping[str, str], client: httpx2.AsyncClient, path: str, /, **body: Any
) -> tuple[int, Any]:
    """The status and the body of an answer."""
    response = await client.post(base + path, json=body, headers=key)
    return response.status_code, response.json()


get = partial(get_from, "", {})
MOMENTS = 8
"""Looks at a job, some seconds apart, until every script is through."""
