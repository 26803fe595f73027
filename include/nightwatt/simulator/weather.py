"""One sky over the whole service territory: a daily temperature and cloud series.

Here: the weather every customer shares, a function of the seed and the day alone.
Not here: how customers answer to it (`load`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from nightwatt.simulator.chance import scalar_normal, scalar_uniform
from nightwatt.simulator.clock import date_of


@dataclass(frozen=True)
class Weather:
    """One day's weather, as load and sun see it."""

    mean_celsius: float
    heating: float  # degrees the day's mean lies below 15 C
    cooling: float  # degrees above 18.5 C
    clearness: float  # share of the clear-sky sun that comes through, 0.15 .. 1
    day_length: float  # hours between sunrise and sunset


@lru_cache(maxsize=4096)
def weather(seed: int, day: int) -> Weather:
    """Return the weather of a day: a yearly wave plus a drift of several days' memory."""
    turn = 2.0 * math.pi * (date_of(day).timetuple().tm_yday - 110) / 365.25
    drift = sum(0.72**lag * scalar_normal(seed, "weather", day - lag) for lag in range(8))
    mean = round(11.5 + 12.5 * math.sin(turn) + 2.6 * drift, 3)
    clearness = round(1.0 - 0.85 * scalar_uniform(seed, "cloud", day) ** 1.8, 4)
    length = round(12.1 + 3.0 * math.sin(turn + 2.0 * math.pi * 29 / 365.25), 4)
    return Weather(mean, max(0.0, 15.0 - mean), max(0.0, mean - 18.5), clearness, length)
