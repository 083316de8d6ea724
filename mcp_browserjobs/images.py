"""Makes a screenshot of any size fit for an answer. Pure, but takes its time: run it in a thread."""

from dataclasses import dataclass
from io import BytesIO
from struct import error as StructError  # noqa: N812 - a class, whatever its case
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
BROKEN = (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, EOFError, StructError)
"""What Pillow raises for files that are not what they seem."""


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
    from PIL import Image, ImageOps  # noqa: PLC0415 - the server starts faster without

    Image.MAX_IMAGE_PIXELS = None  # Pillow would warn, and go on, where MOST_PIXELS stops
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotAvailableError("screenshot", "too_large")
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            smooth = _smooth(image)
            smooth.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
            scaled = _opaque(ImageOps.exif_transpose(smooth))
    except BROKEN:
        raise NotAvailableError("screenshot", "broken") from None
    # Nothing that came along with the pixels, such as a colour profile of any size, goes on.
    scaled.info.clear()
    while True:
        if len(encoded := _encode(scaled, "PNG")) <= MOST_BYTES:
            return FittedImage(encoded, "image/png", *scaled.size)
        for quality in QUALITIES:
            if len(encoded := _encode(scaled, "JPEG", quality=quality)) <= MOST_BYTES:
                return FittedImage(encoded, "image/jpeg", *scaled.size)
        scaled = scaled.resize((max(1, scaled.width // 2), max(1, scaled.height // 2)))


def _smooth(image: "Image.Image") -> "Image.Image":
    """The image in a mode whose pixels can be mixed: no palette, no bits, no 16-bit greys."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    return image.convert("RGBA") if image.mode in ("1", "P") else image


def _opaque(image: "Image.Image") -> "Image.Image":
    """The image on white paper: what is transparent must not become black."""
    from PIL import Image  # noqa: PLC0415 - as in `fit`

    if not image.has_transparency_data:
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


def _encode(image: "Image.Image", kind: str, **options: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, optimize=True, **options)
    return buffer.getvalue()
