"""Files fetched from SFTP servers, over the real protocol: from good ones, and from bad ones each in one way.

A file's bytes in the archive are compared with those on the server's disk, and what was asked of the server is counted
there, not by us.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.arrival import ROWS, Home
from tests.support.fetch_once import DIES_AFTER, STEPS, arrive_and_die, fetch_and_die
from tests.support.processes import killed
from tests.support.sources import (
    NAME,
    Boasting,
    Changing,
    Dropping,
    FarHome,
    Forbidding,
    Replacing,
    Source,
    Stalling,
    done_feed,
    fresh,
    plain_feed,
)

from nightwatt.arrival.transport import PlaceRefused, SourceAway, SourceRefused
from nightwatt.errors import NightWattError
from nightwatt.ledger.models import ReceiptState

BIG = b"SP_ID,READ\n" + b"".join(b"SP%07d,%d\n" % (n, n * 7 % 1000) for n in range(70_000))
BLOCK = 256 * 1024
ENDS = 64 * 1024  # bytes of each end of a part that are compared before it goes on
OTHER = "reads_20260309_002.csv.gz"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[FarHome]:
    home = Home(tmp_path / "home")
    yield FarHome(home, tmp_path / "server")
    home.ledger.close()


def landed(far: FarHome) -> list[bytes]:
    return list(far.home.landed().values())


def test_a_whole_file_is_fetched_once_and_counted(far: FarHome) -> None:
    path = far.send(content=BIG)
    kind = fresh(Source)

    with far.serving(kind) as server:
        first, again, state = far.arrive(server), far.arrive(server), far.expected(server)

    assert [r.file_name for r in first.new] == [NAME]
    assert (again.new, again.known) == ([], [NAME])
    assert state.is_ready
    assert kind.sent == len(BIG)
    assert kind.asked["open"] == 1
    assert [(r.size_bytes, r.content_sha256) for r in far.home.receipts()] == [
        (len(BIG), hashlib.sha256(BIG).hexdigest())
    ]
    assert landed(far) == [path.read_bytes()]
    assert far.parts() == []


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 16 * BLOCK, 17 * BLOCK + 7])
def test_files_of_every_size_come_as_they_are(far: FarHome, size: int) -> None:
    content = random.Random(size).randbytes(size)
    far.put(NAME, content)
    with far.serving() as server, far.open(server.port, plain_feed()) as folder:
        (entry,) = folder.listing()

        folder.fetch(entry, far.home.root / "copy")

    assert (entry.size, (far.home.root / "copy").read_bytes()) == (size, content)


@pytest.mark.parametrize("after", [0, 1, BLOCK, BLOCK + 1, 2 * BLOCK, len(BIG) - 1])
def test_a_broken_download_goes_on_at_the_byte_where_it_broke(far: FarHome, after: int) -> None:
    far.send(content=BIG)
    kind = fresh(Dropping, after=after)

    with far.serving(kind) as server:
        with pytest.raises(SourceAway) as caught:
            far.arrive(server)
        sent, come = kind.sent, far.come()
        arrived = far.arrive(server)

    assert caught.value.code == "source.unreachable"
    assert [r.file_name for r in arrived.new] == [NAME]
    assert landed(far) == [BIG]
    compared = 2 * ENDS if come else 0
    assert kind.sent - sent == len(BIG) - come + compared
    assert far.parts() == []


def test_a_server_that_breaks_off_again_and_again_is_asked_as_long_as_more_comes(far: FarHome) -> None:
    content = random.Random(5).randbytes(30 << 20)
    far.put(NAME, content)
    kind = fresh(Dropping, after=12_000_000, drops_left=2)
    with far.serving(kind) as server, far.open(server.port, plain_feed()) as folder:
        (entry,) = folder.listing()

        folder.fetch(entry, far.home.root / "copy")

    assert (far.home.root / "copy").read_bytes() == content
    assert kind.drops_left == 0


def test_a_server_that_breaks_off_is_asked_three_times_more_and_less_and_less_often(far: FarHome) -> None:
    far.send()
    far.waits = (1.0, 5.0, 30.0)
    kind = fresh(Dropping, after=0, drops_left=99)

    with far.serving(kind) as server, pytest.raises(SourceAway):
        far.arrive(server)

    assert far.slept == [1.0, 5.0, 30.0]
    assert kind.drops_left == 95


def test_a_killed_download_goes_on_and_no_byte_is_lost_or_doubled(far: FarHome) -> None:
    far.send(content=BIG)
    kind = fresh(Source)
    with far.serving(kind) as server:
        killed(fetch_and_die, str(far.home.root), str(far.server), server.port, server.host_key)
        sent_before = kind.sent
        far.arrive(server)

    assert landed(far) == [BIG]
    assert len(far.home.receipts()) == 1
    assert kind.sent - sent_before <= len(BIG) - DIES_AFTER + 2 * ENDS
    assert far.parts() == []


def test_what_came_of_a_file_that_is_another_by_now_is_not_used(far: FarHome) -> None:
    far.send(content=BIG)
    with far.serving(fresh(Dropping, after=400_000)) as server:
        with pytest.raises(SourceAway):
            far.arrive(server)
        other = BIG.replace(b"SP00", b"SQ00")
        far.send(content=other, at=1_772_000_000)  # same size, and the sender even kept the time
        far.arrive(server)

    assert landed(far) == [other]


def test_the_part_of_a_file_that_was_sent_anew_is_thrown_away(far: FarHome) -> None:
    far.send(content=BIG)
    with far.serving(fresh(Dropping, after=400_000)) as server:
        with pytest.raises(SourceAway):
            far.arrive(server)
        assert far.parts() == [".mark", ".part"]
        far.send(content=BIG + b"SP1,2\n", at=1_772_000_100)
        far.arrive(server)

    assert landed(far) == [BIG + b"SP1,2\n"]
    assert far.parts() == []


@pytest.mark.parametrize(("more", "words"), [(5, "had only 101 of the 106 bytes"), (-5, "had more than the 96 bytes")])
def test_a_server_that_lies_about_a_size_is_not_believed(far: FarHome, more: int, words: str) -> None:
    far.send()

    with far.serving(fresh(Boasting, more=more)) as server:
        arrived = far.arrive(server)

    assert len(ROWS) == 101
    assert [(name, words in why) for name, why in arrived.waiting] == [(NAME, True)]
    assert (far.home.receipts(), landed(far)) == ([], [])


def test_a_file_that_changes_while_it_comes_is_taken_at_the_next_look(far: FarHome) -> None:
    path = far.send(content=BIG)

    with far.serving(fresh(Changing)) as server:
        first = far.arrive(server)
        os.utime(path.with_name(f"{NAME}.done"), (1_772_000_010, 1_772_000_010))
        second = far.arrive(server)

    assert [name for name, _ in first.waiting] == [NAME]
    assert [r.file_name for r in second.new] == [NAME]
    assert landed(far) == [BIG[::-1]]


def test_a_server_that_stalls_is_given_up_in_time(far: FarHome) -> None:
    far.send()
    far.timeout_s = 0.3

    with far.serving(fresh(Stalling)) as server, pytest.raises(SourceAway) as caught:
        far.arrive(server)

    assert "TimeoutError" in caught.value.message
    assert far.home.receipts() == []


def test_a_server_that_says_nothing_at_all_is_given_up_in_time(far: FarHome) -> None:
    with far.serving():
        pass  # so that its key is known
    far.timeout_s = 0.3

    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(SourceAway) as caught,
        far.open(silent.getsockname()[1], plain_feed()),
    ):
        pytest.fail("connected")

    assert caught.value.code == "source.unreachable"


REFUSALS: dict[str, tuple[type[NightWattError], str, dict[str, Any]]] = {
    "another host key": (SourceRefused, "source.host_key", {"keys": "other_keys"}),
    "a folder nobody may list": (PlaceRefused, "source.permission", {"kind": fresh(Forbidding, forbidden="scandir")}),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_is_told_by_its_code_and_not_tried_again(far: FarHome, what: str) -> None:
    error, code, how = REFUSALS[what]
    far.waits = (1.0, 5.0, 30.0)
    far.send()
    with far.serving():
        pass  # so that its key is known

    with far.serving(**how) as server, pytest.raises(error) as caught:
        far.arrive(server)

    assert caught.value.code == code
    assert far.slept == []


def test_a_folder_that_is_gone_is_told_by_its_name(far: FarHome) -> None:
    with far.serving() as server:
        far.folder.rmdir()
        with pytest.raises(PlaceRefused) as caught:
            far.arrive(server)

    assert (caught.value.code, "/out/reads" in caught.value.message) == ("source.folder_missing", True)


def test_a_key_that_is_not_ours_is_refused(far: FarHome) -> None:
    with far.serving() as server:
        stranger = far.home.root / "strangers"
        with far.serving(keys="strangers"):
            pass
        (far.home.root / "keys" / "client_key").write_bytes((stranger / "client_key").read_bytes())
        with pytest.raises(SourceRefused) as caught:
            far.arrive(server)

    assert caught.value.code == "source.login"


def test_a_key_file_that_cannot_be_used_is_named(far: FarHome) -> None:
    with far.serving() as server:
        (far.home.root / "keys" / "client_key").write_text("no key")
        with pytest.raises(SourceRefused) as caught:
            far.arrive(server)

    assert caught.value.code == "source.key_file"


def test_files_nobody_may_read_are_refused_each(far: FarHome) -> None:
    far.send()
    far.send(OTHER, ROWS + b"SP9,9\n")

    with far.serving(fresh(Forbidding, forbidden="open")) as server:
        refused = far.arrive(server)

    assert [(name, e.code) for name, e in refused.refused] == [
        (NAME, "source.permission"),
        (OTHER, "source.permission"),
    ]


def test_only_regular_files_are_opened(far: FarHome, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(ROWS)
    far.put("reads_20260309_003.csv.gz.done")
    (far.folder / "reads_20260309_003.csv.gz").symlink_to(secret)
    (far.folder / "reads_20260309_004.csv.gz").mkdir()
    os.mkfifo(far.folder / "reads_20260309_005.csv.gz")

    with far.serving() as server:
        arrived = far.arrive(server)

    assert {e.code for _, e in arrived.refused} == {"file.not_regular"}
    assert len(arrived.refused) == 3
    assert far.home.receipts() == []


def test_a_name_of_any_bytes_is_listed_as_unknown_and_stops_nothing(far: FarHome) -> None:
    far.send()
    (far.folder / os.fsdecode(b"r\xe9ads.csv")).write_bytes(ROWS)

    with far.serving() as server:
        arrived = far.arrive(server)

    assert [name for name, _ in arrived.unknown] == ["r\\udce9ads.csv"]
    assert [r.file_name for r in arrived.new] == [NAME]


def test_thousands_of_names_are_listed_without_a_question_for_each(far: FarHome) -> None:
    far.send()
    for number in range(2_000):
        (far.folder / f"reads_20250101_{number:05}.csv").touch()
    kind = fresh(Source)

    with far.serving(kind) as server, far.open(server.port, plain_feed()) as folder:
        listed = folder.listing()

    assert len(listed) == 2_002
    assert kind.asked["stat"] <= 2  # that server asks itself about `.` and `..`


# ---- the done folder --------------------------------------------------------------------------------------------


def tree(far: FarHome) -> list[str]:
    return sorted(str(p.relative_to(far.folder)) for p in far.folder.rglob("*") if p.is_file())


def test_a_received_file_is_moved_with_its_marker_and_still_counts(far: FarHome) -> None:
    far.send()
    (far.folder / "done").mkdir()

    with far.serving() as server:
        arrived = far.arrive(server, done_feed())
        again = far.arrive(server, done_feed())
        state = far.expected(server, done_feed())

    assert tree(far) == [f"done/{NAME}", f"done/{NAME}.done"]
    assert [r.file_name for r in arrived.new] == [NAME]
    assert (again.new, again.known, again.unknown, again.waiting) == ([], [], [], [])
    assert state.is_ready


def test_a_file_is_moved_only_once_its_receipt_is_committed(far: FarHome, monkeypatch: pytest.MonkeyPatch) -> None:
    far.send()
    (far.folder / "done").mkdir()

    def lost(*_: object) -> None:
        raise RuntimeError("the ledger is gone")

    with far.serving() as server:
        with monkeypatch.context() as broken:
            broken.setattr("nightwatt.ledger.receipts.add", lost)
            with pytest.raises(RuntimeError):
                far.arrive(server, done_feed())
        assert tree(far) == [NAME, f"{NAME}.done"]

        kind = fresh(Source)
        with far.serving(kind) as healthy:
            far.arrive(healthy, done_feed())

    assert tree(far) == [f"done/{NAME}", f"done/{NAME}.done"]
    assert kind.sent == len(ROWS)  # compared with the part that was here already, and not downloaded again


@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_and_run_again_nothing_is_lost_or_doubled(far: FarHome, step: str) -> None:
    contents = {NAME: ROWS, OTHER: ROWS + b"SP9,9\n"}
    for name, content in contents.items():
        far.send(name, content)
    (far.folder / "done").mkdir()

    with far.serving() as server:
        killed(arrive_and_die, str(far.home.root), str(far.server), server.port, server.host_key, step)
        far.arrive(server, done_feed())

    assert sorted(landed(far)) == sorted(contents.values())
    assert [(r.file_name, r.superseded_by_id) for r in far.home.receipts()] == [(NAME, None), (OTHER, None)]
    assert {name: (far.folder / "done" / name).read_bytes() for name in contents} == contents
    assert tree(far) == sorted(f"done/{name}{end}" for name in contents for end in ("", ".done"))
    assert far.parts() == []


@pytest.mark.parametrize("left", [[NAME, f"{NAME}.done"], [NAME]])
def test_a_move_that_a_kill_cut_short_is_finished_later(far: FarHome, left: list[str]) -> None:
    far.send()
    (far.folder / "done").mkdir()
    with far.serving() as server:
        far.arrive(server, plain_feed())  # received, and not moved
        for name in {NAME, f"{NAME}.done"} - set(left):
            (far.folder / name).rename(far.folder / "done" / name)

        arrived = far.arrive(server, done_feed())

    assert arrived.known == [NAME]
    assert tree(far) == [f"done/{NAME}", f"done/{NAME}.done"]


def test_a_file_of_a_name_that_was_there_before_gets_a_name_of_its_own(far: FarHome) -> None:
    (far.folder / "done").mkdir(parents=True)
    contents = [ROWS, ROWS + b"SP7,7\n", ROWS + b"SP8,8\n"]

    with far.serving() as server:
        for number, content in enumerate(contents):
            far.send(content=content, at=1_772_000_000 + number)
            far.arrive(server, done_feed())

    assert [(far.folder / "done" / n).read_bytes() for n in (NAME, f"{NAME}.2", f"{NAME}.3")] == contents
    assert [r.superseded_by_id for r in far.home.receipts()] == [2, 3, None]


def test_a_newer_file_that_takes_the_name_in_the_moment_of_the_move_is_received_too(far: FarHome) -> None:
    far.send()
    (far.folder / "done").mkdir()
    newer = ROWS + b"SP9,9\n"

    with far.serving(fresh(Replacing, content=newer)) as server:
        far.arrive(server, done_feed())
        assert (far.folder / NAME).read_bytes() == newer
        far.put(f"{NAME}.done", at=far.folder.joinpath(NAME).stat().st_mtime + 1)
        far.arrive(server, done_feed())

    assert sorted(landed(far)) == sorted([ROWS, newer])
    assert (far.folder / "done" / NAME).read_bytes() == newer


def test_a_file_on_hold_and_one_of_the_same_bytes_stay_where_they_are(far: FarHome) -> None:
    (far.folder / "done").mkdir(parents=True)
    far.send(content=b"")  # unreadable: a file without a byte
    far.send(OTHER)
    far.send("reads_20260309_003.csv.gz")

    with far.serving() as server:
        far.arrive(server, done_feed())
        state = far.expected(server, done_feed(arrival={"min_files": 2}))

    assert {r.file_name: r.state for r in far.home.receipts()} == {
        NAME: ReceiptState.HELD,
        OTHER: ReceiptState.LANDED,
    }
    stayed = [name for name in tree(far) if not name.startswith("done/")]
    assert stayed == [NAME, f"{NAME}.done", "reads_20260309_003.csv.gz", "reads_20260309_003.csv.gz.done"]
    assert state.is_ready  # both names of the same bytes count


@pytest.mark.parametrize("why", ["no folder", "no right"])
def test_a_file_that_cannot_be_moved_is_received_all_the_same(far: FarHome, why: str) -> None:
    far.send()
    if why == "no right":
        (far.folder / "done").mkdir()
    kind = fresh(Forbidding, forbidden="rename") if why == "no right" else fresh(Source)

    with far.serving(kind) as server:
        first, again = far.arrive(server, done_feed()), far.arrive(server, done_feed())

    assert [r.file_name for r in first.new] == [NAME]
    for arrived in (first, again):
        assert [(name, e.code) for name, e in arrived.not_moved] == [(NAME, "source.done_folder")]
    assert len(far.home.receipts()) == 1


# ---- manifests --------------------------------------------------------------------------------------------------


def test_a_manifest_is_fetched_once_and_again_when_it_changes(far: FarHome) -> None:
    path = far.put(NAME, ROWS)
    promise = {"name": NAME, "bytes": len(ROWS), "sha256": hashlib.sha256(ROWS).hexdigest()}
    manifest = json.dumps({"business_date": "2026-03-09", "files": [promise]}).encode()
    far.put("reads_20260309.json", manifest)
    feed = plain_feed({"rule": "manifest"}, done_folder="/out/reads/done")
    (far.folder / "done").mkdir()
    kind = fresh(Source)

    with far.serving(kind) as server:
        far.arrive(server, feed)
        state = far.expected(server, feed)
        far.arrive(server, feed)
        asked = kind.asked["open"]
        far.put("reads_20260309.json", manifest.replace(b"2026-03-09", b"2026-03-08"), at=1_772_000_060)
        changed = far.arrive(server, feed)

    assert state.is_ready
    assert asked == 2  # the file and its manifest
    assert [why for _, why in changed.waiting] == [
        "manifest cannot be read: its name says 2026-03-09, its content says 2026-03-08"
    ]
    assert (path.exists(), (far.folder / "reads_20260309.json").exists()) == (False, True)
