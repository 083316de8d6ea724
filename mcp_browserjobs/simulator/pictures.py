"""Screenshots that are none: plain pictures, each in a colour of its own."""

import io
import tarfile
import zlib
from struct import pack

WIDTH, HEIGHT = 160, 100


def picture(number: int) -> bytes:
    """The picture with this number, a PNG."""
    pixel = bytes(number * step % 256 for step in (47, 89, 131))
    rows = (b"\0" + pixel * WIDTH) * HEIGHT
    header = pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def archive(count: int) -> bytes:
    """The first `count` pictures as a tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for number in range(count):
            image = picture(number)
            member = tarfile.TarInfo(f"screenshot_{number:04}.png")
            member.size = len(image)
            tar.addfile(member, io.BytesIO(image))
    return packed.getvalue()
