"""What is found in an archive of screenshots, and what is refused without being unpacked to the end."""

import gzip
import io
import tarfile
from contextlib import suppress
from random import Random
from typing import get_args

import pytest

from mcp_browserjobs import archives
from mcp_browserjobs.archives import BrokenArchiveError, find_screenshots, read_screenshot
from mcp_browserjobs.simulator.archives import Hostile, hostile_archive
from mcp_browserjobs.simulator.pictures import archive, picture

pytestmark = pytest.mark.anyio


def packed(*members: tuple[str, bytes] | tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar.gz of these files, and of members without any content."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", format=form) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                name, content = member
                header = tarfile.TarInfo(name)
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    return target.getvalue()


async def contents(packed: bytes) -> list[bytes]:
    return [await read_screenshot(packed, place) for place in await find_screenshots(packed)]


async def refusal(packed: bytes) -> str:
    with pytest.raises(BrokenArchiveError) as caught:
        await contents(packed)
    return caught.value.where


def link(name: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/hostname"
    return member


async def test_screenshots_are_found_in_the_order_of_their_numbers() -> None:
    assert await contents(archive(12)) == [picture(number) for number in range(12)]
    names = ["screenshot_10.png", "screenshot_9.png", "screenshot_0011.png"]
    assert await contents(packed(*((name, name.encode()) for name in names))) == [
        b"screenshot_9.png",
        b"screenshot_10.png",
        b"screenshot_0011.png",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "screenshot_0000.png",
        "./screenshot_0000.png",
        "shots/of/today/screenshot_0000.png",
        "shots\\screenshot_0000.png",
        "screenshot_0000.PNG",
        "screenshot_7.jpg",
        "screenshot_7.jpeg",
        "screenshot_7.webp",
        f"{'deep/' * 60}screenshot_0000.png",
    ],
)
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
async def test_a_screenshot_is_known_by_its_base_name(name: str, form: int) -> None:
    assert await contents(packed(("README.md", b"#"), (name, b"image"), form=form)) == [b"image"]


@pytest.mark.parametrize(
    "name",
    [
        "../screenshot_0000.png",
        "shots/../../screenshot_0000.png",
        "..\\screenshot_0000.png",
        "/screenshot_0000.png",
        "\\screenshot_0000.png",
        "screenshot_.png",
        "screenshot_1.png.exe",
        "screenshot_1.svg",
        "my_screenshot_1.png",
        "screenshot_٣.png",
        f"screenshot_{'9' * 5000}.png",
        "log.txt",
    ],
)
async def test_other_names_and_those_that_lead_outside_are_passed_over(name: str) -> None:
    assert await find_screenshots(packed((name, b"image"))) == []


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE],
)
async def test_links_and_devices_are_passed_over(kind: bytes) -> None:
    both = packed(link("screenshot_0000.png", kind), ("screenshot_0001.png", b"image"))
    assert await find_screenshots(both) == [1]
    assert await contents(both) == [b"image"]


async def test_an_archive_of_nothing_has_no_screenshots() -> None:
    assert await find_screenshots(packed()) == []


async def test_a_place_without_a_file_is_no_screenshot() -> None:
    for place in (0, 7):
        with pytest.raises(BrokenArchiveError):
            await read_screenshot(packed(link("screenshot_0000.png", tarfile.DIRTYPE)), place)


@pytest.mark.parametrize("how", get_args(Hostile))
async def test_what_a_hostile_archive_gives_is_nothing_or_a_refusal(how: Hostile) -> None:
    expected = {
        "traversal": "nothing",
        "symlink": "nothing",
        "huge": "an archive of too large a file",
        "bomb": "an archive that unpacks to too much",
        "not_gzip": "an archive that is no gzip",
        "not_images": "no image",
        "truncated": "a broken archive",
    }
    hostile = hostile_archive(how)
    assert len(hostile) < 1024 * 1024
    try:
        found = await contents(hostile)
        given = "no image" if found == [b"<!doctype html><title>Gone</title>"] else "nothing" if not found else "more"
    except BrokenArchiveError as error:
        given = error.where
    assert given == expected[how]


async def test_more_files_than_any_job_leaves_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    assert len(await find_screenshots(archive(3))) == 3
    assert await refusal(archive(4)) == "an archive of too many files"


async def test_unpacking_stops_where_a_header_does_not_end() -> None:
    """A name of 150 MiB would be read whole before anybody could look at it."""
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 150 * 1024 * 1024
    endless = gzip.compress(name.tobuf()) + gzip.compress(b"a" * 1024 * 1024) * 150
    assert await refusal(endless) == "an archive that unpacks to too much"


async def test_skipping_stops_where_the_archive_ends() -> None:
    """Its header claims an exabyte, and another header says that this is ten bytes."""
    record = b"26 GNU.sparse.realsize=10\n"
    extended, member = tarfile.TarInfo("extended"), tarfile.TarInfo("log.txt")
    extended.type, extended.size, member.size = tarfile.XHDTYPE, len(record), 1 << 60
    headers = extended.tobuf() + record.ljust(tarfile.BLOCKSIZE, b"\0") + member.tobuf(tarfile.GNU_FORMAT)
    assert await refusal(gzip.compress(headers)) == "a broken archive"


async def test_an_archive_may_end_without_saying_so() -> None:
    plain = gzip.decompress(packed(("screenshot_0000.png", b"image"), form=tarfile.GNU_FORMAT))
    assert await contents(gzip.compress(plain[: 2 * tarfile.BLOCKSIZE])) == [b"image"]


async def test_a_size_below_zero_is_refused() -> None:
    member = bytearray(tarfile.TarInfo("screenshot_0000.png").tobuf(tarfile.GNU_FORMAT))
    member[124:136] = b"\xff" * 11 + b"\x00"
    member[148:156] = b"%06o\0 " % (256 + sum(member[:148]) + sum(member[156:512]))
    # Newer releases of Python know such a header for a broken one.
    assert await refusal(gzip.compress(bytes(member))) in {"an archive of too large a file", "a broken archive"}


async def test_a_sparse_file_is_no_screenshot() -> None:
    member = tarfile.TarInfo("screenshot_0000.png")
    member.type = tarfile.GNUTYPE_SPARSE
    assert await find_screenshots(packed(member, form=tarfile.GNU_FORMAT)) == []


def damaged(random: Random, plain: bytes) -> bytes:
    """The archive with some bytes changed, and checksums that hide it."""
    broken = bytearray(plain)
    for _ in range(random.randrange(1, 5)):
        broken[random.randrange(len(broken) if random.random() < 0.3 else 2048)] = random.choice(b"\x00\xff\x807-")
    for start in range(0, len(broken) - tarfile.BLOCKSIZE + 1, tarfile.BLOCKSIZE):
        block = broken[start : start + tarfile.BLOCKSIZE]
        if block[257:262] == b"ustar":
            broken[start + 148 : start + 156] = b"%06o\0 " % (256 + sum(block[:148]) + sum(block[156:]))
    return gzip.compress(bytes(broken), 1)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
async def test_damage_is_refused_or_harmless(form: int) -> None:
    random = Random(7)  # noqa: S311 - nothing secret
    files = ((f"{'deep/' * 60}screenshot_0000.png", b"image"), ("screenshot_0001.png", b"another" * 200))
    plain = gzip.decompress(packed(*files, form=form))
    for _ in range(500):
        with suppress(BrokenArchiveError):
            assert len(await contents(damaged(random, plain))) <= 2
