"""What a host is: a program that starts MCP servers and lets an assistant call their tools."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .formats import Format
from .system import System

Entry = dict[str, Any]
"""How a server stands in a host's configuration."""


@dataclass(frozen=True)
class Server:
    """A server as a host shall start it: an absolute command, its arguments, and the variables it gets.

    A variable without a value is one that the host asks for; `env_file` is where it reads others.
    """

    name: str
    command: str
    args: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    env_file: str = ""


@dataclass(frozen=True)
class Timeout:
    """The setting of an entry that ends a tool call, in `unit` seconds."""

    setting: str
    unit: float = 1


@dataclass(frozen=True)
class Host:
    """A host, where its configuration is, and how a server is written there.

    Args:
        name: what its users type here.
        client: how it calls itself over MCP, in lower case; empty where that is not known.
        path: its configuration for all of a person's projects.
        servers: the object in it that holds the servers by name.
        entry: a server as it is written there.
        traces: what is there when it is installed, besides the configuration itself.
        command: the setting of an entry with the command.
        environment: the setting of an entry with the server's variables.
        asks: whether it asks for keys by itself, or reads a file with them, so that none stands in its configuration.
        restart: what a person does before it sees a change.
    """

    name: str
    title: str
    client: str
    format: Format
    path: Callable[[System], Path]
    servers: str
    entry: Callable[[Server], Entry]
    traces: Callable[[System], tuple[Path, ...]]
    restart: str
    command: str = "command"
    environment: str = "env"
    timeout: Timeout | None = None
    asks: bool = False

    def found(self, system: System) -> bool:
        """Whether it looks installed."""
        return self.path(system).exists() or any(trace.exists() for trace in self.traces(system))
