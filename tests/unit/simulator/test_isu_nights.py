"""The SAP extracts night by night: whole once, then what changed, deletions included."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.simulator.replay import isu_table, lines

from nightwatt.simulator import Utility, isu, write_night
from nightwatt.simulator.bills import bills_between
from nightwatt.simulator.clock import NEVER, date_of, day_number
from nightwatt.simulator.extract import BILL, PAYMENT, Extract
from nightwatt.simulator.isu import KEYS, nights_rows
from nightwatt.simulator.world import Customers, tenancies

Rows = dict[str, pl.DataFrame]


def rows_of(utility: Utility, night: date, *, first_night: bool = False) -> Rows:
    chunks = list(nights_rows(utility, night, first_night=first_night))
    return {name: pl.concat([chunk[name] for chunk in chunks]) for name in KEYS}


def apply(held: pl.DataFrame, delta: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Take a delta into a table as a reader of SAP extracts would: the newest row of each key stands."""
    new = delta.filter(pl.col("DI_OPERATION_TYPE") != "D")
    return pl.concat([held.join(delta, on=key, how="anti"), new])


@pytest.mark.parametrize(
    ("seed", "first", "nights"),
    [
        (11, date(2025, 12, 27), 8),
        pytest.param(3, date(2026, 2, 24), 11, marks=pytest.mark.long),
        pytest.param(29, date(2026, 6, 1), 7, marks=pytest.mark.long),
    ],
)
def test_the_first_night_and_the_deltas_after_it_give_a_later_nights_whole_tables(
    seed: int, first: date, nights: int
) -> None:
    utility = Utility(350, seed=seed)
    held = rows_of(utility, first, first_night=True)
    touched = {name: frame.clear().select(KEYS[name]) for name, frame in held.items()}
    for n in range(1, nights):
        for name, delta in rows_of(utility, first + timedelta(days=n)).items():
            key = list(KEYS[name])
            assert delta.select(key).is_unique().all(), name
            kept, gone = delta.filter(pl.col("DI_OPERATION_TYPE") != "I"), delta.filter(pl.col("MANDT") != "100")
            assert kept.join(held[name], on=key, how="anti").height == gone.height == 0, name
            assert delta.filter(pl.col("DI_OPERATION_TYPE") == "I").join(held[name], on=key).height == 0, name
            held[name] = apply(held[name], delta, key)
            touched[name] = pl.concat([touched[name], delta.select(key)])
    whole = rows_of(utility, first + timedelta(days=nights - 1), first_night=True)
    for name, frame in whole.items():
        key = list(KEYS[name])
        assert frame.select(key).is_unique().all(), name
        mine = held[name].drop("DI_OPERATION_TYPE")
        still_looked_at = mine.join(frame, on=key, how="semi").sort(key)
        assert_frame_equal(frame.drop("DI_OPERATION_TYPE").sort(key), still_looked_at)
        too_old = mine.join(frame, on=key, how="anti")
        assert too_old.join(touched[name], on=key, how="semi").height == 0, name


def test_deltas_insert_update_and_delete() -> None:
    """Otherwise the property above would show little."""
    utility, seen = Utility(3500, seed=5), set()
    for n in range(6):
        for name, delta in rows_of(utility, date(2026, 4, 3) + timedelta(days=n)).items():
            seen |= {(name, kind) for kind in delta["DI_OPERATION_TYPE"]}
    assert seen >= {
        ("but000", "I"), ("fkkvk", "I"), ("fkkvkp", "U"), ("adrc", "U"), ("adr6", "D"), ("adr6", "I"),
        ("ever", "I"), ("ever", "U"), ("eanl", "U"), ("eanlh", "U"), ("eanlh", "I"),
        ("equi", "I"), ("egerh", "U"), ("egerh", "I"), ("eastl", "D"), ("eastl", "I"),
        ("erch", "U"), ("erdk", "U"), ("erdz", "I"), ("dfkkko", "U"), ("dfkkop", "U"),
    }  # fmt: skip


def test_a_part_payment_that_came_back_leaves_the_item_whole_and_open_again() -> None:
    utility = Utility(200, seed=5)
    customers = Customers(utility, np.arange(200, dtype=np.uint64))
    years = day_number(date(2016, 1, 1)), day_number(date(2026, 1, 1))
    bills = bills_between(tenancies(customers, *years), *years)
    bill = bills.take(np.nonzero(bills.is_paid_in_part & (bills.return_day < NEVER))[0][:1])
    extract = Extract(utility, 0, complete=True)
    number, payment = (extract.documents(kind, bill.number)[0] for kind in (BILL, PAYMENT))
    day = date_of(int(bill.return_day[0]))
    before, after = (rows_of(utility, day + timedelta(days=n), first_night=True) for n in (0, 1))
    delta = rows_of(utility, day + timedelta(days=1))

    def items(tables: Rows, document: str) -> pl.DataFrame:
        return tables["dfkkop"].filter(pl.col("OPBEL") == document, pl.col("OPUPK") == "0001").sort("OPUPZ")

    assert items(before, number)["AUGST"].to_list() == [None, "9"]
    assert items(after, number)["AUGST"].to_list() == [None]
    assert items(after, payment)["AUGST"].to_list() == ["9"]
    assert dict(items(delta, number).select("OPUPZ", "DI_OPERATION_TYPE").iter_rows()) == {"0000": "U", "0001": "D"}
    whole = items(before, number)["BETRW"].cast(pl.Float64).sum()
    assert items(after, number)["BETRW"].cast(pl.Float64).sum() == pytest.approx(whole)
    header = after["dfkkko"].filter(pl.col("OPBEL") == payment)
    assert header["STBLK"].to_list() == items(after, payment)["AUGBL"].to_list()


def test_a_delta_is_stamped_on_its_day_and_its_deletions_before_all_else() -> None:
    utility, night = Utility(3500, seed=8), date(2026, 4, 10)
    kinds = set()
    for n in range(6):
        begin, end = (f"{night + timedelta(days=n + d):%Y%m%d}040000" for d in (-1, 0))  # midnight at UTC-4
        for name, delta in rows_of(utility, night + timedelta(days=n)).items():
            is_deleted = delta["DI_OPERATION_TYPE"] == "D"
            assert delta.filter((pl.col("EXTRACTED_AT") < begin) | (pl.col("EXTRACTED_AT") >= end)).is_empty(), name
            others = delta.filter(~is_deleted)["EXTRACTED_AT"]
            if is_deleted.any() and others.len():
                assert delta.filter(is_deleted)["EXTRACTED_AT"].max() < others.min()
                kinds.add(name)
    assert kinds


def test_chunks_and_neighbouring_nights_change_no_byte(tmp_path: Path) -> None:
    utility, night = Utility(60, seed=3), date(2026, 1, 20)
    for name, chunk in (("small", 25), ("large", 5000)):
        for first_night in (True, False):
            isu.write_isu(utility, night, tmp_path / f"{name}{first_night}", first_night=first_night, chunk=chunk)
    for first_night in (True, False):
        assert fingerprints(tmp_path / f"small{first_night}") == fingerprints(tmp_path / f"large{first_night}")
    write_night(utility, date(2026, 1, 19), tmp_path / "both", systems=["isu"])
    write_night(utility, night, tmp_path / "both", systems=["isu"])
    assert fingerprints(tmp_path / "largeFalse").items() <= fingerprints(tmp_path / "both" / "isu").items()


def fingerprints(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_every_file_has_client_kind_and_stamp_and_ends_with_the_count_of_its_rows(tmp_path: Path) -> None:
    utility = Utility(40, seed=2)
    summary = write_night(utility, date(2026, 5, 12), tmp_path, first_night=True, systems=["isu"])
    assert {f.name for f in summary.files} == {f"isu/isu_{name}_20260512.csv.gz" for name in KEYS}
    for name in KEYS:
        text = lines(tmp_path / "isu" / f"isu_{name}_20260512.csv.gz")
        assert text[-1] == f"TRAILER,{len(text) - 2}".encode()
        assert summary.file(f"isu/isu_{name}_20260512.csv.gz").rows == len(text) - 2
        assert text[0].startswith(b"MANDT,")
        assert text[0].endswith(b",DI_OPERATION_TYPE,EXTRACTED_AT")
        frame = isu_table(tmp_path, name, "20260512")
        assert set(frame["MANDT"]) == {"100"}
        assert set(frame["DI_OPERATION_TYPE"]) == {""}
        assert frame["EXTRACTED_AT"].str.contains(r"^\d{14}$").all()


def test_planted_broken_lines_are_the_ones_reported(tmp_path: Path) -> None:
    summary = write_night(Utility(1100, seed=2), date(2026, 5, 12), tmp_path, first_night=True, systems=["isu"])
    assert summary.bad == {"empty_key": 2, "missing_column": 1, "bad_number": 1}
    broken = lines(tmp_path / "isu" / "isu_fkkvk_20260512.csv.gz")[-2]
    assert broken.startswith(b"100,,")
