"""The nightly table extracts of the make-believe billing system.

Here: the files, their headers, trailers and planted broken lines.
Not here: the rows (`ccb_customers`, `ccb_money`).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from nightwatt.simulator.ccb_customers import (
    Tables,
    agreement_types,
    agreements,
    meter_tables,
    people,
    premises,
)
from nightwatt.simulator.ccb_money import money_tables
from nightwatt.simulator.clock import day_number
from nightwatt.simulator.extract import CLOSED_FOR, Extract
from nightwatt.simulator.files import TextFile
from nightwatt.simulator.utility import FileSummary, Utility
from nightwatt.simulator.world import Customers, chunks_of, tenancies

CHUNK = 8192  # customers worked on at a time; any size gives the same files
_ENOUGH_ROWS = 1000  # a small file stays whole: one broken line would be too large a share of it

# Which tables get one broken copy of a line, and how it is broken.
_BROKEN = {"ci_ft": "bad_number", "ci_bill": "bad_date", "ci_bseg": "missing_column", "ci_acct": "empty_key"}


def tables_of(extract: Extract, numbers: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> Tables:
    """Return every table's rows for some customers, in order of customer."""
    customers = Customers(extract.utility, numbers)
    tenants = tenancies(customers, extract.day - CLOSED_FOR, extract.day)
    return {
        **people(extract, tenants),
        **premises(extract, customers),
        **meter_tables(extract, customers),
        **agreements(extract, tenants),
        **money_tables(extract, tenants),
    }


def write_ccb(
    utility: Utility, night: date, folder: Path, *, first_night: bool, chunk: int = CHUNK
) -> list[FileSummary]:
    """Write all extracts of a night: complete ones on the first night, else what changed the day before."""
    extract = Extract(utility, day_number(night) - 1, first_night)
    out: dict[str, _TableFile] = {}
    with ExitStack() as stack:

        def add(table: str, frame: pl.DataFrame) -> None:
            if table not in out:
                file = stack.enter_context(TextFile(folder, f"ccb_{table}_{night:%Y%m%d}.csv.gz"))
                out[table] = _TableFile(table, file)
            out[table].add(frame)

        add("ci_sa_type", agreement_types())
        for numbers in chunks_of(np.arange(utility.customers, dtype=np.uint64), chunk):
            for table, frame in tables_of(extract, numbers).items():
                add(table, frame)
        for file in out.values():
            file.finish(utility.faults)
    return [file.summary() for file in out.values()]


class _TableFile:
    """One extract in the making."""

    def __init__(self, table: str, file: TextFile) -> None:
        self._table, self._file = table, file
        self._has_header = False
        self._last_line = b""
        self._bad: dict[str, int] = {}

    def add(self, frame: pl.DataFrame) -> None:
        if not self._has_header:
            self._file.add(",".join(frame.columns).encode() + b"\n")
            self._has_header = True
        if frame.height == 0:
            return
        buffer = BytesIO()
        frame.write_csv(
            buffer,
            include_header=False,
            quote_style="necessary",
            float_precision=2,
            date_format="%Y-%m-%d",
            datetime_format="%Y-%m-%d-%H.%M.%S",
        )
        text = buffer.getvalue()
        self._last_line = text[text.rfind(b"\n", 0, -1) + 1 :]
        self._file.add(text, frame.height)

    def finish(self, faults: bool) -> None:
        kind = _BROKEN.get(self._table)
        if faults and kind and self._file.rows >= _ENOUGH_ROWS:
            self._file.add(_broken(self._last_line, kind), 1)
            self._bad[kind] = 1
        self._file.add(f"TRAILER,{self._file.rows}\n".encode())

    def summary(self) -> FileSummary:
        return replace(self._file.summary(), bad=dict(self._bad))


def _broken(line: bytes, kind: str) -> bytes:
    cells = line.rstrip(b"\n").split(b",")
    match kind:
        case "bad_number":  # CI_FT.CUR_AMT
            cells[6] += b".X"
        case "bad_date":  # CI_BILL.BILL_DT
            cells[2] = cells[2][:5] + b"13-45"
        case "missing_column":
            del cells[3]
        case _:
            cells[0] = b""
    return b",".join(cells) + b"\n"
