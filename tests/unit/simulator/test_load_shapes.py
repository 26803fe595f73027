"""Made-up load looks like load."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from nightwatt.simulator import Utility
from nightwatt.simulator.clock import day_number
from nightwatt.simulator.load import day_total_gas, day_total_wh, electric_load, electric_reads, gas_use, solar_output
from nightwatt.simulator.weather import weather
from nightwatt.simulator.world import Customers

WINTER, SUMMER, SUMMER_SUNDAY = (day_number(d) for d in (date(2026, 1, 14), date(2026, 7, 15), date(2026, 7, 19)))


@pytest.fixture(scope="module")
def everyone() -> Customers:
    return Customers(Utility(3000, solar_share=0.2), np.arange(3000, dtype=np.uint64))


def hourly(reads: np.ndarray) -> np.ndarray:
    return reads.mean(axis=0).reshape(24, -1).sum(axis=1)


def test_homes_peak_in_the_morning_and_most_in_the_evening(everyone: Customers) -> None:
    homes = everyone.take(np.nonzero(~everyone.is_business)[0])
    by_hour = hourly(electric_load(homes, WINTER))
    night, morning, noon, evening = by_hour[3], by_hour[7], by_hour[11], by_hour[19]
    assert evening > morning > noon > night
    assert evening > 1.8 * night


def test_businesses_work_office_hours_and_rest_on_sunday(everyone: Customers) -> None:
    shops = everyone.take(np.nonzero(everyone.is_business)[0])
    by_hour = hourly(electric_load(shops, SUMMER))
    assert by_hour[13] > 2 * by_hour[3]
    assert day_total_wh(shops, SUMMER_SUNDAY).sum() < 0.6 * day_total_wh(shops, SUMMER).sum()


def test_sizes_spread_and_nothing_is_negative(everyone: Customers) -> None:
    totals = np.sort(day_total_wh(everyone, SUMMER)) / 1000
    assert 10 < np.median(totals) < 60
    assert totals[-30] > 8 * np.median(totals)
    delivered, received = electric_reads(everyone, SUMMER)
    assert delivered.min() >= 0
    assert received.min() >= 0


def test_intervals_add_up_to_the_day(everyone: Customers) -> None:
    for day in (WINTER, SUMMER, day_number(date(2026, 3, 8)), day_number(date(2026, 11, 1))):
        assert (electric_load(everyone, day).sum(axis=1) == day_total_wh(everyone, day)).all()
        with_gas = everyone.take(np.nonzero(everyone.has_gas)[0])
        assert (gas_use(with_gas, day).sum(axis=1) == day_total_gas(with_gas, day)).all()


def test_the_sun_rises_over_the_roofs_and_sets(everyone: Customers) -> None:
    output = solar_output(everyone.solar, SUMMER)
    by_hour = hourly(output)
    assert by_hour[:4].sum() == 0
    assert by_hour[22:].sum() == 0
    assert 11 <= int(np.argmax(by_hour)) <= 14  # solar noon on daylight time
    clear = weather(2026, SUMMER).clearness / weather(2026, WINTER).clearness
    assert output.sum() / clear > 1.3 * solar_output(everyone.solar, WINTER).sum()


def test_delivered_and_received_are_never_both_in_one_interval(everyone: Customers) -> None:
    delivered, received = electric_reads(everyone, SUMMER)
    sunny = delivered[everyone.has_solar]
    assert not ((sunny > 0) & (received > 0)).any()
    assert received.sum() > 0


def test_gas_follows_the_cold_and_peaks_in_the_morning(everyone: Customers) -> None:
    with_gas = everyone.take(np.nonzero(everyone.has_gas)[0])
    assert day_total_gas(with_gas, WINTER).sum() > 4 * day_total_gas(with_gas, SUMMER).sum()
    by_hour = gas_use(with_gas, WINTER).mean(axis=0)
    assert int(np.argmax(by_hour)) in (6, 7)


def test_summer_is_hotter_than_winter_and_days_differ() -> None:
    assert np.mean([weather(1, SUMMER + d).mean_celsius for d in range(20)]) > 15 + np.mean(
        [weather(1, WINTER + d).mean_celsius for d in range(20)]
    )
    assert len({weather(1, SUMMER + d).clearness for d in range(20)}) == 20


def test_moves_and_vacancies_come_at_their_rates(everyone: Customers) -> None:
    moved = np.mean([everyone.move(year).moved.mean() for year in range(2015, 2025)])
    assert 0.165 < moved < 0.195
    assert 0 < everyone.is_vacant(SUMMER).mean() < 0.01
