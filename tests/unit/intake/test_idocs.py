"""IDoc flat files, record by record: which rows they give, which lines are put aside and why, and nothing lost."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.idocs import Partner, control, idoc, segment, status, text_of
from tests.unit.intake.conftest import TABLE, contract

import nightwatt
from nightwatt.errors import TerminalError

if TYPE_CHECKING:
    from tests.unit.intake.conftest import Bench

    from nightwatt.contracts.feed import Feed

FORMAT = """
format:
  kind: idoc
  client: "100"
  idoc_type: ZISU_BP01
  message_type: ZISU_BP
  row_segment: Z1BUT000
  other_segments: [Z1NOTE]
"""
COLUMNS = """
columns:
  - {name: PARTNER, field: per_id, offset: 0, length: 10, required: true}
  - {name: NAME, field: name, offset: 10, length: 40, personal: true}
  - {name: BORN, field: born, type: date, format: "%Y%m%d", offset: 50, length: 8}
"""
ABOVE = """
columns:
  - {name: PARTNER, field: per_id, offset: 0, length: 10}
  - {name: RUN, field: run, segment: Z1HEAD, offset: 4, length: 6}
  - {name: DOCNUM, field: docnum, control_field: DOCNUM}
  - {name: CREDAT, field: created, control_field: CREDAT, type: date, format: "%Y%m%d"}
"""
PACKAGE = Path(nightwatt.__file__).parent
ANN, BOB, CAT = Partner("0000000001", "Ann"), Partner("0000000002", "Bob"), Partner("0000000003", "Cat")
NEVER = Partner("0000000009", "Nev", "19701340")


def partners(more: str = COLUMNS, form: str = "", **keys: str) -> Feed:
    """Return the contract of the test, with what a test changes."""
    changed = "".join(f"\n{key}: {value}" for key, value in keys.items())
    return contract(TABLE, FORMAT + form + more + changed)


def read(bench: Bench, feed: Feed, content: str | bytes, **more: Any) -> tuple[list[str], list[tuple[int, str]], int]:
    """Load a file and return the partners in the lake, the lines put aside, and how many are passed over."""
    result = bench.load(feed, content, **more)
    assert result.held is None
    assert result.rows_in == result.rows_kept + result.rows_rejected + result.rows_ignored
    data = content if isinstance(content, str) else gzip.decompress(content).decode()
    if result.sequence == 1 and not more:
        assert result.rows_in == sum(1 for line in data.splitlines() if line)
    found = [row[0] for row in bench.lake(feed, "per_id")]
    return found, [(r.line, r.code) for r in bench.rejects(feed, result)], result.rows_ignored


def test_each_row_segment_is_a_row(bench: Bench) -> None:
    feed = partners()
    result = bench.load(feed, text_of(idoc(1, [ANN, BOB]), idoc(2, [CAT])))
    assert (result.rows_in, result.rows_kept, result.rows_ignored) == (5, 3, 2)
    assert bench.lake(feed, "per_id, name, born, _source_row") == [
        ("0000000001", "Ann", date(1970, 1, 1), 2),
        ("0000000002", "Bob", date(1970, 1, 1), 3),
        ("0000000003", "Cat", date(1970, 1, 1), 5),
    ]


def test_mistake_16_idoc_types_are_the_contracts_words_and_never_ours(bench: Bench) -> None:
    """Account and billing IDocs are the customer's own types; object types such as ISUPARTNER are none at all."""
    ours = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    assert [n for n in ("ISUPARTNER", "ISUACCOUNT", "ISUINSTLN", "ISUCONTRCT", "FIDCCP") if n in ours] == []
    feed = contract(TABLE, FORMAT.replace("ZISU_BP01", "ZANY_NAME9").replace("ZISU_BP\n", "ZANY_NAME\n") + COLUMNS)
    content = text_of(idoc(1, [ANN], idoc_type="ZANY_NAME9", message_type="ZANY_NAME"), idoc(2, [BOB]))
    assert read(bench, feed, content) == (["0000000001"], [(3, "idoc.wrong_type"), (4, "idoc.wrong_type")], 1)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packing", ["plain", "gz"])
def test_line_ends_packing_and_blank_lines_do_not_matter(bench: Bench, end: str, packing: str) -> None:
    feed = partners(form=f"  compression: {packing}\n")
    content = text_of(idoc(1, [ANN]), ["", ""], idoc(2, [NEVER, CAT]), end=end)
    found = read(bench, feed, gzip.compress(content.encode()) if packing == "gz" else content)
    assert found == (["0000000001", "0000000003"], [(6, "row.bad_date")], 2)


def test_segments_the_contract_knows_are_passed_over_and_others_are_not(bench: Bench) -> None:
    lines = [*idoc(1, [ANN]), segment(1, 2, "Z1NOTE", "x"), segment(1, 3, "Z1NEW", "x")]
    assert read(bench, partners(), text_of(lines)) == (["0000000001"], [(4, "idoc.unknown_segment")], 2)


def test_columns_come_from_segments_above_and_from_the_control_record(bench: Bench) -> None:
    feed = partners(ABOVE)
    lines = [
        control(7),
        segment(7, 1, "Z1HEAD", "RUN=000001"),
        segment(7, 2, "Z1NOTE", "", parent=1, level=2),
        segment(7, 3, "Z1BUT000", ANN.data, parent=2, level=3),
        segment(7, 4, "Z1HEAD", "RUN=000002"),
        segment(7, 5, "Z1BUT000", BOB.data, parent=4, level=2),
    ]
    bench.load(feed, text_of(lines))
    assert bench.lake(feed, "per_id, run, docnum, created") == [
        ("0000000001", "000001", f"{7:016d}", date(2026, 3, 8)),
        ("0000000002", "000002", f"{7:016d}", date(2026, 3, 8)),
    ]


@pytest.mark.parametrize("parent", [None, 0])
def test_without_a_parent_number_the_level_says_what_is_above(bench: Bench, parent: int | None) -> None:
    feed = partners(ABOVE)
    lines = [
        control(7),
        segment(7, 1, "Z1HEAD", "RUN=000001", parent=parent),
        segment(7, 2, "Z1BUT000", ANN.data, parent=parent, level=2),
        segment(7, 3, "Z1HEAD", "RUN=000002", parent=parent),
        segment(7, 4, "Z1NOTE", "", parent=parent, level=2),
        segment(7, 5, "Z1BUT000", BOB.data, parent=parent, level=3),
    ]
    bench.load(feed, text_of(lines))
    assert bench.lake(feed, "per_id, run") == [("0000000001", "000001"), ("0000000002", "000002")]


def test_a_segment_whose_parent_is_missing_is_put_aside(bench: Bench) -> None:
    lines = [
        control(7),
        segment(7, 2, "Z1BUT000", ANN.data, parent=1, level=2),  # segment 1 never came
        segment(7, 3, "Z1HEAD", "RUN=000002"),
        segment(7, 4, "Z1BUT000", BOB.data, parent=3, level=2),
        segment(7, 5, "Z1BUT000", CAT.data),  # there, but nothing is above it
        segment(7, 6, "Z1NOTE", "", parent=6, level=2),  # its own parent
    ]
    found = read(bench, partners(ABOVE), text_of(lines))
    assert found == (
        ["0000000002"],
        [(2, "idoc.orphan_segment"), (5, "idoc.orphan_segment"), (6, "idoc.orphan_segment")],
        2,
    )


CUT = [*idoc(2, [BOB, CAT])]
WHOLE_FAULTS = {
    "a segment that is cut": ([*CUT[:2], CUT[2][:500]], "idoc.cut"),
    "a segment that is cut before its number": ([*CUT[:2], CUT[2][:40]], "idoc.cut"),
    "a control record that is cut": ([CUT[0][:300], *CUT[1:]], "idoc.cut"),
    "two records on one line": ([CUT[0], CUT[1] + CUT[2]], "idoc.cut"),
    "another IDoc type": (idoc(2, [BOB, CAT], idoc_type="ZISU_CA01"), "idoc.wrong_type"),
    "another message type": (idoc(2, [BOB, CAT], message_type="ZISU_CA"), "idoc.wrong_type"),
    "another client": (idoc(2, [BOB, CAT], client="200"), "idoc.wrong_client"),
    "a segment of another client": (
        [*CUT[:2], segment(2, 2, "Z1BUT000", CAT.data, client="200")],
        "idoc.wrong_client",
    ),
    "no control record": (CUT[1:], "idoc.no_control_record"),
    "no number": ([control(""), segment(2, 1, "Z1BUT000", BOB.data).replace(f"{2:016d}", " " * 16)], "idoc.no_number"),
    "the control record's status": (idoc(2, [BOB], status="02"), "idoc.error_status"),
    "a status record": ([*CUT, status(2, "51")], "idoc.error_status"),
    "a status record after a good one": (
        [status(2, "03", "20260308010203"), *CUT, status(2, "51", "20260308010204")],
        "idoc.error_status",
    ),
    "two statuses of one second, one of them bad": ([*CUT, status(2, "51"), status(2, "53")], "idoc.error_status"),
    "a segment number twice": ([*CUT, segment(2, 2, "Z1BUT000", ANN.data)], "idoc.bad_segment_number"),
    "no segment number": ([CUT[0], CUT[1][:49] + "      " + CUT[1][55:]], "idoc.bad_segment_number"),
}


@pytest.mark.parametrize("kind", WHOLE_FAULTS)
@pytest.mark.parametrize("comes_last", [True, False])
def test_an_idoc_with_a_fault_is_put_aside_whole_and_the_others_are_kept(
    bench: Bench, kind: str, comes_last: bool
) -> None:
    lines, code = WHOLE_FAULTS[kind]
    good = idoc(1, [ANN])
    content = text_of(good, lines) if comes_last else text_of(lines, good)
    start = len(good) if comes_last else 0
    aside = [(start + n, code) for n in range(1, len(lines) + 1)]
    assert read(bench, partners(), content) == (["0000000001"], aside, 1)


@pytest.mark.parametrize(
    ("cut", "kept", "aside"),
    [
        (1, 3, []),  # only the line end
        (2, 1, [3, 4, 5]),
        (1063, 1, [3, 4, 5]),
        (1064 + 520, 1, [3, 4]),  # the control record and half a segment
    ],
)
def test_a_file_that_ends_inside_a_segment_keeps_the_idocs_before(
    bench: Bench, cut: int, kept: int, aside: list[int]
) -> None:
    content = text_of(idoc(1, [ANN]), idoc(2, [BOB, CAT]))[:-cut]
    found = read(bench, partners(), content)
    assert (len(found[0]), found[1]) == (kept, [(line, "idoc.cut") for line in aside])


@pytest.mark.parametrize("end", ["EDI_D", control(2)[:20], control(2)[:400]])
def test_a_cut_control_record_takes_no_other_idoc_with_it(bench: Bench, end: str) -> None:
    assert read(bench, partners(), text_of(idoc(1, [ANN])) + end) == (["0000000001"], [(3, "idoc.cut")], 1)


TRIMMED = [record.rstrip() for record in [*idoc(1, [ANN]), *idoc(2, [BOB, CAT])]]


def test_trimmed_records_are_good_where_the_contract_says_so(bench: Bench) -> None:
    assert bench.load(partners(form="  padding: trimmed\n"), text_of(TRIMMED)).rows_kept == 3


def test_of_trimmed_records_only_an_open_end_is_cut(bench: Bench) -> None:
    found = read(bench, partners(form="  padding: trimmed\n"), text_of(TRIMMED)[:-3])
    assert found[1] == [(n, "idoc.cut") for n in (3, 4, 5)]


def test_trimmed_records_are_cut_where_the_contract_says_full(bench: Bench) -> None:
    whole = bench.load(partners(), text_of(TRIMMED))
    assert (whole.rows_kept, whole.rows_rejected) == (0, 5)


def test_a_newer_good_status_heals_an_error(bench: Bench) -> None:
    lines = [*idoc(1, [ANN]), status(1, "53", "20260308020000"), status(1, "51", "20260308010000")]
    assert read(bench, partners(), text_of(lines)) == (["0000000001"], [], 3)


def test_the_contract_may_name_the_statuses_itself(bench: Bench) -> None:
    feed = partners(form='  error_statuses: ["99"]\n')
    content = text_of([*idoc(1, [ANN]), status(1, "51")], [*idoc(2, [BOB]), status(2, "99")])
    assert read(bench, feed, content)[:2] == (["0000000001"], [(n, "idoc.error_status") for n in (4, 5, 6)])


# --- one number, several IDocs ---------------------------------------------------------------------------


def test_the_same_idoc_twice_in_a_file_counts_once(bench: Bench) -> None:
    again = idoc(1, [ANN, BOB], created="20260309")  # written again later: its content is the same
    assert read(bench, partners(), text_of(idoc(1, [ANN, BOB]), again)) == (["0000000001", "0000000002"], [], 4)


def test_of_two_idocs_with_one_number_the_second_is_put_aside(bench: Bench) -> None:
    content = text_of(idoc(1, [ANN]), idoc(1, [BOB, CAT]))
    aside = [(n, "idoc.duplicate_number") for n in (3, 4, 5)]
    assert read(bench, partners(), content) == (["0000000001"], aside, 1)


def test_one_number_from_two_senders_is_two_idocs(bench: Bench) -> None:
    content = text_of(idoc(1, [ANN]), idoc(1, [BOB], sender="ISUCLNT200"))
    assert read(bench, partners(), content) == (["0000000001", "0000000002"], [], 2)


def test_an_idoc_in_error_does_not_stand_in_the_way_of_its_number(bench: Bench) -> None:
    content = text_of(idoc(1, [BOB], status="02"), idoc(1, [ANN]))
    assert read(bench, partners(), content)[0] == ["0000000001"]


def test_segments_need_no_order_in_the_file(bench: Bench) -> None:
    one, two = idoc(1, [ANN, NEVER]), idoc(2, [BOB, CAT])
    content = text_of([two[2], one[2], one[0], two[1], one[1], two[0]])
    found = read(bench, partners(), content)
    assert found == (["0000000001", "0000000002", "0000000003"], [(2, "row.bad_date")], 2)


def test_a_number_of_an_earlier_file_is_noticed(bench: Bench) -> None:
    feed = partners()
    bench.load(feed, text_of(idoc(1, [ANN]), idoc(2, [BOB])))
    later = read(bench, feed, text_of(idoc(1, [ANN]), idoc(2, [CAT]), idoc(3, [CAT])))
    assert later == (
        ["0000000001", "0000000002", "0000000003"],
        [(3, "idoc.duplicate_number"), (4, "idoc.duplicate_number")],
        3,  # the whole of IDoc 1, and the control record of IDoc 3
    )


def test_a_full_file_says_what_there_is_also_where_it_says_it_again(bench: Bench) -> None:
    feed = partners(mode="full")
    bench.load(feed, text_of(idoc(1, [ANN])))
    assert bench.load(feed, text_of(idoc(1, [ANN]), idoc(2, [BOB]))).rows_kept == 2


def test_a_file_that_was_superseded_holds_no_numbers(bench: Bench) -> None:
    feed = partners()
    bench.load(feed, text_of(idoc(1, [ANN])))
    later, path = bench.receipt(feed, text_of(idoc(1, [BOB])).encode())
    with bench.ledger.write() as session:
        bench_first = session.merge(bench.state(1))
        bench_first.superseded_by_id = later.id
    from nightwatt.intake import intake

    assert intake(later, feed, bench.settings, bench.ledger, path).rows_kept == 1


# --- lines that are no text, trailers, tolerance ---------------------------------------------------------


def test_lines_that_are_no_text_keep_their_numbers(bench: Bench) -> None:
    content = text_of(idoc(1, [ANN, BOB]), idoc(2, [CAT, NEVER])).encode()
    content = content.replace(b"Bob", b"B\xf8b")
    result = bench.load(partners(), content)
    assert [(r.line, r.code) for r in bench.rejects(partners(), result)] == [
        (3, "row.bad_encoding"),
        (6, "row.bad_date"),
    ]
    assert (result.rows_in, result.rows_kept, result.rows_ignored) == (6, 2, 2)


def test_line_numbers_hold_behind_many_lines_that_are_no_text(bench: Bench) -> None:
    bad = [Partner(f"{n:010d}", "B\u00f8b" if n % 2 else "Bob") for n in range(300)]
    content = text_of(idoc(1, [*bad, NEVER])).encode("latin-1")
    result = bench.load(partners(), content)
    found = [(r.line, r.code) for r in bench.rejects(partners(), result)]
    assert found == [*((n + 2, "row.bad_encoding") for n in range(1, 300, 2)), (302, "row.bad_date")]
    assert (result.rows_in, result.rows_kept) == (302, 150)


def test_other_encodings_are_read_when_the_contract_names_them(bench: Bench) -> None:
    feed = partners(form="  encoding: latin-1\n")
    bench.load(feed, text_of(idoc(1, [Partner("0000000001", "Zoë")])).encode("latin-1"))
    assert bench.lake(feed, "name") == [("Zoë",)]


def test_a_trailer_counts_the_records_before_it(bench: Bench) -> None:
    feed = partners(arrival='{pattern: "p.idoc", wholeness: {rule: trailer, prefix: "TRAILER,"}}')
    good = bench.load(feed, text_of(idoc(1, [ANN, BOB]), ["TRAILER,3"]), control_rows=3)
    assert (good.rows_in, good.rows_kept, good.rows_rejected, good.held) == (3, 2, 0, None)
    short = bench.load(feed, text_of(idoc(2, [ANN]), ["TRAILER,3"]), control_rows=3)
    assert short.held is not None
    assert "announced 3 rows, the file has 2" in short.held


def test_too_many_rejects_stop_the_file(bench: Bench) -> None:
    feed = partners(reject_tolerance_pct="40")
    result = bench.load(feed, text_of(idoc(1, [ANN]), CUT[:2], [CUT[2][:80]]))
    assert result.held is not None
    assert "3 of 5 rows rejected" in result.held
    assert [r.code for r in bench.rejects(feed, result)] == ["idoc.cut"] * 3
    assert bench.state().state == "held"


def test_messages_carry_no_row_values(bench: Bench) -> None:
    feed = partners(reject_tolerance_pct="0")
    canary = Partner("0000000001", "Canary", "never")
    assert "Canary" not in str(bench.load(feed, text_of(idoc(1, [canary]))).held)


# --- reading rejects again -------------------------------------------------------------------------------


def test_a_wiser_contract_reads_the_open_lines_with_what_is_above_them(bench: Bench) -> None:
    narrow = partners(ABOVE.replace('type: date, format: "%Y%m%d"', 'type: date, format: "%d%m%Y"'))
    lines = [control(7), segment(7, 1, "Z1HEAD", "RUN=000001"), segment(7, 2, "Z1BUT000", ANN.data, parent=1)]
    first = bench.load(narrow, text_of(lines, ["", ""]))
    assert [(r.line, r.code) for r in bench.rejects(narrow, first)] == [(3, "row.bad_date")]
    feed = partners(ABOVE)
    again = bench.replay(feed)
    assert (again.rows_in, again.rows_kept, again.rows_rejected) == (1, 1, 0)
    assert bench.lake(feed, "per_id, run, docnum, _source_row") == [("0000000001", "000001", f"{7:016d}", 3)]
    state = bench.state()
    assert (state.rows_in, state.rows_kept, state.rows_rejected, state.rows_ignored) == (3, 1, 0, 2)
    with pytest.raises(TerminalError, match="no open rejects"):
        bench.replay(feed)


def test_a_contract_that_learns_a_segment_passes_over_the_lines_put_aside(bench: Bench) -> None:
    bench.load(partners(), text_of([*idoc(1, [ANN]), segment(1, 2, "Z1NEW", "x")]))
    again = bench.replay(partners(form="  other_segments: [Z1NEW]\n"))
    assert (again.rows_kept, again.rows_ignored, again.rows_rejected) == (0, 1, 0)
    assert bench.lake(partners(), "per_id") == [("0000000001",)]


def test_a_corrected_idoc_brings_back_what_was_cut_off(bench: Bench, tmp_path: Path) -> None:
    feed = partners()
    bench.load(feed, text_of(idoc(1, [ANN]), CUT[:1], [CUT[1][:90]]))
    fixed = tmp_path / "fixed.idoc"
    fixed.write_text(text_of(CUT))
    again = bench.replay(feed, fixed=fixed)
    assert (again.rows_kept, again.rows_rejected, again.rows_ignored) == (2, 0, 1)
    assert [row[0] for row in bench.lake(feed, "per_id")] == ["0000000001", "0000000002", "0000000003"]
    state = bench.state()  # the file had four records; the corrected IDoc has one more than was put aside
    assert (state.rows_in, state.rows_kept, state.rows_rejected, state.rows_ignored) == (5, 3, 0, 2)


def test_of_a_corrected_idoc_only_the_open_segments_count(bench: Bench, tmp_path: Path) -> None:
    feed = partners()
    bench.load(feed, text_of(idoc(1, [ANN, NEVER, CAT, NEVER])))
    fixed = tmp_path / "fixed.idoc"
    fixed.write_text(text_of(idoc(1, [Partner("0000000008", "not open"), BOB, CAT, NEVER])))
    again = bench.replay(feed, fixed=fixed)
    assert (again.rows_in, again.rows_kept, again.rows_rejected) == (2, 1, 1)
    assert [row[0] for row in bench.lake(feed, "per_id")] == ["0000000001", "0000000002", "0000000003"]
    assert [(r.line, r.code) for r in bench.rejects(feed, again)] == [(5, "row.bad_date")]


def test_corrected_idocs_must_stand_for_all_that_is_open(bench: Bench, tmp_path: Path) -> None:
    feed = partners()
    bench.load(feed, text_of(idoc(1, [NEVER]), CUT[:1], [CUT[1][:90]]))
    fixed = tmp_path / "fixed.idoc"
    for corrected in (idoc(1, [ANN]), CUT, idoc(3, [ANN])):
        fixed.write_text(text_of(corrected))
        with pytest.raises(TerminalError, match=r"rejects\.count_differs.* of 3 open"):
            bench.replay(feed, fixed=fixed)
    fixed.write_text(text_of(idoc(1, [ANN]), idoc(2, [NEVER])))
    with pytest.raises(TerminalError, match=r"rejects\.still_bad.*line 4 .*row\.bad_date"):
        bench.replay(feed, fixed=fixed)
    state = bench.state()
    assert (state.state, state.rows_in, state.rows_kept, state.rows_rejected) == ("loaded", 4, 0, 3)
    fixed.write_text(text_of(idoc(1, [ANN]), CUT))
    assert bench.replay(feed, fixed=fixed).rows_kept == 3


def test_an_operator_may_take_in_a_number_that_came_before(bench: Bench, tmp_path: Path) -> None:
    feed = partners()
    bench.load(feed, text_of(idoc(1, [ANN])))
    bench.load(feed, text_of(idoc(1, [BOB])))
    assert bench.replay(feed, 2).rows_rejected == 2
    fixed = tmp_path / "fixed.idoc"
    fixed.write_text(text_of(idoc(1, [BOB])))
    assert bench.replay(feed, 2, fixed=fixed).rows_kept == 1
