"""icon.png: a browser's window in which something has been checked off."""

from io import BytesIO

from PIL import Image, ImageDraw

SIDE = 512
SMOOTH = 4
"""It is drawn so many times as large, for smooth edges."""
NIGHT, PAPER, GREEN = (24, 32, 58), (244, 246, 251), (38, 166, 91)


def png() -> bytes:
    """The picture, with clear corners."""
    whole = SIDE * SMOOTH
    image = Image.new("RGBA", (whole, whole))
    draw = ImageDraw.Draw(image)

    def scaled(*numbers: int) -> list[int]:
        return [number * SMOOTH for number in numbers]

    draw.rounded_rectangle((0, 0, whole - 1, whole - 1), radius=112 * SMOOTH, fill=NIGHT)
    draw.rounded_rectangle(scaled(84, 108, 428, 404), radius=36 * SMOOTH, fill=PAPER)
    draw.rectangle(scaled(84, 176, 428, 188), fill=NIGHT)
    for left in (116, 152, 188):
        draw.ellipse(scaled(left, 132, left + 22, 154), fill=NIGHT)
    corners = [(184, 296), (236, 346), (332, 242)]
    draw.line([(x * SMOOTH, y * SMOOTH) for x, y in corners], fill=GREEN, width=38 * SMOOTH, joint="curve")
    for x, y in (corners[0], corners[-1]):
        draw.ellipse(scaled(x - 19, y - 19, x + 19, y + 19), fill=GREEN)
    written = BytesIO()
    image.reduce(SMOOTH).save(written, "PNG", optimize=True)
    return written.getvalue()


def same(one: bytes, other: bytes) -> bool:
    """Whether both show the same; how well they are compressed differs from machine to machine."""
    return pixels(one) == pixels(other)


def pixels(picture: bytes) -> tuple[tuple[int, int], bytes]:
    """The size and every pixel."""
    with Image.open(BytesIO(picture)) as image:
        return image.size, image.convert("RGBA").tobytes()
