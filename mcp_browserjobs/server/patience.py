"""How long each client waits for one tool call: a wait answers before the client gives up.

What is known of a client by its name is the start. Where the client cuts waits all the same, its limit is learned, and
its later waits stay below. Not every end is a limit: a person may press stop, a program may quit. So a cut counts

- at once, when it comes as late as one of the known clients gives up: those limits are round, and kept to the second
  (of a client known by name, only when it is one of those known by name: the others' are short, and people are there);
- otherwise when the next cut comes as late again, at another moment, which people hardly manage;
- never, when it comes before any known client gives up; so no lesson leaves less than 3.6 s.

A client may give up without a word. When an older client that is not known by name asks for the very same wait while
the first still lasts, it gave up at the known limit before that moment; as this is a guess, it takes two in a row.

The least that was learned holds, for REMEMBERED_SECONDS after the last cut that counted; BROWSERJOBS_WAIT_SECONDS
overrides all of it. A lesson is one connection's own. In the present revision of the protocol there are no
connections: over HTTP, clients are the same that give the same name and version and are let in as the same principal;
over a pipe there is only one.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import anyio
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import principal_components
from mcp.server.mcpserver import Context

from .notify import MODERN
from .presence import connection_of


class Host(NamedTuple):
    """Who calls tools: after how many seconds it gives up, how long a wait for it is, and how that is known."""

    limit: float
    wait: float
    source: str


UNKNOWN = 25.0
"""The longest wait for a client without a known name: under the 30 s after which several frameworks give up."""

KNOWN = {
    "claude-ai": Host(60, 50, "Claude Desktop, claude.ai: users report cuts at 60 s on some paths, at 240 s on others"),
    "chatgpt": Host(60, 50, "its community reports about 60 s"),
    "zed": Host(60, 50, "its source, crates/context_server/src/client.rs"),
    "cline": Host(60, 50, "its source, sdk/packages/shared/src/mcp.ts"),
    "@librechat/api-client": Host(60, 50, "its source sets none, so the default of the TypeScript SDK"),
    "inspector-cli": Host(60, 50, "measured with 2.12"),
    "mcp-inspector": Host(60, 50, "as its command line"),
    "claude-code": Host(120, 100, "its documentation: then a call goes on in the background"),
    "codex-mcp-client": Host(300, 240, "its source, codex-rs/codex-mcp/src/rmcp_client.rs"),
    "codex": Host(300, 240, "as codex-mcp-client"),
    "goose": Host(300, 240, "its source, DEFAULT_EXTENSION_TIMEOUT"),
    "fastmcp": Host(300, 240, "pydantic-ai says that it is this: its source, and a call of 65 s passed"),
    "gemini-cli-mcp-client": Host(600, 540, "its source, packages/core/src/tools/mcp-client.ts"),
}
"""By the name that a client gives itself, in lower case."""

NAMELESS = {
    "OpenAI Agents SDK": Host(5, UNKNOWN, "measured with 0.24"),
    "Google ADK over stdio": Host(5, UNKNOWN, "its source, mcp_session_manager.py"),
    "CrewAI": Host(30, UNKNOWN, "its source, crewai/mcp/client.py"),
    "LlamaIndex": Host(30, UNKNOWN, "its source, client.py of its MCP tools"),
    "JetBrains Copilot": Host(30, UNKNOWN, "its issue tracker"),
    "Claude Desktop, local servers": Host(240, UNKNOWN, "its message after 4 minutes, in its issue tracker"),
}
"""By product: those that say just `mcp`, or nothing that tells them from others."""

LIMITS = sorted({host.limit for hosts in (KNOWN, NAMELESS) for host in hosts.values()})
LIMITS_OF_KNOWN = sorted({host.limit for host in KNOWN.values()})

MARGIN = 0.8
"""A wait lasts so much of what a cut taught."""
TOLERANCE = 0.5
"""So many seconds apart, two cuts are as late as each other."""
REMEMBERED_SECONDS = 3600.0
LESSONS = "mcp_browserjobs.lessons"
MOST_CLIENTS = 1000
"""Of so many clients without a connection lessons are kept; the one that asked longest ago is forgotten first."""


@dataclass
class Lessons:
    """What the cuts of one client taught; one that is as late as one of `limits` counts at once."""

    limits: Sequence[float]
    _cap: float = math.inf
    _learned_at: float = -math.inf
    _last_cut: float = -math.inf
    _last_cut_at: float = -math.inf
    _waiting: dict[Hashable, float] = field(default_factory=dict)

    @property
    def cap(self) -> float:
        """The longest wait that this client is known to bear."""
        return self._cap if anyio.current_time() < self._learned_at + REMEMBERED_SECONDS else math.inf

    @contextmanager
    def waiting(self, what: Hashable, *, guess: bool) -> Iterator[None]:
        """A wait of this client, which learns from it when it is cut.

        Args:
            what: the same for waits for the very same.
            guess: whether asking for the same again tells that this client gave up.
        """
        now = anyio.current_time()
        if guess and what in self._waiting:
            self._asked_again(now - self._waiting[what])
        self._waiting[what] = now
        try:
            yield
        except anyio.get_cancelled_exc_class():
            self._cut(anyio.current_time() - now)
            raise
        finally:
            if self._waiting.get(what) == now:
                del self._waiting[what]

    def _asked_again(self, after: float) -> None:
        if limits := [limit for limit in self.limits if limit <= after]:
            self._note(limits[-1], counts=False)

    def _cut(self, after: float) -> None:
        self._note(after, counts=any(_alike(after, limit) for limit in self.limits))

    def _note(self, cut: float, *, counts: bool) -> None:
        now = anyio.current_time()
        # Waits that are cut together are cut for one reason, which is no confirmation.
        counts = counts or (_alike(cut, self._last_cut) and not _alike(now, self._last_cut_at))
        self._last_cut, self._last_cut_at = cut, now
        if counts and cut >= LIMITS[0] - TOLERANCE:
            self._cap = min(self.cap, cut * MARGIN)
            self._learned_at = now


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE


class Patience:
    """How long clients wait; `override` is the setting that takes the place of all that is known and learned."""

    def __init__(self, override: float | None) -> None:
        self._override = override
        self._lessons: OrderedDict[Hashable, Lessons] = OrderedDict()

    @contextmanager
    def waiting(self, ctx: Context[Any, Any], what: Hashable) -> Iterator[float]:
        """A wait of the client that asks, and how many seconds it may last; `what` is as in `Lessons`."""
        client = ctx.session.client_params
        known = KNOWN.get(client.client_info.name.lower()) if client else None
        lessons, lasting = self._of(ctx, LIMITS_OF_KNOWN if known else LIMITS)
        cap = self._override or min(known.wait if known else UNKNOWN, lessons.cap)
        with lessons.waiting(what, guess=lasting and known is None):
            yield cap

    def _of(self, ctx: Context[Any, Any], limits: Sequence[float]) -> tuple[Lessons, bool]:
        """The lessons of the client that asks, and whether they are those of one connection."""
        connection, client, token = connection_of(ctx.session), ctx.session.client_params, get_access_token()
        if connection.protocol_version < MODERN:
            return connection.state.setdefault(LESSONS, Lessons(limits)), True
        name = (client.client_info.name, client.client_info.version) if client else None
        over_http = ctx.request_context.request is not None
        key = (name, over_http, principal_components(token) if token else None)
        lessons = self._lessons.setdefault(key, Lessons(limits))
        self._lessons.move_to_end(key)
        if len(self._lessons) > MOST_CLIENTS:
            self._lessons.popitem(last=False)
        return lessons, False
