"""What is owed and paid, in SAP's contract accounting (FI-CA).

Here: DFKKKO and DFKKOP as they stand at the end of a local day. What is open of an account (AUGST blank, AUGRS not 2)
adds up to its balance.
Not here: bills (`isu_bills`), how the money comes about (`bills`).

A bill's item per contract is cleared by the payment; where the payment covers only a part, the item splits: subitem
0000 keeps what is open, 0001 is what was cleared. A segment billed again later is a document with two items, what was
wrong and what is right; a payment made before stays with what it paid, and its surplus remains as credit. A reversed
bill and a payment that came back are answered by documents of their own, to which the header points (STBLK); the items
a returned payment had cleared are open again. What is left after three months is written off. Late fees on hold, and
the gap between budget and real charge, are statistical items (AUGRS 2): they are no money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from nightwatt.simulator.bills import Bills, Segments, payments_of
from nightwatt.simulator.chance import I64
from nightwatt.simulator.clock import NEVER
from nightwatt.simulator.extract import (
    BILL,
    BUDGET,
    FEE,
    PAYMENT,
    REBILL,
    RETURN,
    REVERSAL,
    WRITE_OFF,
    Extract,
    latest,
    pick,
    same,
)
from nightwatt.simulator.isu_bills import CHARGES, contract_ids, main_person, written_with
from nightwatt.simulator.isu_books import Books
from nightwatt.simulator.isu_partners import Tables, vkont
from nightwatt.simulator.isu_rows import NO_DATE, blank, counted, dats, padded, table
from nightwatt.simulator.isu_rows import amounts as spelled
from nightwatt.simulator.world import ELECTRIC, Flags

KEYS = {"dfkkko": ("OPBEL",), "dfkkop": ("OPBEL", "OPUPW", "OPUPK", "OPUPZ")}

# BLART by kind of document, in the order of the kinds: bill, payment, fee, rebill, reversal, return, write-off, budget.
_DOCUMENT_TYPES = ("FA", "ZA", "GU", "FA", "ST", "ST", "GU", "GU")
_TRANSACTIONS = (
    (CHARGES, "0020"),
    ("0060", "0010"),
    ("0040", "0010"),
    (CHARGES, "0030"),
    (CHARGES, "0090"),
    ("0060", "0090"),
    ("0080", "0010"),
    ("0050", "0010"),
)
_OPEN = -1  # cleared by no document
_BY_PAYMENT, _BY_REVERSAL, _BY_WRITE_OFF = "01", "05", "04"  # AUGRD
_CLEARED, _STATISTICAL = "9", "2"


class _Course:
    """How far each segment's money has come by the end of a day."""

    def __init__(self, extract: Extract, segments: Segments) -> None:
        bills, bill, today = segments.bills, segments.bill, extract.day
        self.segments = segments
        self.days = {
            BILL: bills.complete_day[bill],
            FEE: bills.complete_day[bill],
            BUDGET: bills.complete_day[bill],
            REBILL: np.where(segments.is_rebilled_late, bills.rebill_day[bill], NEVER),
            REVERSAL: bills.reversal_day[bill],
            PAYMENT: bills.pay_day[bill],
            RETURN: bills.return_day[bill],
            WRITE_OFF: bills.write_off_day[bill],
        }
        happened = {kind: day <= today for kind, day in self.days.items()}
        self.happened = happened
        self.billed = segments.current(segments.charge_on_completion)
        self.right = segments.current(segments.charge)
        self.share = payments_of(segments).shares
        self.is_paid = happened[PAYMENT] & ~happened[RETURN]
        self.is_paid_first = self.is_paid & (self.days[PAYMENT] < self.days[REBILL])
        self.changed = latest(today, *self.days.values())

    def closing(self) -> I64:
        """Return the document that clears whatever is open at the end: the write-off, once it is there."""
        return np.where(self.happened[WRITE_OFF], WRITE_OFF, _OPEN)


@dataclass(frozen=True, eq=False)
class _Items:
    """One item of each segment: what is left of it, and the part a document has cleared."""

    document: int  # kind of document it stands in
    place: int  # OPUPK less the fuel
    is_there: Flags
    rest: I64  # cents
    rest_cleared_by: I64  # kind of document, _OPEN while open
    part: I64
    part_cleared_by: I64
    is_statistical: bool = False


def _items(course: _Course) -> Iterator[_Items]:
    """Work out every item; see the module's description for the rules."""
    there, nothing = course.happened, np.zeros(len(course.segments), dtype=np.int64)
    closing = course.closing()
    paid_first = np.where(course.is_paid_first, course.share, 0)
    unpaid = course.billed - paid_first
    undone = np.where(there[REVERSAL], REVERSAL, np.where(there[REBILL], REBILL, closing))
    yield _Items(BILL, 1, there[BILL], unpaid, undone, paid_first, nothing + PAYMENT)

    # The rebill takes back what was billed: first what of it is unpaid, then as much of the right charge as was paid.
    settled = np.minimum(paid_first, course.right)
    surplus = paid_first - settled
    yield _Items(REBILL, 1, there[REBILL], -surplus, closing, surplus - course.billed, nothing + REBILL)
    paid_later = np.where(course.is_paid & ~course.is_paid_first, np.minimum(course.share, course.right), 0)
    part = np.where(paid_later > 0, paid_later, settled)
    cleared_by = np.where(paid_later > 0, PAYMENT, REBILL)
    yield _Items(REBILL, 3, there[REBILL], course.right - part, closing, part, cleared_by)

    used = np.where(there[RETURN] | course.is_paid_first, course.share, paid_later)
    by = np.where(there[RETURN], RETURN, PAYMENT)
    yield _Items(PAYMENT, 1, there[PAYMENT], used - course.share, closing, -used, by)
    yield _Items(RETURN, 1, there[RETURN], nothing, nothing, course.share, nothing + RETURN)
    yield _Items(REVERSAL, 1, there[REVERSAL], nothing, nothing, -course.billed, nothing + REVERSAL)
    yield _Items(WRITE_OFF, 1, there[WRITE_OFF], nothing, nothing, -course.segments.written_off, nothing + WRITE_OFF)
    yield from _fees(course, closing)


def _fees(course: _Course, closing: I64) -> Iterator[_Items]:
    segments, there, nothing = course.segments, course.happened, np.zeros(len(course.segments), dtype=np.int64)
    bills = segments.bills
    on_bill = np.where(segments.fuel == ELECTRIC, bills.fee[segments.bill], 0)
    held = on_bill - segments.fee
    yield _Items(FEE, 1, there[FEE], segments.fee, closing, nothing, nothing)
    yield _Items(FEE, 3, there[FEE], held, nothing + _OPEN, nothing, nothing, is_statistical=True)
    gap = segments.charge_on_completion - course.billed
    yield _Items(BUDGET, 1, there[BUDGET], gap, nothing + _OPEN, nothing, nothing, is_statistical=True)


def item_tables(extract: Extract, books: Books) -> Tables:
    """Return documents and their items."""
    course = _Course(extract, books.segments)
    items = list(_items(course))
    rows = [frame for item in items for frame in _rows(extract, course, item)]
    return {"dfkkko": _documents(extract, course, items), "dfkkop": pl.concat(rows)}


def _rows(extract: Extract, course: _Course, items: _Items) -> Iterator[pl.DataFrame]:
    """Return subitem 0000, the rest or the whole, and 0001 where a part of it was cleared before."""
    is_split = (items.rest != 0) & (items.part != 0)
    whole = np.where(items.rest != 0, items.rest, items.part)
    by = np.where(items.rest != 0, items.rest_cleared_by, items.part_cleared_by)
    yield _item_rows(extract, course, items, np.nonzero(items.is_there & (whole != 0))[0], 0, whole, by)
    split = np.nonzero(items.is_there & is_split)[0]
    yield _item_rows(extract, course, items, split, 1, items.part, items.part_cleared_by)


def _item_rows(  # noqa: PLR0917 - one argument per thing that differs
    extract: Extract, course: _Course, items: _Items, rows: I64, sub: int, cents: I64, cleared_by: I64
) -> pl.DataFrame:
    segments = course.segments.take(rows)
    bills = segments.bills.take(segments.bill)
    tenants = bills.tenancies.take(bills.of)
    kind, by = items.document, cleared_by[rows]
    posted = course.days[kind][rows]
    cleared = by != _OPEN
    cleared_on = np.where(cleared, _day_of(course, rows, by), NEVER)
    place = items.place + segments.fuel
    main, further = _TRANSACTIONS[kind]
    number = segments.number * np.uint64(256) + np.uint64(kind * 16) + (place * 2 + sub).astype(np.uint64)
    reason = np.where(by == PAYMENT, 0, np.where(by == WRITE_OFF, 2, np.where(cleared, 1, 3)))
    return table(
        extract,
        written_with(tenants),
        course.changed[rows],
        number,
        {
            "OPBEL": extract.documents(kind, bills.number),
            "OPUPW": same("000", len(rows)),
            "OPUPK": counted(place, 4),
            "OPUPZ": same(f"{sub:04d}", len(rows)),
            "GPART": main_person(tenants, extract),
            "VKONT": vkont(extract, tenants.number),
            "VTREF": padded(contract_ids(extract, segments, tenants), 20),
            "HVORG": same(main, len(rows)),
            "TVORG": same(further, len(rows)),
            "BUDAT": dats(posted),
            "FAEDN": dats(np.where(kind in {PAYMENT, RETURN}, posted, bills.day + 21)),
            "BETRW": spelled(cents[rows]),
            "WAERS": same("USD", len(rows)),
            "AUGST": pick((None, _CLEARED), cleared),
            "AUGDT": dats(cleared_on, never=NO_DATE),
            "AUGBL": _clearing_documents(extract, bills, by),
            "AUGRD": pick((_BY_PAYMENT, _BY_REVERSAL, _BY_WRITE_OFF, None), reason),
            "AUGRS": same(_STATISTICAL, len(rows)) if items.is_statistical else blank(len(rows)),
        },
        by_batch=True,
    )


def _day_of(course: _Course, rows: I64, kinds: I64) -> I64:
    day = np.full(len(rows), NEVER)
    for kind, days in course.days.items():
        day = np.where(kinds == kind, days[rows], day)
    return day


def _clearing_documents(extract: Extract, bills: Bills, kinds: I64) -> pl.Series:
    ids = extract.documents(BILL, bills.number)
    for kind in range(1, len(_DOCUMENT_TYPES)):
        which = pl.Series(kinds == kind)
        ids = pl.select(pl.when(which).then(extract.documents(kind, bills.number)).otherwise(ids)).to_series()
    return pl.select(pl.when(pl.Series(kinds != _OPEN)).then(ids)).to_series()


def _documents(extract: Extract, course: _Course, everything: list[_Items]) -> pl.DataFrame:
    """Return the header of every document that has an item."""
    segments, frames = course.segments, []
    for kind in range(len(_DOCUMENT_TYPES)):
        has = np.zeros(len(segments), dtype=np.bool_)
        for items in everything:
            if items.document == kind:
                has |= items.is_there & ((items.rest != 0) | (items.part != 0))
        rows = np.unique(segments.bill[has], return_index=True)[1]
        frames.append(_header_rows(extract, course, kind, np.nonzero(has)[0][rows]))
    return pl.concat(frames)


def _header_rows(extract: Extract, course: _Course, kind: int, rows: I64) -> pl.DataFrame:
    segments = course.segments.take(rows)
    bills = segments.bills.take(segments.bill)
    answer = {BILL: REVERSAL, PAYMENT: RETURN}.get(kind)
    undone = course.happened[answer][rows] if answer is not None else np.zeros(len(rows), dtype=np.bool_)
    posted = course.days[kind][rows]
    changed = np.maximum(posted, course.days[answer][rows]) if answer is not None else posted
    ids = extract.documents(kind, bills.number)
    answers = extract.documents(answer or BILL, bills.number)
    return table(
        extract,
        written_with(bills.tenancies.take(bills.of)),
        np.where(undone, changed, posted),
        bills.number * np.uint64(16) + np.uint64(kind),
        {
            "OPBEL": ids,
            "BLART": same(_DOCUMENT_TYPES[kind], len(rows)),
            "BUDAT": dats(posted),
            "STBLK": pl.select(pl.when(pl.Series(undone)).then(answers)).to_series(),
        },
        by_batch=True,
    )
