"""What comes in by webhook, and whether it is from whom it says."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

WINDOW_SECONDS = 300
"""A delivery that says it was sent longer ago, or later from now, is a replay."""
LARGEST_REWRITTEN = 16 * 1024
"""Anybody may send a body, and to write one anew takes its time."""

Payload = TypeVar("Payload", bound=BaseModel)


@dataclass(frozen=True)
class Delivery:
    """One request of a webhook. `headers` have names in small letters; `now` is when it came."""

    headers: Mapping[str, str]
    body: bytes
    now: datetime

    def timely(self, header: str) -> bool:
        """Whether the moment of sending that a header tells, in Unix seconds, is not long ago."""
        sent = self.headers.get(header, "")
        return sent.isdecimal() and len(sent) < 12 and abs(self.now.timestamp() - int(sent)) <= WINDOW_SECONDS

    def read(self, model: type[Payload]) -> Payload | None:
        """The body as `model`, None when it is none."""
        try:
            return model.model_validate(from_json(self.body, allow_inf_nan=False))
        except (ValidationError, ValueError):
            return None

    def rewritten(self, *ways: Mapping[str, Any]) -> list[bytes]:
        """The body's JSON written anew, as `json.dumps` does in these ways; nothing when it is none or too large."""
        if len(self.body) > LARGEST_REWRITTEN:
            return []
        try:
            value = from_json(self.body, allow_inf_nan=False)
        except ValueError:
            return []
        return [json.dumps(value, **way).encode(errors="replace") for way in ways]


def signs(secret: str, signature: str, messages: Iterable[bytes]) -> bool:
    """Whether a signature is the HMAC-SHA256 of one of some messages, in hex or base64, with or without `sha256=`.

    Takes as long for a wrong one as for a good one.
    """
    given = _bytes_of(signature.removeprefix("sha256="))
    matching = [
        hmac.compare_digest(hmac.digest(secret.encode(), message, hashlib.sha256), given) for message in messages
    ]
    return any(matching)


def _bytes_of(signature: str) -> bytes:
    try:
        if len(signature) == hashlib.sha256().digest_size * 2:
            return bytes.fromhex(signature)
        given = b64decode(signature, validate=True)
    except ValueError:
        return b""
    return given if b64encode(given).decode() == signature else b""
