"""Finds screenshots in a tar.gz that a stranger packed. All of it stays in memory, and little at a time.

Names only tell which members are screenshots and in what order; where they lead is never followed.
"""

import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from io import BytesIO

import anyio.lowlevel

MOST_PACKED_BYTES = 64 * 1024 * 1024
MOST_BYTES = 200 * 1024 * 1024
MOST_MEMBER_BYTES = 20 * 1024 * 1024
MOST_MEMBERS = 2000
HEADER_BYTES = 16 * 1024
"""What all headers of one member may take, those with a long name included."""
READ_BYTES = 4096

GZIP = b"\x1f\x8b"
SCREENSHOT = re.compile(r"screenshot_([0-9]{1,18})\.(?:png|jpe?g|webp)", re.IGNORECASE)


class BrokenArchiveError(Exception):
    """It is not what it should be; `where` says what is wrong in a few words of ours."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


async def find_screenshots(packed: bytes) -> list[int]:
    """The places of the screenshots among the archive's members, in the order of their numbers.

    Raises:
        BrokenArchiveError: it cannot be read, or holds more than any job leaves.
    """
    found = []
    with _unpacking(packed) as source:
        for place, member, _ in _members(source):
            await anyio.lowlevel.checkpoint()
            number = _number(member)
            if number is not None:
                found.append((number, member.name, place))
    return [place for *_, place in sorted(found)]


async def read_screenshot(packed: bytes, wanted: int) -> bytes:
    """The screenshot at a place that `find_screenshots` told of this archive.

    Raises:
        BrokenArchiveError: as there.
    """
    with _unpacking(packed) as source:
        for place, member, tar in _members(source):
            await anyio.lowlevel.checkpoint()
            content = tar.extractfile(member) if place == wanted else None
            if content is not None:
                return content.read()
    raise BrokenArchiveError("an archive that lacks a file")


class _Unpacked(GzipFile):
    """Unpacks no more than is allowed, however much is packed."""

    def __init__(self, packed: bytes) -> None:
        super().__init__(fileobj=BytesIO(packed))
        self._left = MOST_BYTES
        self._left_now = HEADER_BYTES
        self._ended = False

    def allow(self, size: int) -> None:
        """Let this much be read, and the headers that follow it."""
        self._left_now = size + HEADER_BYTES

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes."""
        chunk = super().read(size)
        self._left -= len(chunk)
        self._left_now -= len(chunk)
        if self._left < 0 or self._left_now < 0:
            raise BrokenArchiveError("an archive that unpacks to too much")
        if not chunk and self._ended:
            # To skip what a header claims to follow, tarfile would read on for ever.
            raise EOFError
        self._ended = not chunk
        return chunk


@contextmanager
def _unpacking(packed: bytes) -> Iterator[_Unpacked]:
    if not packed.startswith(GZIP):
        raise BrokenArchiveError("an archive that is no gzip")
    try:
        with _Unpacked(packed) as source:
            yield source
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, LookupError):
        raise BrokenArchiveError("a broken archive") from None


def _members(source: _Unpacked) -> Iterator[tuple[int, tarfile.TarInfo, tarfile.TarFile]]:
    """Each member with its place, and with the archive that it can be read from while its turn lasts."""
    with tarfile.open(fileobj=source, mode="r|", bufsize=READ_BYTES) as tar:
        for place, member in enumerate(tar):
            if place == MOST_MEMBERS:
                raise BrokenArchiveError("an archive of too many files")
            if not 0 <= member.size <= MOST_MEMBER_BYTES:
                raise BrokenArchiveError("an archive of too large a file")
            source.allow(member.size)
            yield place, member, tar


def _number(member: tarfile.TarInfo) -> int | None:
    """The number of a screenshot; None for anything else, and for what claims a place outside of the archive."""
    *folders, name = member.name.replace("\\", "/").split("/")
    found = SCREENSHOT.fullmatch(name)
    outside = ".." in folders or folders[:1] == [""]
    plain = member.isreg() and not member.issparse()
    return int(found[1]) if found and plain and not outside else None
