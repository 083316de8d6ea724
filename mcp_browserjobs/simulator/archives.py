"""Archives of screenshots that nobody should open without care."""

import gzip
import tarfile
from typing import Literal

from .pictures import archive, picture

Hostile = Literal["traversal", "symlink", "huge", "bomb", "not_gzip", "not_images", "truncated"]

MEBIBYTE = 1024 * 1024
BOMB_MEMBERS, BOMB_MEBIBYTES = 11, 19
"""Just over 200 MiB, out of less than one."""


def hostile_archive(how: Hostile) -> bytes:
    """What comes instead of the screenshots of a job."""
    match how:
        case "traversal":
            names = ("../screenshot_0000.png", "/screenshot_0001.png", "shots/../../screenshot_0002.png")
            return gzip.compress(b"".join(_file(name, picture(1)) for name in names) + _end())
        case "symlink":
            kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
            links = (_header(f"screenshot_{number:04}.png", 0, kind) for number, kind in enumerate(kinds))
            return gzip.compress(b"".join(links) + _end())
        case "huge":
            return gzip.compress(_header("screenshot_0000.png", 8 * 1024 * MEBIBYTE) + picture(1))
        case "bomb":
            zeros = gzip.compress(bytes(MEBIBYTE))
            headers = (
                _header(f"screenshot_{number:04}.png", BOMB_MEBIBYTES * MEBIBYTE) for number in range(BOMB_MEMBERS)
            )
            return b"".join(gzip.compress(header) + zeros * BOMB_MEBIBYTES for header in headers)
        case "not_gzip":
            return b"<!doctype html><title>Please log in</title>"
        case "not_images":
            return gzip.compress(_file("screenshot_0000.png", b"<!doctype html><title>Gone</title>") + _end())
        case "truncated":
            whole = archive(3)
            return whole[: len(whole) // 2]


def _header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    member.linkname = "/etc/hostname" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
    return member.tobuf()


def _file(name: str, content: bytes) -> bytes:
    return _header(name, len(content)) + content.ljust(-(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, b"\0")


def _end() -> bytes:
    return bytes(2 * tarfile.BLOCKSIZE)
