"""What happens to reads between the meter and the file: gaps, guesses, delays, corrections.

Here: which service point and day has what happen to it, and how a read looks as of a given night.
Not here: the true values (`load`) and the lines of the files (`mdm`).

A day of a service point normally arrives on the night after it. A late one arrives one to three nights later. A day
may have one run of missing, one of estimated and one of substituted intervals, and, with faults, one run that first
arrives with a wrong value and is corrected to the true one, as actual, one to ten nights after it first arrived.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightwatt.simulator.chance import I64, U64, below, draw, uniform
from nightwatt.simulator.load import I32
from nightwatt.simulator.utility import Utility

ACTUAL, ESTIMATED, SUBSTITUTED, MISSING = 0, 1, 2, 3
LATE_SHARE = 0.003  # of service-point days
CORRECTED_SHARE = 0.001
DUPLICATED_SHARE = 0.001
LATEST_ARRIVAL, LATEST_CORRECTION = 3, 13  # nights after the first night a day could arrive

_SHARES = {"missing": 0.002, "estimated": 0.005, "substituted": 0.0008}  # of reads
_MEAN_RUN = 1 / 8  # of a day

Codes = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Run:
    """For each service point, intervals from `start` up to but not including `stop`; empty where both are 0."""

    start: I64
    stop: I64

    def take(self, which: I64) -> Run:
        return Run(self.start[which], self.stop[which])

    def mask(self, count: int) -> NDArray[np.bool_]:
        steps = np.arange(count)[None, :]
        return np.asarray((steps >= self.start[:, None]) & (steps < self.stop[:, None]))


@dataclass(frozen=True, eq=False)
class ReadEvents:
    """All events of some service points on one local day."""

    day: int
    arrival: I64  # night (day number) of first arrival
    correction: I64  # night of the correction, 0 without one
    runs: dict[str, Run]

    def take(self, which: I64) -> ReadEvents:
        runs = {name: run.take(which) for name, run in self.runs.items()}
        return ReadEvents(self.day, self.arrival[which], self.correction[which], runs)


def events_of(utility: Utility, points: U64, day: int, count: int) -> ReadEvents:
    """Draw the events of service points on a local day of `count` intervals."""
    runs = {name: _run(utility, name, points, day, count, share / _MEAN_RUN) for name, share in _SHARES.items()}
    nothing = np.zeros(len(points), dtype=np.int64)
    arrival, correction = nothing + day + 1, nothing
    runs["corrected"] = runs["duplicated"] = Run(nothing, nothing)
    if utility.faults:
        late = draw(utility.seed, "late", day, points)
        arrival = arrival + np.where(uniform(late) < LATE_SHARE, 1 + below(late, LATEST_ARRIVAL), 0)
        runs["corrected"] = fixed = _run(utility, "corrected", points, day, count, CORRECTED_SHARE)
        after = 1 + below(draw(utility.seed, "correction-delay", day, points), 10)
        correction = np.where(fixed.stop > 0, arrival + after, 0)
        runs["duplicated"] = _run(utility, "duplicated", points, day, count, DUPLICATED_SHARE)
    return ReadEvents(day, arrival, correction, runs)


def _run(utility: Utility, name: str, points: U64, day: int, count: int, share: float) -> Run:
    bits = draw(utility.seed, name, day, points)
    length = 1 + below(bits, 2 * count // 8 - 1)
    start = below(bits // np.uint64(64), 1 << 20) * (count - length + 1) >> 20
    happens = uniform(bits) < share
    return Run(np.where(happens, start, 0), np.where(happens, start + length, 0))


@dataclass(frozen=True, eq=False)
class Observed:
    """Reads as the meter system has them on some night; rows as in the true values, missing ones are -1."""

    values: I32
    codes: Codes
    fixed: tuple[I64, I64]  # row and interval of every read that shows its correction


def observe(true: I32, events: ReadEvents, as_of: int, correctable: NDArray[np.bool_]) -> Observed:
    """Return how reads look on night `as_of`; rows of `events` and `correctable` match those of `true`.

    Before its correction a read of a corrected run shows a wrong value, or the gap or guess it happened to be.
    Corrections touch only `correctable` rows: what was delivered, not what was received.
    """
    values, codes = true.copy(), np.zeros(true.shape, dtype=np.int8)
    count = true.shape[1]
    for name, code in (("substituted", SUBSTITUTED), ("estimated", ESTIMATED), ("missing", MISSING)):
        rows = np.nonzero(events.runs[name].stop)[0]
        mask = events.runs[name].take(rows).mask(count)
        values[rows] = np.where(mask, _distorted(true[rows], code), values[rows])
        codes[rows] = np.where(mask, np.int8(code), codes[rows])
    rows = np.nonzero((events.correction > 0) & correctable)[0]
    mask = events.runs["corrected"].take(rows).mask(count)
    done = mask & (events.correction[rows] <= as_of)[:, None]
    wrong = mask & ~done & (codes[rows] == ACTUAL)
    values[rows] = np.where(done, true[rows], np.where(wrong, true[rows] * 5 // 4 + 10, values[rows]))
    codes[rows] = np.where(done, np.int8(ACTUAL), codes[rows])
    at, step = np.nonzero(done)
    return Observed(values, codes, (rows[at], step))


def _distorted(true: I32, code: int) -> I32:
    if code == MISSING:
        return np.full_like(true, -1)
    return (true * 9 + 5) // 10 if code == ESTIMATED else (true * 11 + 5) // 10
