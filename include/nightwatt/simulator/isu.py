"""The nightly table extracts of the same make-believe utility, as SAP IS-U would write them.

Here: the files, their headers, trailers and planted broken lines; what a night carries.
Not here: the rows (`isu_partners`, `isu_points`, `isu_contracts`, `isu_bills`, `isu_items`), how SAP spells them
(`isu_rows`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from nightwatt.simulator import isu_bills, isu_contracts, isu_items, isu_partners, isu_points
from nightwatt.simulator.chance import U64
from nightwatt.simulator.clock import day_number
from nightwatt.simulator.extract import CLOSED_FOR, Extract
from nightwatt.simulator.files import TextFile
from nightwatt.simulator.isu_bills import bill_tables
from nightwatt.simulator.isu_books import Books, books_of
from nightwatt.simulator.isu_contracts import contract_tables
from nightwatt.simulator.isu_items import item_tables
from nightwatt.simulator.isu_partners import Tables, partner_tables
from nightwatt.simulator.isu_points import device_tables, point_tables
from nightwatt.simulator.isu_rows import changes, in_order
from nightwatt.simulator.table_file import Break, TableFile
from nightwatt.simulator.utility import FileSummary, Utility
from nightwatt.simulator.world import Customers, Tenancies, chunks_of, tenancies

CHUNK = 2048  # customers worked on at a time; any size gives the same files
KEYS = {**isu_partners.KEYS, **isu_points.KEYS, **isu_contracts.KEYS, **isu_bills.KEYS, **isu_items.KEYS}

# Which tables get one broken copy of a line, and how it is broken.
_BROKEN = {
    "fkkvk": Break("empty_key", "VKONT"),
    "adrc": Break("missing_column", "HOUSE_NUM2"),
    "erdk": Break("bad_number", "TOTAL_AMNT"),
    "dfkkko": Break("empty_key", "OPBEL"),
}


def nights_rows(utility: Utility, night: date, *, first_night: bool, chunk: int = CHUNK) -> Iterator[Tables]:
    """Yield the rows of a night, a chunk of customers at a time: whole tables, or what changed the day before.

    All tables of `KEYS`, each in order of customer, so that chunks one after the other make the file.
    """
    day = day_number(night) - 1
    for numbers in chunks_of(np.arange(utility.customers, dtype=np.uint64), chunk):
        yield {name: in_order(frame) for name, frame in _rows(utility, day, numbers, complete=first_night).items()}


def _rows(utility: Utility, day: int, numbers: U64, *, complete: bool) -> Tables:
    now = Extract(utility, day, complete)
    customers = Customers(utility, numbers)
    tenants = tenancies(customers, day - CLOSED_FOR, day)
    books = books_of(now, tenants)
    after = _tables(now, customers, tenants, books)
    if complete:
        return after
    before = _tables(Extract(utility, day - 1, complete), customers, tenants, books)
    return {name: changes(now, before[name], frame, KEYS[name]) for name, frame in after.items()}


def _tables(extract: Extract, customers: Customers, tenants: Tenancies, books: Books) -> Tables:
    """Return what the tables hold at the end of the extract's day, of what the night looks at."""
    groups = (
        partner_tables(extract, tenants),
        point_tables(extract, customers),
        device_tables(extract, customers, books.extract.day),
        contract_tables(extract, tenants),
        bill_tables(extract, books),
        item_tables(extract, books),
    )
    return {name: pl.concat([group[name] for group in groups if name in group]) for name in KEYS}


def write_isu(
    utility: Utility, night: date, folder: Path, *, first_night: bool, chunk: int = CHUNK
) -> list[FileSummary]:
    """Write all table extracts of a night."""
    breaks = _BROKEN if utility.faults else {}
    with ExitStack() as stack:
        files = {name: stack.enter_context(TextFile(folder, f"isu_{name}_{night:%Y%m%d}.csv.gz")) for name in KEYS}
        out = {name: TableFile(file, breaks.get(name)) for name, file in files.items()}
        for tables in nights_rows(utility, night, first_night=first_night, chunk=chunk):
            for name, frame in tables.items():
                out[name].add(frame)
        for file in out.values():
            file.finish()
    return [file.summary() for file in out.values()]
