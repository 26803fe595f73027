"""A make-believe utility for deliveries: what it knows each night, and the published tables that say so.

Belongs here: service points with late reads, corrections, meter exchanges and solar channels; agreements that begin and
end; bills, estimates, re-bills of the same days and of longer ones. Does not belong here: anything of the writers; what
the partner must end with is said by the utility's own books (`reads`, `periods`, `stays`), never by what was sent.

Every change is a load with a number of its own, and the table's row has the number of the load that last changed it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import yaml

from nightwatt.contracts.canonical import READ_COLUMNS

ZONE = ZoneInfo("America/New_York")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_MARTS = Path(__file__).parents[2] / "dbt_project" / "models" / "marts"
_TABLES = {
    "fct_billed_usage": ("billing", "billed_usage_key"),
    "dim_service_agreement": ("customers", "service_agreement_key"),
}
_READ = ("service_point_id", "channel", "interval_start_at")


@dataclass(frozen=True)
class Point:
    """A place that is supplied."""

    name: str
    commodity: str = "electricity"
    channels: tuple[str, ...] = ("consumed",)

    @property
    def premise(self) -> str:
        return f"PR{self.name[2:]}"


@dataclass
class Stay:
    """An agreement of a customer at a service point."""

    number: int
    point: Point
    active: date
    inactive: date | None = None  # the day after the last one
    billed_through: date | None = None  # boundary day of the newest bill
    load: int = 0

    @property
    def agreement(self) -> str:
        return f"{5_000_000_000 + self.number:010d}"

    @property
    def account(self) -> str:
        return f"{4_000_000_000 + self.number:010d}"

    @property
    def customer(self) -> str:
        return f"{1_000_000_000 + self.number:010d}"


@dataclass(frozen=True)
class Value:
    """What the utility has for an interval; nothing, while it is missing."""

    amount: Decimal | None
    quality: str
    meter: str
    load: int


@dataclass(frozen=True)
class Bill:
    """What stands for billed days."""

    stay: int
    amount: Decimal | None
    charge: Decimal | None
    is_estimated: bool
    is_cancelled: bool
    load: int


@dataclass
class Utility:
    """The utility's books, night after night.

    Attributes:
        first_day: the first day with reads.
        load: number of the newest load.
        reads: interval reads by service point, channel and start.
        bills: billed periods by agreement, first day and boundary day.
        stays: agreements, oldest first.
    """

    seed: int
    first_day: date
    load: int = 0
    reads: dict[tuple[str, str, datetime], Value] = field(default_factory=dict)
    bills: dict[tuple[str, date, date], Bill] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let everybody move in."""
        self._random = Random(self.seed)
        self._late: dict[date, list[tuple[Point, date]]] = defaultdict(list)
        self._due: dict[date, list[tuple[str, str, datetime]]] = defaultdict(list)
        self._meters: dict[str, int] = defaultdict(lambda: 1)
        self._changed: dict[str, set[Any]] = defaultdict(set)
        self.points = [
            *(Point(f"SP{n:02}") for n in range(1, 8)),
            *(Point(f"SP{n:02}", channels=("delivered", "received")) for n in range(8, 11)),
            *(Point(f"SP{n:02}", commodity="gas", channels=()) for n in range(11, 13)),
        ]
        for point in self.points:
            self._move_in(point, self.first_day)

    # ---- a night ------------------------------------------------------------------------------------------------

    def night(self, day: date) -> None:
        """Take in what comes on the morning of a business date: the reads of the day before, and what else happens."""
        yesterday = day - DAY
        self.load += 1
        for point in self.points:
            if point.channels and self.stay_on(point, yesterday):
                if self._random.random() < 0.06:
                    self._late[day + self._random.randint(1, 25) * DAY].append((point, yesterday))
                else:
                    self._read_day(point, yesterday)
        for point, late_day in self._late.pop(day, []):
            self.load += 1
            self._read_day(point, late_day)
        self._fill_in(day)
        self._correct_reads()
        self._people(day)
        for stay in self.stays:
            self._bill(stay, day)
        self._bill_again()

    def _read_day(self, point: Point, day: date) -> None:
        exchanged = self._random.random() < 0.01
        hours = list(_hours(day))
        for n, start in enumerate(hours):
            if exchanged and n == len(hours) // 2:
                self._meters[point.name] += 1
            for channel in point.channels:
                chance = self._random.random()
                quality = "actual" if chance > 0.03 else "estimated" if chance > 0.008 else "missing"
                if exchanged and n == len(hours) // 2:
                    quality = "substituted"
                self._put(point.name, channel, start, quality)
                if quality in {"estimated", "missing"}:
                    self._due[day + self._random.randint(2, 40) * DAY].append((point.name, channel, start))

    def _put(self, point: str, channel: str, start: datetime, quality: str = "actual") -> None:
        key = (point, channel, start)
        known = self.reads.get(key)
        amount = None if quality == "missing" else Decimal(self._random.randrange(1, 9000)) / 1000
        if amount is not None and known is not None and known.amount == amount:
            amount += Decimal("0.5")  # a correction that corrects nothing would be no change
        self.reads[key] = Value(amount, quality, f"M{point}{self._meters[point]}", self.load)
        self._changed["reads"].add(key)

    def _fill_in(self, day: date) -> None:
        """What was estimated or missing is read after all."""
        keys = self._due.pop(day, [])
        if keys:
            self.load += 1
            for key in keys:
                self._put(*key)

    def _correct_reads(self) -> None:
        if self.reads and self._random.random() < 0.3:
            self.load += 1
            point, channel, start = self._random.choice(list(self.reads))
            for n in range(self._random.randint(1, 30)):
                if (point, channel, start + n * HOUR) in self.reads:
                    self._put(point, channel, start + n * HOUR)

    # ---- people -------------------------------------------------------------------------------------------------

    def _people(self, day: date) -> None:
        for point in self.points:
            stay = self.stay_on(point, day)
            if stay is None:
                if not any(s.point == point and s.active > day for s in self.stays) and self._random.random() < 0.2:
                    self._move_in(point, day)
            elif stay.inactive is None and day - stay.active > 40 * DAY and self._random.random() < 0.008:
                self.load += 1
                stay.inactive, stay.load = day, self.load
                self._changed["stays"].add(stay.number)
                if self._random.random() < 0.6:
                    self._move_in(point, day)  # the next one comes the same day; else the place is empty for a while

    def _move_in(self, point: Point, day: date) -> None:
        self.load += 1
        self.stays.append(Stay(len(self.stays) + 1, point, day, load=self.load))
        self._changed["stays"].add(len(self.stays))

    def stay_on(self, point: Point, day: date) -> Stay | None:
        """Return who is there on a day."""
        for stay in reversed(self.stays):
            if stay.point == point and stay.active <= day and (stay.inactive is None or day < stay.inactive):
                return stay
        return None

    # ---- bills --------------------------------------------------------------------------------------------------

    def _bill(self, stay: Stay, day: date) -> None:
        begins = stay.billed_through or stay.active
        ends = begins + timedelta(days=28 + (stay.number * 7 + begins.month * 3) % 6)
        if stay.inactive is not None:
            ends = min(ends, stay.inactive)
        if ends <= begins or day < ends + 3 * DAY:
            return
        self.load += 1
        newest = [key for key in self.bills if key[0] == stay.agreement and key[2] == begins]
        if newest and self._random.random() < 0.35:  # the bill before and this one become one
            self._cancel(newest[0])
            begins = newest[0][1]
        self._post(stay, begins, ends, is_estimated=self._random.random() < 0.2)
        stay.billed_through = ends

    def _bill_again(self) -> None:
        """The same days are billed anew: an estimate is read, or something was wrong; however long ago."""
        standing = [key for key, bill in self.bills.items() if not bill.is_cancelled]
        if standing and self._random.random() < 0.15:
            self.load += 1
            key = self._random.choice(standing)
            self._post(self.stays[self.bills[key].stay - 1], key[1], key[2])

    def _post(self, stay: Stay, begins: date, ends: date, *, is_estimated: bool = False) -> None:
        amount = Decimal(self._random.randrange(100_000, 9_000_000)) / 1000
        charge = (amount * Decimal("0.15")).quantize(Decimal("0.01"))
        key = (stay.agreement, begins, ends)
        self.bills[key] = Bill(stay.number, amount, charge, is_estimated, False, self.load)
        self._changed["bills"].add(key)

    def _cancel(self, key: tuple[str, date, date]) -> None:
        bill = self.bills[key]
        self.bills[key] = replace(bill, amount=None, charge=None, is_cancelled=True, load=self.load)
        self._changed["bills"].add(key)

    # ---- what is published --------------------------------------------------------------------------------------

    def publish(self, con: duckdb.DuckDBPyConnection) -> int:
        """Bring the published tables up to the books; return the number of the newest load in them."""
        reads = [self._read_row(key) for key in sorted(self._changed.pop("reads", set()))]
        _upsert(con, "fct_interval_reads", _READ, reads)
        bills = [self._bill_row(key) for key in sorted(self._changed.pop("bills", set()))]
        _upsert(con, "fct_billed_usage", ("billed_usage_key",), bills)
        stays = [self._stay_row(self.stays[n - 1]) for n in sorted(self._changed.pop("stays", set()))]
        _upsert(con, "dim_service_agreement", ("service_agreement_key",), stays)
        return self.load

    def _read_row(self, key: tuple[str, str, datetime]) -> dict[str, Any]:
        point, channel, start = key
        value = self.reads[key]
        return {
            "service_point_id": point,
            "channel": channel,
            "interval_start_at": start.replace(tzinfo=None),
            "interval_min": 60,
            "value": value.amount,
            "unit": "kWh",
            "quality": value.quality,
            "meter_id": value.meter,
            "last_updated_at": None,
            "read_date": start.astimezone(ZONE).date(),
            "zone": ZONE.key,
            "commodity": "electricity",
            "receipt_id": 1,
            "load_sequence": value.load,
        }

    def _bill_row(self, key: tuple[str, date, date]) -> dict[str, Any]:
        agreement, begins, ends = key
        bill = self.bills[key]
        stay = self.stays[bill.stay - 1]
        return {
            "billed_usage_key": f"CCB|BU|{agreement}|{begins:%Y%m%d}|{ends:%Y%m%d}",
            "source_system": "CCB",
            "service_agreement_key": f"CCB|SA|{agreement}",
            "service_agreement_id": agreement,
            "service_point_id": stay.point.name,
            "billing_account_id": stay.account,
            "commodity": stay.point.commodity,
            "period_start_date": begins,
            "boundary_date": ends,
            "days": (ends - begins).days,
            "usage_quantity": bill.amount,
            "usage_unit": "kWh" if stay.point.commodity == "electricity" else "therm",
            "charge_amount_usd": bill.charge,
            "is_estimated": bill.is_estimated,
            "is_cancelled": bill.is_cancelled,
            "last_updated_at": None,
            "through_sequence": bill.load,
        }

    def _stay_row(self, stay: Stay) -> dict[str, Any]:
        address = {"city": "Albany", "state": "NY", "postal_code": "12203"}
        return {
            "service_agreement_key": f"CCB|SA|{stay.agreement}",
            "service_point_key": f"CCB|SP|{stay.point.name}",
            "source_system": "CCB",
            "service_agreement_id": stay.agreement,
            "service_point_id": stay.point.name,
            "billing_account_id": stay.account,
            "ccb_account_id": stay.account,
            "customer_id": stay.customer,
            "premise_id": stay.point.premise,
            "commodity": stay.point.commodity,
            "customer_class": "residential",
            "rate_code": "E-RES-1",
            "read_cycle": f"{stay.number % 20 + 1:02}",
            "is_cancelled": False,
            "active_date": stay.active,
            "inactive_date": stay.inactive,
            "service_start_date": stay.active,
            "service_end_date": stay.inactive,
            "customer_type": "person",
            "customer_name": f"Invented, Nobody {stay.number}",
            "first_name": f"Nobody {stay.number}",
            "last_name": "Invented",
            "mail_address_line_1": f"{stay.number} Elm Ter",
            **{f"mail_{name}": value for name, value in address.items()},
            "mail_country": "USA",
            "service_house_number": stay.point.name[2:].lstrip("0"),
            "service_street_name": "Elm Ter",
            **{f"service_{name}": value for name, value in address.items()},
            "last_updated_at": None,
            "through_sequence": stay.load,
        }


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make the published tables, empty, with the columns their contracts say."""
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    columns = ", ".join(f"{name} {kind}" for name, kind in READ_COLUMNS.items())
    con.execute(f"create table fct_interval_reads ({columns})")
    for table, (folder, _) in _TABLES.items():
        columns = ", ".join(f"{name} {kind}" for name, kind in _contract(folder, table).items())
        con.execute(f"create table {table} ({columns})")


@cache
def _contract(folder: str, table: str) -> dict[str, str]:
    (model,) = yaml.safe_load((_MARTS / folder / f"{table}.yml").read_text("utf-8"))["models"]
    return {column["name"]: column["data_type"] for column in model["columns"]}


def _upsert(con: duckdb.DuckDBPyConnection, table: str, key: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    incoming = pa.Table.from_pylist(rows)
    con.register("incoming", incoming)
    same = " and ".join(f"{table}.{name} = incoming.{name}" for name in key)
    con.execute(f"delete from {table} using incoming where {same}")
    con.execute(f"insert into {table} by name select * from incoming")
    con.unregister("incoming")


@cache
def _hours(day: date) -> tuple[datetime, ...]:
    """Return the hours of a local day by their starts, UTC: 23, 24 or 25."""
    start, end = (datetime.combine(d, time(), ZONE).astimezone(UTC) for d in (day, day + DAY))
    return tuple(_between(start, end))


def _between(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR
