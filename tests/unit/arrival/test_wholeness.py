"""When a file is whole, by each of the four rules, and when a night's files are all there."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.arrival import NIGHT, ROWS, Home, make_feed

from nightwatt.arrival import Arrived
from nightwatt.contracts.feed import Feed
from nightwatt.ledger import receipts

NAME = "reads_20260309_001.csv.gz"
SECOND = "reads_20260309_002.csv.gz"
PACKED = gzip.compress(ROWS, mtime=0)

QUIET = make_feed({"rule": "quiet", "seconds": 60})
MANIFEST = make_feed({"rule": "manifest"})
TRAILER = make_feed({"rule": "trailer", "prefix": "TRAILER,", "count_position": 2})
PLAIN = {"arrival": {"pattern": "reads_{business_date:%Y%m%d}_{part}.csv.gz"}, "format": {"compression": "plain"}}


def why(found: Arrived) -> str:
    """Return the reason of the one file that waits; nothing was taken."""
    assert (found.new, found.refused) == ([], [])
    ((_, reason),) = found.waiting
    return reason


# --- done marker ---------------------------------------------------------------------------------------


def test_a_done_marker_makes_a_file_whole(home: Home) -> None:
    home.drop(NAME, PACKED)
    assert why(home.arrive()) == f"its done marker {NAME}.done has not come"
    home.drop(f"{NAME}.done")
    found = home.arrive()
    assert ([r.file_name for r in found.new], found.waiting, found.unknown) == ([NAME], [], [])


def test_the_marker_s_suffix_is_the_contract_s(home: Home) -> None:
    home.drop(NAME, PACKED)
    home.drop(f"{NAME}.ok")
    assert len(home.arrive(make_feed({"rule": "done_marker", "suffix": ".ok"})).new) == 1


def test_a_marker_without_its_file_waits_for_it(home: Home) -> None:
    home.drop(f"{NAME}.done")
    assert why(home.arrive()) == "its done marker is there, the file is not"


def test_a_file_newer_than_its_marker_must_hold_still(home: Home) -> None:
    written = datetime(2026, 3, 9, 6, tzinfo=UTC)
    home.drop(f"{NAME}.done", at=written)
    home.drop(NAME, PACKED, at=written + timedelta(seconds=1))
    assert why(home.arrive()).startswith("it changed after its done marker; seen for the first time")
    home.pass_time(59)
    assert "unchanged for 59 seconds" in why(home.arrive())
    home.pass_time(1)
    assert len(home.arrive().new) == 1


# --- quiet over two looks ------------------------------------------------------------------------------


def test_a_quiet_file_is_whole_at_the_second_look(home: Home) -> None:
    home.drop(NAME, PACKED)
    assert why(home.arrive(QUIET)) == "seen for the first time; it must hold still for 60 seconds over two looks"
    home.pass_time(30)
    assert "unchanged for 30 seconds" in why(home.arrive(QUIET))
    home.pass_time(30)
    assert len(home.arrive(QUIET).new) == 1


def test_a_file_that_grows_begins_to_wait_anew(home: Home) -> None:
    home.drop(NAME, PACKED[:20])
    home.arrive(QUIET)
    home.pass_time(61)
    home.drop(NAME, PACKED)
    assert "first time" in why(home.arrive(QUIET))
    home.pass_time(61)
    assert [r.state for r in home.arrive(QUIET).new] == ["landed"]


def test_the_second_look_can_follow_at_once(home: Home) -> None:
    home.drop(NAME, PACKED)
    waited: list[float] = []
    assert len(home.arrive(QUIET, look_again=waited.append).new) == 1  # even where the clock stands still
    assert waited == [60.0]


def test_a_file_that_grows_between_the_two_looks_waits(home: Home) -> None:
    home.drop(NAME, PACKED[:20])
    found = home.arrive(QUIET, look_again=lambda _: home.drop(NAME, PACKED) and None)
    assert "first time" in why(found)


def test_quiet_for_no_time_still_takes_two_looks(home: Home) -> None:
    home.drop(NAME, PACKED)
    assert len(home.arrive(make_feed({"rule": "quiet", "seconds": 0})).new) == 1


def test_forgotten_looks_cost_one_more_look(home: Home) -> None:
    home.drop(NAME, PACKED)
    home.arrive(QUIET)
    home.pass_time(60)
    looks = home.settings.landing / ".arrival" / "reads.looks.json"
    for broken in ("", "[]", '{"a": 1}', '{"a": {"b": 1}}'):
        looks.write_text(broken)
        assert "first time" in why(home.arrive(QUIET))


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, len(PACKED)), max_size=6), pause=st.integers(1, 59))
def test_a_file_written_in_pieces_is_only_ever_taken_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], pause: int
) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    try:
        for end in [*sorted(cuts), len(PACKED)]:
            home.drop(NAME, PACKED[:end], at=home.now)
            assert home.arrive(QUIET).new == []
            home.pass_time(pause)
        home.pass_time(60)
        assert [r.size_bytes for r in home.arrive(QUIET).new] == [len(PACKED)]
        assert list(home.landed().values()) == [PACKED]
    finally:
        home.ledger.close()


# --- trailer -------------------------------------------------------------------------------------------


def trailed(home: Home, text: bytes, feed: Feed = TRAILER) -> Arrived:
    home.drop(NAME, gzip.compress(text) if feed.format.compression == "gz" else text)
    return home.arrive(feed)


def test_a_trailer_makes_a_file_whole_and_gives_the_control_total(home: Home) -> None:
    assert "its last line is not the trailer (`TRAILER,...`)" in why(trailed(home, ROWS))
    (receipt,) = trailed(home, ROWS + b"TRAILER,20260309,10\r\n\r\n").new
    assert (receipt.state, receipt.control_rows) == ("landed", 10)


def test_a_wrong_count_in_the_trailer_is_the_control_total_all_the_same(home: Home) -> None:
    (receipt,) = trailed(home, ROWS + b"TRAILER,20260309,11\n").new  # intake compares it with the rows
    assert receipt.control_rows == 11


@pytest.mark.parametrize("trailer", [b"TRAILER,20260309\n", b"TRAILER,20260309,\n", b"TRAILER,20260309,ten\n"])
def test_a_trailer_without_a_count_is_none(home: Home, trailer: bytes) -> None:
    assert why(trailed(home, ROWS + trailer)) == "its trailer has no row count at place 2"


SUMS = make_feed(
    {"rule": "trailer", "prefix": "TRAILER,", "totals": {"READ": 2}},
    columns=[{"name": "SP_ID", "field": "sp_id"}, {"name": "READ", "field": "read", "type": "decimal"}],
)


def test_a_trailer_may_hold_sums_of_columns(home: Home) -> None:
    home.drop(NAME, gzip.compress(ROWS + b"TRAILER,10,45.00\n"))
    (received,) = home.arrive(SUMS).new
    assert (received.control_rows, received.control_totals) == (10, {"READ": "45.00"})


@pytest.mark.parametrize("trailer", [b"TRAILER,10\n", b"TRAILER,10,\n", b"TRAILER,10,much\n", b"TRAILER,10,NaN\n"])
def test_a_trailer_without_its_sum_is_none(home: Home, trailer: bytes) -> None:
    home.drop(NAME, gzip.compress(ROWS + trailer))
    assert why(home.arrive(SUMS)) == "its trailer has no total of READ at place 2"


def test_a_sum_is_written_as_the_files_numbers_are(home: Home) -> None:
    european = SUMS.model_copy(
        update={"format": SUMS.format.model_copy(update={"delimiter": ";", "decimal_sign": ",", "thousands_sign": "."})}
    )
    rule = european.arrival.wholeness.model_copy(update={"prefix": "TRAILER;"})
    european = european.model_copy(update={"arrival": european.arrival.model_copy(update={"wholeness": rule})})
    home.drop(NAME, gzip.compress(ROWS + b"TRAILER;10;1.045,5\n"))
    (received,) = home.arrive(european).new
    assert received.control_totals == {"READ": "1045.5"}


def test_a_manifest_may_hold_sums_of_columns(home: Home) -> None:
    home.manifest(home.drop(NAME, PACKED), rows=10, totals={"READ": "45.10", "OTHER": 3})
    (received,) = home.arrive(MANIFEST).new
    assert received.control_totals == {"OTHER": "3", "READ": "45.10"}


def test_without_sums_there_is_nothing_to_compare(home: Home) -> None:
    home.manifest(home.drop(NAME, PACKED), rows=10)
    (received,) = home.arrive(MANIFEST).new
    assert received.control_totals is None


def test_a_file_cut_off_before_its_trailer_waits_and_a_damaged_one_is_held(home: Home) -> None:
    whole = gzip.compress(ROWS + b"TRAILER,20260309,10\n")
    home.drop(NAME, whole[:-5])
    assert why(home.arrive(TRAILER)).startswith("no trailer yet: the file ends early")
    home.drop(NAME, whole[:-5] + b"wrong")
    assert [r.state for r in home.arrive(TRAILER).new] == ["held"]


def test_a_trailer_cut_off_in_its_count_waits(home: Home) -> None:
    plain = make_feed({"rule": "trailer", "prefix": "TRAILER,"}, **PLAIN)
    assert "it may be cut off" in why(trailed(home, ROWS + b"TRAILER,1", plain))
    assert trailed(home, ROWS + b"TRAILER,10", plain).new[0].control_rows == 10


def test_a_file_without_trailer_is_read_once_until_it_changes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = why(trailed(home, ROWS))
    monkeypatch.setattr("nightwatt.arrival.local.LocalFolder.fetch", lambda *_: pytest.fail("read again"))
    assert why(home.arrive(TRAILER)) == reason
    monkeypatch.undo()
    assert len(home.arrive(make_feed({"rule": "trailer", "prefix": "SP0009,"})).new) == 1  # the contract changed


# --- manifest ------------------------------------------------------------------------------------------


def test_a_manifest_makes_the_files_it_lists_whole(home: Home) -> None:
    first, second = home.drop(NAME, PACKED), home.drop(SECOND, gzip.compress(ROWS[:-8]))
    found = home.arrive(MANIFEST)
    assert found.waiting == [(n, "its manifest reads_20260309.json has not come") for n in (NAME, SECOND)]
    home.manifest(first, second, rows=None)
    assert [(r.file_name, r.control_rows) for r in home.arrive(MANIFEST).new] == [(NAME, None), (SECOND, None)]


def test_rows_of_a_manifest_are_the_control_total(home: Home) -> None:
    home.manifest(home.drop(NAME, PACKED), rows=10)
    assert home.arrive(MANIFEST).new[0].control_rows == 10


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"bytes": 99}, f"it has {len(PACKED)} bytes, the manifest reads_20260309.json says 99"),
        ({"sha256": "0" * 64}, "its SHA-256 is not the one in the manifest"),
        ({"sha256": None, "rows": 11}, "it has 10 rows, the manifest says 11"),
        ({"name": SECOND}, "the manifest reads_20260309.json does not list it"),
    ],
)
def test_a_file_that_differs_from_its_manifest_is_not_whole(home: Home, claims: dict[str, object], reason: str) -> None:
    path = home.drop(NAME, PACKED)
    home.manifest(path, **claims)
    found = home.arrive(MANIFEST)
    assert (found.new, home.landed()) == ([], {})
    assert dict(found.waiting)[NAME] == reason
    home.manifest(path)  # the sender corrects the manifest
    assert len(home.arrive(MANIFEST).new) == 1


def test_a_listed_file_that_is_not_there_is_waited_for(home: Home) -> None:
    home.manifest(home.drop(NAME, PACKED), home.drop(SECOND, PACKED + b"\0"))
    (home.inbound / SECOND).unlink()
    found = home.arrive(MANIFEST)
    assert [r.file_name for r in found.new] == [NAME]
    assert found.waiting == [(SECOND, "the manifest reads_20260309.json lists it, it has not come")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"files": [', "manifest cannot be read: Invalid JSON"),
        (b'{"files": [{"name": "a"}]}', "manifest cannot be read at files.0.bytes: Field required"),
        (b'{"business_date": "2026-03-10", "files": []}', "its name says 2026-03-09, its content says 2026-03-10"),
        (b'{"files": [{"name": "a", "bytes": 1, "sha256": "xyz"}]}', "at files.0.sha256"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_reported(home: Home, content: bytes, words: str) -> None:
    home.drop("reads_20260309.json", content)
    assert words in why(home.arrive(MANIFEST))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a\\\\b"])
def test_a_manifest_that_lists_a_path_is_refused(home: Home, name: str) -> None:
    home.drop(NAME, PACKED)
    home.drop("reads_20260309.json", b'{"files": [{"name": "%s", "bytes": 1}]}' % name.encode())
    found = home.arrive(MANIFEST)
    ((manifest, error),) = found.refused
    assert (manifest, error.code, found.new) == ("reads_20260309.json", "manifest.path", [])


def test_a_listed_name_that_fits_no_pattern_is_said_to(home: Home) -> None:
    home.manifest(home.drop("other.csv", b"x"))
    found = home.arrive(MANIFEST)
    assert found.waiting[0][0] == "other.csv"
    assert "but no file of pattern reads_" in found.waiting[0][1]


def test_undated_files_take_their_date_from_the_manifest(home: Home) -> None:
    feed = make_feed(
        {"rule": "manifest"}, arrival={"pattern": "house_{part}.csv.gz", "wholeness": {"rule": "manifest"}}
    )
    home.now = datetime(2026, 3, 12, 12, tzinfo=UTC)
    home.manifest(home.drop("house_1.csv.gz", PACKED))
    assert [r.business_date for r in home.arrive(feed).new] == [NIGHT]


# --- a night's files -----------------------------------------------------------------------------------


def test_a_night_is_ready_when_enough_files_have_been_received(home: Home) -> None:
    feed = make_feed(arrival={"min_files": 2, "max_files": 2})
    assert (home.expected(feed).missing, home.expected(feed).is_ready) == (2, False)
    home.send()
    before = home.expected(feed)
    assert (before.waiting, before.missing) == (((NAME, "whole; not taken in yet"),), 2)
    home.arrive(feed)
    home.drop(SECOND, PACKED)
    between = home.expected(feed)
    assert [r.file_name for r in between.arrived] == [NAME]
    assert between.reason == "1 of at least 2 file(s) missing; 1 received"
    assert between.waiting == ((SECOND, f"its done marker {SECOND}.done has not come"),)
    home.send(SECOND, text=ROWS + b"SP99,1\n")
    home.arrive(feed)
    after = home.expected(feed)
    assert (after.missing, after.is_ready, after.reason, after.excess) == (
        0,
        True,
        "all files are there; 2 received",
        0,
    )
    home.send("reads_20260309_003.csv.gz", text=ROWS + b"SP98,1\n")
    home.arrive(feed)
    more = home.expected(feed)
    assert (more.is_ready, more.excess) == (True, 1)
    assert "more than the 2 the contract allows" in more.reason
    assert home.expected(feed, date(2026, 3, 10)).missing == 2


def test_two_parts_of_the_same_bytes_count_twice(home: Home) -> None:
    feed = make_feed(arrival={"min_files": 2})
    home.send()
    home.send(SECOND)
    home.arrive(feed)
    assert home.expected(feed).is_ready


def test_a_file_on_hold_does_not_count(home: Home) -> None:
    home.send(packed=PACKED[:-9])
    home.arrive()
    found = home.expected()
    assert (found.arrived, found.missing, found.is_ready) == ((), 1, False)
    assert [r.file_name for r in found.held] == [NAME]
    assert "1 on hold, first: [file.truncated]" in found.reason


def test_a_feed_that_need_not_send_is_always_ready(home: Home) -> None:
    for rule in ({"rule": "done_marker"}, {"rule": "manifest"}):
        found = home.expected(make_feed(arrival={"min_files": 0, "wholeness": rule}))
        assert (found.is_ready, found.reason) == (True, "no file need come; 0 received")


def test_a_night_with_a_manifest_is_ready_when_all_listed_files_are(home: Home) -> None:
    assert home.expected(MANIFEST).reason == "the manifest reads_20260309.json has not come; 0 received"
    paths = [home.drop(f"reads_20260309_{n:03}.csv.gz", gzip.compress(ROWS + b"%d,1\n" % n)) for n in range(3)]
    home.manifest(*paths)
    for path in paths[1:]:
        path.rename(path.with_suffix(".aside"))
    home.arrive(MANIFEST)
    found = home.expected(MANIFEST)
    assert (found.missing, found.is_ready) == (2, False)
    assert found.reason == "of 3 listed files reads_20260309_001.csv.gz and 1 more is missing; 1 received"
    for path in paths[1:]:
        path.with_suffix(".aside").rename(path)
    home.arrive(MANIFEST)
    assert home.expected(MANIFEST).is_ready


def test_a_corrected_manifest_waits_for_the_corrected_file(home: Home) -> None:
    home.manifest(home.drop(NAME, PACKED))
    home.arrive(MANIFEST)
    home.pass_time(60)
    corrected = gzip.compress(ROWS + b"SP99,1\n")
    home.manifest(home.drop(NAME, corrected, at=home.now))
    assert not home.expected(MANIFEST).is_ready
    home.arrive(MANIFEST)
    assert home.expected(MANIFEST).is_ready
    with home.ledger.read() as session:
        assert [r.supersedes_id for r in receipts.by_feed_and_date(session, "reads", NIGHT)] == [1]


def test_expecting_changes_nothing(home: Home) -> None:
    home.send()
    home.expected()
    assert not home.settings.landing.exists()
    assert home.receipts() == []
