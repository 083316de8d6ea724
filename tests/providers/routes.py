"""Answers by route, their bodies written down from documents."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.providers.replay import PAYLOADS


def documented(name: str) -> Any:
    """The body of a documented answer."""
    return json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))["body"]


@dataclass
class Routes:
    """Answers each path with a JSON body, `(status, body)`, or what a function makes of the request; else 404."""

    answers: Mapping[str, Any]
    asked: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to a request."""
        self.asked.append(request)
        answer = self.answers.get(request.url.path, (404, {"detail": "Not Found"}))
        if isinstance(answer, Callable):  # type: ignore[arg-type] # mypy knows no callable class
            answer = answer(request)
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(body, bytes):
            return httpx2.Response(status, content=body)
        return httpx2.Response(status, json=body)

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [request.url.path for request in self.asked]
