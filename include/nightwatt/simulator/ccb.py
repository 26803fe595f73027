"""The nightly table extracts of the make-believe billing system.

Here: the files, their headers, trailers and planted broken lines.
Not here: the rows (`ccb_customers`, `ccb_money`).
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
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
from nightwatt.simulator.table_file import Break, TableFile
from nightwatt.simulator.utility import FileSummary, Utility
from nightwatt.simulator.world import Customers, chunks_of, tenancies

CHUNK = 8192  # customers worked on at a time; any size gives the same files

# Which tables get one broken copy of a line, and how it is broken.
_BROKEN = {
    "ci_ft": Break("bad_number", "CUR_AMT"),
    "ci_bill": Break("bad_date", "BILL_DT", b"13-45"),
    "ci_bseg": Break("missing_column", "PREM_ID"),
    "ci_acct": Break("empty_key", "ACCT_ID"),
}


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
    out: dict[str, TableFile] = {}
    with ExitStack() as stack:

        def add(table: str, frame: pl.DataFrame) -> None:
            if table not in out:
                file = stack.enter_context(TextFile(folder, f"ccb_{table}_{night:%Y%m%d}.csv.gz"))
                out[table] = TableFile(file, _BROKEN.get(table) if utility.faults else None)
            out[table].add(frame)

        add("ci_sa_type", agreement_types())
        for numbers in chunks_of(np.arange(utility.customers, dtype=np.uint64), chunk):
            for table, frame in tables_of(extract, numbers).items():
                add(table, frame)
        for file in out.values():
            file.finish()
    return [file.summary() for file in out.values()]
