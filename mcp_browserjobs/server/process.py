"""What a process that serves does for itself: where it logs to, and that it ends."""

import logging
import os
import sys
import threading

LAST_SECONDS = 1.5


def log_to_stderr() -> None:
    """Set up before the SDK does so in its own way, which would tell the address of every request."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("mcp_browserjobs").setLevel(logging.INFO)
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def be_gone_soon() -> None:
    """End the process in any case: a thread that cannot be interrupted, looking up a name say, must not keep it."""
    last = threading.Timer(LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
