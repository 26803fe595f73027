"""How much is used and made, and when: load that looks like load.

Here: each customer's total of a local day in closed form, and its spread over the intervals of the day.
Not here: what the meters report of it (`read_events`) and what is billed for it (`bills`).

The total comes first: a few multiplications per customer and day. The intervals share it out by a noisy shape with
running rounding, so they always add up to the total to the last watt-hour. That is why a bill for a year ago can be
exact without making a single read. Only solar customers need their intervals: what they take and give is netted per
interval. Shapes use plain arithmetic only (no sine or power per read), so every machine makes the same bytes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nightwatt.simulator.chance import F64, I64, lanes16
from nightwatt.simulator.clock import LocalDay, date_of, local_day
from nightwatt.simulator.weather import weather
from nightwatt.simulator.world import Customers

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

QUARTER, HOUR = 15, 60
_LARGEST = 8_000_000  # watt-hours (or 1/10,000 CCF) a day: more would not fit the value column
_VARIANTS = 8  # early risers to night owls, half an hour apart


def day_total_wh(c: Customers, day: int) -> I64:
    """Return each premise's gross electric use of a local day in watt-hours."""
    sky = weather(c.utility.seed, day)
    cooling = np.where(c.trait("air-conditioning") < 0.8, 0.9 + 1.4 * c.trait("cooling"), 0.05)
    heating = np.where(c.heats_with_electricity, 1.9, np.where(c.has_gas, 0.10, 0.22))
    home = 11.0 + 12.0 * c.trait("base") + cooling * sky.cooling + heating * sky.heating
    shop = (85.0 + 3.2 * sky.cooling + 0.6 * sky.heating) * _opening(day)
    home *= 1.0 if date_of(day).weekday() < 5 else 1.07
    total = 1000.0 * np.where(c.is_business, shop, home) * c.size * (0.8 + 0.4 * c.chance("day", day))
    return _settle(total, c, day)


def day_total_gas(c: Customers, day: int) -> I64:
    """Return each premise's gas use of a local day in 1/10,000 CCF (zero without gas)."""
    sky = weather(c.utility.seed, day)
    home = 0.28 + 0.5 * c.trait("gas-base") + (0.16 + 0.12 * c.trait("insulation")) * sky.heating
    shop = (1.1 + 0.5 * sky.heating) * (0.5 + 0.5 * _opening(day))
    total = 10000.0 * np.where(c.is_business, shop, home) * c.size * (0.8 + 0.4 * c.chance("gas-day", day))
    return np.where(c.has_gas, _settle(total, c, day), 0)


def _opening(day: int) -> float:
    weekday = date_of(day).weekday()
    return 1.0 if weekday < 5 else 0.6 if weekday == 5 else 0.4


def _settle(total: F64, c: Customers, day: int) -> I64:
    """Round to whole units; an empty house keeps a tenth running, a disconnected one nothing."""
    total = np.where(c.is_vacant(day), np.where(c.is_cut_off(day), 0.0, total * 0.1), total)
    return np.minimum(np.floor(total + 0.5), _LARGEST).astype(np.int64)


@lru_cache(maxsize=64)
def _bump(slots: int, centre: float, width: float, variants: int = 1) -> F32:
    """Return a smooth daily hump per variant; times are wall-clock hours, widths hours to near zero."""
    hours = (np.arange(slots) + 0.5) * 24.0 / slots
    rows = []
    for variant in range(variants):
        away = np.abs(hours - centre - 0.5 * (variant - variants / 2))
        away = np.minimum(away, 24.0 - away) / width
        rows.append(np.maximum(0.0, 1.0 - away * away) ** 2)
    return np.array(rows, dtype=np.float32)


def _column(values: F64) -> F32:
    return values.astype(np.float32)[:, None]


def _electric_shape(c: Customers, day: int) -> F32:
    """Return each premise's relative load over the 96 wall-clock quarters, without noise."""
    sky, weekend = weather(c.utility.seed, day), date_of(day).weekday() >= 5
    habit = (c.trait("habit") * _VARIANTS).astype(np.int64)
    morning = _bump(96, 9.5, 4.0, _VARIANTS) if weekend else _bump(96, 7.25, 2.3, _VARIANTS)
    evening, midday = _bump(96, 19.0, 4.5, _VARIANTS), _bump(96, 13.0, 5.5)[0]
    heat = _bump(96, 6.0, 5.0)[0] * np.float32(0.5) + np.float32(0.8)
    home = ~c.is_business
    at_noon = np.where(home, (0.5 if weekend else 0.25) * c.trait("at-home"), 0.4 if weekend else 2.4)
    at_noon = at_noon + 0.05 * sky.cooling
    shape = np.repeat(_column(np.where(home, 0.35 + 0.3 * c.trait("floor"), 0.7)), 96, axis=1)
    shape += _column(np.where(home, 0.5 + 0.6 * c.trait("rise"), 0.2)) * morning[habit]
    shape += _column(np.where(home, 1.1 + 0.9 * c.trait("dusk") + 0.06 * sky.cooling, 0.3)) * evening[habit]
    shape += _column(at_noon) * midday
    shape += _column(np.where(c.heats_with_electricity, 0.08 * sky.heating, 0.0)) * heat
    return shape


def _gas_shape(c: Customers, day: int) -> F32:
    """Return each premise's relative gas use over the 24 wall-clock hours, without noise."""
    sky = weather(c.utility.seed, day)
    habit = (c.trait("habit") * _VARIANTS).astype(np.int64)
    shape = np.repeat(_column(0.12 + 0.04 * sky.heating * (0.5 + c.trait("setback"))), 24, axis=1)
    shape += np.float32(0.5 + 0.12 * sky.heating) * _bump(24, 6.75, 2.8, _VARIANTS)[habit]
    shape += np.float32(0.6 + 0.04 * sky.heating) * _bump(24, 18.5, 3.5, _VARIANTS)[habit]
    return shape


def _share_out(total: I64, weights: F32) -> I32:
    """Split each total over its weights in whole units that add up exactly."""
    running = np.cumsum(weights, axis=1)
    running *= (total.astype(np.float32) / running[:, -1])[:, None]
    running += np.float32(0.5)
    steps = np.minimum(running.astype(np.int32), total.astype(np.int32)[:, None])
    steps[:, -1] = total
    steps[:, 1:] -= steps[:, :-1].copy()
    return steps


def _noisy(shape: F32, layout: LocalDay, lanes: NDArray[np.uint16]) -> F32:
    """Lay a wall-clock shape over the day's real intervals and rough it up; now and then something big runs."""
    noise = lanes.astype(np.float32)
    noise *= np.float32(1 / 65536)
    spike = np.maximum(noise - np.float32(0.94), np.float32(0))
    noise += np.float32(0.5)
    weights: F32 = shape[:, layout.wall] if layout.count != shape.shape[1] else shape
    noise *= weights
    noise += spike * np.float32(18)
    return noise


def electric_load(c: Customers, day: int) -> I32:
    """Return gross electric use in watt-hours, customers by intervals of the local day."""
    layout = local_day(c.utility.zone, day, QUARTER)
    lanes = lanes16(c.utility.seed, "load", day, c.numbers, layout.count)
    return _share_out(day_total_wh(c, day), _noisy(_electric_shape(c, day), layout, lanes))


def gas_use(c: Customers, day: int) -> I32:
    """Return gas use in 1/10,000 CCF, customers by hours of the local day; call it for customers with gas."""
    layout = local_day(c.utility.zone, day, HOUR)
    lanes = lanes16(c.utility.seed, "gas-load", day, c.numbers, layout.count)
    return _share_out(day_total_gas(c, day), _noisy(_gas_shape(c, day), layout, lanes))


def solar_output(c: Customers, day: int) -> I32:
    """Return what each roof makes in watt-hours, customers by quarter hours; call it for solar customers."""
    layout = local_day(c.utility.zone, day, QUARTER)
    sky = weather(c.utility.seed, day)
    away = np.abs(layout.solar_hour - 12.0) / (sky.day_length / 2.0)
    bell = np.maximum(0.0, 1.0 - away * away) * (0.55 + 0.45 * (sky.day_length - 9.0) / 6.2)
    kilowatts = np.where(c.is_cut_off(day), 0.0, np.where(c.is_business, 14.0, 3.0) + 5.0 * c.trait("panels"))
    lanes = lanes16(c.utility.seed, "cloud-lanes", day, c.numbers, layout.count)
    ripple = np.float32(1.0 - sky.clearness) * (lanes.astype(np.float32) * np.float32(1 / 65536) - np.float32(0.5))
    power = _column(250.0 * kilowatts) * (bell * sky.clearness).astype(np.float32)
    return np.floor(power * (np.float32(1) + ripple)).astype(np.int32)


def electric_reads(c: Customers, day: int) -> tuple[I32, I32]:
    """Return delivered watt-hours of all customers, and received watt-hours of those with solar, in their order.

    Load and roof are netted per interval, so one of the two is always zero.
    """
    delivered = electric_load(c, day)
    sunny = np.nonzero(c.has_solar)[0]
    net = delivered[sunny] - solar_output(c.solar, day)
    delivered[sunny] = np.maximum(net, 0)
    return delivered, np.maximum(-net, 0)


def electric_totals(c: Customers, day: int) -> tuple[I64, I64]:
    """Return each customer's delivered and received watt-hours of a local day, as the true reads add up."""
    delivered = day_total_wh(c, day)
    received = np.zeros(len(c), dtype=np.int64)
    sunny = np.nonzero(c.has_solar)[0]
    if len(sunny):
        taken, given = electric_reads(c.solar, day)
        delivered[sunny] = taken.sum(axis=1, dtype=np.int64)
        received[sunny] = given.sum(axis=1, dtype=np.int64)
    return delivered, received
