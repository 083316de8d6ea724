"""demo.svg: the story of `mcp-browserjobs demo` as it comes on a terminal, again and again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from itertools import pairwise
from xml.sax.saxutils import escape

import anyio
from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.style import Style
from rich.text import Text

from mcp_browserjobs import demo
from mcp_browserjobs.twins import PROGRAM

COLUMNS, ROWS = 80, 27
LETTER, LINE = 8.4, 19
"""How wide a letter is, and how high a line."""
MARGIN, BAR = 16, 34
WIDTH = round(COLUMNS * LETTER + 2 * MARGIN)
HEIGHT = ROWS * LINE + BAR + MARGIN
REST_SECONDS = 8.0
"""How long the end stays before it begins anew."""
TYPED_SECONDS = 1.5
COLOURS = {1: "r", 2: "g", 3: "y", 4: "b", 5: "m", 6: "c"}
"""The numbers of a terminal's colours."""
STYLE = """\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:#d5dbe5}
.B{font-weight:700}.d{fill:#8b95a7}.i{font-style:italic;fill:#aab4c5}
.c{fill:#56c2e6}.g{fill:#5fd38d}.r{fill:#ff7b72}.y{fill:#e8c14e}.b{fill:#82aaff}.m{fill:#d38cf0}
@media(prefers-reduced-motion:reduce){.up,.down{animation:none}}
"""


@dataclass
class Tape(StringIO):
    """A terminal that remembers when what was written to it."""

    parts: list[tuple[float, str]] = field(default_factory=list)

    def write(self, text: str, /) -> int:
        self.parts.append((anyio.current_time(), text))
        return len(text)


async def drawn(clock: Callable[[], datetime]) -> str:
    """The picture."""
    tape = Tape()
    to = Console(
        file=tape,
        width=COLUMNS,
        height=ROWS,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    await demo.play(clock=clock, to=to, program=PROGRAM)
    prompt = Text.assemble(("$ ", "green"), (f"{PROGRAM} demo", "bold"))
    lines, moments = [prompt], [(0.0, 1)]
    decoder = AnsiDecoder()
    for at, text in tape.parts:
        lines += map(decoder.decode_line, text.splitlines())
        moments.append((round(at + TYPED_SECONDS, 1), len(lines)))
    return "".join(_svg(lines, [last for last, after in pairwise([*moments, (-1.0, 0)]) if last[0] != after[0]]))


def _svg(lines: list[Text], moments: list[tuple[float, int]]) -> Iterator[str]:
    """The picture of these lines, of which at each moment so many are there."""
    whole = moments[-1][0] + REST_SECONDS
    end = (len(lines) - ROWS) * LINE
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    yield ' role="img" aria-labelledby="t">\n<title id="t">A terminal on which the story of mcp-browserjobs demo runs: '
    yield "pretend browser jobs run, fail, ask and finish, and an assistant follows them.</title>\n"
    yield f"<style>\n{STYLE}"
    yield _keyframes("up", whole, [(at, -max(0, count - ROWS) * LINE) for at, count in moments])
    yield _keyframes("down", whole, [(at, count * LINE) for at, count in moments])
    yield "</style>\n"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#161b2b" stroke="#39415a"/>\n'
    for number, colour in enumerate(("#ff6b63", "#f5bf4f", "#59c968")):
        yield f'<circle cx="{20 + number * 20}" cy="17" r="6" fill="{colour}"/>'
    yield f'\n<clipPath id="s"><rect y="{BAR}" width="{WIDTH}" height="{ROWS * LINE}"/></clipPath>\n'
    yield f'<g clip-path="url(#s)"><g transform="translate({MARGIN} {BAR})">'
    yield f'<g class="up" transform="translate(0 {-end})">\n'
    for row, line in enumerate(lines):
        if line.plain.strip():
            yield f'<text y="{row * LINE + 14}">{"".join(_spans(line))}</text>\n'
    yield f'<rect class="down" x="-1" width="{WIDTH - 2 * MARGIN + 2}" height="{(len(lines) + ROWS) * LINE}"'
    yield f' transform="translate(0 {len(lines) * LINE})" fill="#161b2b"/>\n</g></g></g>\n</svg>\n'


def _keyframes(name: str, whole: float, steps: list[tuple[float, int]]) -> str:
    """An animation in steps: from each moment on so far down."""
    frames = "".join(
        f"{at / whole * 100:.2f}%{{transform:translateY({to}px)}}"
        for (_, before), (at, to) in pairwise([(0.0, -1), *steps])
        if to != before
    )
    last = f"to{{transform:translateY({steps[-1][1]}px)}}"
    return f".{name}{{animation:{name} {whole:g}s step-end infinite}}@keyframes {name}{{{frames}{last}}}\n"


def _spans(line: Text) -> Iterator[str]:
    """The parts of a line, each where it belongs however wide the letters are."""
    for begin, text, style in _runs(line):
        if text.strip():
            names = " ".join(_classes(style))
            kind = f' class="{names}"' if names else ""
            x, length = begin * LETTER, len(text) * LETTER
            yield f'<tspan x="{x:g}" textLength="{length:g}"{kind}>{escape(text)}</tspan>'


def _runs(line: Text) -> Iterator[tuple[int, str, Style]]:
    """The words of a line that stand together in one style: where they begin, and how they look."""
    styles = [line.get_style_at_offset(CONSOLE, index) for index in range(len(line.plain))]
    begin = 0
    for index in range(1, len(styles) + 1):
        parted = index == len(styles) or styles[index] != styles[begin] or line.plain[index - 1 : index + 1] == "  "
        if parted:
            text = line.plain[begin:index]
            yield begin + len(text) - len(text.lstrip()), text.strip(), styles[begin]
            begin = index


CONSOLE = Console(color_system=None, _environ={})


def _classes(style: Style) -> Iterator[str]:
    if style.color is not None and style.color.number in COLOURS:
        yield COLOURS[style.color.number]
    for name, on in (("B", style.bold), ("d", style.dim), ("i", style.italic)):
        if on:
            yield name
