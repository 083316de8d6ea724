"""The programs that start this server: where each keeps its configuration, and how a server is written there."""

from .formats import Document, NotValidError
from .host import Entry, Host, Server
from .known import HOSTS
from .system import VARIABLES, System

__all__ = ["HOSTS", "VARIABLES", "Document", "Entry", "Host", "NotValidError", "Server", "System"]
