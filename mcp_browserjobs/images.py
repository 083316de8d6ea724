"""Makes a screenshot of any size fit for an answer. Pure, but takes its time: run it in a thread."""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from .errors import NotAvailableError

if TYPE_CHECKING:
    from PIL import Image

LONGEST_SIDE = 1568
MOST_BYTES = 700 * 1024
MOST_PIXELS = 64_000_000
"""More is no screenshot: its decoding is not begun."""
FORMATS = ("PNG", "JPEG", "WEBP")
QUALITIES = (85, 70, 50, 30)


@dataclass(frozen=True)
class FittedImage:
    """An image of at most LONGEST_SIDE pixels and MOST_BYTES."""

    data: bytes
    mime_type: Literal["image/png", "image/jpeg"]
    width: int
    height: int


def fit(data: bytes) -> FittedImage:
    """Scale an image down and encode it anew: as PNG where that is small enough, else as JPEG.

    Raises:
        NotAvailableError: it is no image of a known kind, is broken, or has more pixels than any screen.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - the server starts faster without

    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotAvailableError("screenshot", "too_large")
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
            scaled = image.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError):
        raise NotAvailableError("screenshot", "broken") from None
    while True:
        if len(encoded := _encode(scaled, "PNG")) <= MOST_BYTES:
            return FittedImage(encoded, "image/png", *scaled.size)
        for quality in QUALITIES:
            if len(encoded := _encode(scaled, "JPEG", quality=quality)) <= MOST_BYTES:
                return FittedImage(encoded, "image/jpeg", *scaled.size)
        scaled = scaled.resize((max(1, scaled.width // 2), max(1, scaled.height // 2)))


def _encode(image: "Image.Image", kind: str, **options: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, optimize=True, **options)
    return buffer.getvalue()
