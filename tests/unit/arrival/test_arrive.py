"""Taking files in: receipts once per content, bad input with its message and nothing lost."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from tests.support.arrival import Home, make_feed

from nightwatt.arrival import arrive, landing_path, receive
from nightwatt.arrival.landing import dock
from nightwatt.arrival.local import LocalFolder
from nightwatt.errors import TerminalError, TransientError
from nightwatt.ledger.models import ReceiptState

if TYPE_CHECKING:
    from collections.abc import Callable

    from nightwatt.arrival.transport import Entry

NIGHT = date(2026, 3, 9)
NAME = "reads_20260309_001.csv.gz"
ROWS = b"SP_ID,READ\nSP1,1\nSP2,2\n"


def names(found: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in found]


def test_a_file_leaves_a_receipt_and_its_bytes_in_the_archive(home: Home) -> None:
    sent = datetime(2026, 3, 9, 6, 15, 0, 123456, UTC)
    packed = gzip.compress(ROWS)
    home.drop(NAME, packed, at=sent)
    home.drop(f"{NAME}.done")
    (receipt,) = home.arrive().new
    sha256 = hashlib.sha256(packed).hexdigest()
    (stored,) = home.receipts()
    assert {c.key: getattr(stored, c.key) for c in stored.__table__.columns} == {
        "id": receipt.id,
        "feed": "reads",
        "business_date": NIGHT,
        "file_name": NAME,
        "part": "001",
        "content_sha256": sha256,
        "size_bytes": len(packed),
        "unpacked_bytes": len(ROWS),
        "line_count": 3,
        "needs_cleaning": False,
        "sent_at": sent,
        "arrived_at": home.now,
        "state": ReceiptState.LANDED,
        "control_rows": None,
        "control_totals": None,
        "supersedes_id": None,
        "superseded_by_id": None,
        "rows_in": None,
        "rows_kept": None,
        "rows_rejected": None,
        "rows_ignored": None,
        "is_complete": None,
        "message": None,
    }
    assert home.landed() == {sha256: packed}
    assert landing_path(home.settings, sha256).read_bytes() == packed
    assert (home.inbound / NAME).read_bytes() == packed  # left where it was


def test_the_same_file_at_the_next_look_is_known_without_being_opened(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.send()
    home.arrive()

    def no_fetching(*_: object) -> None:
        raise AssertionError("a known file was read again")

    monkeypatch.setattr(LocalFolder, "fetch", no_fetching)
    again = home.arrive()
    assert (again.new, again.known) == ([], [NAME])
    assert len(home.receipts()) == 1


def test_the_same_bytes_sent_again_change_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = home.send().read_bytes()
    home.arrive()
    before, archive = home.receipts()[0].__dict__, home.landed()
    home.pass_time(60)
    home.drop(NAME, packed, at=home.now)
    assert home.arrive().known == [NAME]
    monkeypatch.setattr(LocalFolder, "fetch", lambda *_: pytest.fail("read a third time"))
    assert home.arrive().known == [NAME]
    (after,) = home.receipts()
    assert {k: v for k, v in after.__dict__.items() if k[0] != "_"} == {k: v for k, v in before.items() if k[0] != "_"}
    assert home.landed() == archive


def test_the_same_bytes_under_another_name_make_no_second_receipt(home: Home) -> None:
    home.send()
    home.send("reads_20260309_002.csv.gz")
    found = home.arrive()
    assert [r.file_name for r in found.new] == [NAME]
    assert found.known == ["reads_20260309_002.csv.gz"]


def test_the_same_bytes_for_another_night_are_another_receipt(home: Home) -> None:
    home.send()
    home.send("reads_20260310_001.csv.gz")
    assert [r.business_date.day for r in home.arrive().new] == [9, 10]


def test_other_bytes_under_the_same_name_supersede_and_both_are_kept(home: Home) -> None:
    home.send(text=ROWS)
    (first,) = home.arrive().new
    home.pass_time(60)
    home.send(text=ROWS + b"SP3,3\n")
    (second,) = home.arrive().new
    found = {r.id: (r.supersedes_id, r.superseded_by_id, r.state) for r in home.receipts()}
    assert found == {
        first.id: (None, second.id, ReceiptState.LANDED),
        second.id: (first.id, None, ReceiptState.LANDED),
    }
    assert set(home.landed()) == {first.content_sha256, second.content_sha256}


def test_superseded_content_sent_again_is_refused_with_both_receipts_named(home: Home) -> None:
    sent = datetime(2026, 3, 9, 6, tzinfo=UTC)
    old = gzip.compress(ROWS)
    for packed in (old, gzip.compress(ROWS + b"SP3,3\n")):
        home.drop(NAME, packed, at=sent)
        home.drop(f"{NAME}.done")
        assert len(home.arrive().new) == 1
        sent = sent.replace(hour=sent.hour + 1)
    for at in (sent, datetime(2026, 3, 9, 6, tzinfo=UTC)):  # with a new time, and with its old one
        home.drop(NAME, old, at=at)
        ((name, error),) = home.arrive().refused
        assert (name, error.code) == (NAME, "file.resent")
        assert "content of receipt 1, which receipt 2 superseded" in error.message
    assert [r.superseded_by_id for r in home.receipts()] == [2, None]


def test_only_files_of_the_night_asked_for_are_taken(home: Home) -> None:
    home.send()
    home.send("reads_20260308_001.csv.gz")
    assert [r.file_name for r in home.arrive(business_date=NIGHT).new] == [NAME]
    assert [r.file_name for r in home.arrive().new] == ["reads_20260308_001.csv.gz"]


def test_a_name_without_date_gets_the_local_date_of_its_arrival(home: Home) -> None:
    feed = make_feed(arrival={"pattern": "house.csv.gz"})
    home.now = datetime(2026, 3, 9, 3, 30, tzinfo=UTC)  # still the evening of the 8th in New York
    home.send("house.csv.gz")
    (receipt,) = home.arrive(feed).new
    assert receipt.business_date == date(2026, 3, 8)
    home.pass_time(86_400)
    assert home.arrive(feed).known == ["house.csv.gz"]  # the next day it is no new file
    assert home.arrive(feed, business_date=date(2026, 3, 9)).known == []


HELD = {
    "empty": ({}, b"", "file.empty", "has no bytes"),
    "truncated": ({}, gzip.compress(ROWS)[:-9], "file.truncated", "ends early"),
    "bad CRC": ({}, gzip.compress(ROWS)[:-8] + b"1234" + gzip.compress(ROWS)[-4:], "file.corrupt", "checksum"),
    "bomb": ({"max_uncompressed_gb": 0}, gzip.compress(ROWS), "file.bomb", "unpacking was stopped"),
    "long line": ({"max_line_bytes": 1000}, gzip.compress(ROWS + b"x" * 1001), "file.line_too_long", "line 4 is"),
    "other encoding": ({}, gzip.compress(ROWS.decode().encode("utf-16")), "file.encoding", "looks like utf-16-le"),
    "other compression": ({}, zstandard.compress(ROWS), "file.compression", "the file holds Zstandard"),
}


@pytest.mark.parametrize("case", HELD)
def test_a_file_that_cannot_be_read_is_archived_and_held_with_its_message(home: Home, case: str) -> None:
    limits, packed, code, words = HELD[case]
    home.limit(**limits)
    home.send(packed=packed)
    (receipt,) = home.arrive().new
    assert (receipt.state, receipt.needs_cleaning, receipt.line_count) == (ReceiptState.HELD, None, 0)
    assert receipt.message is not None
    assert receipt.message.startswith(f"[{code}] {NAME}: ")
    assert words in receipt.message
    assert " -> " in receipt.message  # and what to do
    assert home.landed() == {hashlib.sha256(packed).hexdigest(): packed}
    assert home.arrive().known == [NAME]


def test_a_held_file_is_superseded_by_the_good_one(home: Home) -> None:
    home.send(packed=gzip.compress(ROWS)[:-9])
    home.arrive()
    assert not home.expected().is_ready
    home.pass_time(60)
    home.send(text=ROWS)
    assert [r.state for r in home.arrive().new] == [ReceiptState.LANDED]
    assert home.expected().is_ready
    assert [r.superseded_by_id for r in home.receipts()] == [2, None]


def test_a_file_over_a_limit_is_released_once_the_limit_is_raised(home: Home) -> None:
    home.limit(max_line_bytes=5)
    path = home.send(text=ROWS)
    assert home.arrive().new[0].state == ReceiptState.HELD
    home.limit(max_line_bytes=1000)
    (receipt,) = receive([path], make_feed(), home.settings, home.ledger).new
    (stored,) = home.receipts()
    assert (stored.id, stored.state, stored.message, stored.line_count) == (receipt.id, ReceiptState.LANDED, None, 3)


@pytest.mark.parametrize(
    ("text", "needs_cleaning", "line_count"),
    [
        (b"SP_ID,READ\n", False, 1),  # header only: whole; completeness judges it
        (b"SP_ID,READ\r\nSP1,1\r\n", False, 2),
        (b"SP_ID,READ\nSP1,1\r\nSP2,2\n", True, 3),
        (b"SP_ID,READ\nSP1,\0\n", True, 2),
        (b"SP_ID,READ\rSP1,1\r", True, 2),
        (b"SP_ID,READ\nSP1,1", False, 2),
    ],
    ids=["header only", "CRLF", "mixed line ends", "NUL byte", "CR only", "no last line end"],
)
def test_odd_text_is_landed_and_marked_for_intake(
    home: Home, text: bytes, needs_cleaning: bool, line_count: int
) -> None:
    home.send(text=text)
    (receipt,) = home.arrive().new
    assert (receipt.state, receipt.needs_cleaning, receipt.line_count) == ("landed", needs_cleaning, line_count)


@pytest.mark.parametrize(
    "name",
    [
        "reads_20260309.csv.gz",
        "READS_20260309_001.csv.gz",
        "reads_20260309_001.csv.gz.bak",
        "reads_20260309_001.csv.gz\n",
        "..%2freads_20260309_001.csv.gz",
        "reads_20260309_001.csv.gz\udcff",
        ".hidden",
    ],
)
def test_a_name_outside_the_pattern_is_reported_with_the_pattern(home: Home, name: str) -> None:
    home.drop(name, gzip.compress(ROWS))
    home.send()
    found = home.arrive()
    assert [r.file_name for r in found.new] == [NAME]
    ((shown, reason),) = found.unknown
    assert shown.isprintable()
    assert "fits no feed" in reason
    assert "reads_{business_date:%Y%m%d}_{part}.csv.gz" in reason


def test_a_name_with_an_impossible_date_says_so(home: Home) -> None:
    home.drop("reads_20261399_001.csv.gz", b"x")
    ((_, reason),) = home.arrive().unknown
    assert "its date does not exist" in reason


def test_files_of_a_neighbour_are_not_unknown(home: Home) -> None:
    events = make_feed(feed="events", arrival={"pattern": "events_{business_date:%Y%m%d}.csv.gz"})
    deeper = make_feed(feed="gas", arrival={"folder": "mdm/gas"})
    for name in ("events_20260309.csv.gz", "events_20260309.csv.gz.done", ".events_20260309.csv.gz.part"):
        home.drop(name)
    (home.inbound / "gas").mkdir()
    assert home.arrive(neighbours=[events, deeper]).unknown == []
    assert names(home.arrive().unknown) == [
        ".events_20260309.csv.gz.part",
        "events_20260309.csv.gz",
        "events_20260309.csv.gz.done",
        "gas",
    ]


@pytest.mark.parametrize("name", [f"{NAME}.tmp", f"{NAME}.part", f"{NAME}.filepart", f".{NAME}", f".{NAME}.tmp"])
def test_a_temporary_name_is_a_file_still_being_written(home: Home, name: str) -> None:
    home.drop(name, gzip.compress(ROWS))
    found = home.arrive(business_date=NIGHT)
    assert names(found.waiting) == [name]
    assert "still writing" in found.waiting[0][1]
    assert found.unknown == []
    assert home.arrive(business_date=date(2026, 3, 8)).waiting == []


def refuse(home: Home) -> TerminalError:
    found = home.arrive()
    assert found.new == []
    assert home.landed() == {}
    ((name, error),) = found.refused
    assert name == NAME
    return error


def test_a_link_that_leads_out_of_the_folder_is_not_opened(home: Home, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(gzip.compress(ROWS))
    (home.inbound / NAME).symlink_to(secret)
    home.drop(f"{NAME}.done")
    error = refuse(home)
    assert error.code == "file.outside_folder"
    assert f"{NAME} is a symbolic link that leads out of the inbound folder" in error.message
    (home.inbound / NAME).unlink()
    (home.inbound / NAME).symlink_to("../../../secret")
    assert refuse(home).code == "file.outside_folder"


def test_a_link_inside_the_folder_is_a_file(home: Home) -> None:
    (home.inbound / "reads_20260309_002.csv.gz").symlink_to(NAME)
    home.send()
    home.drop("reads_20260309_002.csv.gz.done")
    assert len(home.arrive().new) == 1


def test_a_link_to_nowhere_and_one_to_itself_are_refused(home: Home) -> None:
    (home.inbound / NAME).symlink_to("nowhere")
    assert refuse(home).code == "file.dangling_link"
    (home.inbound / NAME).unlink()
    (home.inbound / NAME).symlink_to(NAME)
    assert refuse(home).code == "file.dangling_link"


@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "a named pipe"), (os.mkdir, "a folder")])
def test_what_is_not_a_regular_file_is_refused(home: Home, make: Callable[[Path], None], kind: str) -> None:
    make(home.inbound / NAME)
    home.drop(f"{NAME}.done")
    error = refuse(home)
    assert error.code == "file.not_regular"
    assert f"{NAME} is {kind}" in error.message


def test_a_file_swapped_for_a_link_after_the_listing_is_not_followed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(home.send().read_bytes())
    fetch = LocalFolder.fetch

    def swapped(self: LocalFolder, entry: Entry, target: Path) -> None:
        (home.inbound / NAME).unlink()
        (home.inbound / NAME).symlink_to(secret)
        fetch(self, entry, target)

    monkeypatch.setattr(LocalFolder, "fetch", swapped)
    assert refuse(home).code == "file.outside_folder"


def test_an_inbound_folder_that_leads_out_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    home.inbound.rmdir()
    home.inbound.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TerminalError, match="leads out of the inbound folder") as caught:
        home.arrive()
    assert caught.value.code == "arrival.folder_outside"


def test_an_absent_folder_holds_nothing(home: Home) -> None:
    home.inbound.rmdir()
    found = home.arrive()
    assert (found.new, found.waiting, found.unknown) == ([], [], [])


def deny_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make opening a file fail as it does for a user without permission."""
    really_open = os.open

    def denied(name: Any, *arguments: Any, **named: Any) -> int:
        if Path(name) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return really_open(name, *arguments, **named)

    monkeypatch.setattr(os, "open", denied)


def test_a_file_this_user_may_not_read_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home.send()
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything: let the system say what it would say to anybody else
        deny_reading(path, monkeypatch)
    assert refuse(home).code == "file.not_readable"


def test_a_file_that_changes_while_it_is_copied_is_left_for_a_later_look(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home.send()
    copy = shutil.copyfileobj

    def growing(source: Any, target: Any, size: int) -> None:
        copy(source, target, size)
        with path.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr("nightwatt.arrival.local.shutil.copyfileobj", growing)
    found = home.arrive()
    assert (found.new, home.landed(), home.receipts()) == ([], {}, [])
    assert found.waiting == [(NAME, f"{NAME} changed while it was being copied")]


def test_a_full_disk_is_a_transient_error_and_other_files_are_taken(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.send()
    home.send("reads_20260309_002.csv.gz", text=ROWS)
    copy = shutil.copyfileobj

    def full(source: Any, target: Any, size: int) -> None:
        if Path(target.name).name == "0":
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target, size)

    monkeypatch.setattr("nightwatt.arrival.local.shutil.copyfileobj", full)
    with pytest.raises(TransientError, match="no room to archive") as caught:
        home.arrive()
    assert caught.value.code == "landing.no_space"
    assert [r.file_name for r in home.receipts()] == ["reads_20260309_002.csv.gz"]


def test_two_arrivals_of_a_feed_at_once_make_each_receipt_once(home: Home) -> None:
    for n in range(12):
        home.send(f"reads_20260309_{n:03}.csv.gz", text=ROWS + b"SP%d,1\n" % n)
    feed = make_feed()
    found: list[int] = []

    def run() -> None:
        found.append(len(arrive(feed, home.settings, home.ledger).new))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(found) == [0, 0, 0, 12]
    assert len(home.receipts()) == 12


def test_a_feed_that_is_being_taken_in_elsewhere_is_a_transient_error(home: Home) -> None:
    with dock(home.settings, "reads"), pytest.raises(TransientError) as caught, dock(home.settings, "reads", 0.1):
        pass
    assert caught.value.code == "arrival.busy"


def test_files_named_by_an_operator_are_taken_from_anywhere(home: Home, tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(gzip.compress(ROWS))
    other = tmp_path / "other.csv"
    other.write_bytes(ROWS)
    absent = tmp_path / "reads_20260309_009.csv.gz"
    found = receive([path, other, absent], make_feed(), home.settings, home.ledger)
    assert [(r.file_name, r.state) for r in found.new] == [(NAME, "landed")]
    assert [(n, e.code) for n, e in found.refused] == [
        ("other.csv", "file.unknown_name"),
        ("reads_20260309_009.csv.gz", "file.absent"),
    ]
    assert "reads_20260309_001.csv.gz" in found.refused[0][1].remedy
    assert receive([path], make_feed(), home.settings, home.ledger).known == [NAME]


def test_an_operator_says_the_night_of_names_without_date(home: Home) -> None:
    feed = make_feed(arrival={"pattern": "{any}.csv.gz"})
    path = home.drop("house.csv.gz", gzip.compress(ROWS))
    (receipt,) = receive([path], feed, home.settings, home.ledger, business_date=date(2025, 1, 2)).new
    assert receipt.business_date == date(2025, 1, 2)
