"""Secrets are found in a text however they are written there."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest
from pydantic import JsonValue, SecretStr

from mcp_browserjobs import masking
from mcp_browserjobs.masking import MASK, Mask

KEY = "sk_live_Zq7/Rw+mN3xVb9~KtLp2:HdYf5"
MASKED = Mask([KEY, "Anoth3r-0ne"])


@pytest.mark.parametrize(
    ("text", "without"),
    [
        (KEY, MASK),
        (f"Bearer {KEY}.", f"Bearer {MASK}."),
        (KEY * 2, MASK * 2),
        (f"{KEY[:20]}...", f"{MASK}..."),
        (f"...{KEY[-12:]}", f"...{MASK}"),
        (f"{KEY[:11]}...{KEY[-4:]}", f"{KEY[:11]}...{KEY[-4:]}"),
        (f"{KEY[:20]}{KEY[5:]}", MASK * 2),
        (quote(KEY, safe=""), MASK),
        (quote(KEY, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3A", "%3a"), MASK),
        (json.dumps(KEY).replace("/", "\\/"), f'"{MASK}"'),
        ("one Anoth3r-0ne two", f"one {MASK} two"),
        ("Anoth3r-0n", "Anoth3r-0n"),
        ("", ""),
        ("nothing of the kind, sk_live_", "nothing of the kind, sk_live_"),
    ],
)
def test_a_secret_is_taken_out(text: str, without: str) -> None:
    assert MASKED(text) == without
    assert MASKED.of_bytes(text.encode()) == without.encode()


@pytest.mark.parametrize("before", ["", "u:", "user:", "Bearer ", "a longer name:"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_it_is_found_in_base64_wherever_it_begins(before: str, encode: Callable[[bytes], bytes]) -> None:
    encoded = encode(f"{before}{KEY}:after".encode()).decode()
    without = MASKED(f"[{encoded}]")
    assert MASK in without
    assert b64encode(KEY.encode()).decode()[4:-4] not in without
    assert len(without) - len(MASK) <= len(before) * 4 / 3 + len(":after") * 4 / 3 + 8


def test_what_json_says_is_masked_whatever_its_escapes() -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    body = f'{{"said": ["{escaped}", 1, null, true], "{KEY}": "{KEY[:20]}"}}'.encode()
    assert MASKED.of_json(json.loads(body), body) == {"said": [MASK, 1, None, True], MASK: MASK}
    plain: JsonValue = {"said": "nothing"}
    assert MASKED.of_json(plain, b'{"said": "nothing"}') is plain


def test_what_is_too_short_to_be_a_secret_is_left_in_the_text() -> None:
    assert Mask(["a key"])("a key to a door") == "a key to a door"


def test_what_is_kept_is_masked_from_then_on() -> None:
    assert masking.masked("a-key-that-is-kept") == "a-key-that-is-kept"
    masking.keep([SecretStr("a-key-that-is-kept")])
    assert masking.masked("a-key-that-is-kept") == MASK
