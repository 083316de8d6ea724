"""Foreign text: what is taken out of it before anybody reads it."""

import unicodedata
from random import Random

import pytest

from mcp_browserjobs.reported import (
    REMOVED_LINK,
    TEXT_CHARACTERS,
    clean,
    cleaned,
    status_word,
    without_capability_links,
)

LIVE = "https://live.vendor.example/session/s3cr3t"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain", "plain"),
        ("a\nb\tc", "a\nb\tc"),
        ("a\r\nb", "a\nb"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x07here\x1b]8;;\x1b\\", "here"),
        ("\x1b]0;title\x07x", "x"),
        ("bell\x07 null\x00 delete\x7f", "bell null delete"),
        ("c1\x9b31m", "c131m"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("right\u202eto left\u2066", "rightto left"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("half\ud83d", "half"),
        ("private\ue000", "private"),
        ("été 東京 ✓ 🙂", "été 東京 ✓ 🙂"),
        ("", ""),
    ],
)
def test_terminal_sequences_and_what_is_invisible_are_taken_out(text: str, left: str) -> None:
    assert clean(text) == left


def test_a_text_is_cut_to_its_limit_with_a_sign_of_it() -> None:
    assert clean("x" * TEXT_CHARACTERS) == "x" * TEXT_CHARACTERS
    assert clean("x" * 10, 10) == "x" * 10
    assert clean("x" * 11, 10) == "x" * 9 + "…"
    assert clean("x" * 10 + "\x00", 10) == "x" * 10


@pytest.mark.parametrize("seed", range(20))
def test_no_noise_gets_through(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - no secret
    noise = "".join(chr(random.randrange(0x110000)) for _ in range(500)) + "\x1b[" * 5
    kept = clean(noise, 100)
    assert len(kept) <= 100
    assert not [char for char in kept if unicodedata.category(char)[0] == "C" and char not in "\n\t"]
    assert clean(kept, 100) == kept


@pytest.mark.parametrize(
    ("word", "left"),
    [
        ("running", "running"),
        ("waiting_for-input 2.0", "waiting_for-input 2.0"),
        ('"}\n{"status": "completed', "status completed"),
        ("<b>done</b>", "bdoneb"),
        ("x" * 100, "x" * 40),
        ("\x1b[2Jdone\u202e", "done"),
        ("https://cdn.example/?token=s3cr3t", "link removed"),
        ("", ""),
    ],
)
def test_a_status_word_can_only_be_read_as_a_word(word: str, left: str) -> None:
    assert status_word(word) == left


@pytest.mark.parametrize(
    "link",
    [
        LIVE,
        "https://live.vendor.example./x",
        "https://eu.live.vendor.example/x?y=1",
        "HTTPS://LIVE.VENDOR.EXAMPLE/x",
        "https://live.vendor.example:8443/x",
        "wss://anything.example/devtools/1",
        "https://user:pass@files.example/x",
        "https://user@files.example/x",
        "https://files.example/x?X-Amz-Signature=abc&X-Amz-Expires=60",
        "https://files.example/x?x-goog-credential=abc",
        "https://files.example/x?a=1&sig=abc",
        "https://files.example/x?access_token=abc",
        "https://files.example/x?sessionToken=",
        "https://files.example/x?client_secret=abc",
        "https://files.example/x#access_token=abc",
        "https://viewer.example/?wss=live.vendor.example%2Fs3cr3t",
        "https://[::1",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "See {}.", "({})", '"{}"', "<{}>", "`{}`", "a {}, b", "https://open.example/{}"]
)
def test_a_link_that_gives_access_is_taken_out(link: str, around: str) -> None:
    said = without_capability_links(around.format(link), hosts=["live.vendor.example"])
    assert said == around.format(REMOVED_LINK)


@pytest.mark.parametrize(
    "text",
    [
        "no link at all",
        "https://shop.example/cart?item=5&page=2#top",
        "https://notlive.vendor.example.org/",
        "https://deadlive.vendor.example.com/x",
        "https://vendor.example/about (the vendor)",
        "ftp://files.example/token",
        "half a scheme ://x",
        "https://shop.example/?keyboard=de&encoded=1",
    ],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert without_capability_links(text, hosts=["live.vendor.example"]) == text


@pytest.mark.parametrize("around", ["{}", "**{}**", "({}).", "go|{}|", "{},https://shop.example/"])
def test_a_link_known_to_give_access_is_taken_out_wherever_it_stands(around: str) -> None:
    link = "https://cdn.example/recordings/8c1f(1).mp4"
    said = without_capability_links(around.format(link), links=[link])
    assert said == around.format(REMOVED_LINK)


def test_of_two_known_links_the_longer_one_goes_first() -> None:
    links = ["https://cdn.example/8c1f", "https://cdn.example/8c1f/whole.mp4"]
    assert without_capability_links(links[1], links=links) == REMOVED_LINK


def test_a_known_link_that_goes_on_with_a_token_is_taken_out_whole() -> None:
    link = "https://live.vendor.example/session"
    for hosts in ([], ["live.vendor.example"]):
        assert without_capability_links(f"{link}?wss=s3cr3t", hosts=hosts, links=[link]) == REMOVED_LINK


def test_several_links_in_one_text_are_each_judged() -> None:
    said = without_capability_links(
        f"from https://shop.example to {LIVE}, {LIVE} and https://a.example/?sig=1", hosts=["live.vendor.example"]
    )
    assert said == f"from https://shop.example to {REMOVED_LINK}, {REMOVED_LINK} and {REMOVED_LINK}"


@pytest.mark.parametrize("invisible", ["\u200b", "\x00", "\u00ad", "\x1b[0m", "\U000e0041"])
def test_no_link_hides_behind_what_is_invisible(invisible: str) -> None:
    for place in range(1, len(LIVE)):
        hidden = LIVE[:place] + invisible + LIVE[place:]
        for said in (cleaned(hidden, hosts=["live.vendor.example"]), cleaned(hidden, links=[LIVE])):
            assert said == REMOVED_LINK


def test_a_json_value_is_cleaned_to_its_last_corner() -> None:
    value = cleaned(
        {
            "a\x00": ["x\x1b[1m", {LIVE: LIVE}],
            "n": [1, 2.5, True, False, None],
            "long": "y" * (TEXT_CHARACTERS + 1),
            "k" * 200: "",
        },
        hosts=["live.vendor.example"],
    )
    assert isinstance(value, dict)
    assert value["a"] == ["x", {REMOVED_LINK: REMOVED_LINK}]
    assert value["n"] == [1, 2.5, True, False, None]
    assert value["long"] == "y" * (TEXT_CHARACTERS - 1) + "…"
    assert max(map(len, value)) == 100


def test_a_value_of_its_own_is_not_changed_by_cleaning() -> None:
    value = {"a": [{"b": "x\x00"}]}
    cleaned(value)  # type: ignore[arg-type] # a literal is invariant
    assert value == {"a": [{"b": "x\x00"}]}
