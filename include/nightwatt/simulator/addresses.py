"""Where the premises are: streets, units, towns and coordinates that cannot be real.

Here: the address and place of every premise and building.
Not here: the tables that carry them (`ccb_customers`).

Flats of a building share its house number, street and place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from nightwatt.simulator import words
from nightwatt.simulator.chance import I64, U64, below, draw, uniform
from nightwatt.simulator.extract import chosen, numbered, pick
from nightwatt.simulator.world import BUILDING_BLOCK, Customers, Flags

TOWN_SIZE = 2000  # customer numbers; a whole number of building blocks
_UNKNOWN_PLACE = 0.04  # of houses whose coordinates nobody took


@dataclass(frozen=True, eq=False)
class Addresses:
    """Addresses of some premises, in their order."""

    house: pl.Series
    street: pl.Series
    unit: pl.Series  # null where a house is one premise
    town: I64
    latitude: I64  # millionths of a degree
    longitude: I64
    is_located: Flags

    @property
    def city(self) -> pl.Series:
        return pick(words.TOWNS, self.town)

    @property
    def county(self) -> pl.Series:
        return pick(words.COUNTIES, self.town % len(words.COUNTIES))

    @property
    def postal_code(self) -> pl.Series:
        return numbered("00000", 100 + self.town)

    @property
    def coordinates(self) -> pl.Series:
        """Latitude and longitude in one text, six decimals each."""
        return _degrees(self.latitude) + "," + _degrees(self.longitude)


def addresses_of(customers: Customers) -> Addresses:
    """Return the addresses of premises."""
    inside, place = customers.in_building, (customers.numbers % np.uint64(BUILDING_BLOCK)).astype(np.int64)
    loose = ~inside & ~customers.is_business & (customers.trait("flat") <= 0.1)
    number = np.where(inside, 1 + place, 1 + below(customers.draws("flat-number"), 24))
    kind = pick(("APT ", "STE "), customers.is_business)
    unit = kind + pl.Series(number).cast(pl.String)
    return _addresses(customers, customers.building, chosen(inside | loose, unit, pl.Series([None], dtype=pl.String)))


def building_addresses(customers: Customers) -> Addresses:
    """Return the addresses of the buildings these premises are part of; ask for one premise a building."""
    return _addresses(customers, customers.building, pl.Series([None] * len(customers), dtype=pl.String))


def _addresses(customers: Customers, house: U64, unit: pl.Series) -> Addresses:
    seed = customers.utility.seed

    def choice(purpose: str, bound: int) -> I64:
        return below(draw(seed, purpose, 0, house), bound)

    number = customers.numbers.astype(np.int64)
    town = (number // TOWN_SIZE) % len(words.TOWNS)
    street = pick(words.STREETS, choice("street", len(words.STREETS)))
    return Addresses(
        house=pl.Series(1 + 2 * choice("house", 900)).cast(pl.String),
        street=street + " " + pick(words.STREET_KINDS, choice("street-kind", len(words.STREET_KINDS))),
        unit=unit,
        town=town,
        latitude=42_000_000 + 90_000 * (town % 4) + choice("north", 80_000),
        longitude=-76_000_000 + 120_000 * (town // 4) + choice("east", 110_000),
        is_located=uniform(draw(seed, "located", 0, house)) >= _UNKNOWN_PLACE,
    )


def _degrees(millionths: I64) -> pl.Series:
    size = np.abs(millionths)
    sign = pick(("", "-"), millionths < 0)
    whole, part = (pl.Series(n).cast(pl.String) for n in (size // 1_000_000, size % 1_000_000))
    return sign + whole + "." + part.str.zfill(6)
