"""Which screenshot an index means, what an image is, and what becomes of links that expire."""

import pytest

from mcp_browserjobs.errors import NotAvailableError
from mcp_browserjobs.screenshots import fetch_linked, is_image, place_of
from mcp_browserjobs.simulator.pictures import picture

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("index", "place"), [(0, 0), (2, 2), (-1, 2), (-3, 0)])
def test_a_negative_index_counts_from_the_latest(index: int, place: int) -> None:
    assert place_of(index, 3) == place


@pytest.mark.parametrize(("index", "count"), [(3, 3), (-4, 3), (0, 0), (-1, 0), (10**30, 3)])
def test_an_index_beyond_them_says_how_many_there_are(index: int, count: int) -> None:
    with pytest.raises(NotAvailableError) as caught:
        place_of(index, count)
    assert caught.value.thing == f"screenshot {index}, only {count} counted from 0"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (picture(1), True),
        (b"\xff\xd8\xff\xe0", True),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", True),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", False),
        (b"<!doctype html>", False),
        (b"<svg>", False),
        (b"", False),
    ],
)
def test_an_image_is_known_by_how_it_begins(content: bytes, *, said: bool) -> None:
    assert is_image(content) is said


class Links:
    """Links of which the first `expired` downloads find nothing."""

    def __init__(self, expired: int) -> None:
        self.expired = expired
        self.asked: list[str] = []

    async def read(self) -> list[str]:
        self.asked.append("read")
        return ["a", "b", "c"]

    async def download(self, link: str) -> bytes | None:
        self.asked.append(link)
        self.expired -= 1
        return link.encode() if self.expired < 0 else None


@pytest.mark.parametrize(("expired", "asked"), [(0, ["read", "b"]), (1, ["read", "b", "read", "b"])])
async def test_an_expired_link_is_asked_for_anew_once(expired: int, asked: list[str]) -> None:
    links = Links(expired)
    found = await fetch_linked(links.read, links.download, -2)
    assert (found.data, found.index, found.count) == (b"b", 1, 3)
    assert links.asked == asked


async def test_a_link_that_stays_expired_leads_to_no_screenshot() -> None:
    links = Links(2)
    with pytest.raises(NotAvailableError) as caught:
        await fetch_linked(links.read, links.download, 0)
    assert (caught.value.thing, caught.value.reason) == ("screenshot", "expired")
    assert links.asked == ["read", "a"] * 2
