"""Readings, billing documents and print documents in SAP form.

Here: EABL, EABLG, ERCH, DBERCHZ1, DBERCHZ2, DBERDLB, ERDK, ERDZ as they stand at the end of a local day.
Not here: what is owed and paid (`isu_items`), how the figures come about (`bills`, `isu_books`).

One billing document a segment; where a segment is billed again, the first document is reversed (STORNODAT) and a
second one stands under the same print document, whose lines carry both and the reversal (SHKZG H). A bill reversed
whole has STOKZ and the number of the reversing document (INTOPBEL); its lines add up to nothing. Print documents on
hold for a day are there, not released (TOBRELEASD) and not posted. Some billing is simulated: those are no money.
ENDABRPE, like every BIS, is the last day, included. Line types and units are the customer's own codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from nightwatt.simulator.bills import RATES as PRICES
from nightwatt.simulator.bills import Bills, Segments
from nightwatt.simulator.chance import I64, U64, draw, uniform
from nightwatt.simulator.clock import NEVER
from nightwatt.simulator.extract import BILL, REVERSAL, SIMULATION, Extract, chosen, latest, pick, same
from nightwatt.simulator.isu_books import Books
from nightwatt.simulator.isu_partners import Tables, vkont
from nightwatt.simulator.isu_points import DELIVERED, RATES, RECEIVED, device_ids
from nightwatt.simulator.isu_rows import NO_DATE, amounts, blank, counted, dats, flag, halves, padded, table
from nightwatt.simulator.world import ELECTRIC, GAS, Flags, Tenancies

KEYS = {
    "eabl": ("ABLBELNR",),
    "eablg": ("ABLBELNR", "ANLAGE", "ABLESGR"),
    "erch": ("BELNR",),
    "dberchz1": ("BELNR", "BELZEILE"),
    "dberchz2": ("BELNR", "BELZEILE"),
    "dberdlb": ("PRINTDOC", "BILLDOC", "BILLDOCLINE"),
    "erdk": ("OPBEL",),
    "erdz": ("OPBEL", "BELZEILE"),
}
CHARGES = "0100"  # HVORG of consumption billing
_FIRST, _AGAIN, _SIMULATED = range(3)  # versions of a segment's billing document
_SIMULATED_NUMBERS = np.uint64(5 * 10**11)
_SIMULATED_SHARE = 0.01
_FIXED = np.array([fixed for fixed, _ in PRICES.values()], dtype=np.int64)

# Lines of a billing document: type, unit, further key of the transaction. Energy comes in two lines, first and rest.
_BASIC, _FIRST_PART, _REST, _ON_PEAK, _OFF_PEAK, _FED_IN, _HEAT = range(7)
_LINE_TYPES = ("ZBASE", "ZENERG", "ZENERG", "ZTOU", "ZTOU", "ZFEEDN", "ZTHERM")
_UNITS = (None, "KWH", "CCF", "THM")
_TRANSACTIONS = ("0010", "0020", "0020", "0030", "0030", "0040", "0030")


def main_person(tenants: Tenancies, extract: Extract) -> pl.Series:
    """Return PARTNER of each tenancy's account holder."""
    return extract.ids("per", tenants.person)


@dataclass(frozen=True, eq=False)
class _Documents:
    """Billing documents made by the end of the day: rows of segments in up to three versions."""

    extract: Extract
    segments: Segments  # one row a document
    source: I64  # row in the books
    version: I64
    made: I64
    reversed_on: I64  # NEVER while it stands

    @property
    def bills(self) -> Bills:
        return self.segments.bills.take(self.segments.bill)

    @property
    def tenants(self) -> Tenancies:
        bills = self.segments.bills
        return bills.tenancies.take(bills.of[self.segments.bill])

    @property
    def number(self) -> U64:
        number: U64 = self.segments.number + (self.version == _AGAIN).astype(np.uint64)
        return np.where(self.version == _SIMULATED, number + _SIMULATED_NUMBERS, number)

    @property
    def ids(self) -> pl.Series:
        return self.extract.ids("bseg", self.number, 12)

    @property
    def at(self) -> U64:
        return written_with(self.tenants)

    @property
    def is_wrong(self) -> Flags:
        """Say which documents bill the wrong quantity: the ones billed again, and the simulated."""
        again = self.segments.is_rebilled_at_once | self.segments.is_rebilled_late
        wrong: Flags = ((self.version == _FIRST) & again) | (self.version == _SIMULATED)
        return wrong

    @property
    def quantity(self) -> I64:
        return np.where(self.is_wrong, self.segments.wrong_quantity, self.segments.quantity)

    @property
    def charge(self) -> I64:
        return np.where(self.is_wrong, self.segments.wrong_charge, self.segments.charge)

    @property
    def is_estimated(self) -> Flags:
        estimated: Flags = (self.version == _FIRST) & self.segments.is_estimated
        return estimated

    def take(self, rows: I64) -> _Documents:
        return _Documents(
            self.extract,
            self.segments.take(rows),
            self.source[rows],
            self.version[rows],
            self.made[rows],
            self.reversed_on[rows],
        )


def written_with(tenants: Tenancies) -> U64:
    """Return the customer number rows of tenancies are written with."""
    numbers: U64 = tenants.customers.numbers[tenants.at]
    return numbers


def bill_tables(extract: Extract, books: Books) -> Tables:
    """Return the tables of readings and bills."""
    documents = _documents(extract, books.segments)
    return {
        **_readings(books, documents.take(np.nonzero(documents.version != _SIMULATED)[0])),
        "erch": _headers(documents),
        **_lines(documents),
        "dberdlb": _print_links(documents),
        "erdk": _print_documents(extract, books),
        "erdz": _print_lines(extract, books.segments),
    }


def _documents(extract: Extract, segments: Segments) -> _Documents:
    bills, everyone = segments.bills, np.arange(len(segments))
    again, reversal = segments.billed_again_on, bills.reversal_day[segments.bill]
    day = bills.day[segments.bill]
    simulated = (segments.fuel == ELECTRIC) & (bills.chance("simulated") < _SIMULATED_SHARE)[segments.bill]
    of = np.tile(everyone, 3)
    version = np.repeat([_FIRST, _AGAIN, _SIMULATED], len(everyone))
    made = np.concatenate([day, again, np.where(simulated, day, NEVER)])
    undone = np.concatenate([np.minimum(again, reversal), reversal, np.full(len(everyone), NEVER)])
    made_by_now = np.nonzero(made <= extract.day)[0]
    of, undone = of[made_by_now], undone[made_by_now]
    undone = np.where(undone <= extract.day, undone, NEVER)
    return _Documents(extract, segments.take(of), of, version[made_by_now], made[made_by_now], undone)


def _headers(documents: _Documents) -> pl.DataFrame:
    extract, bills, tenants = documents.extract, documents.bills, documents.tenants
    return table(
        extract,
        documents.at,
        latest(extract.day, documents.made, documents.reversed_on),
        documents.number,
        {
            "BELNR": documents.ids,
            "VERTRAG": contract_ids(extract, documents.segments, tenants),
            "VKONT": vkont(extract, tenants.number),
            "BEGABRPE": dats(bills.start),
            "ENDABRPE": dats(bills.end - 1),
            "ABRVORG": pick(("01", "03"), bills.is_closing),
            "STORNODAT": dats(documents.reversed_on, never=NO_DATE),
            "BELEGDAT": dats(documents.made),
            "SIMULATION": flag(documents.version == _SIMULATED),
        },
        by_batch=True,
    )


def contract_ids(extract: Extract, segments: Segments, tenants: Tenancies) -> pl.Series:
    """Return VERTRAG of segments, given the tenancy of each."""
    return extract.ids("sa", tenants.number * np.uint64(4) + segments.fuel.astype(np.uint64))


def _lines(documents: _Documents) -> Tables:
    """Return DBERCHZ1 and the readings behind its energy, DBERCHZ2.

    Energy is billed in two lines that add up. The slices by time of use, the same gas as heat, and what was fed in
    stand beside it and must not be added to it.
    """
    extract, segments, bills = documents.extract, documents.segments, documents.bills
    energy, electric = documents.quantity * 1000, segments.fuel == ELECTRIC  # thousandths
    middle = bills.start + (bills.end - bills.start) * 2 // 5
    first_part = np.where(middle > bills.start, energy * 2 // 5, 0)
    on_peak, two_rates = energy * 2 // 5 // 1000 * 1000, segments.rate == 1
    heat = (documents.quantity * 1036 + 5) // 10 * 10
    nothing = np.zeros(len(energy), dtype=np.int64)
    always = np.ones(len(energy), dtype=np.bool_)
    value = np.stack(
        [nothing, first_part, energy - first_part, on_peak, energy - on_peak, segments.received * 1000, heat]
    )
    has = np.stack([always, middle > bills.start, always, two_rates, two_rates, segments.received > 0, ~electric])
    of, kind = np.nonzero(has.T)
    unit = np.where(kind == _BASIC, 0, np.where(kind == _HEAT, 3, np.where(electric[of], 1, 2)))
    whole, fraction = halves(value[kind, of], 3)
    belnr, tariff = documents.ids.gather(of), pick(RATES, segments.rate[of])
    place = counted(kind + 1, 6)
    lines = table(
        extract,
        documents.at[of],
        documents.made[of],
        documents.number[of],
        {
            "BELNR": belnr,
            "BELZEILE": place,
            "BELZART": pick(_LINE_TYPES, kind),
            "AB": dats(np.where(kind == _REST, middle[of], bills.start[of])),
            "BIS": dats(np.where(kind == _FIRST_PART, middle[of] - 1, bills.end[of] - 1)),
            "V_ABRMENGE": whole,
            "N_ABRMENGE": fraction,
            "MASSBILL": pick(_UNITS, unit),
            "TARIFTYP": tariff,
            "TVORG": pick(_TRANSACTIONS, kind),
        },
        by_batch=True,
    )
    measured = np.nonzero(((kind == _REST) | (kind == _FED_IN)) & (documents.version[of] != _SIMULATED))[0]
    of, kind = of[measured], kind[measured]
    readings = table(
        extract,
        documents.at[of],
        documents.made[of],
        documents.number[of],
        {
            "BELNR": belnr.gather(measured),
            "BELZEILE": place.gather(measured),
            "ABLBELNR": _reading_ids(extract, documents.number[of], kind == _FED_IN),
        },
        by_batch=True,
    )
    return {"dberchz1": lines, "dberchz2": readings}


def _reading_ids(extract: Extract, document: U64, second: Flags) -> pl.Series:
    """Return ABLBELNR at its full twenty digits: one reading a billing document and register."""
    return padded(extract.ids("reading", document * np.uint64(2) + second.astype(np.uint64), 12), 20)


def _readings(books: Books, documents: _Documents) -> Tables:
    """Return EABL and EABLG: an estimated or wrong reading is followed by a right one where it was billed again."""
    extract = documents.extract
    solar = documents.tenants.customers.has_solar[documents.tenants.at] & (documents.segments.fuel == ELECTRIC)
    two = np.nonzero(solar)[0]
    of = np.concatenate([np.arange(len(documents.made)), two])
    second: Flags = np.arange(len(of)) >= len(documents.made)
    read = documents.take(of)
    gas, bills = read.segments.fuel == GAS, read.bills
    off = np.where(read.is_wrong, read.segments.wrong_quantity - read.segments.quantity, 0)
    units = np.where(
        second, books.received[read.source], books.delivered[read.source] + off * np.where(gas, 10000, 1000)
    )
    electric_value, gas_value = halves(units, 3), halves(units, 4)
    ids, at = _reading_ids(extract, read.number, second), read.at
    billed = bills.complete_day <= extract.day
    changed = np.maximum(read.made, np.where(billed, bills.complete_day, 0))
    number = read.number * np.uint64(2) + second.astype(np.uint64)
    readings = table(
        extract,
        at,
        changed,
        number,
        {
            "ABLBELNR": ids,
            "EQUNR": device_ids(extract, books.meter[read.source]),
            "ZWNUMMER": pick((DELIVERED, RECEIVED), second),
            "ADAT": dats(bills.end - 1),
            "V_ZWSTAND": chosen(gas, gas_value[0], electric_value[0]),
            "N_ZWSTAND": chosen(gas, gas_value[1], electric_value[1]),
            "ISTABLART": pick(("01", "03"), read.is_estimated),
            "ABLSTAT": pick(("1", "7"), billed),
            "SCHAEVER": pick((None, "01"), read.is_estimated),
        },
        by_batch=True,
    )
    return {"eabl": readings, "eablg": _reasons(read, ids, number)}


def _reasons(read: _Documents, ids: pl.Series, number: U64) -> pl.DataFrame:
    """Return why each reading was taken: a final one also opens the next tenancy, some are checks as well."""
    extract, closing = read.extract, read.bills.is_closing
    checked = ~closing & (uniform(draw(extract.utility.seed, "control-reading", 0, number)) < 0.03)
    also = np.nonzero(closing | checked)[0]
    of = np.concatenate([np.arange(len(number)), also])
    more: Flags = np.arange(len(of)) >= len(number)
    reason = np.where(closing[of], np.where(more, 2, 1), np.where(more, 3, 0))
    point = read.at[of] * np.uint64(2) + (read.segments.fuel[of] == GAS).astype(np.uint64)
    return table(
        extract,
        read.at[of],
        read.made[of],
        number[of] * np.uint64(2) + more.astype(np.uint64),
        {
            "ABLBELNR": ids.gather(of),
            "ANLAGE": extract.ids("sp", point),
            "ABLESGR": pick(("01", "03", "06", "10"), reason),
        },
        by_batch=True,
    )


def _print_links(documents: _Documents) -> pl.DataFrame:
    """Return DBERDLB: which lines of billing documents a print document shows, with the money as billed."""
    extract = documents.extract
    complete = documents.bills.complete_day
    shown = documents.take(np.nonzero((documents.version != _SIMULATED) & (complete <= extract.day))[0])
    bills = shown.bills
    fixed = _FIXED[shown.segments.rate]
    energy = shown.charge - fixed
    has_two = (bills.end - bills.start) * 2 // 5 > 0
    first_part = np.where(has_two, energy * 2 // 5, 0)
    value = np.stack([fixed, first_part, energy - first_part])
    of, kind = np.nonzero(np.stack([has_two | True, has_two, has_two | True]).T)
    return table(
        extract,
        shown.at[of],
        np.maximum(shown.made, bills.complete_day)[of],
        shown.number[of],
        {
            "PRINTDOC": extract.documents(BILL, bills.number[of]),
            "BILLDOC": shown.ids.gather(of),
            "BILLDOCLINE": counted(kind + 1, 6),
            "NETTOBTR": amounts(value[kind, of]),
        },
        by_batch=True,
    )


def _print_documents(extract: Extract, books: Books) -> pl.DataFrame:
    bills = books.segments.bills
    simulated = np.nonzero(bills.chance("simulated") < _SIMULATED_SHARE)[0]
    of = np.concatenate([np.arange(len(bills)), simulated])
    is_simulated: Flags = np.arange(len(of)) >= len(bills)
    there = np.nonzero(bills.day[of] <= extract.day)[0]
    of, is_simulated = of[there], is_simulated[there]
    bills, due = bills.take(of), books.amount_due[of]
    tenants = bills.tenancies.take(bills.of)
    posted = ~is_simulated & (bills.complete_day <= extract.day)
    undone = posted & (bills.reversal_day <= extract.day)
    steps = (np.where(is_simulated, NEVER, step) for step in (bills.complete_day, bills.reversal_day))
    ids = chosen(is_simulated, extract.documents(SIMULATION, bills.number), extract.documents(BILL, bills.number))
    return table(
        extract,
        written_with(tenants),
        latest(extract.day, bills.day, *steps),
        bills.number * np.uint64(2) + is_simulated.astype(np.uint64),
        {
            "OPBEL": ids,
            "PARTNER": main_person(tenants, extract),
            "VKONT": vkont(extract, tenants.number),
            "TOTAL_AMNT": amounts(due),
            "TOTAL_WAER": same("USD", len(of)),
            "FAEDN": dats(bills.day + 21),
            "BLDAT": dats(bills.day),
            "DRUCKDAT": dats(np.where(posted, bills.complete_day, NEVER), never=NO_DATE),
            "STOKZ": flag(undone),
            "INTOPBEL": chosen(undone, extract.documents(REVERSAL, bills.number), blank(1)),
            "SIMULATED": flag(is_simulated),
            "INVOICED": flag(posted),
            "TOBRELEASD": flag(~posted & ~is_simulated),
            "ERGRD": pick(("01", "03"), bills.is_closing),
        },
        by_batch=True,
    )


def _print_lines(extract: Extract, segments: Segments) -> pl.DataFrame:
    """Return ERDZ: the charge of each contract, its reversal and the new charge where it was billed again."""
    again, count = segments.billed_again_on, len(segments)
    first, right = segments.current(segments.first_charge), segments.current(segments.charge)
    complete, reversal = (days[segments.bill] for days in (segments.bills.complete_day, segments.bills.reversal_day))
    of = np.tile(np.arange(count), 4)
    day = np.concatenate([complete, again, again, reversal])
    cents = np.concatenate([first, first, right, right])
    step = np.repeat(np.arange(4), count)
    rows = np.nonzero(day <= extract.day)[0]
    of, step, cents, day = of[rows], step[rows], cents[rows], day[rows]
    bills = segments.bills.take(segments.bill[of])
    tenants = bills.tenancies.take(bills.of)
    number = segments.number[of] * np.uint64(4) + step.astype(np.uint64)
    return table(
        extract,
        written_with(tenants),
        day,
        number,
        {
            "OPBEL": extract.documents(BILL, bills.number),
            "BELZEILE": counted(segments.fuel[of] * 10 + step + 1, 6),
            "VERTRAG": contract_ids(extract, segments.take(of), tenants),
            "HVORG": same(CHARGES, len(of)),
            "BETRW": amounts(cents),
            "SHKZG": pick(("S", "H"), step % 2 == 1),
            "XTOTAL_AMNT": same("X", len(of)),
        },
        by_batch=True,
    )
