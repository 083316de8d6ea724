"""What in a stranger's text deceives whoever reads it, where it is honest all the same, and what becomes of it. Pure.

The table is `HAZARDS`, its exceptions are `HONEST`, and the words that make a model believe that somebody else speaks
are `MARKERS`. In words such as steps and errors what cannot be seen is taken out (`without`); in what a person wants
exactly it is shown by its number, U+200B say (`shown`); markers are shown in other brackets in both. In JSON on its way
to a terminal or a file a hazard is escaped, which leaves the value as it is (`escaped`).

UCD: the Unicode Character Database, https://www.unicode.org/Public/UCD/latest/ucd/. A test compares its categories,
as Python's `unicodedata` has them, with the ranges here; the other properties are those that the package regex
2026.11.15 has (compared on 2026-11-22).
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple
from unicodedata import category

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What stands in words for what is no character, or none yet in this Python's Unicode (UCD UnicodeData.txt, Cn)."""
MOST_MARKS = 8
"""As many marks stay on one letter. Tibetan needs that many, and UAX #15's stream-safe text allows 30."""


class Hazard(NamedTuple):
    """Characters that must not pass, as a class of `re`."""

    what: str
    source: str
    points: str


HAZARDS = (
    Hazard(
        "are never drawn: zero-width, bidirectional and tag characters, variation selectors, fillers",
        "UCD DerivedCoreProperties.txt, Default_Ignorable_Code_Point",
        r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
        r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff",
    ),
    Hazard("steer terminals", "UCD UnicodeData.txt, Cc", r"\x00-\x08\x0b-\x1f\x7f-\x9f"),
    Hazard("annotate, or build hieroglyphs", "UCD UnicodeData.txt, Cf", r"\ufff9-\ufffb\U00013430-\U0001343f"),
    Hazard("mean what two agreed on", "UCD UnicodeData.txt, Co", r"\ue000-\uf8ff\U000f0000-\U0010ffff"),
    Hazard("are half a character", "UCD UnicodeData.txt, Cs", r"\ud800-\udfff"),
)

HARMLESS = r"\n\t\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Of these categories, and yet in order: line feed and tab, and formats that are drawn (UCD PropList.txt,
Prepended_Concatenation_Mark)."""

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
"""Other ends of lines, which become a line feed (The Unicode Standard, section 5.8)."""

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Sequences that a terminal obeys: CSI, OSC and the others that begin with ESC (ECMA-48, 5.4 to 5.6)."""

_EMOJI = (
    r"\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    r"\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""The blocks of UCD emoji/emoji-data.txt, Extended_Pictographic; skin tones among them."""
_JOINED = (
    r"\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    r"\U00010a00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
"""The blocks of the scripts that join letters: Arabic, Syriac, Mongolian and those of India and its neighbours."""
_IDEOGRAPHS = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LEFTWARDS = r"\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
"""The blocks of UCD extracted/DerivedBidiClass.txt, R and AL."""


class Honest(NamedTuple):
    """Where an invisible character says what its writer meant, and stays."""

    what: str
    source: str
    pattern: str


HONEST = (
    Honest(
        "a joiner or non-joiner of letters, as in Persian, Hindi and Malayalam",
        "RFC 5892 A.1 and A.2, by block rather than by Joining_Type",
        rf"(?<=[{_JOINED}])[\u200c\u200d]",
    ),
    Honest("the joiner of a family of emoji", "UTS #51", rf"(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])"),
    Honest("the same after an emoji's look", "UTS #51", rf"(?<=[{_EMOJI}]\ufe0f)\u200d(?=[{_EMOJI}])"),
    Honest("an emoji's look", "UTS #51", rf"(?<=[{_EMOJI}])[\ufe0e\ufe0f]"),
    Honest("that of a key", "UTS #51", r"(?<=[0-9#*])\ufe0f(?=\u20e3)"),
    Honest(
        "the flag of England, Scotland or Wales",
        "UTS #51, emoji-sequences.txt",
        r"(?<=\U0001f3f4)\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
        r"|\U000e0077\U000e006c\U000e0073)\U000e007f",
    ),
    Honest(
        "the form of an ideograph, as in names", "UTS #37", rf"(?<=[{_IDEOGRAPHS}])[\ufe00-\ufe02\U000e0100-\U000e01ef]"
    ),
    Honest("the form of a Mongolian letter", "UCD StandardizedVariants.txt", r"(?<=[\u1820-\u18aa])[\u180b-\u180f]"),
    Honest(
        "a mark of direction beside Hebrew or Arabic",
        "UAX #9, implicit directional marks",
        rf"(?<![\u061c\u200e\u200f])[\u061c\u200e\u200f](?=.{{0,9}}[{_LEFTWARDS}]"
        rf"|(?:{'|'.join(rf'(?<=[{_LEFTWARDS}].{{{distance}}})' for distance in range(1, 9))}))",
    ),
)

_NAMES = (
    "system|system[-_](?:prompt|reminder|message)|user|assistant|human|developer|tool_(?:calls?|results?|response|use)"
    "|function_(?:calls?|results?)|functions|invoke|think|thinking|start_of_turn|end_of_turn|bos|eos|pad|unk|s"
)


class Marker(NamedTuple):
    """How a chat template tells a model who speaks: the named group of the pattern is shown in other brackets."""

    what: str
    source: str
    pattern: str


MARKERS = (
    Marker(
        "ChatML, Llama 3, Harmony, Command R and their kin; also with wide bars, or a bar on one side",
        "https://cookbook.openai.com/article/harmony",
        r"<[|\uff5c](?P<barred>[\w/](?:[\w/ .:\u2581-]{0,60}\w)?)[|\uff5c]?>"
        r"|<(?P<barred_after>[\w/.:-]{1,60})[|\uff5c]>",
    ),
    Marker("Llama 2", "https://huggingface.co/docs/transformers/v4.35.2/chat_templating", r"<<(?P<sys>/?SYS)>>"),
    Marker(
        "Llama 2, Mistral",
        "https://github.com/mistralai/mistral-common",
        r"\[(?P<inst>/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT"
        r"|THINK|ARGS|CALL_ID))\]",
    ),
    Marker(
        "Gemma, Qwen, Claude, and whoever marks roles as XML",
        "https://ai.google.dev/gemma/docs/formatting",
        rf"<(?P<tag>/?\s*(?:\w+:)?(?-i:{_NAMES}|{_NAMES.upper()})(?=[\s/>])[^<>\n]{{0,100}})>",
    ),
    Marker(
        "text completions",
        "https://docs.claude.com/de/api/migrating-from-text-completions-to-messages",
        r"(?P<before>\A\s*(?=Human|Assistant)|\n[ \t]*\n[ \t]*)(?P<turn>(?:Human|Assistant|System|User)[ \t]*:)",
    ),
    Marker(
        "Alpaca, and templates of headings",
        "https://huggingface.co/Deci/DeciLM-7B-instruct/commit/fb62397a6f578945099ebc2ceef6b4a737b9f4fe",
        r"#{2,4}[ \t]*(?P<heading>(?:Instruction|Response|Input|Human|Assistant|System|User)[ \t]*:)",
    ),
)
OPENED, CLOSED = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}", "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"

_HIDDEN = "".join(each.points for each in HAZARDS)
_ANY_HIDDEN = re.compile(f"[{_HIDDEN}]")
_LOOSE = re.compile(f"[{_HIDDEN}]+$")
_MAY_MARK = re.compile(r"[<\[#:]")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){3,}")

Instead = Callable[[str], str]
"""What stands in the place of a run of characters."""


def without(text: str) -> str:
    """The text of words: nothing in it is hidden, steers a terminal or passes for the turn of a chat."""
    if not _is_plain(text):
        text = _LINE_ENDS.sub("\n", _SEQUENCE.sub("", text))
        text = _rewritten(text, lambda _: "", unknown=lambda run: UNKNOWN * len(run))
    marked = _marked(text)
    return _BLANK_LINES.sub("\n\n\n", marked) if "\n" in marked else marked


def shown(text: str) -> str:
    """The text with every hazard in sight: nothing is left out of it, though floods are counted, not spelled out."""
    return _marked(text if _is_plain(text) else _rewritten(_LINE_ENDS.sub("\n", text), _numbered))


def escaped(json: str) -> str:
    r"""JSON that says the same, with each hazard as `\uXXXX`."""
    return json if _is_plain(json) else _rewritten(json, _in_json)


def ended(text: str) -> str:
    """The beginning of a text, less what the cut has made meaningless: a joiner without what it joins."""
    return _LOOSE.sub("", text)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()


@cache
def _hidden_or_honest() -> re.Pattern[str]:
    """Takes a while to compile, and most texts never need it."""
    honest = (f"(?:{each.pattern})" for each in HONEST)
    return re.compile("|".join([*honest, f"(?P<hidden>[{_HIDDEN}]+)"]), re.DOTALL)


def _rewritten(text: str, instead: Instead, *, unknown: Instead | None = None) -> str:
    """The text with something else for each run of hazards, and for the marks that are more than a letter bears."""
    if _ANY_HIDDEN.search(text):
        text = _hidden_or_honest().sub(lambda run: instead(run["hidden"]) if run["hidden"] else run.group(), text)
    kinds = {char: category(char) for char in set(text)}
    if unassigned := _among(kinds, "Cn"):
        text = re.sub(f"[{unassigned}]+", lambda run: (unknown or instead)(run.group()), text)
    if marks := _among(kinds, "Mn", "Me"):
        borne = f"[{marks}\u200c\u200d]"
        text = re.sub(f"(?<={borne}{{{MOST_MARKS}}}){borne}+", lambda run: instead(run.group()), text)
    return text


def _among(kinds: Mapping[str, str], *wanted: str) -> str:
    return re.escape("".join(char for char, kind in kinds.items() if kind in wanted))


def _numbered(run: str) -> str:
    more = f" +{len(run) - 1}" if len(run) > 1 else ""
    return f"{OPENED}U+{ord(run[0]):04X}{more}{CLOSED}"


def _in_json(run: str) -> str:
    units = run.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{high << 8 | low:04x}" for high, low in zip(units[::2], units[1::2], strict=True))


def _marked(text: str) -> str:
    return _marker().sub(_bracketed, text) if _MAY_MARK.search(text) else text


@cache
def _marker() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each.pattern})" for each in MARKERS), re.IGNORECASE)


def _bracketed(found: re.Match[str]) -> str:
    said = found[found.lastgroup or 0]
    return f"{found['before'] or ''}{OPENED}{said}{CLOSED}"
