"""What has come of a file: counted when it is down on the disk, never cut once it may lie in the archive."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nightwatt.arrival.partials import Part, Partials
from nightwatt.arrival.transport import Entry
from nightwatt.errors import TransientError

FILE = Entry("reads.csv", 10, 1_000)


@pytest.fixture
def partials(tmp_path: Path) -> Partials:
    return Partials(tmp_path / "parts", safe_bytes=4)


def grow(part: Part, *blocks: bytes) -> None:
    with part.growing() as growth:
        for block in blocks:
            growth.add(block)


def test_what_was_written_and_not_counted_is_written_again(partials: Partials, tmp_path: Path) -> None:
    grow(partials.part(FILE), b"abcd")
    (path,) = (tmp_path / "parts").glob("*.part")
    path.write_bytes(b"abcdXX")

    part = partials.part(FILE)
    assert part.length == 4
    grow(part, b"ef")
    part.give(tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b"abcdef"


def test_what_came_before_a_failure_counts(partials: Partials) -> None:
    part = partials.part(FILE)

    with pytest.raises(RuntimeError), part.growing() as growth:
        growth.add(b"ab")
        raise RuntimeError("the line went dead")

    assert partials.part(FILE).length == 2


@pytest.mark.parametrize("mark", ["", "none", "99"])
def test_a_count_that_cannot_be_right_is_not_believed(partials: Partials, tmp_path: Path, mark: str) -> None:
    grow(partials.part(FILE), b"abcd")
    next((tmp_path / "parts").glob("*.mark")).write_text(mark)

    assert partials.part(FILE).length == (4 if mark == "99" else 0)


def test_beginning_anew_leaves_a_file_that_was_given_on_as_it_is(partials: Partials, tmp_path: Path) -> None:
    part = partials.part(FILE)
    grow(part, b"first")
    part.give(tmp_path / "copy")

    part.begin_anew()
    grow(part, b"other")

    assert (tmp_path / "copy").read_bytes() == b"first"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EMLINK])
def test_a_disk_without_second_names_gets_a_copy(
    partials: Partials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    part = partials.part(FILE)
    grow(part, b"abcd")

    def no_links(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("nightwatt.arrival.partials.os.link", no_links)
    part.give(tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b"abcd"


def test_a_full_disk_is_told_as_such(partials: Partials, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nightwatt.arrival.partials.os.write", full)

    with pytest.raises(TransientError, match=r"landing\.no_space"):
        grow(partials.part(FILE), b"abcd")


def test_parts_of_files_that_changed_or_went_are_removed_and_others_kept(partials: Partials, tmp_path: Path) -> None:
    other = Entry("other.csv", 10, 1_000)
    for entry in (FILE, other):
        grow(partials.part(entry), b"abcd")

    partials.forget_others([Entry("reads.csv", 10, 2_000), other])

    assert (partials.part(FILE).length, partials.part(other).length) == (0, 4)
    assert len(list((tmp_path / "parts").glob("*.part"))) == 1


def test_a_small_file_is_kept_for_the_very_file_it_is_of(partials: Partials, tmp_path: Path) -> None:
    partials.keep_small(FILE, b"{}\n[]")

    assert partials.small(FILE) == b"{}\n[]"
    assert partials.small(Entry("reads.csv", 10, 2_000)) is None
    assert partials.smalls() == [FILE]


@pytest.mark.parametrize("left", [b"", b"{}", b'{"sha256": "0"}\n{}', b"\xff\xfe"])
def test_a_small_file_that_was_kept_by_halves_is_not_used(partials: Partials, tmp_path: Path, left: bytes) -> None:
    partials.keep_small(FILE, b"{}")
    next((tmp_path / "parts").glob("*.small")).write_bytes(left)

    assert (partials.small(FILE), partials.smalls()) == (None, [])
