"""A utility's nights at speed: senders, Airflow's part and the watchers, all by one clock that is set by hand.

Belongs here: who does what at which minute. Files, arrival, loading, the look and its messages are the platform's own;
what takes long in a real night (building, publishing, sending) is played by entries in the ledger with the
durations a scenario gives them. Does not belong here: which night goes how, and what must be said (`test_month.py`).
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update

from nightwatt import stages
from nightwatt.calendar import wall_instant
from nightwatt.contracts.catalog import Catalog
from nightwatt.contracts.feed import Feed
from nightwatt.errors import NightWattError
from nightwatt.ledger import hearts
from nightwatt.ledger.book import next_sequence
from nightwatt.ledger.models import (
    DeliveryState,
    PhaseKind,
    Publication,
    PublicationState,
    Receipt,
    ReceiptState,
    Run,
    RunState,
    Sending,
)
from nightwatt.settings import Settings
from nightwatt.stages import Platform
from nightwatt.stages.watching import Beat

ZONE = ZoneInfo("America/New_York")
TICK = timedelta(minutes=5)
FROM, TO = time(0, 30), time(13, 0)
WATCHDOG_S, WATCH_NIGHT_S = 60, 300
"""How often the watchers promise to look; of the watchdog's looks every fifth is played."""
HISTORY_NIGHTS = 35

MINUTES = {"load": 8, "build": 20, "publish": 4, "deliver": 6}
"""How long each step usually takes; a quarter more or less from night to night."""

STARTS = {"billing": time(0, 30), "usage": time(1, 0)}
"""When each domain's DAG begins."""

DELIVERIES = {"crm_core": "billing", "opower_interval_electric": "usage"}
SWEEPS = (30,)
"""Minutes of each hour at which delivery DAGs try again."""


@dataclass(frozen=True)
class Sender:
    """A feed's sender on an ordinary night."""

    domain: str
    system: str
    usually_at: time
    rows: int
    deadlines: tuple[str, str, str]


BILLING = ("02:30", "04:00", "06:00")
USAGE = ("03:00", "05:00", "07:00")
SENDERS = {
    "accounts": Sender("billing", "ccb", time(1, 40), 40, BILLING),
    "agreements": Sender("billing", "ccb", time(1, 50), 30, BILLING),
    "bills": Sender("billing", "ccb", time(2, 0), 60, BILLING),
    "electric_reads": Sender("usage", "mdm", time(2, 20), 200, USAGE),
    "gas_reads": Sender("usage", "mdm", time(2, 30), 80, USAGE),
}

CONTRACT = """
feed: {name}
title: {name}
system: {system}
owner: {system}-desk@nightwatt.invalid
domain: {domain}
entity: table
arrival:
  folder: {name}
  pattern: "{name}_{{business_date:%Y%m%d}}.csv"
  wholeness: {{rule: done_marker}}
  max_files: 1
columns:
  - {{name: ID, field: id, required: true}}
  - {{name: AMOUNT, field: amount, type: integer}}
key: [id]
mode: append
completeness: {{min_rows: 1, min_pct_of_median: 80, max_pct_of_median: 150}}
reject_tolerance_pct: 1
deadlines: {{expected_by: "{0}", late_at: "{1}", deadline: "{2}"}}
"""


class HandClock:
    """A clock that shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time it shows."""
        return self.now


class TwoTimes:
    """A clock that shows one time when first asked and another from then on: start and end of a piece of work."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self._times = [start]
        self._end = end

    def __call__(self) -> datetime:
        """Return the start once, then the end."""
        return self._times.pop() if self._times else self._end


def write_catalog(folder: Path, deliveries: dict[str, str]) -> None:
    """Write the feeds above, and deliveries by their YAML."""
    for kind in ("feeds", "deliveries"):
        (folder / kind).mkdir(parents=True)
    for name, s in SENDERS.items():
        text = CONTRACT.format(*s.deadlines, name=name, system=s.system, domain=s.domain)
        (folder / "feeds" / f"{name}.yaml").write_text(text, "utf-8")
    for name, text in deliveries.items():
        (folder / "deliveries" / f"{name}.yaml").write_text(text, "utf-8")


@dataclass
class Night:
    """What differs from an ordinary night."""

    day: date
    agenda: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)  # feeds whose sender does not send by itself
    pace: dict[str, float] = field(default_factory=dict)  # step -> how many times as long as usual
    fails: dict[str, str] = field(default_factory=dict)  # step:subject -> why it fails tonight
    is_partner_away: bool = False
    paused: set[str] = field(default_factory=set)  # domains whose DAG is switched off


class Shift:
    """The house: senders, Airflow and both watchers."""

    def __init__(self, folder: Path, catalog: Path, first: date) -> None:
        self.settings = Settings(home=folder / "home", catalog=catalog)
        self.clock = HandClock(wall_instant(first, FROM, ZONE))
        self.alive = {"scheduler", "triggerer", "watchdog"}
        self.chains: dict[tuple[str, date], Chain] = {}
        self.night = Night(first)
        self._chance = random.Random(20260301)
        self._looks = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Open the home for the watchers and for Airflow."""
        with (
            Platform.open("watchdog", self.settings, clock=self.clock) as watchdog,
            Platform.open("watch_night/scheduled", self.settings, clock=self.clock) as airflow,
        ):
            self.watchdog, self.airflow = watchdog, airflow
            yield

    @property
    def catalog(self) -> Catalog:
        """The contracts."""
        return self.watchdog.catalog

    # --- what a scenario says ---------------------------------------------------------------------------

    def at(self, wall: str, action: Callable[[], None]) -> None:
        """Do something at a wall-clock time of this night."""
        when = wall_instant(self.night.day, time.fromisoformat(wall), ZONE)
        self.night.agenda.append((when, action))

    def drop(
        self, feed: str, *, rows: int | None = None, bad: int = 0, name: str = "", text: str | None = None
    ) -> None:
        """Put a file of tonight and its done marker into the feed's folder."""
        self.begin_file(feed, rows=rows, bad=bad, name=name, text=text)
        self.finish_file(feed, name=name)

    def begin_file(
        self, feed: str, *, rows: int | None = None, bad: int = 0, name: str = "", text: str | None = None
    ) -> None:
        """Put a file of tonight there, without the marker that says it is whole."""
        count = SENDERS[feed].rows if rows is None else rows
        lines = [f"{feed}-{self.night.day}-{n},{'x' if n < bad else n}" for n in range(count)]
        self._write(feed, name or self.file_name(feed), "\n".join(["ID,AMOUNT", *lines, ""]) if text is None else text)

    def finish_file(self, feed: str, *, name: str = "") -> None:
        """Put the marker beside it."""
        self._write(feed, f"{name or self.file_name(feed)}.done", "")

    def file_name(self, feed: str) -> str:
        """Return the name the contract wants tonight."""
        return f"{feed}_{self.night.day:%Y%m%d}.csv"

    def remove(self, feed: str, name: str) -> None:
        """Take a file and its marker away again."""
        for path in (self.settings.inbound / feed / name, self.settings.inbound / feed / f"{name}.done"):
            path.unlink()

    def _write(self, feed: str, name: str, text: str) -> None:
        path = self.settings.inbound / feed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        stamp = self.clock.now.timestamp()
        os.utime(path, (stamp, stamp))

    def clear(self, domain: str) -> None:
        """Clear the failed tasks of tonight's run, as an operator does in Airflow."""
        self.chains[domain, self.night.day].clear()

    # --- the night ---------------------------------------------------------------------------------------

    def begin(self, night: Night) -> None:
        """Begin a night; what a scenario says then is about this one."""
        self.night = night
        self.sent = {d: Errand(self, d) for d in DELIVERIES}
        self.clock.now = wall_instant(night.day, FROM, ZONE)
        with self.watchdog.ledger.write() as session:  # both watchers have looked all evening
            hearts.beat(session, "watch_night", self.clock(), WATCH_NIGHT_S)
            for name in ("watchdog", "api_server", "scheduler", "triggerer"):
                hearts.beat(session, name, self.clock(), WATCHDOG_S)

    def run(self) -> None:
        """Play the night from half past midnight to one in the afternoon."""
        night = self.night
        for feed, sender in SENDERS.items():
            if feed not in night.silent:
                minutes = timedelta(minutes=self._chance.randrange(-10, 11))
                usual = wall_instant(night.day, sender.usually_at, ZONE) + minutes
                night.agenda.append((usual, partial(self.drop, feed)))
        end = wall_instant(night.day, TO, ZONE)
        while self.clock.now <= end:
            self._tick()
            self.clock.now += TICK
        assert not night.agenda, f"{night.day}: not everything happened"

    def _tick(self) -> None:
        due = sorted((e for e in self.night.agenda if e[0] <= self.clock.now), key=lambda e: e[0])
        self.night.agenda = [e for e in self.night.agenda if e[0] > self.clock.now]
        for _, action in due:
            action()
        if "scheduler" in self.alive:
            self._airflow()
        self._watch()

    def _airflow(self) -> None:
        now = self.clock.now
        for domain, start in STARTS.items():
            key = (domain, self.night.day)
            begun = now >= wall_instant(self.night.day, start, ZONE) and domain not in self.night.paused
            if begun and key not in self.chains:
                self.chains[key] = Chain(self, domain, self.night.day)
        for chain in self.chains.values():
            chain.tick()
        for errand in self.sent.values():
            errand.tick()

    def _watch(self) -> None:
        """Let both watchers look, now the one and now the other first."""
        self._looks += 1
        watchers = [("watchdog", self._watchdog), ("scheduler", self._watch_night)]
        for name, look in watchers if self._looks % 2 else reversed(watchers):
            if name in self.alive:
                look()

    def _watchdog(self) -> None:
        """Note what Airflow's health page would say, then look."""
        with self.watchdog.ledger.write() as session:
            for name in ("api_server", *sorted(self.alive & {"scheduler", "triggerer"})):
                hearts.beat(session, name, self.clock(), WATCHDOG_S)
        stages.watch(self.watchdog, Beat("watchdog", WATCHDOG_S))

    def _watch_night(self) -> None:
        """Look as Airflow's own DAG does."""
        stages.watch(self.airflow, Beat("watch_night", WATCH_NIGHT_S))

    def minutes(self, step: str) -> timedelta:
        """Return how long a step takes this time."""
        usual = MINUTES[step] * self._chance.uniform(0.75, 1.25)
        return timedelta(minutes=round(usual * self.night.pace.get(step, 1.0)))

    # --- entries --------------------------------------------------------------------------------------------

    def start_run(self, stage: str, subject: str, at: datetime) -> int:
        """Enter a run that goes on."""
        with self.airflow.ledger.write() as session:
            row = Run(
                stage=stage,
                subject=subject,
                business_date=self.night.day,
                started_by=f"{subject}/scheduled",
                state=RunState.RUNNING,
                started_at=at,
            )
            session.add(row)
            session.flush()
            return row.id

    def end_run(self, run: int, at: datetime, failure: str | None = None) -> None:
        """Enter how it ended."""
        state = RunState.FAILED if failure else RunState.SUCCEEDED
        with self.airflow.ledger.write() as session:
            session.execute(update(Run).where(Run.id == run).values(state=state, ended_at=at, message=failure))

    def forget_run(self, run: int) -> None:
        """Take a placeholder away; the stage enters itself."""
        with self.airflow.ledger.write() as session:
            session.delete(session.get_one(Run, run))

    def enter_publication(self, domain: str, day: date, at: datetime) -> None:
        """Enter that a domain was published."""
        with self.airflow.ledger.write() as session:
            number = next_sequence(session)
            session.add(
                Publication(
                    sequence=number,
                    domain=domain,
                    as_of=day,
                    state=PublicationState.PUBLISHED,
                    through_sequence=number - 1,
                    tables={f"fct_{domain}": 1},
                    started_at=at,
                    published_at=at,
                )
            )

    def enter_sending(self, delivery: str, day: date, at: datetime, phase: PhaseKind = PhaseKind.INCREMENTAL) -> None:
        """Enter that a file was delivered."""
        with self.airflow.ledger.write() as session:
            session.add(
                Sending(
                    delivery=delivery,
                    business_date=day,
                    publication_sequence=1,
                    through_sequence=1,
                    phase=phase,
                    file_name=f"{delivery}_{day:%Y%m%d}_{phase}.gz",
                    content_sha256="0" * 64,
                    size_bytes=1000,
                    rows=1000,
                    totals={"service_points": 100},
                    remote_path=f"/uploads/{delivery}_{day:%Y%m%d}.gz",
                    state=DeliveryState.DELIVERED,
                    attempts=1,
                    intended_at=at,
                    delivered_at=at,
                )
            )

    def remember(self, first: date) -> None:
        """Enter the weeks before the first night: every file in time, every step as long as usual."""
        for n in range(HISTORY_NIGHTS, 0, -1):
            self._remember_night(first - timedelta(days=n), is_first=n == HISTORY_NIGHTS)

    def _remember_night(self, day: date, *, is_first: bool) -> None:
        self.night = Night(day)
        for domain, start in STARTS.items():
            ready = wall_instant(day, start, ZONE)
            for feed, sender in SENDERS.items():
                if sender.domain == domain:
                    ready = max(ready, self._remember_file(feed, sender, day))
            for step in ("build", "publish"):
                run = self.start_run(step, domain, ready)
                ready += self.minutes(step)
                self.end_run(run, ready)
            self.enter_publication(domain, day, ready)
            for delivery in (d for d, of in DELIVERIES.items() if of == domain):
                run = self.start_run("deliver", delivery, ready)
                sent = ready + self.minutes("deliver")
                self.end_run(run, sent)
                self.enter_sending(delivery, day, sent, PhaseKind.FULL if is_first else PhaseKind.INCREMENTAL)

    def _remember_file(self, feed: str, sender: Sender, day: date) -> datetime:
        came = wall_instant(day, sender.usually_at, ZONE) + timedelta(minutes=self._chance.randrange(-10, 11))
        run = self.start_run("load", feed, came)
        loaded = came + self.minutes("load")
        self.end_run(run, loaded)
        with self.airflow.ledger.write() as session:
            session.add(
                Receipt(
                    feed=feed,
                    business_date=day,
                    file_name=f"{feed}_{day:%Y%m%d}.csv",
                    content_sha256=f"{feed}-{day}",
                    size_bytes=1,
                    unpacked_bytes=1,
                    line_count=sender.rows + 1,
                    needs_cleaning=False,
                    sent_at=came,
                    arrived_at=came,
                    state=ReceiptState.LOADED,
                    rows_in=sender.rows,
                    rows_kept=sender.rows,
                    rows_rejected=0,
                    rows_ignored=0,
                    is_complete=True,
                )
            )
        return loaded

    def messages(self) -> list[Said]:
        """Return everything that was said, in order."""
        path = self.settings.root / "alerts" / "messages.jsonl"
        return [Said.read(json.loads(text)) for text in path.read_text("utf-8").splitlines()] if path.exists() else []


@dataclass(frozen=True)
class Said:
    """One message, as somebody got it."""

    at: datetime
    night: date
    kind: str
    severity: str
    about: tuple[str, ...]  # code and subject of each alert
    text: str

    @classmethod
    def read(cls, line: dict[str, Any]) -> Said:
        """Return a line of the file channel."""
        at = datetime.fromisoformat(line["at"])
        return cls(
            at=at,
            night=date.fromisoformat(line["night"]) if line["night"] else at.astimezone(ZONE).date(),
            kind=line["kind"],
            severity=line["severity"],
            about=tuple(sorted(f"{a['code']} {a['subject']}" for a in line["alerts"])),
            text=line["text"],
        )

    def __str__(self) -> str:
        loud = "" if self.kind == "closed" else f" {self.severity}"
        return f"{self.at.astimezone(ZONE):%H:%M} {self.kind}{loud}: {', '.join(self.about)}"


class Chain:
    """Airflow's run of one domain for one night: wait for each feed, load it, build, publish."""

    def __init__(self, shift: Shift, domain: str, day: date) -> None:
        self.shift, self.domain, self.day = shift, domain, day
        self.feeds = {name: "wait" for name, s in SENDERS.items() if s.domain == domain}
        self.work: dict[str, tuple[str, int, datetime, datetime]] = {}  # what goes on: step, run, start, end
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.deferred = False

    def clear(self) -> None:
        """Try again what failed; a first look is a worker's, later ones are the triggerer's."""
        self.failed.clear()
        self.deferred = False
        for feed, state in self.feeds.items():
            if state == "failed":
                self.feeds[feed] = "wait"

    def tick(self) -> None:
        """Go on as far as the time allows."""
        now = self.shift.clock.now
        for name in [n for n, (_, _, _, end) in self.work.items() if end <= now]:
            self._finish(name)
        for feed, state in self.feeds.items():
            if state == "wait" and (not self.deferred or "triggerer" in self.shift.alive):
                self._wait(self.shift.catalog.feeds[feed], now)
        self.deferred = True
        if set(self.feeds.values()) <= {"done", "skipped"}:
            for step in ("build", "publish"):
                if step not in self.done:
                    self._start(step, self.domain)
                    break

    def _wait(self, feed: Feed, now: datetime) -> None:
        state = stages.expectation(self.shift.airflow, feed.feed, self.day)
        deadline = wall_instant(self.day, feed.deadlines.deadline, ZONE)
        if state.is_skipped:
            self.feeds[feed.feed] = "skipped"
        elif state.is_ready:
            self.feeds[feed.feed] = "load"
            self._start("load", feed.feed)
        elif now >= max(deadline, state.wait_until or deadline):
            self.feeds[feed.feed] = "failed"

    def _start(self, step: str, subject: str) -> None:
        if f"{step}:{subject}" in self.work or f"{step}:{subject}" in self.failed:
            return
        now = self.shift.clock.now
        run = self.shift.start_run(step, subject, now)
        self.work[f"{step}:{subject}"] = (step, run, now, now + self.shift.minutes(step))

    def _finish(self, name: str) -> None:
        step, run, start, end = self.work.pop(name)
        subject = name.partition(":")[2]
        why = self.shift.night.fails.get(name)
        if step == "load":
            self._load(subject, run, start, end)
            return
        self.shift.end_run(run, end, why)
        if why:
            self.failed.add(name)
            return
        self.done.add(step)
        if step == "publish":
            self.shift.enter_publication(self.domain, self.day, end)

    def _load(self, feed: str, run: int, start: datetime, end: datetime) -> None:
        """Let the real stage do the work that began at `start`; its own entry takes the placeholder's place."""
        self.shift.forget_run(run)
        with Platform.open(f"{self.domain}/scheduled", self.shift.settings, clock=TwoTimes(start, end)) as platform:
            try:
                stages.load(platform, feed, self.day)
            except NightWattError:  # in the ledger; the task fails
                self.feeds[feed] = "failed"
                self.failed.add(f"load:{feed}")
            else:
                self.feeds[feed] = "done"


class Errand:
    """Airflow's delivery task for one night: tries when its domain is published, and at each sweep."""

    def __init__(self, shift: Shift, delivery: str) -> None:
        self.shift, self.delivery, self.day = shift, delivery, shift.night.day
        self.is_sent = False
        self.work: tuple[int, datetime] | None = None
        self.tried = False

    def tick(self) -> None:
        """Go on as far as the time allows."""
        now = self.shift.clock.now
        if self.work and self.work[1] <= now:
            self._finish(*self.work)
        chain = self.shift.chains.get((DELIVERIES[self.delivery], self.day))
        if self.is_sent or self.work or chain is None or "publish" not in chain.done:
            return
        if not self.tried or now.astimezone(ZONE).minute in SWEEPS:
            self.tried = True
            run = self.shift.start_run("deliver", self.delivery, now)
            self.work = (run, now + self.shift.minutes("deliver"))

    def _finish(self, run: int, end: datetime) -> None:
        self.work = None
        away = "[sftp.unreachable] the partner's server does not answer" if self.shift.night.is_partner_away else None
        self.shift.end_run(run, end, away)
        if not away:
            self.is_sent = True
            self.shift.enter_sending(self.delivery, self.day, end)
