"""The nightly files of the make-believe meter data system: electric quarter hours and gas hours.

Here: which reads a night carries, in which order, and the manifest or marker that says the files are whole.
Not here: what the reads are (`load`), what happens to them (`read_events`), how a line looks (`read_lines`).

A night's file holds, for its customers in order of number: first each day of its window, then the late days that
arrive tonight, the corrections of tonight, exact duplicates, and last the broken lines. A broken line is always an
extra copy of a good line, so a platform that rejects exactly these still ends with the full truth.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np

from nightwatt.simulator import read_lines
from nightwatt.simulator.chance import I64, U64, Bytes2D, below, draw, id_bytes, key_of
from nightwatt.simulator.clock import LocalDay, day_number, local_day, midnight, utc_text
from nightwatt.simulator.files import TextFile, remove_old, write_plain
from nightwatt.simulator.load import HOUR, I32, QUARTER, electric_reads, gas_use
from nightwatt.simulator.read_events import (
    ESTIMATED,
    LATEST_ARRIVAL,
    LATEST_CORRECTION,
    MISSING,
    SUBSTITUTED,
    Observed,
    ReadEvents,
    events_of,
    observe,
)
from nightwatt.simulator.read_lines import BAD_KINDS, Layout, Lines, lay_out, set_field, text_of
from nightwatt.simulator.utility import FileSummary, Utility
from nightwatt.simulator.world import (
    Customers,
    Flags,
    chunks_of,
    installed_on,
    meter_ids,
    point_ids,
    slots_in_parts,
)

CHUNK = 2048  # customers worked on at a time; any size gives the same files
_BLOCK = 5000  # every so many customers, each kind of broken line is planted once


@dataclass(frozen=True, eq=False)
class Channels:
    """True reads of some customers on a day, one row per channel, customers in order."""

    at: I64  # position of the customer in the chunk
    is_received: Flags
    true: I32
    points: U64  # service point of each customer


class Electric:
    """Quarter-hour electric reads."""

    layout: ClassVar[Layout] = read_lines.ELECTRIC
    minutes: ClassVar[int] = QUARTER
    code: ClassVar[str] = "e"

    @staticmethod
    def population(customers: Customers) -> Customers:
        return customers

    @staticmethod
    def points(customers: Customers) -> U64:
        return customers.electric_points

    @staticmethod
    def channels(customers: Customers, day: int) -> Channels:
        delivered, received = electric_reads(customers, day)
        solar = np.nonzero(customers.has_solar)[0]
        at = np.concatenate([np.arange(len(customers)), solar])
        order = np.argsort(at, kind="stable")
        true = np.concatenate([delivered, received])[order]
        return Channels(at[order], order >= len(customers), true, customers.electric_points)

    @staticmethod
    def owners(points: Bytes2D, meters: Bytes2D, is_received: Flags) -> Bytes2D:
        kinds = np.frombuffer(b",E-KWH-15-DEL,,E-KWH-15-REC,", dtype=np.uint8).reshape(2, 14)
        comma = np.full((len(points), 1), ord(","), np.uint8)
        return np.concatenate([points, comma, meters, kinds[is_received.astype(np.int64)]], axis=1)

    @staticmethod
    def times(layout: LocalDay) -> Bytes2D:
        return np.concatenate([layout.end_text, np.full((layout.count, 1), ord(","), np.uint8)], axis=1)

    @staticmethod
    def updates(seconds: I64) -> Bytes2D:
        return utc_text(seconds)


class Gas:
    """Hourly gas reads."""

    layout: ClassVar[Layout] = read_lines.GAS
    minutes: ClassVar[int] = HOUR
    code: ClassVar[str] = "g"

    @staticmethod
    def population(customers: Customers) -> Customers:
        return customers.take(np.nonzero(customers.has_gas)[0])

    @staticmethod
    def points(customers: Customers) -> U64:
        return customers.gas_points

    @staticmethod
    def channels(customers: Customers, day: int) -> Channels:
        at = np.arange(len(customers))
        return Channels(at, np.zeros(len(at), np.bool_), gas_use(customers, day), customers.gas_points)

    @staticmethod
    def owners(points: Bytes2D, meters: Bytes2D, is_received: Flags) -> Bytes2D:
        bar = np.full((len(is_received), 1), ord("|"), np.uint8)
        return np.concatenate([points, bar, meters, bar], axis=1)

    @staticmethod
    def times(layout: LocalDay) -> Bytes2D:
        bar = np.full((layout.count, 1), ord("|"), np.uint8)
        return np.concatenate([utc_text(layout.starts, "YYYY-MM-DDTHH:MM:SSZ"), bar], axis=1)

    @staticmethod
    def updates(seconds: I64) -> Bytes2D:
        return utc_text(seconds, "YYYY-MM-DDTHH:MM:SSZ")


Fuel = type[Electric] | type[Gas]


@dataclass(frozen=True, eq=False)
class Batch:
    """Reads of some customers and one day as of a night, before they become lines."""

    customers: Customers
    day: int
    channels: Channels
    events: ReadEvents  # one row per channel
    seen: Observed


def update_second(customers: Customers, points: U64, nights: I64) -> I64:
    """Return the UTC second at which the meter system stored each service point's reads: 00:10 to 02:40 local."""
    delay = 600 + below(draw(customers.utility.seed, "stored", 0, points), 9000)
    return midnight(customers.utility.zone, nights) + delay


def batch_of(fuel: Fuel, customers: Customers, day: int, as_of: int) -> Batch:
    """Make the reads of some customers and one local day as the meter system has them on night `as_of`."""
    channels = fuel.channels(customers, day)
    count = local_day(customers.utility.zone, day, fuel.minutes).count
    events = events_of(customers.utility, channels.points, day, count).take(channels.at)
    return Batch(customers, day, channels, events, observe(channels.true, events, as_of, ~channels.is_received))


def lines_of(fuel: Fuel, batch: Batch) -> Lines:
    """Turn reads into lines, one row per channel, one column per interval."""
    utility, ch = batch.customers.utility, batch.channels
    layout = local_day(utility.zone, batch.day, fuel.minutes)
    points = id_bytes(point_ids(utility, ch.points))[ch.at]
    meters = installed_on(utility.seed, ch.points, batch.day)
    before = fuel.owners(points, id_bytes(meter_ids(utility, meters.before))[ch.at], ch.is_received)
    updates = fuel.updates(update_second(batch.customers, ch.points[ch.at], batch.events.arrival))
    lines = lay_out(fuel.layout, before, fuel.times(layout), updates, batch.seen)
    swapped = np.nonzero(meters.hour[ch.at] < 24)[0]
    after = fuel.owners(
        points[swapped], id_bytes(meter_ids(utility, meters.after[ch.at[swapped]])), ch.is_received[swapped]
    )
    hours = layout.wall * fuel.minutes // 60
    row, step = np.nonzero(hours[None, :] >= meters.hour[ch.at[swapped]][:, None])
    set_field(lines, "owner", (swapped[row], step), after[row])
    row, step = batch.seen.fixed
    fixed = update_second(batch.customers, ch.points[ch.at[row]], batch.events.correction[row])
    set_field(lines, "update", (row, step), fuel.updates(fixed))
    return lines


class _Tally:
    """The planted truth of one file, added up while it is written."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("estimated", "substituted", "missing", "late", "corrected", "duplicated"), 0)
        self.bad: dict[str, int] = {}

    def add(self, codes: np.ndarray[tuple[int, ...], np.dtype[np.int8]], **more: int) -> None:
        odd = codes[codes != 0]
        for name, code in (("estimated", ESTIMATED), ("substituted", SUBSTITUTED), ("missing", MISSING)):
            more[name] = int(np.count_nonzero(odd == code))
        for name, count in more.items():
            self.counts[name] += count

    def onto(self, summary: FileSummary) -> FileSummary:
        return replace(summary, bad=dict(self.bad), **self.counts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class ReadsFile:
    """One reads file: some customers, one night."""

    utility: Utility
    fuel: Fuel
    night: int
    window: range  # local days carried in full, oldest first
    numbers: U64
    chunk: int

    def write(self, folder: Path, name: str) -> FileSummary:
        tally = _Tally()
        with TextFile(folder, name) as out:
            out.add(self.fuel.layout.header)
            for step in (self._window_days, self._late_days, self._corrections, self._duplicates):
                for text, rows in step(tally):
                    out.add(text, rows)
            if self.utility.faults:
                for text in self._broken(tally):
                    out.add(text, 1)
        return tally.onto(out.summary())

    def _chunks(self, size: int) -> Iterator[Customers]:
        for numbers in chunks_of(self.numbers, size):
            yield self.fuel.population(Customers(self.utility, numbers))

    def _events(self, customers: Customers, day: int) -> ReadEvents:
        count = local_day(self.utility.zone, day, self.fuel.minutes).count
        return events_of(self.utility, self.fuel.points(customers), day, count)

    def _window_days(self, tally: _Tally) -> Iterator[tuple[bytes, int]]:
        for day in self.window:
            for customers in self._chunks(self.chunk):
                here = np.nonzero(self._events(customers, day).arrival <= self.night)[0]
                batch = batch_of(self.fuel, customers.take(here), day, self.night)
                late = np.count_nonzero(batch.events.arrival > day + 1) * batch.seen.values.shape[1]
                tally.add(batch.seen.codes, late=int(late), corrected=len(batch.seen.fixed[0]))
                yield text_of(lines_of(self.fuel, batch)), batch.seen.values.size

    def _sparse(self, days: range, wanted: str) -> Iterator[Batch]:
        """Find the few service points of earlier days to which something happens tonight."""
        for day in days if self.utility.faults else ():
            for customers in self._chunks(65536):
                events = self._events(customers, day)
                hit = np.nonzero(getattr(events, wanted) == self.night)[0]
                if len(hit):
                    yield batch_of(self.fuel, customers.take(hit), day, self.night)

    def _late_days(self, tally: _Tally) -> Iterator[tuple[bytes, int]]:
        oldest = self.night - 1 - LATEST_ARRIVAL
        for batch in self._sparse(range(oldest, self.window.start), "arrival"):
            tally.add(batch.seen.codes, late=batch.seen.values.size)
            yield text_of(lines_of(self.fuel, batch)), batch.seen.values.size

    def _corrections(self, tally: _Tally) -> Iterator[tuple[bytes, int]]:
        oldest = self.night - 1 - LATEST_CORRECTION
        for batch in self._sparse(range(oldest, self.window.start), "correction"):
            fixed = batch.seen.fixed
            tally.add(batch.seen.codes[fixed], corrected=len(fixed[0]))
            yield text_of(lines_of(self.fuel, batch)[fixed]), len(fixed[0])

    def _duplicates(self, tally: _Tally) -> Iterator[tuple[bytes, int]]:
        day = self.night - 1
        for customers in self._chunks(65536) if self.utility.faults else ():
            events = self._events(customers, day)
            hit = np.nonzero((events.runs["duplicated"].stop > 0) & (events.arrival == self.night))[0]
            if len(hit) == 0:
                continue
            batch = batch_of(self.fuel, customers.take(hit), day, self.night)
            mask = batch.events.runs["duplicated"].mask(batch.seen.values.shape[1])
            tally.add(batch.seen.codes[mask], duplicated=int(np.count_nonzero(mask)))
            yield text_of(lines_of(self.fuel, batch)[mask]), int(np.count_nonzero(mask))

    def _broken(self, tally: _Tally) -> Iterator[bytes]:
        """Break a copy of one good line of each kind for every so many customers, whatever the parts."""
        first, last = int(self.numbers[0]), int(self.numbers[-1])
        for block in range(first // _BLOCK, last // _BLOCK + 1):
            pool = np.arange(block * _BLOCK, min((block + 1) * _BLOCK, self.utility.customers), dtype=np.uint64)
            candidates = self.fuel.population(Customers(self.utility, pool)).numbers
            for kind in BAD_KINDS if len(candidates) else ():
                dice = key_of(self.utility.seed, f"broken:{self.fuel.code}:{kind}:{block}", self.night)
                chosen = candidates[dice % len(candidates)]
                if first <= chosen <= last:
                    tally.bad[kind] = tally.bad.get(kind, 0) + 1
                    yield self._broken_line(chosen, kind, dice)

    def _broken_line(self, chosen: np.uint64, kind: str, dice: int) -> bytes:
        one = Customers(self.utility, np.array([chosen], dtype=np.uint64))
        lines = lines_of(self.fuel, batch_of(self.fuel, one, self.night - 1, self.night))
        line = text_of(lines[0, (dice >> 32) % lines.shape[1]])
        return read_lines.broken(self.fuel.layout, line, kind)


def write_electric(
    utility: Utility, night: date, folder: Path, *, history_days: int, parts: int, chunk: int = CHUNK
) -> list[FileSummary]:
    """Write the night's electric files in so many parts, then their manifest."""
    number, stem = day_number(night), f"mdm_interval_e_{night:%Y%m%d}"
    remove_old(folder, f"{stem}.manifest.json", f"{stem}_*.csv.gz")
    window = range(number - history_days, number)
    jobs = [
        ReadsFile(utility, Electric, number, window, np.arange(r.start, r.stop, dtype=np.uint64), chunk)
        for r in slots_in_parts(utility.customers, parts)
    ]
    names = [f"{stem}_{part:03d}.csv.gz" for part in range(1, parts + 1)]
    with ThreadPoolExecutor(max_workers=min(parts, 2)) as pool:
        written = list(pool.map(lambda job, name: job.write(folder, name), jobs, names))
    listed = [
        {"name": n, "rows": f.rows, "bytes": f.bytes, "sha256": f.sha256} for n, f in zip(names, written, strict=True)
    ]
    manifest = {"business_date": night.isoformat(), "files": listed}
    text = json.dumps(manifest, indent=1).encode() + b"\n"
    return [*written, write_plain(folder, f"{stem}.manifest.json", text)]


def write_gas(
    utility: Utility, night: date, folder: Path, *, history_days: int, chunk: int = CHUNK
) -> list[FileSummary]:
    """Write the night's gas file, then its done-marker."""
    number, name = day_number(night), f"mdm_interval_g_{night:%Y%m%d}.psv.zst"
    remove_old(folder, f"{name}.done", name)
    numbers = np.arange(utility.customers, dtype=np.uint64)
    job = ReadsFile(utility, Gas, number, range(number - history_days, number), numbers, chunk)
    return [job.write(folder, name), write_plain(folder, f"{name}.done", b"")]
