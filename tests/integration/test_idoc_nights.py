"""IDoc files through the stages: the same rows as by table extract, and bad files that take nothing else with them.

The contracts are the example's; the bad files are written record by record.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.idocs import idoc, segment, status, text_of

from nightwatt import stages
from nightwatt.contracts.catalog import PACKAGED, load_catalog
from nightwatt.errors import TerminalError
from nightwatt.ledger import loads, receipts
from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.simulator import Utility, write_night
from nightwatt.stages import Platform

EXAMPLE = PROJECT_ROOT / "examples" / "sap_idocs" / "catalog"
FEEDS = sorted(p.stem for p in (EXAMPLE / "feeds").glob("*.yaml"))
NIGHTS = [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 11)]
FEED = "isu_but000"
NAME = "isu_but000_20260309.idoc"


def home_of(folder: Path, *, by_idoc: bool) -> Settings:
    """Return a home with the packaged catalog, the example's feeds put over it where asked."""
    catalog = folder / "catalog"
    shutil.copytree(PACKAGED, catalog)
    if by_idoc:
        for path in (EXAMPLE / "feeds").glob("*.yaml"):
            shutil.copy(path, catalog / "feeds")
    return Settings(home=folder / "home", catalog=catalog, systems=("isu",), threads=2)


def at(night: date) -> datetime:
    return datetime.combine(night, datetime.min.time(), UTC) + timedelta(hours=8)


def lake(settings: Settings, feed: str) -> list[tuple[Any, ...]]:
    rows = f"read_parquet('{settings.lake}/{feed}/load=*/*.parquet', hive_partitioning = false)"
    return duckdb.sql(
        f"SELECT * EXCLUDE (_receipt_id, _load_sequence, _source_row) FROM {rows} ORDER BY ALL"
    ).fetchall()


def test_the_example_brings_the_fields_of_the_packaged_feeds() -> None:
    packaged, example = load_catalog(), load_catalog(EXAMPLE)
    assert FEEDS
    for name in FEEDS:
        ours, theirs = example.feed(name), packaged.feed(name)
        assert (ours.key, ours.mode, ours.domain) == (theirs.key, theirs.mode, theirs.domain)
        forms = [
            [(c.field, c.type, c.format, c.scale, c.personal) for c in f.columns if c.field] for f in (ours, theirs)
        ]
        assert forms[0] == forms[1], name


@pytest.mark.long
def test_nights_by_idoc_give_the_rows_of_table_extracts(tmp_path: Path) -> None:
    homes = [home_of(tmp_path / form, by_idoc=form == "idoc") for form in ("idoc", "extract")]
    utility = Utility(customers=70, faults=False)
    for settings in homes:
        for night in NIGHTS:
            first = night == NIGHTS[0]
            write_night(utility, night, settings.inbound, first_night=first, systems=("isu", "isu_idoc"))
            with Platform.open("test", settings, clock=lambda night=night: at(night)) as platform:
                for feed in FEEDS:
                    stages.arrive(platform, feed)
                    result = stages.load(platform, feed, night)
                    assert result.rows_in == result.rows_kept + result.rows_ignored
    for feed in FEEDS:
        by_idoc, by_extract = (lake(settings, feed) for settings in homes)
        assert len(by_idoc) > 20
        assert by_idoc == by_extract, feed


# --- bad files -------------------------------------------------------------------------------------------


def record(number: int, place: int, name: str = "Nobody", **more: Any) -> str:
    data = f"{number * 100 + place:010d}1{name:<40}".ljust(264) + "20260308120000"
    return segment(number, place, more.pop("segment", "Z1BUT000"), data, **more)


def good(number: int, rows: int = 2, **more: str) -> list[str]:
    head = idoc(number, [], idoc_type="ZISU_BUT00001", message_type="ZISU_BUT000", **more)
    return head + [record(number, place) for place in range(1, rows + 1)]


TEN = [line for number in range(1, 11) for line in good(number)]


@dataclass(frozen=True)
class Case:
    """A bad file, as it lies in the inbound folder, and what becomes of it."""

    content: str
    told: str
    kept: int = 20  # rows of the ten good IDocs
    aside: int = 0


CASES = {
    "an IDoc cut in the middle of a segment": Case(text_of(TEN, good(11))[:-500], "idoc.cut", aside=3),
    "two IDocs with one number": Case(text_of(TEN, good(10, 3)), "idoc.duplicate_number", aside=4),
    "the same IDoc twice": Case(text_of(TEN, good(10)), "received"),
    "an unknown segment": Case(
        text_of(TEN, [*good(11), record(11, 3, segment="Z1NEW")]), "idoc.unknown_segment", kept=22, aside=1
    ),
    "another client": Case(text_of(TEN, good(11, client="200")), "idoc.wrong_client", aside=3),
    "another type": Case(
        text_of(TEN, [line.replace("ZISU_BUT00001", "ZISU_BUT00002") for line in good(11)]), "idoc.wrong_type", aside=3
    ),
    "no control record": Case(text_of(TEN, good(11)[1:]), "idoc.no_control_record", aside=2),
    "a segment without its parent": Case(
        text_of(TEN, [*good(11, 1), record(11, 5, parent=4, level=2)]), "idoc.orphan_segment", kept=21, aside=1
    ),
    "an IDoc in error": Case(text_of(TEN, [*good(11), status(11, "51")]), "idoc.error_status", aside=4),
    "a bad value": Case(
        text_of(TEN, good(11)[:2], [record(11, 2).replace("20260308120000", "2026030812    ")]),
        "row.bad_timestamp",
        kept=21,
        aside=1,
    ),
    "too many bad IDocs": Case(text_of(TEN[:3], good(11)[:2], [good(11)[2][:99]]), "file.rejects_over_tolerance", 0, 3),
    "nothing at all": Case("", "received", kept=0),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_bad_file_has_its_finding_and_the_rest_is_kept(tmp_path: Path, kind: str) -> None:
    case = CASES[kind]
    settings = home_of(tmp_path, by_idoc=True)
    folder = settings.inbound / "isu"
    folder.mkdir(parents=True)
    (folder / NAME).write_text(case.content)
    (folder / f"{NAME}.done").touch()
    with Platform.open("test", settings, clock=lambda: at(NIGHTS[0])) as platform:
        told = list(stages.arrive(platform, FEED).lines())
        with platform.ledger.read() as session:
            told += [f"received {r.file_name}" for r in receipts.find_all(session, FEED)]
        try:
            stages.load(platform, FEED, NIGHTS[0])
        except TerminalError as e:
            told.append(str(e))
        with platform.ledger.read() as session:
            found = [summary for _, summary in loads.open_rejects(session, FEED)]
            (receipt,) = receipts.find_all(session, FEED)
        told += [f"{s.code} line {s.first_line}" for s in found]
    assert any(case.told in line for line in told), told
    assert not any("Nobody" in line for line in told), "a message repeats row values"
    assert sum(s.open_lines for s in found) == case.aside
    records = len(case.content.splitlines())
    kept, aside, passed = receipt.rows_kept, receipt.rows_rejected, receipt.rows_ignored
    assert receipt.rows_in == records
    if receipt.state == "loaded":
        assert kept == case.kept
        assert (kept or 0) + (aside or 0) + (passed or 0) == records
        assert len(lake(settings, FEED)) == case.kept


def test_a_file_without_its_marker_waits(tmp_path: Path) -> None:
    settings = home_of(tmp_path, by_idoc=True)
    (settings.inbound / "isu").mkdir(parents=True)
    (settings.inbound / "isu" / NAME).write_text(text_of(TEN))
    with Platform.open("test", settings, clock=lambda: at(NIGHTS[0])) as platform:
        assert any("waiting" in line for line in stages.arrive(platform, FEED).lines())


def test_two_files_of_one_night_are_held_against_each_other(tmp_path: Path) -> None:
    settings = home_of(tmp_path, by_idoc=True)
    contract = settings.catalog / "feeds" / f"{FEED}.yaml" if settings.catalog else Path()
    contract.write_text(contract.read_text().replace('%Y%m%d}.idoc"', '%Y%m%d}_{part}.idoc"'))
    folder = settings.inbound / "isu"
    folder.mkdir(parents=True)
    for part, content in (("1", text_of(TEN)), ("2", text_of(good(10), good(9, 1), good(11)))):
        (folder / f"isu_but000_20260309_{part}.idoc").write_text(content)
        (folder / f"isu_but000_20260309_{part}.idoc.done").touch()
    with Platform.open("test", settings, clock=lambda: at(NIGHTS[0])) as platform:
        stages.arrive(platform, FEED)
        result = stages.load(platform, FEED, NIGHTS[0])
    assert (result.rows_kept, result.rows_rejected, result.rows_ignored) == (22, 2, 14)
