"""Which of a job's screenshots is meant, and whether what came is one."""

from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence

from .errors import NotAvailableError
from .jobs import Picture

MOST_IMAGE_BYTES = 20 * 1024 * 1024
"""More is no screenshot."""


def is_image(content: bytes) -> bool:
    """Whether it begins as a PNG, a JPEG or a WebP does."""
    return content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (content[:4], content[8:12]) == (
        b"RIFF",
        b"WEBP",
    )


def from_base64(text: str) -> bytes | None:
    """The image that a base64 text or a `data:` URI holds, None when it holds none."""
    try:
        content = b64decode(text.rpartition(",")[2], validate=True)
    except ValueError:
        return None
    return content if is_image(content) else None


def place_of(index: int, count: int) -> int:
    """The place among `count` that an index means; a negative one counts from the end.

    Raises:
        NotAvailableError: it is beyond them.
    """
    if not -count <= index < count:
        raise NotAvailableError(f"screenshot {index}, only {count} counted from 0")
    return index % count


async def fetch_linked(
    links: Callable[[], Awaitable[Sequence[str]]], download: Callable[[str], Awaitable[bytes | None]], index: int
) -> Picture:
    """The screenshot behind one of some links. One that has expired is asked for anew, once.

    Args:
        links: asks for the links of all screenshots, oldest first.
        download: fetches what is behind a link, None when that has expired.
        index: which is wanted.

    Raises:
        NotAvailableError: there is none of this index, or only an expired link to it.
    """
    for _ in range(2):
        found = await links()
        place = place_of(index, len(found))
        if (image := await download(found[place])) is not None:
            return Picture(data=image, index=place, count=len(found))
    raise NotAvailableError("screenshot", "expired")
