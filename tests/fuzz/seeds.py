"""Where a fuzzer begins: what each target is known to be given."""

import io
import json
import tarfile
from collections.abc import Iterator

from PIL import Image

from mcp_browserjobs import providers
from tests.fuzz.targets import SEPARATOR
from tests.hosts.test_formats import COMMENTED, MAPPINGS, PLAIN, TABLES
from tests.providers.test_mutations import READINGS, bodies
from tests.providers.test_webhooks import SENDERS, genuine

CONFIGURATIONS = {"json": PLAIN, "jsonc": [*PLAIN, *COMMENTED], "toml": TABLES, "yaml": MAPPINGS}


def seeds(target: str) -> Iterator[bytes]:
    """What to begin with."""
    if target in providers.names():
        for number, body in enumerate(bodies(target)):
            said = json.dumps(body).encode()
            yield bytes([0, number % len(READINGS)]) + said
            yield bytes([0, number % len(READINGS)]) + said + SEPARATOR + said
            yield bytes([0, number % len(READINGS)]) + b"id: 1\nevent: log\ndata: " + said + b"\n\n"
    elif target == "webhooks":
        yield from (genuine(sender)[1] for sender in SENDERS)
    elif target == "archives":
        yield b"u" + archive()
    elif target == "images":
        for kind in ("PNG", "JPEG", "WEBP"):
            file = io.BytesIO()
            Image.new("RGB", (9, 7), "red").save(file, kind)
            yield file.getvalue()
    elif target in CONFIGURATIONS:
        yield from (text.encode() for text in CONFIGURATIONS[target])
    else:
        for provider in providers.names():
            known = providers.load(provider)
            yield f"{provider}:{known.example_id}".encode()
            yield f"{known.base_url}{known.api_path}/tasks/{known.example_id}?job_id={known.example_id}".encode()


def archive() -> bytes:
    """An archive with two screenshots."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for number in (1, 2):
            content = b"\x89PNG\r\n\x1a\n" + bytes([number])
            member = tarfile.TarInfo(f"shots/screenshot_{number}.png")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()
