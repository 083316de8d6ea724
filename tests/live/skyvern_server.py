"""A real Skyvern of its own, served on the socket with the given number; runs in Skyvern's environment, not in ours."""

import socket
import sys
from typing import Any

import uvicorn
from skyvern.forge.sdk.api import email  # type: ignore[import-not-found]


async def send_nothing(**_: Any) -> bool:
    """Stand in for the mail that tells of a question."""
    return True


if __name__ == "__main__":
    email.send = send_nothing
    config = uvicorn.Config("skyvern.forge.api_app:create_api_app", factory=True, log_config=None)
    uvicorn.Server(config).run([socket.socket(fileno=int(sys.argv[1]))])
