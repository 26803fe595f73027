"""Bad input: each kind has its message, names its line, and takes nothing else with it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from nightwatt.contracts.feed import Feed
from nightwatt.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.intake.conftest import Bench

Maker = Callable[[str], Feed]

PEOPLE = """
columns:
  - {name: PER_ID, field: per_id}
  - {name: NAME, field: name, personal: true}
  - {name: BORN, field: born, type: date}
  - {name: UPD, field: last_update_dttm, type: timestamp}
"""
QUOTED = PEOPLE + "format: {quote: '\"'}\n"
HEADER = "PER_ID,NAME,BORN,UPD\n"
ANN, BOB, CAT = (f"000{n},{name},2000-01-0{n},2026-03-08 01:00:00" for n, name in enumerate(("Ann", "Bob", "Cat"), 1))


def names(bench: Bench, feed: Feed) -> list[str]:
    return [row[0] for row in bench.lake(feed, "name")]


def aside(bench: Bench, feed: Feed, content: str | bytes) -> list[tuple[int, str, str | None]]:
    """Load a file in which Ann and Cat are good, and return what was put aside."""
    result = bench.load(feed, content)
    assert result.held is None
    assert names(bench, feed) == ["Ann", "Cat"]
    assert result.rows_in == result.rows_kept + result.rows_rejected
    return [(r.line, r.code, r.column) for r in bench.rejects(feed, result)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0002,Bob,2000-01-02", (3, "row.missing_columns", None)),
        ("0002,Bob,2000-01-02,2026-03-08 01:00:00,more", (3, "row.too_many_columns", None)),
        ("0002,Bob,2000-13-02,2026-03-08 01:00:00", (3, "row.bad_date", "BORN")),
        (" ,Bob,2000-01-02,2026-03-08 01:00:00", (3, "row.required_blank", "PER_ID")),
        ("0002,B\0b,2000-01-02,2026-03-08 01:00:00", (3, "row.nul_byte", None)),
    ],
)
def test_a_bad_line_is_put_aside_with_line_and_column(
    bench: Bench, table: Maker, line: str, expected: tuple[int, str, str | None]
) -> None:
    feed = table(PEOPLE)
    content = f"{HEADER}{ANN}\n{line}\n{CAT}\n"
    receipt, path = bench.receipt(feed, content.encode(), needs_cleaning="\0" in content)
    from nightwatt.intake import intake

    result = intake(receipt, feed, bench.settings, bench.ledger, path)
    found = bench.rejects(feed, result)
    assert names(bench, feed) == ["Ann", "Cat"]
    assert [(r.line, r.code, r.column) for r in found] == [expected]
    assert found[0].raw == line


def test_lines_of_another_encoding_are_put_aside(bench: Bench, table: Maker) -> None:
    content = f"{HEADER}{ANN}\n".encode() + BOB.replace("Bob", "Bøb").encode("latin-1") + f"\n{CAT}\n".encode()
    assert aside(bench, table(PEOPLE), content) == [(3, "row.bad_encoding", None)]


def test_an_unclosed_quote_takes_only_its_own_line(bench: Bench, table: Maker) -> None:
    content = f'{HEADER}{ANN}\n0002,"Bob,2000-01-02,2026-03-08 01:00:00\n{CAT}\n'
    assert aside(bench, table(QUOTED), content) == [(3, "row.unclosed_quote", None)]


def test_quotes_hold_delimiters(bench: Bench, table: Maker) -> None:
    feed = table(QUOTED)
    bench.load(feed, f'{HEADER}0001,"Ann, ""the"" one",2000-01-01,2026-03-08 01:00:00\n')
    assert names(bench, feed) == ['Ann, "the" one']


def test_blank_lines_are_no_rows_and_do_not_shift_line_numbers(bench: Bench, table: Maker) -> None:
    content = f"{HEADER}\n{ANN}\n\n0002,Bob,never,2026-03-08 01:00:00\n\n{CAT}\n"
    assert aside(bench, table(PEOPLE), content) == [(5, "row.bad_date", "BORN")]


def test_bad_lines_of_every_kind_together_keep_their_own_numbers(bench: Bench, table: Maker) -> None:
    content = (
        f"{HEADER}\n0009,short\n{ANN}\n0002,Bob,never,2026-03-08 01:00:00\n"
        f'0003,"open,2000-01-02,2026-03-08 01:00:00\n{CAT}\n,x,2000-01-01,2026-03-08 01:00:00\n'
    )
    assert aside(bench, table(QUOTED), content) == [
        (3, "row.missing_columns", None),
        (5, "row.bad_date", "BORN"),
        (6, "row.unclosed_quote", None),
        (8, "row.required_blank", "PER_ID"),
    ]


def test_mixed_line_ends_are_read_as_one_file(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE)
    content = f"PER_ID,NAME,BORN,UPD\r\n{ANN}\n{BOB}\r\n{CAT}\n".encode()
    result = bench.load(feed, content, needs_cleaning=True)
    assert (result.rows_kept, result.rows_rejected) == (3, 0)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_one_kind_of_line_end_needs_no_cleaning(bench: Bench, table: Maker, end: str) -> None:
    feed = table(PEOPLE)
    content = end.join([HEADER.strip(), ANN, BOB, CAT])
    assert bench.load(feed, content).rows_kept == 3


def test_a_byte_order_mark_is_not_part_of_the_header(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE)
    assert bench.load(feed, b"\xef\xbb\xbf" + f"{HEADER}{ANN}\n".encode()).rows_kept == 1


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "utf-16"])
def test_other_encodings_are_read_when_the_contract_names_them(bench: Bench, table: Maker, codec: str) -> None:
    feed = table(PEOPLE + f"format: {{encoding: {codec}}}\n")
    content = f"{HEADER}{ANN.replace('Ann', 'Zoë')}\n"
    receipt, path = bench.receipt(feed, content.encode(codec))
    receipt.line_count = 2
    from nightwatt.intake import intake

    assert intake(receipt, feed, bench.settings, bench.ledger, path).rows_kept == 1
    assert names(bench, feed) == ["Zoë"]


def test_a_swapped_header_stops_the_file_and_says_so(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE)
    result = bench.load(feed, f"PER_ID,BORN,NAME,UPD\n{ANN}\n")
    assert result.held is not None
    assert "file.csv: line 1 has the right columns in another order: PER_ID, BORN, NAME, UPD" in result.held
    state = bench.state()
    assert (state.state, state.message) == ("held", result.held)


def test_wrong_columns_stop_the_file_without_repeating_what_may_be_data(bench: Bench, table: Maker) -> None:
    result = bench.load(table(PEOPLE), f"{ANN}\n{BOB}\n")
    assert result.held is not None
    assert "missing PER_ID, NAME, BORN, UPD" in result.held
    assert "Ann" not in result.held


def test_a_header_alone_is_a_file_without_rows(bench: Bench, table: Maker) -> None:
    result = bench.load(table(PEOPLE), HEADER)
    assert (result.rows_in, result.records_out, result.held) == (0, 0, None)


def test_rejects_over_tolerance_stop_the_file_and_can_be_looked_at(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE + "reject_tolerance_pct: 30\n")
    result = bench.load(feed, f"{HEADER}{ANN}\nx\n{CAT}\n")
    assert result.held is not None
    assert "1 of 3 rows rejected (33.3 %), the contract tolerates 30 %" in result.held
    assert (result.records_out, bench.state().state) == (0, "held")
    assert [r.raw for r in bench.rejects(feed, result)] == ["x"]


def test_fewer_rows_than_the_sender_announced_stop_the_file(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE + 'arrival: {pattern: "p.csv", wholeness: {rule: trailer, prefix: "TRL,"}}\n')
    good = bench.load(feed, f"{HEADER}{ANN}\n{BOB}\nTRL,2\n", control_rows=2)
    assert (good.rows_in, good.rows_rejected, good.held) == (2, 0, None)
    short = bench.load(feed, f"{HEADER}{ANN}\nTRL,2\n", control_rows=2)
    assert short.held is not None
    assert "announced 2 rows, the file has 1" in short.held


def test_a_line_longer_than_allowed_is_put_aside(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE)
    bench.settings = bench.settings.model_copy(update={"max_line_bytes": 10_000})
    long = BOB.replace("Bob", "B" * 20_000)
    assert aside(bench, feed, f"{HEADER}{ANN}\n{long}\n{CAT}\n") == [(3, "row.line_too_long", None)]


def test_compressed_files_read_the_same(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE + "format: {compression: gz}\n")
    result = bench.load(feed, gzip.compress(f"{HEADER}{ANN}\nshort\n{CAT}\n".encode()))
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [(3, "row.missing_columns")]
    assert names(bench, feed) == ["Ann", "Cat"]


def test_messages_carry_no_row_values(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE + "reject_tolerance_pct: 0\n")
    result = bench.load(feed, f"{HEADER}{ANN}\n0002,Canary,never,2026-03-08 01:00:00\n")
    assert "Canary" not in (result.held or "")
    assert "Canary" not in (bench.state().message or "")


def test_replay_takes_the_lines_in_once_the_contract_knows_them(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE)
    bench.load(
        feed, f"{HEADER}{ANN}\n0002,Bob,02.01.2000,2026-03-08 01:00:00\n0004,Dan,never,2026-03-08 01:00:00\n{CAT}\n"
    )
    wiser = table(PEOPLE.replace("type: date}", 'type: date, format: "%d.%m.%Y"}'))
    result = bench.replay(wiser)
    assert (result.rows_in, result.rows_kept, result.rows_rejected) == (2, 1, 1)
    assert names(bench, feed) == ["Ann", "Bob", "Cat"]
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [(4, "row.bad_date")]
    state = bench.state()
    assert (state.rows_in, state.rows_kept, state.rows_rejected) == (4, 3, 1)


def test_corrected_lines_can_replace_the_rejects(bench: Bench, table: Maker, tmp_path: Path) -> None:
    feed = table(PEOPLE)
    bench.load(feed, f"{HEADER}{ANN}\n0002,Bob,never,2026-03-08 01:00:00\n{CAT}\n")
    fixed = tmp_path / "fixed.csv"
    fixed.write_text(f"{HEADER}{BOB}\n")
    assert bench.replay(feed, fixed=fixed).rows_kept == 1
    assert names(bench, feed) == ["Ann", "Bob", "Cat"]
    with pytest.raises(TerminalError, match="has no open rejects"):
        bench.replay(feed)


@pytest.mark.parametrize("lines", ["", f"{BOB}\n", f"{BOB}\n{BOB}\n{BOB}\n"])
def test_corrected_lines_must_be_as_many_as_the_rejects(bench: Bench, table: Maker, tmp_path: Path, lines: str) -> None:
    feed = table(PEOPLE)
    bench.load(feed, f"{HEADER}{ANN}\n0002,Bob,never,2026-03-08 01:00:00\nshort\n")
    fixed = tmp_path / "fixed.csv"
    fixed.write_text(HEADER + lines)
    with pytest.raises(TerminalError, match=r"2 reject\(s\) are open"):
        bench.replay(feed, fixed=fixed)
    state = bench.state()
    assert (state.state, state.rows_in, state.rows_kept, state.rows_rejected) == ("loaded", 3, 1, 2)


def test_a_replay_that_fails_leaves_the_receipt_and_its_rejects_as_they_were(
    bench: Bench, table: Maker, tmp_path: Path
) -> None:
    feed = table(PEOPLE)
    bench.load(feed, f"{HEADER}{ANN}\n0002,Bob,never,2026-03-08 01:00:00\n")
    fixed = tmp_path / "fixed.csv"
    fixed.write_text(f"NAME,PER_ID,BORN,UPD\n{BOB}")
    with pytest.raises(TerminalError, match="in another order"):
        bench.replay(feed, fixed=fixed)
    state = bench.state()
    assert (state.state, state.rows_in, state.rows_kept, state.rows_rejected) == ("loaded", 2, 1, 1)
    fixed.write_text(f"{HEADER}{BOB}")  # no newline at the end
    assert bench.replay(feed, fixed=fixed).rows_kept == 1
    assert names(bench, feed) == ["Ann", "Bob"]


def test_a_replay_makes_up_no_text(bench: Bench, table: Maker) -> None:
    feed = table(QUOTED)
    content = f"{HEADER}{ANN}\n".encode() + BOB.replace("Bob", "Bøb").encode("latin-1") + b"\nshort\n"
    first = bench.load(feed, content)
    again = bench.replay(feed)
    assert [(r.line, r.code) for r in bench.rejects(feed, again)] == [
        (r.line, r.code) for r in bench.rejects(feed, first)
    ]
    assert names(bench, feed) == ["Ann"]
    assert (bench.state().rows_in, bench.state().rows_kept, bench.state().rows_rejected) == (3, 1, 2)


@pytest.mark.parametrize("end", ["\n", "\n\n", "\n\n\n"])
def test_a_trailer_is_no_row_however_many_columns_the_table_has(bench: Bench, table: Maker, end: str) -> None:
    two = """
columns:
  - {name: ID, field: per_id}
  - {name: V, field: v}
arrival: {pattern: "p.csv", wholeness: {rule: trailer, prefix: "TRAILER,"}}
"""
    three = two.replace("  - {name: V", "  - {name: U, field: u}\n  - {name: V")
    result = bench.load(table(two), f"ID,V\n1,a\n2,b\nTRAILER,2{end}", control_rows=2)
    assert (result.rows_in, result.rows_kept, result.held) == (2, 2, None)
    result = bench.load(table(three), f"ID,U,V\n1,a,b\nTRAILER,1{end}", control_rows=1)
    assert (result.rows_in, result.rows_kept, result.held) == (1, 1, None)


def test_replaying_a_held_file_is_refused(bench: Bench, table: Maker) -> None:
    feed = table(PEOPLE + "reject_tolerance_pct: 0\n")
    bench.load(feed, f"{HEADER}{ANN}\nx\n")
    with pytest.raises(TerminalError, match="--retry-held"):
        bench.replay(feed)


def test_line_numbers_hold_in_a_large_file_read_by_several_threads(bench: Bench, reads: Maker) -> None:
    feed = reads(
        """
columns:
  - {name: sp, field: service_point_id}
  - {name: at, field: stamp, type: timestamp}
  - {name: kwh, field: value, type: decimal}
interval:
  length_min: 60
  marks: start
  clock: {kind: utc}
  channel: {constant: delivered}
  unit: {constant: kWh}
  quality: {constant: actual}
"""
    )
    lines = [f"SP{n:07d},2026-01-15 05:00:00,1.5" for n in range(600_000)]
    bad = {7: "SP,never,1", 250_000: "short", 400_000: "SP,2026-01-15 05:00:00,x", 599_999: ",2026-01-15 05:00:00,1"}
    for place, line in bad.items():
        lines[place] = line
    lines.insert(100, "")
    result = bench.load(feed, "sp,at,kwh\n" + "\n".join(lines) + "\n")
    found = [(r.line, r.raw) for r in bench.rejects(feed, result)]
    assert found == [(place + 2 + (place >= 100), line) for place, line in bad.items()]
    assert (result.rows_in, result.rows_kept, result.rows_rejected) == (600_000, 599_996, 4)
