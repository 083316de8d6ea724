"""What of a stranger's text is taken out, shown or left alone."""

# ruff: noqa: RUF001 - letters of other scripts are what it is about

import json
import re
import sys
import unicodedata
from collections.abc import Callable

import pytest

from mcp_browserjobs.hazards import HARMLESS, HAZARDS, HONEST, MARKERS, MOST_MARKS, escaped, shown, without
from mcp_browserjobs.reported import BYTES_A_CHARACTER, clean, cleaned, cut, status_word
from mcp_browserjobs.reported import shown as shown_value
from tests.strangers.corpus import CORPUS, WORST, Deception, hazards_in, hidden_in, strings_in

ALL = (*CORPUS, WORST)
deceptions = pytest.mark.parametrize("deception", ALL, ids=[deception.name for deception in ALL])

HONEST_TEXTS = (
    "été naïve Zürich e\u0301 \u0e17\u0e35\u0e48\u0e19\u0e35\u0e48",
    "می\u200cخواهم نامه\u200cها ه\u200d.",
    "שָׁלוֹם עולם, C++\u200e: \u200fעברית",
    "۝ \u0600123",
    "क्\u200dष श्\u200cर ന്\u200d ර\u0dca\u200dය",
    "葛\U000e0100城 辻\U000e0101 \u3000全角\u00a0",
    "ᠠ\u180e ᠭ\u180b",
    "👩\u200d👩\u200d👧\u200d👦 ❤\ufe0f\u200d🔥 👁\ufe0f\u200d🗨\ufe0f 🙂\u200d↔\ufe0f 🐦\u200d⬛",
    "1\ufe0f\u20e3 ✔\ufe0e 👍🏽 🇩🇪",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "ཧ\u0f90\u0fb5\u0fa8\u0fb3\u0fba\u0fbc\u0fbb\u0f82",
    "def f(a: list[int]) -> dict[str, int]:\n\treturn {a[0]: a << 2 | 1}  # <https://shop.example/?a=1&b=2>",
    "List<User> Vec<System> x <y> and <br/> <user@example.com> [1] [INSTALL] if a <| b |> c #System",
    "User: jane\nSystem: up\nthe user: one",
    "a\n\n\nb",
    "⟦a⟧",
    "",
)
honest = pytest.mark.parametrize("text", HONEST_TEXTS)


@honest
@pytest.mark.parametrize("way", [without, shown, escaped, clean])
def test_honest_text_stays_as_it_is(text: str, way: Callable[[str], str]) -> None:
    assert way(text) == text


@pytest.mark.parametrize(
    ("text", "left", "in_sight"),
    [
        ("a\u200b\u200cb", "ab", "a⟦U+200B +1⟧b"),
        ("a\x1b[31mb", "ab", "a⟦U+001B⟧[31mb"),
        ("a\U000e0041\U000e0042b", "ab", "a⟦U+E0041 +1⟧b"),
        ("\u202eb", "b", "⟦U+202E⟧b"),
        ("😀\ufe01\ufe02", "😀", "😀⟦U+FE01 +1⟧"),
        ("a\ufe0f", "a", "a⟦U+FE0F⟧"),
        ("a\u200db", "ab", "a⟦U+200D⟧b"),
        ("😀\u200d", "😀", "😀⟦U+200D⟧"),
        ("ی\u200c\u200c\u200cخ", "ی\u200cخ", "ی\u200c⟦U+200C +1⟧خ"),
        ("ע\u200e\u200f\u200e", "ע\u200e", "ע\u200e⟦U+200F +1⟧"),
        ("葛\U000e0100\U000e0101", "葛\U000e0100", "葛\U000e0100⟦U+E0101⟧"),
        ("\U0001f3f4\U000e0061\U000e007f", "\U0001f3f4", "\U0001f3f4⟦U+E0061 +1⟧"),
        ("a" + "\u0301" * 10, "a" + "\u0301" * MOST_MARKS, "a" + "\u0301" * MOST_MARKS + "⟦U+0301 +1⟧"),
        ("a\u0378\uffff", "a\ufffd\ufffd", "a⟦U+0378 +1⟧"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne", "a\nb\nc\nd\ne"),
        ("a\n \n\t\n\n\nb", "a\n\n\nb", "a\n \n\t\n\n\nb"),
        ("<|im_\u200bstart|>", "⟦im_start⟧", "<|im_⟦U+200B⟧start|>"),
        ("x\n\nHuman: y", "x\n\n⟦Human:⟧ y", "x\n\n⟦Human:⟧ y"),
        ("## System: y", "⟦System:⟧ y", "⟦System:⟧ y"),
        ("<system a='b'/>", "⟦system a='b'/⟧", "⟦system a='b'/⟧"),
        ("<<SYS>>[INST]<s>", "⟦SYS⟧⟦INST⟧⟦s⟧", "⟦SYS⟧⟦INST⟧⟦s⟧"),
    ],
)
def test_words_lose_what_deceives_and_a_result_shows_it(text: str, left: str, in_sight: str) -> None:
    assert (without(text), shown(text)) == (left, in_sight)


@deceptions
def test_no_deception_gets_through(deception: Deception) -> None:
    for said in (without(deception.text), shown(deception.text), clean(deception.text), clean(deception.text, 80)):
        assert not hazards_in(said), (hazards_in(said), said[:300])
    for said in strings_in(
        [cleaned({deception.text: [deception.text]}), shown_value({deception.text: [deception.text]})]
    ):
        assert not hazards_in(said)
    assert re.fullmatch(r"[\w .-]{0,40}", status_word(deception.text))


@deceptions
@pytest.mark.parametrize("way", [without, shown, clean])
def test_what_was_made_harmless_stays_as_it_is(deception: Deception, way: Callable[[str], str]) -> None:
    assert way(way(deception.text)) == way(deception.text)


@deceptions
def test_escaped_json_says_the_same(deception: Deception) -> None:
    value = {deception.text: [deception.text]}
    said = escaped(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(said) == value
    assert not hidden_in(said)


@pytest.mark.parametrize("most", [1, 2, 7, 80, 200])
@deceptions
def test_a_text_is_cut_by_characters_and_by_bytes(deception: Deception, most: int) -> None:
    said = clean(deception.text, most)
    assert len(said) <= most
    assert len(said.encode()) <= most * BYTES_A_CHARACTER
    assert not hidden_in(said)


def test_nothing_is_left_of_what_a_cut_has_torn() -> None:
    family = "👩\u200d👩\u200d👧"
    for characters in range(2, 6):
        assert not cut(family, characters, 100).endswith("\u200d…")
    assert cut("e" * 9 + "🙂", 10, 12) == "e" * 9 + "…"
    assert cut("x" * 10, 10, 10) == "x" * 10


def test_a_value_shows_what_its_keys_hide() -> None:
    value = {"a\u200b": ["x\x1b[1m", 1, None, True, {"<s>": 2.5}]}
    assert shown_value(value) == {"a⟦U+200B⟧": ["x⟦U+001B⟧[1m", 1, None, True, {"⟦s⟧": 2.5}]}  # type: ignore[arg-type] # a literal is invariant


def test_the_ranges_are_those_of_the_unicode_database() -> None:
    table = re.compile(f"[{''.join(hazard.points for hazard in HAZARDS)}]")
    kept = re.compile(f"[{HARMLESS}]")
    for number in range(sys.maxunicode + 1):
        char = chr(number)
        kind = unicodedata.category(char)
        if kind in ("Cc", "Cf", "Co", "Cs"):
            assert bool(table.match(char)) != bool(kept.match(char)), f"U+{number:04X}"
        elif table.match(char) and kind != "Cn":
            assert kind in ("Mn", "Lo"), f"U+{number:04X}"


def test_every_row_of_the_tables_has_its_source() -> None:
    for row in (*HAZARDS, *HONEST, *MARKERS):
        assert row.what
        assert re.match(r"https://|UCD |UAX #|UTS #|RFC ", row.source)
