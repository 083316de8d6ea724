"""What becomes of screenshots, and of what only looks like one."""

import io
import os
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from mcp_browserjobs.errors import NotAvailableError
from mcp_browserjobs.images import LONGEST_SIDE, MOST_BYTES, fit

WHITE, RED = (255, 255, 255), (255, 0, 0)
Pixel = tuple[int, ...]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def fitted(data: bytes) -> Image.Image:
    """What is left of an image, which has to be as promised."""
    fit_for_it = fit(data)
    assert len(fit_for_it.data) <= MOST_BYTES
    kind = {"image/png": "PNG", "image/jpeg": "JPEG"}[fit_for_it.mime_type]
    image = Image.open(io.BytesIO(fit_for_it.data), formats=[kind])
    image.load()
    assert image.mode == "RGB"
    assert image.size == (fit_for_it.width, fit_for_it.height)
    assert 0 < max(image.size) <= LONGEST_SIDE
    return image


def near(image: Image.Image, place: tuple[int, int], pixel: Pixel) -> bool:
    seen = image.getpixel(place)
    assert isinstance(seen, tuple)
    return all(abs(a - b) <= 8 for a, b in zip(seen, pixel, strict=True))


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), os.urandom(width * height * 3))


@pytest.mark.parametrize(
    ("size", "left"),
    [
        ((1, 1), (1, 1)),
        ((1568, 1568), (1568, 1568)),
        ((3136, 1568), (1568, 784)),
        ((20, 15680), (2, 1568)),
        ((1, 60000), (1, 1568)),
    ],
)
def test_an_image_is_scaled_down_never_up_and_keeps_its_shape(size: tuple[int, int], left: tuple[int, int]) -> None:
    image = fitted(encoded(Image.new("RGB", size, RED)))
    assert image.size == left
    assert near(image, (0, 0), RED)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})])
def test_noise_is_made_small_enough(kind: str, options: dict[str, Any]) -> None:
    image = fitted(encoded(noise(2400, 1800), kind, **options))
    assert image.size == (1568, 1176)


def test_what_no_quality_makes_small_enough_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_browserjobs.images.MOST_BYTES", 20_000)
    assert fitted(encoded(noise(400, 200))).size == (200, 100)


def test_a_plain_picture_stays_a_png_and_keeps_its_pixels() -> None:
    picture = Image.new("RGB", (64, 64), RED)
    picture.putpixel((3, 4), (1, 2, 3))
    assert fitted(encoded(picture)).getpixel((3, 4)) == (1, 2, 3)
    assert fit(encoded(picture)).mime_type == "image/png"


@pytest.mark.parametrize("size", [(100, 60), (3000, 1800)])
@pytest.mark.parametrize(
    ("mode", "colour", "left"),
    [
        ("1", 1, WHITE),
        ("L", 128, (128, 128, 128)),
        ("LA", (0, 0), WHITE),
        ("RGB", RED, RED),
        ("RGBA", (0, 0, 0, 0), WHITE),
        ("RGBA", (255, 0, 0, 255), RED),
        ("RGBA", (0, 0, 0, 128), (127, 127, 127)),
        ("I;16", 128 * 257, (128, 128, 128)),
    ],
)
def test_every_kind_of_pixel_looks_as_it_did_on_white(
    mode: str, colour: Any, left: Pixel, size: tuple[int, int]
) -> None:
    assert near(fitted(encoded(Image.new(mode, size, colour))), (5, 5), left)


@pytest.mark.parametrize("transparency", [None, 0])
def test_a_palette_is_resolved(transparency: int | None) -> None:
    picture = Image.new("P", (3000, 20), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    options: dict[str, Any] = {} if transparency is None else {"transparency": transparency}
    assert near(fitted(encoded(picture, **options)), (5, 5), RED if transparency is None else WHITE)


def test_a_cmyk_jpeg_has_its_colours() -> None:
    picture = encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG", quality=95)
    assert near(fitted(picture), (5, 5), (254, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size", "red"), [(1, (80, 40), (2, 2)), (6, (40, 80), (37, 2)), (3, (80, 40), (77, 37))]
)
def test_an_image_that_lies_on_its_side_is_put_upright(
    kind: str, orientation: int, size: tuple[int, int], red: tuple[int, int]
) -> None:
    picture = Image.new("RGB", (80, 40), WHITE)
    picture.paste(RED, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = fitted(encoded(picture, kind, exif=exif))
    assert image.size == size
    seen = image.getpixel(red)
    assert isinstance(seen, tuple)
    assert seen[0] > 200
    assert seen[1] < 60


def test_nothing_but_pixels_is_passed_on() -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET PLACE"
    profile = os.urandom(1000 * 1024)
    for kind in ("PNG", "JPEG"):
        data = fit(encoded(Image.new("RGB", (9, 9)), kind, exif=exif, icc_profile=profile)).data
        assert b"SECRET" not in data
        assert len(data) < 1000


def declared(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG that says it is so big, and holds so little."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


RUIN = encoded(noise(60, 60))
HOSTILE = {
    "nothing": b"",
    "words": b"never mind",
    "a page": b"<!doctype html><title>Sign in</title>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "gif": encoded(Image.new("P", (9, 9)), "GIF"),
    "tiff": encoded(Image.new("RGB", (9, 9)), "TIFF"),
    "bmp": encoded(Image.new("RGB", (9, 9)), "BMP"),
    "a cut png": RUIN[: len(RUIN) // 2],
    "a cut jpeg": encoded(noise(60, 60), "JPEG")[:700],
    "a cut webp": encoded(noise(60, 60), "WEBP")[:700],
    "a png's beginning": RUIN[:8],
    "a jpeg's beginning": b"\xff\xd8\xff\xe0",
    "a webp's beginning": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "too few pixels": declared(100, 100),
    "no pixels": declared(0, 0),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_screenshot_is_broken(name: str) -> None:
    with pytest.raises(NotAvailableError) as caught:
        fit(HOSTILE[name])
    assert (caught.value.thing, caught.value.reason) == ("screenshot", "broken")


@pytest.mark.parametrize("size", [(30000, 30000), (8001, 8000), (10000, 9000), (2**31 - 1, 2)])
def test_a_bomb_is_not_opened(size: tuple[int, int]) -> None:
    with pytest.raises(NotAvailableError) as caught:
        fit(declared(*size))
    assert caught.value.reason == "too_large"


def test_a_bomb_in_a_profile_is_not_opened() -> None:
    packed = zlib.compress(bytes(200_000_000))
    whole = encoded(Image.new("RGB", (9, 9), RED))
    body = b"iCCP" + b"a\0\0" + packed
    bomb = whole[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + whole[33:]
    with pytest.raises(NotAvailableError) as caught:
        fit(bomb)
    assert caught.value.reason == "broken"
