"""Nights written straight into a ledger, as the stages would have left them: for the board, the ops page and its bench.

Belongs here: making a home look as it does at an instant of a night, quick enough for a year of nights. Does not belong
here: files, rows and real stages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from nightwatt.calendar import wall_instant
from nightwatt.contracts.catalog import Catalog, load_catalog
from nightwatt.intake.rejects import reject_path
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import (
    Alert,
    AlertState,
    Base,
    DeliveryState,
    Load,
    LoadState,
    Look,
    PhaseKind,
    Publication,
    PublicationState,
    Receipt,
    ReceiptState,
    RejectSummary,
    Run,
    RunState,
    Sending,
    SequenceCounter,
    Severity,
)
from nightwatt.settings import Settings
from nightwatt.warehouse.versions import published_file

ZONE = ZoneInfo("America/New_York")
TONIGHT = date(2026, 3, 12)  # a Thursday
TABLES = {
    "billing": {"dim_account": 182_400, "dim_customer": 171_233, "fct_bills": 2_204_118, "ops_runs": 900},
    "usage": {"fct_usage_daily": 66_430_210, "fct_usage_monthly": 2_214_300, "ops_runs": 900},
}
SHARE = {"mdm_interval_electric": 16_800_000, "mdm_interval_gas": 1_240_000}


@dataclass(frozen=True)
class Night:
    """How one night went, as far as an instant."""

    day: date
    seen_at: datetime | None = None  # nothing after it happened yet
    absent: frozenset[str] = frozenset()  # feeds of which nothing comes
    late: Mapping[str, timedelta] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)  # feed to why
    rejects: Mapping[str, int] = field(default_factory=dict)  # feed to lines put aside
    failed: Mapping[str, str] = field(default_factory=dict)  # delivery to why
    unpublished: frozenset[str] = frozenset()  # domains that are not published although nothing is missing


def at(day: date, wall: str, zone: ZoneInfo = ZONE) -> datetime:
    """Return the instant of a wall-clock time of a day."""
    return wall_instant(day, datetime.strptime(wall, "%H:%M").time(), zone)  # noqa: DTZ007  (a wall-clock time)


@contextmanager
def home(root: Path, **more: Any) -> Iterator[tuple[Settings, Ledger, Catalog]]:
    """Open a new home's ledger."""
    settings = Settings(home=root, **more)
    place = settings.root / "ledger" / "ledger.db"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(_empty())
    ledger = Ledger.open(settings.ledger_address)
    try:
        yield settings, ledger, load_catalog(systems=settings.systems)
    finally:
        ledger.close()


@cache
def _empty() -> bytes:
    """Return a migrated ledger with nothing in it, made once: migrating takes longer than most tests."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.open(f"sqlite:///{path}")
        ledger.close()
        with sqlite3.connect(path) as con:
            con.execute("pragma wal_checkpoint(truncate)")
        con.close()
        return path.read_bytes()


class Diary:
    """Writes nights, and keeps count of the numbers the ledger would hand out."""

    def __init__(self, session: Session, catalog: Catalog, zone: ZoneInfo = ZONE) -> None:
        self.session = session
        self.catalog = catalog
        self.zone = zone
        self._rows: list[Base] = []
        self._sequence = session.scalar(select(SequenceCounter.last_value)) or 0
        self._receipt = session.scalar(select(func.max(Receipt.id))) or 0

    def write(self, *nights: Night) -> None:
        """Write nights, oldest first."""
        for night in nights:
            self._write(night)
        self.session.add_all(row for row in self._rows if isinstance(row, Receipt))
        self.session.flush()  # others point at them
        self.session.add_all(row for row in self._rows if not isinstance(row, Receipt))
        self.session.flush()
        self._rows.clear()
        self.session.execute(update(SequenceCounter).values(last_value=self._sequence))

    def _write(self, night: Night) -> None:
        chance = Random(night.day.toordinal())
        for domain, start in (("billing", "00:40"), ("usage", "01:20")):
            ends = [self._feed(night, name, start, chance) for name in self._feeds(domain)]
            if None in ends or domain in night.unpublished:
                continue
            done = self._publish(night, domain, max(e for e in ends if e), chance)
            if done is not None:
                for name, contract in sorted(self.catalog.deliveries.items()):
                    if contract.domain == domain:
                        self._deliver(night, name, done, chance)

    def _feeds(self, domain: str) -> list[str]:
        return [f.feed for f in self.catalog.feeds_of(domain)]

    def _happened(self, night: Night, instant: datetime) -> bool:
        return night.seen_at is None or instant <= night.seen_at

    def _feed(self, night: Night, feed: str, start: str, chance: Random) -> datetime | None:
        """Write a feed's file and its load; return when it was in, None if it is not."""
        arrived = at(night.day, start, self.zone) + timedelta(seconds=chance.randint(60, 4200))
        arrived += night.late.get(feed, timedelta())
        rows = int(SHARE.get(feed, 1_000 + 4_000 * (len(feed) % 7)) * chance.uniform(0.93, 1.06))
        took = timedelta(seconds=20 + rows / 60_000)
        self._look(night, feed, arrived)
        if feed in night.absent or not self._happened(night, arrived):
            return None
        self._receipt += 1
        is_held, put_aside = feed in night.held, night.rejects.get(feed, 0)
        is_in = self._happened(night, arrived + took) and not is_held
        state = ReceiptState.HELD if is_held else ReceiptState.LOADED if is_in else ReceiptState.LANDED
        self._rows.append(
            Receipt(
                id=self._receipt, feed=feed, business_date=night.day, file_name=f"{feed}_{night.day:%Y%m%d}.csv.gz",
                content_sha256=f"{chance.getrandbits(256):064x}", size_bytes=rows * 11, unpacked_bytes=rows * 90,
                line_count=rows + 1, needs_cleaning=False, sent_at=arrived, arrived_at=arrived, state=state,
                rows_in=rows if is_in else None, rows_kept=rows - put_aside if is_in else None,
                rows_rejected=put_aside if is_in or is_held else None, rows_ignored=0 if is_in else None,
                is_complete=True if is_in else None, message=night.held.get(feed),
            )
        )  # fmt: skip
        self._load(night, feed, (arrived, arrived + took), put_aside, is_in=is_in, is_held=is_held)
        return arrived + took if is_in else None

    def _look(self, night: Night, feed: str, arrived: datetime) -> None:
        is_there = feed not in night.absent and self._happened(night, arrived)
        ready = arrived if is_there else None
        self._rows.append(
            Look(
                feed=feed, business_date=night.day, first_at=at(night.day, "00:31", self.zone),
                at=ready or night.seen_at or arrived, ready_at=ready, is_ready=is_there, arrived=int(is_there),
                expected=1, reason="all is there" if is_there else "nothing has come", unknown=[], looked_by="test",
            )
        )  # fmt: skip

    def _load(
        self, night: Night, feed: str, when: tuple[datetime, datetime], put_aside: int, *, is_in: bool, is_held: bool
    ) -> None:
        began, ended = when
        self._sequence += 1
        is_over = is_in or (is_held and self._happened(night, ended))
        state = RunState.SUCCEEDED if is_in else RunState.FAILED if is_over else RunState.RUNNING
        why = f"TerminalError: [load.held] feed {feed}: 1 file(s) on hold -> look" if is_held else None
        self._run("load", feed, night.day, (began, ended if is_over else None), state, why)
        if is_in or put_aside:
            self._rows.append(
                Load(
                    sequence=self._sequence, receipt_id=self._receipt, kind="intake", state=LoadState.DONE,
                    lake_path=f"lake/{feed}/load={self._sequence}", records_out=None, started_at=began, ended_at=ended,
                )
            )  # fmt: skip
        if put_aside:
            self._rows.append(
                RejectSummary(
                    receipt_id=self._receipt, load_sequence=self._sequence, code="row.bad_date", column_name="END_DT",
                    lines=put_aside, first_line=17, open_lines=put_aside,
                )
            )  # fmt: skip

    def _publish(self, night: Night, domain: str, since: datetime, chance: Random) -> datetime | None:
        built = since + timedelta(minutes=chance.randint(9, 16))
        done = built + timedelta(minutes=2)
        if not self._happened(night, since):
            return None
        self._step("build", domain, night, (since, built))
        if not self._happened(night, built):
            return None
        self._step("publish", domain, night, (built, done))
        if not self._happened(night, done):
            return None
        self._sequence += 1
        self._rows.append(
            Publication(
                sequence=self._sequence, domain=domain, as_of=night.day, state=PublicationState.PUBLISHED,
                through_sequence=self._sequence - 1, tables=TABLES[domain], started_at=built, published_at=done,
            )
        )  # fmt: skip
        return done

    def _step(self, stage: str, subject: str, night: Night, when: tuple[datetime, datetime]) -> None:
        began, ended = when
        is_over = self._happened(night, ended)
        state = RunState.SUCCEEDED if is_over else RunState.RUNNING
        self._run(stage, subject, night.day, (began, ended if is_over else None), state)

    def _deliver(self, night: Night, name: str, since: datetime, chance: Random) -> None:
        began = since + timedelta(minutes=3)
        done = began + timedelta(minutes=chance.randint(2, 6))
        if not self._happened(night, began):
            return
        why = night.failed.get(name)
        is_done = self._happened(night, done) and why is None
        state = DeliveryState.DELIVERED if is_done else DeliveryState.FAILED if why else DeliveryState.INTENT
        outcome = RunState.SUCCEEDED if is_done else RunState.FAILED if why else RunState.RUNNING
        told = f"TransientError: [sftp.refused] {why} -> try again" if why else None
        self._run("deliver", name, night.day, (began, done if is_done or why else None), outcome, told)
        self._rows.append(
            Sending(
                delivery=name, business_date=night.day, publication_sequence=self._sequence,
                through_sequence=self._sequence, phase=PhaseKind.INCREMENTAL,
                file_name=f"{name}_{night.day:%Y%m%d}.gz", content_sha256=f"{chance.getrandbits(256):064x}",
                size_bytes=chance.randint(2_000_000, 9_000_000), rows=chance.randint(90_000, 130_000),
                remote_path=f"/uploads/{name}", state=state, attempts=3 if why else 1, intended_at=began,
                delivered_at=done if is_done else None, message=why,
            )
        )  # fmt: skip

    def _run(
        self,
        stage: str,
        subject: str,
        day: date,
        when: tuple[datetime, datetime | None],
        state: RunState,
        message: str | None = None,
    ) -> None:
        self._rows.append(
            Run(
                stage=stage, subject=subject, business_date=day, started_by="test", state=state, started_at=when[0],
                ended_at=when[1], message=message,
            )
        )  # fmt: skip


def before(day: date, nights: int) -> list[Night]:
    """Return so many ordinary nights before one, oldest first."""
    return [Night(day - timedelta(days=n)) for n in range(nights, 0, -1)]


def alert(code: str, subject: str, opened_at: datetime, message: str, remedy: str, **more: Any) -> Alert:
    """Return an open alert."""
    day = more.pop("business_date", TONIGHT)
    severity = more.pop("severity", Severity.CRITICAL)
    topic = more.pop("topic", code.split(".", maxsplit=1)[0])
    return Alert(
        open_key=f"{topic}:{subject}:{day}", topic=topic, code=code, subject=subject, business_date=day,
        domain=more.pop("domain", "billing"), cause=f"{topic}:{subject}", severity=severity, state=AlertState.OPEN,
        message=message, remedy=remedy, evidence={}, opened_at=opened_at, updated_at=opened_at, seen_at=opened_at,
        reported_by="test", **more,
    )  # fmt: skip


def write_rejected_lines(settings: Settings, feed: str, sequence: int, receipt_id: int, lines: int, raw: str) -> None:
    """Write a reject store file as intake does, with the same raw text in every line."""
    path = reject_path(settings, feed, sequence)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "receipt_id": [receipt_id] * lines, "load_sequence": [sequence] * lines, "line": list(range(17, 17 + lines)),
        "code": ["row.bad_date"] * lines, "column_name": ["END_DT"] * lines,
        "reason": ["the field is not a date in the contract's form"] * lines, "raw": [raw] * lines,
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)


def write_reconciliation(settings: Settings, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Write a published warehouse that holds a reconciliation of billing and nothing else.

    Args:
        settings: the home.
        rows: entity, measure, what the source sent, what is published.
    """
    path = published_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = ("source", "published", "quarantined", "difference")
    columns = ", ".join(f"{name}_value decimal(28, 2)" for name in numbers)
    with duckdb.connect(str(path)) as con:
        con.execute(
            "create table compared (source_system varchar, entity varchar, measure varchar, "
            f"{columns}, variance_pct decimal(18, 6))"
        )
        for entity, measure, *sides in rows:
            source, published = map(Decimal, sides)
            missing = source - published
            values = [entity, measure, source, published, missing, 100 * missing / source]
            con.execute("insert into compared values ('CCB', ?, ?, ?, ?, 0, ?, ?)", values)
        con.execute("create view rpt_billing_reconciliation as select * from compared")
