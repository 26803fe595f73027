"""Loading: landed files into the lake, and the lake's reads into the reads store.

Belongs here: which receipts are due, running intakes side by side, completeness of a night, merging.
Does not belong here: reading one file (intake) or merging rows (reads).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from nightwatt import locks, log
from nightwatt.arrival import landing_path
from nightwatt.checks import CheckResult, CountedFile, check_completeness, is_complete
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.formats import IdocFormat
from nightwatt.errors import TerminalError
from nightwatt.intake import LoadResult, intake, replay
from nightwatt.ledger import checks, loads, night_facts, receipts
from nightwatt.ledger.book import last_sequence
from nightwatt.ledger.models import NightChoice, Receipt, ReceiptState
from nightwatt.reads import StoreVersion
from nightwatt.settings import Settings
from nightwatt.stages.deciding import standing_decision
from nightwatt.stages.platform import Platform

LOAD_WAIT_S = 600.0
"""How long a load of a feed waits for another one of it."""


@dataclass(frozen=True)
class LoadSummary:
    """What loading one feed did."""

    feed: str
    receipts: int
    rows_in: int
    rows_kept: int
    rows_rejected: int
    rows_ignored: int
    held: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return counts and messages, no rows."""
        return asdict(self)


@dataclass(frozen=True)
class MergeSummary:
    """What merging into the reads store did."""

    version: int
    loads: int
    inserted: int
    updated: int
    unchanged: int
    conflicts: int

    def to_dict(self) -> dict[str, Any]:
        """Return counts."""
        return asdict(self)


def load(
    platform: Platform, feed_name: str, business_date: date | None = None, *, retry_held: bool = False
) -> LoadSummary:
    """Read every landed file of a feed into the lake; files of other dates that came late are taken too.

    Args:
        platform: the home.
        feed_name: the feed.
        business_date: a night that must be whole afterwards: judged even if nothing came for it, and a file of it
            on hold is an error, unless a person accepted or skipped the night. The nights of the files loaded are
            judged in any case.
        retry_held: read receipts again that are on hold, by the contract as it is now.

    Raises:
        TerminalError: `load.held`, when any file of the night is on hold, put there now or before; the others are
            loaded all the same. A chain must not go on as if the file had never come.
        TransientError: `load.busy`, when another process goes on loading this feed.
    """
    feed = platform.catalog.feed(feed_name)
    with platform.ledger.run("load", feed_name, business_date, platform.started_by):
        with _alone(platform, feed_name, "load"):
            with platform.ledger.read() as session:
                due = receipts.due(session, feed_name, include_held=retry_held)
            results = _intake_all(platform, feed, due)
            for night in sorted({r.business_date for r in due} | ({business_date} if business_date else set())):
                _judge_night(platform, feed, night)
            held = _held(platform, feed_name, business_date, results)
            left_out = held if _is_decided(platform, feed_name, business_date) else ()
        summary = LoadSummary(
            feed=feed_name,
            receipts=len(results),
            rows_in=sum(r.rows_in for r in results),
            rows_kept=sum(r.rows_kept for r in results),
            rows_rejected=sum(r.rows_rejected for r in results),
            rows_ignored=sum(r.rows_ignored for r in results),
            held=held,
        )
        if held and not left_out:
            raise TerminalError(
                "load.held",
                f"feed {feed_name}: {len(held)} file(s) on hold; first: {held[0]}",
                "published data stays as it was; follow the first message, then run this step again",
            )
    return summary


def _held(
    platform: Platform, feed_name: str, business_date: date | None, results: Sequence[LoadResult]
) -> tuple[str, ...]:
    """Return why files are on hold: those of the night, and those this call put there."""
    now = [r.held for r in results if r.held]
    if business_date is None:
        return tuple(now)
    with platform.ledger.read() as session:
        night = receipts.by_feed_and_date(session, feed_name, business_date)
    of_night = [r.message or r.file_name for r in night if r.state == ReceiptState.HELD]
    return tuple(of_night + [why for why in now if why not in of_night])


def _is_decided(platform: Platform, feed_name: str, business_date: date | None) -> bool:
    """Whether a person lets the night go on without files that are on hold."""
    decided = standing_decision(platform, feed_name, business_date) if business_date else None
    return decided is not None and decided.choice in {NightChoice.ACCEPT, NightChoice.SKIP}


def _alone(platform: Platform, feed_name: str, purpose: str) -> AbstractContextManager[locks.HeldLock]:
    """Hold a feed's intake: which receipts are due, and which loads are dead, is true of one process at a time."""
    return locks.hold(
        platform.settings.scratch / "locks" / f"load-{feed_name}.lock",
        f"{purpose} {feed_name}",
        code="load.busy",
        timeout_s=LOAD_WAIT_S,
        what=f"the intake of {feed_name}",
    )


def _intake_all(platform: Platform, feed: Feed, due: Sequence[Receipt]) -> list[LoadResult]:
    """Run intakes side by side, sharing the memory and the cores of one engine between them.

    Files of IDocs are read one after the other: each is held against the numbers that those before it brought.
    """
    if not due:
        return []
    workers = 1 if isinstance(feed.format, IdocFormat) else min(len(due), os.cpu_count() or 1)
    settings = _shared(platform.settings, workers)

    def one(receipt: Receipt) -> LoadResult:
        with log.bound(stage="load", subject=feed.feed, business_date=receipt.business_date, receipt=receipt.id):
            return intake(receipt, feed, settings, platform.ledger, landing_path(settings, receipt.content_sha256))

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, due))


def _shared(settings: Settings, workers: int) -> Settings:
    if workers == 1:
        return settings
    cores = settings.threads or os.cpu_count() or 1
    amount, unit = settings.memory_amount
    return settings.model_copy(
        update={"memory_limit": f"{amount / workers:.3g}{unit}", "threads": max(1, cores // workers)}
    )


def _judge_night(platform: Platform, feed: Feed, business_date: date) -> None:
    """Record whether the night of a feed is complete; only a complete full file may close anything.

    A night that a person accepted as it is never is: what it lacks may be more than its files show.
    A result that says what the last one said is not written again: running a step twice changes nothing.
    """
    is_expected = feed.schedule.word_on(business_date, platform.catalog.holidays).is_expected
    decided = standing_decision(platform, feed.feed, business_date)
    choice = decided.choice if decided else None
    with platform.ledger.write() as session:
        facts = night_facts.night_facts(session, feed.feed, business_date, feed.completeness.median_nights)
        if not facts.files and (choice is NightChoice.SKIP or not is_expected):
            return  # nothing was due and nothing came
        counted = _counted(session, feed, business_date)
        results = check_completeness(feed, facts, counted)
        known = {(c.code, c.subject): (c.passed, c.message) for c in checks.of_night(session, business_date)}
        news = [r for r in results if known.get((r.code, r.subject)) != (r.passed, r.message)]
        checks.record(session, news, business_date, platform.clock())
        receipts.set_complete(
            session, feed.feed, business_date, is_complete(results) and choice is not NightChoice.ACCEPT
        )


def _counted(session: Session, feed: Feed, business_date: date) -> list[CountedFile]:
    """Return the loaded files of a night whose senders say what they hold."""
    said = [
        r
        for r in receipts.by_feed_and_date(session, feed.feed, business_date)
        if r.state == ReceiptState.LOADED and (r.control_rows is not None or r.control_totals)
    ]
    summed = night_facts.totals_by_receipt(session, [r.id for r in said if r.control_totals])
    return [
        CountedFile(
            receipt_id=r.id,
            rows_in=r.rows_in or 0,
            control_rows=r.control_rows,
            rows_rejected=r.rows_rejected or 0,
            control_totals={name: Decimal(total) for name, total in (r.control_totals or {}).items()},
            totals=night_facts.added_up(summed.get(r.id, [])),
        )
        for r in said
    ]


def merge_reads(platform: Platform) -> MergeSummary:
    """Merge every finished load that the reads store does not hold yet. Runs twice without effect."""
    feeds = read_feeds(platform)
    with platform.ledger.run("merge", "reads", None, platform.started_by):
        with platform.ledger.read() as session:
            unmerged = [(load, receipt) for load, receipt in loads.done(session, feeds) if load.store_version is None]
        pending = [load for load, _ in unmerged]
        night = max((receipt.business_date for _, receipt in unmerged), default=None)
        current = platform.store.current()
        _refuse_older_ledger(platform, current)
        held = set(current.loads) if current else set()
        fresh = [load for load in pending if load.sequence not in held]
        summary = MergeSummary(current.version if current else 0, 0, 0, 0, 0, 0)
        if fresh:
            files = lake_files(platform.settings, [load.lake_path for load in fresh])
            result = platform.store.merge(files, [load.sequence for load in fresh])
            summary = MergeSummary(
                result.version, len(fresh), result.inserted, result.updated, result.unchanged, result.conflicts
            )
        if pending:
            _enter_merge(platform, [load.sequence for load in pending], summary, night)
    return summary


def rebuild_reads(platform: Platform) -> MergeSummary:
    """Make the reads store anew from every finished load in the lake, with id ranges that fit them."""
    with platform.ledger.run("rebuild", "reads", None, platform.started_by):
        with platform.ledger.read() as session:
            finished = [load for load, _ in loads.done(session, read_feeds(platform))]
        files = lake_files(platform.settings, [load.lake_path for load in finished])
        result = platform.store.rebuild(files, [load.sequence for load in finished])
        summary = MergeSummary(
            result.version, len(finished), result.inserted, result.updated, result.unchanged, result.conflicts
        )
        _enter_merge(platform, [load.sequence for load in finished], summary, None)
    return summary


def _refuse_older_ledger(platform: Platform, current: StoreVersion | None) -> None:
    """Stop where the store holds loads the ledger never made: a restored ledger would hand their numbers out again."""
    with platform.ledger.read() as session:
        last = last_sequence(session)
    if current and current.loads and current.loads[-1] > last:
        raise TerminalError(
            "reads.ahead_of_ledger",
            f"the reads store holds load {current.loads[-1]}, the ledger has only handed out numbers up to {last}",
            "an older ledger was restored; follow docs/runbooks/restore.md before anything is loaded",
        )


def _enter_merge(platform: Platform, sequences: Sequence[int], summary: MergeSummary, night: date | None) -> None:
    with platform.ledger.write() as session:
        loads.set_store_version(session, sequences, summary.version)
        if summary.conflicts:
            finding = CheckResult(
                code="interval.conflict",
                subject="reads",
                passed=False,
                blocks=False,
                message=f"{summary.conflicts} read(s) came with the same source time and different values; "
                "the fixed tie-break decided",
                evidence={"conflicts": summary.conflicts, "store_version": summary.version},
            )
            checks.record(session, [finding], night, platform.clock())


def replay_rejects(platform: Platform, receipt_id: int, fixed: Path | None = None) -> LoadResult:
    """Read the open rejects of a receipt again, or corrected lines in their place.

    Raises:
        TransientError: `load.busy`, when another process goes on loading the receipt's feed.
    """
    with platform.ledger.read() as session:
        receipt = receipts.get(session, receipt_id)
    feed = platform.catalog.feed(receipt.feed)
    with (
        platform.ledger.run("replay", receipt.feed, receipt.business_date, platform.started_by),
        _alone(platform, receipt.feed, "replay rejects of"),
    ):
        with platform.ledger.read() as session:
            receipt = receipts.get(session, receipt_id)  # as whoever had the feed before has left it
        landed = landing_path(platform.settings, receipt.content_sha256)
        return replay(receipt, feed, platform.settings, platform.ledger, landed, fixed)


def read_feeds(platform: Platform) -> list[str]:
    """Return the names of the feeds that bring interval reads."""
    return sorted(name for name, feed in platform.catalog.feeds.items() if feed.entity == "interval_read")


def lake_files(settings: Settings, folders: Sequence[str]) -> list[Path]:
    """Return the Parquet files of some loads, in order."""
    return [path for folder in folders for path in sorted((settings.root / folder).glob("*.parquet"))]
