"""What a process that serves does for itself: how much it may have open, and that it ends."""

import os
import sys
import threading

if sys.platform != "win32":
    import resource

LAST_SECONDS = 1.5
OTHER_FILES = 128
"""So many may be open beside connections that come in: the store, connections to providers."""


def room_for(connections: int) -> int:
    """How many connections of so many may be open at once, after asking the system for as many files."""
    if sys.platform == "win32":
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else min(connections, max(soft - OTHER_FILES, soft // 2))


def be_gone_soon() -> None:
    """End the process in any case: a thread that cannot be interrupted, looking up a name say, must not keep it."""
    last = threading.Timer(LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
