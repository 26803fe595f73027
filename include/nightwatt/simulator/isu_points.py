"""Connection objects, premises, installations and devices in SAP form.

Here: EHAUISU, IFLOT, ILOA and their ADRC, EVBS, EANL, EANLH, EUIINSTLN, EUITRANS, EQUI, EGERH, EASTL, ETDZ as they
stand at the end of a local day.
Not here: contracts (`isu_contracts`), readings (`isu_bills`). Not confirmed by a public source: the key of ETDZ,
ZZDISCONN (a field of the customer's own).

Every house is a connection object: a building with its flats, or a house that is one premise. A device's slices: in
store, installed (LOGIKNR filled, an open EASTL row beside it), taken out; EINBDAT and AUSBDAT stay once they happened.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from nightwatt.simulator.addresses import addresses_of, building_addresses
from nightwatt.simulator.bills import TIME_OF_USE_AFTER
from nightwatt.simulator.chance import I64, U64, below, draw
from nightwatt.simulator.clock import NEVER, date_of, month_starts
from nightwatt.simulator.extract import CLOSED_FOR, Extract, latest, old_day, pick, same
from nightwatt.simulator.isu_partners import ADDRESS_FROM, Tables, house_address_ids, postal_columns
from nightwatt.simulator.isu_rows import NO_DATE, counted, dats, flag, padded, table
from nightwatt.simulator.people import KNOWN_BEFORE
from nightwatt.simulator.world import EVENTS_SINCE, GAS, Customers, Flags, Meters, meters, tenancies

KEYS = {
    "ehauisu": ("HAUS",),
    "iflot": ("TPLNR",),
    "iloa": ("ILOAN",),
    "evbs": ("VSTELLE",),
    "eanl": ("ANLAGE",),
    "eanlh": ("ANLAGE", "BIS"),
    "euiinstln": ("ANLAGE", "INT_UI", "DATETO"),
    "euitrans": ("INT_UI", "DATETO"),
    "equi": ("EQUNR",),
    "egerh": ("EQUNR", "BIS"),
    "eastl": ("ANLAGE", "LOGIKNR", "BIS"),
    "etdz": ("EQUNR", "ZWNUMMER", "BIS"),
}
DIVISIONS = ("01", "02")  # SPARTE in the order of ELECTRIC, GAS
RATES = ("E_RES_1", "E_RES_TU", "E_COM_1", "G_RES_1", "G_COM_1")  # TARIFTYP in the order of bills.RATE_CODES
DELIVERED, RECEIVED = "001", "002"  # registers; the second only where there is solar
_STORED_FOR = 30  # days a device is known before it is installed


def house_ids(extract: Extract, customers: Customers) -> pl.Series:
    """Return the connection object of each premise, at its full thirty characters."""
    return padded(extract.ids("prem", customers.building), 30)


def point_tables(extract: Extract, customers: Customers) -> Tables:
    """Return the tables of places for a chunk of customers."""
    points = _Points(extract, customers)
    return {**_houses(extract, customers), **_installations(extract, points), **_delivery_points(extract, points)}


def _houses(extract: Extract, customers: Customers) -> Tables:
    houses = customers.take(np.nonzero(~customers.in_building | customers.opens_building)[0])
    at, number = houses.numbers, houses.building
    changed = old_day(draw(extract.utility.seed, "prem-changed", 0, number))
    ids, locations = house_ids(extract, houses), padded(extract.ids("iloa", number), 12)
    places, addresses = building_addresses(houses), house_address_ids(extract, number)

    def rows(columns: dict[str, pl.Series]) -> pl.DataFrame:
        return table(extract, at, changed, number, columns)

    return {
        "ehauisu": rows({"HAUS": ids, "REGPOLIT": places.postal_code + "NY"}),
        "iflot": rows({"TPLNR": ids, "ILOAN": locations, "PLTXT": places.house + " " + places.street}),
        "iloa": rows({"ILOAN": locations, "ADRNR": addresses}),
        "adrc": rows(
            {"ADDRNUMBER": addresses, "DATE_FROM": same(ADDRESS_FROM, len(at)), **postal_columns(places)},
        ),
        "evbs": _premise_rows(extract, customers),
    }


def _premise_rows(extract: Extract, customers: Customers) -> pl.DataFrame:
    return table(
        extract,
        customers.numbers,
        old_day(draw(extract.utility.seed, "prem-changed", 0, customers.numbers)),
        customers.numbers,
        {
            "VSTELLE": extract.ids("prem", customers.numbers),
            "HAUS": house_ids(extract, customers),
            "VBSART": pick(("RES", "COM"), customers.is_business),
            "LGZUSATZ": addresses_of(customers).unit,
        },
    )


class _Points:
    """The installations of a chunk: one for electricity each, one for gas where there is or was any."""

    def __init__(self, extract: Extract, customers: Customers) -> None:
        self.customers = customers
        lost_gas = ~customers.has_gas & (customers.trait("abolished") < 0.005)
        with_gas = np.nonzero(customers.has_gas | lost_gas)[0]
        self.at = np.concatenate([np.arange(len(customers)), with_gas])
        self.is_gas: Flags = np.arange(len(self.at)) >= len(customers)
        self.number = customers.numbers[self.at] * np.uint64(2) + self.is_gas.astype(np.uint64)
        bits = draw(extract.utility.seed, "point", 0, self.number)
        self.installed = month_starts(below(bits, 144) + 216) + below(bits // np.uint64(144), 28)
        self.is_gone = self.is_gas & lost_gas[self.at]
        self.first_known = old_day(bits)

    @property
    def owner(self) -> U64:
        owner: U64 = self.customers.numbers[self.at]
        return owner


def _installations(extract: Extract, points: _Points) -> Tables:
    c, at, is_gas = points.customers, points.at, points.is_gas
    cut_off = c.is_cut_off(extract.day)[at]
    kind = np.where(is_gas, 2, 0) + c.is_business[at]
    kind = np.where(~is_gas & c.has_solar[at], 4, kind)
    gone = np.where(points.is_gone, points.installed + 3000, points.first_known)
    changed = latest(extract.day, gone, *_switched(extract, points))
    installations = table(
        extract,
        points.owner,
        changed,
        points.number,
        {
            "ANLAGE": extract.ids("sp", points.number),
            "SPARTE": pick(DIVISIONS, is_gas),
            "VSTELLE": extract.ids("prem", points.owner),
            "ANLART": pick(("ERES", "ECOM", "GRES", "GCOM", "ESOL"), kind),
            "SPEBENE": pick(("01", None), is_gas),
            "LOEVM": flag(points.is_gone),
            "ZZDISCONN": flag(cut_off | points.is_gone),
        },
    )
    return {"eanl": installations, "eanlh": _slices(extract, points)}


def _switched(extract: Extract, points: _Points) -> list[I64]:
    """Return the days on which an installation was ever cut off or connected again."""
    days = []
    for year in range(EVENTS_SINCE, date_of(extract.day).year + 1):
        move = points.customers.move(year)
        happened = move.moved & (points.customers.chance("cut-off", year) < 0.3)
        days += [np.where(happened, day, NEVER)[points.at] for day in (move.out, move.into)]
    return days


def _slices(extract: Extract, points: _Points) -> pl.DataFrame:
    """Return EANLH: the rate category over time, back to the standard one when a time-of-use customer leaves."""
    of, begins, known = _rate_changes(extract, points)
    everyone = np.arange(len(points.number))
    of = np.concatenate([everyone, of])
    begins = np.concatenate([points.installed, begins])
    known = np.concatenate([points.first_known, known])
    order = np.lexsort((begins, of))
    of, begins, known = of[order], begins[order], known[order]
    is_last = np.append(of[1:] != of[:-1], np.ones(min(1, len(of)), dtype=np.bool_))
    ends = np.where(is_last, NEVER, np.append(begins[1:], NEVER)[: len(of)] - 1)
    closed = np.where(is_last, -NEVER, np.append(known[1:], NEVER)[: len(of)])
    place = np.arange(len(of)) - np.searchsorted(of, of)  # slices alternate: standard, time of use, standard ..
    business, gas = points.customers.is_business[points.at[of]], points.is_gas[of]
    rate = np.where(gas, 3 + business, np.where(business, 2, place % 2))
    cycle = points.customers.bill_cycle[points.at[of]]
    return table(
        extract,
        points.owner[of],
        np.maximum(known, closed),
        points.number[of] * np.uint64(512) + place.astype(np.uint64),
        {
            "ANLAGE": extract.ids("sp", points.number[of]),
            "BIS": dats(ends),
            "AB": dats(begins),
            "TARIFTYP": pick(RATES, rate),
            "AKLASSE": pick(("RES", "COM"), business),
            "ABLEINH": counted(cycle, 2),
        },
    )


def _rate_changes(extract: Extract, points: _Points) -> tuple[I64, I64, I64]:
    """Return the changes of rate known by now: point, first day of the new rate, day it became known.

    The way back to the standard rate is written when the move is known, so the next tenant never starts on time of use.
    """
    tenants = tenancies(points.customers, 0, extract.day)
    starts = tenants.start + TIME_OF_USE_AFTER
    tenants = tenants.take(tenants.has_time_of_use_rate & (tenants.end > starts) & (starts <= extract.day))
    starts = np.maximum(tenants.start + TIME_OF_USE_AFTER, points.installed[tenants.at] + 1)
    told = np.maximum(tenants.end - KNOWN_BEFORE, starts)
    left = np.nonzero(told <= extract.day)[0]
    of = np.concatenate([tenants.at, tenants.at[left]])  # electricity comes first, in order of customer
    return of, np.concatenate([starts, tenants.end[left]]), np.concatenate([starts, told[left]])


def _delivery_points(extract: Extract, points: _Points) -> Tables:
    """Return the points of delivery, known to the market by EXT_UI; one an installation."""
    internal = padded(extract.ids("pod", points.number), 20)

    def rows(columns: dict[str, pl.Series]) -> pl.DataFrame:
        return table(extract, points.owner, points.first_known, points.number, columns)

    days = {"DATEFROM": dats(points.installed), "DATETO": dats(np.full(len(points.at), NEVER))}
    external = "NY" + padded(extract.ids("market", points.number, 12), 15)
    return {
        "euiinstln": rows({"ANLAGE": extract.ids("sp", points.number), "INT_UI": internal, **days}),
        "euitrans": rows(
            {"INT_UI": internal, "DATETO": days["DATETO"], "DATEFROM": days["DATEFROM"], "EXT_UI": external}
        ),
    }


def device_ids(extract: Extract, number: U64) -> pl.Series:
    """Return EQUNR at its full eighteen digits."""
    return padded(extract.ids("meter", number), 18)


def device_tables(extract: Extract, customers: Customers, seen_on: int) -> Tables:
    """Return the devices in place and those removed in the sixteen months before `seen_on`."""
    with_gas = np.nonzero(customers.has_gas)[0]
    points = np.sort(np.concatenate([customers.electric_points, customers.gas_points[with_gas]]))
    known = meters(extract.utility.seed, points, seen_on - CLOSED_FOR, extract.day)
    owner = points[known.at] // np.uint64(2)
    return {
        "equi": _device_rows(extract, known, owner),
        "egerh": _device_slices(extract, known, owner),
        "eastl": _device_places(extract, known, owner),
        "etdz": _registers(extract, customers, known, owner),
    }


def _is_gas(known: Meters) -> Flags:
    is_gas: Flags = (known.number // np.uint64(64)) % np.uint64(2) == GAS
    return is_gas


def _device_rows(extract: Extract, known: Meters, owner: U64) -> pl.DataFrame:
    make = below(draw(extract.utility.seed, "make", 0, known.number), 3)
    return table(
        extract,
        owner,
        known.installed,
        known.number,
        {
            "EQUNR": device_ids(extract, known.number),
            "SERNR": extract.ids("serial", known.number, 12),
            "MATNR": pick(("EAMI15", "GAMI60"), _is_gas(known)),
            "HERST": pick(("AMPR", "VOLT", "OHMX"), make),
        },
    )


def _logical_ids(extract: Extract, number: U64) -> pl.Series:
    return padded(extract.ids("logical-device", number), 18)


def _device_slices(extract: Extract, known: Meters, owner: U64) -> pl.DataFrame:
    count = len(known.number)
    removed = np.where(known.removed <= extract.day, known.removed, NEVER)
    out = np.nonzero(removed < NEVER)[0]
    everyone = np.arange(count)
    of = np.concatenate([everyone, everyone, out])
    stage = np.repeat([0, 1, 2], [count, count, len(out)])
    begins = np.concatenate([known.installed - _STORED_FOR, known.installed, removed[out]])
    ends = np.concatenate(
        [known.installed - 1, np.where(removed < NEVER, removed - 1, NEVER), np.full(len(out), NEVER)]
    )
    changed = np.concatenate([known.installed, latest(extract.day, known.installed, removed), removed[out]])
    logical = _logical_ids(extract, known.number[of])
    return table(
        extract,
        owner[of],
        changed,
        known.number[of] * np.uint64(4) + stage.astype(np.uint64),
        {
            "EQUNR": device_ids(extract, known.number[of]),
            "BIS": dats(ends),
            "AB": dats(begins),
            "LOGIKNR": pl.select(pl.when(pl.lit(pl.Series(stage == 1))).then(pl.lit(logical))).to_series(),
            "EINBDAT": dats(np.where(stage == 0, NEVER, known.installed[of]), never=NO_DATE),
            "AUSBDAT": dats(np.where(stage == 0, NEVER, removed[of]), never=NO_DATE),
        },
    )


def _device_places(extract: Extract, known: Meters, owner: U64) -> pl.DataFrame:
    removed = np.where(known.removed <= extract.day, known.removed, NEVER)
    return table(
        extract,
        owner,
        latest(extract.day, known.installed, removed),
        known.number,
        {
            "ANLAGE": extract.ids("sp", known.number // np.uint64(64)),
            "LOGIKNR": _logical_ids(extract, known.number),
            "BIS": dats(np.where(removed < NEVER, removed - 1, NEVER)),
            "AB": dats(known.installed),
        },
    )


def _registers(extract: Extract, customers: Customers, known: Meters, owner: U64) -> pl.DataFrame:
    sunny = np.isin(owner, customers.numbers[customers.has_solar]) & ~_is_gas(known)
    two = np.nonzero(sunny)[0]
    of = np.concatenate([np.arange(len(owner)), two])
    second: Flags = np.arange(len(of)) >= len(owner)
    number = known.number[of] * np.uint64(2) + second.astype(np.uint64)
    return table(
        extract,
        owner[of],
        known.installed[of],
        number,
        {
            "EQUNR": device_ids(extract, known.number[of]),
            "ZWNUMMER": pick((DELIVERED, RECEIVED), second),
            "BIS": dats(np.full(len(of), NEVER)),
            "AB": dats(known.installed[of] - _STORED_FOR),
            "LOGIKZW": padded(extract.ids("logical-register", number), 18),
            "ZWFAKT": same("1.00000", len(of)),
            "STANZVOR": same("06", len(of)),
            "STANZNAC": pick(("03", "04"), _is_gas(known)[of]),
        },
    )
