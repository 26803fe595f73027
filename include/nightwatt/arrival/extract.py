"""Rows of a source as one file of its feed: pulled, written aside, put in place whole, entered in the ledger.

Belongs here: the order of the steps, which makes a kill between any two of them harmless, and what a rerun concludes
from what it finds. Does not belong here: reading a database or a service (`sql`, `http`), and taking the file in
(`arrive`), which treats it like any other.

What a killed pull left decides, under the feed's lock:

    its file in place, or received      it had succeeded; its mark counts
    anything else                       it failed; what it wrote aside is removed and its mark never counts

A file appears under its name in one step, after whatever says that it is whole. So nobody sees half of one, and a mark
never runs ahead of the rows.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from nightwatt import durable, locks
from nightwatt.arrival.text_rows import gathered, one_ahead, text_schema
from nightwatt.contracts.feed import DoneMarker, Feed, Manifest
from nightwatt.contracts.names import example_name, match_name
from nightwatt.errors import NightWattError, TransientError
from nightwatt.ledger import Ledger, extractions, receipts
from nightwatt.ledger.models import Extraction, ReceiptState
from nightwatt.log import get
from nightwatt.settings import Settings

_log = get("extract")

At = Callable[[str], None]
"""Called at each named step."""

_KEPT = timedelta(days=2)
"""How long files that are received stay where they were put, for people to look at."""

_PACKING = {"compression": "zstd", "use_dictionary": False, "write_page_checksum": True}
"""Keys, stamps and amounts hardly repeat, and zstd packs what does: a dictionary takes time and room here."""

STEPS = ("begun", "written", "noted", "announced", "in_place", "recorded")


def _nowhere(_step: str) -> None:
    """Do nothing at a named step; what is done outside tests."""


class Pull(Protocol):
    """One reading of a source."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows: the contract's columns by name, all of them text."""

    @property
    def newest(self) -> str | None:
        """The newest change among the rows, once all are read. Marks of a source compare as text: one form of ISO."""


class RowSource(Protocol):
    """What rows can be pulled out of."""

    def since(self, mark: str | None) -> str | None:
        """Return where a pull begins, given how far the last one came; None for all rows."""

    def read(self, since: str | None) -> AbstractContextManager[Pull]:
        """Open one reading.

        Raises:
            TransientError: try again.
            TerminalError: it will fail again until a contract, a setting or the source changes.
        """


@dataclass(frozen=True)
class Extracted:
    """What one pull gave."""

    extraction_id: int
    file_name: str | None  # none where there was nothing that an earlier file of the night does not hold
    rows: int
    since: str | None
    mark: str | None


@dataclass(frozen=True)
class Aside:
    """A whole file that nobody can see yet."""

    path: Path
    name: str
    rows: int
    size_bytes: int
    sha256: str


@contextmanager
def alone(feed: Feed, settings: Settings, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold a feed's extraction: where it begins, and which pulls are dead, is true of one process at a time.

    Raises:
        TransientError: `extract.busy`, if another process is extracting this feed.
    """
    path = settings.scratch / "locks" / f"extract-{feed.feed}.lock"
    with locks.hold(
        path,
        f"extract {feed.feed}",
        code="extract.busy",
        timeout_s=wait_seconds,
        what=f"the extraction of {feed.feed}",
    ):
        yield


def extract(
    feed: Feed,
    business_date: date,
    source: RowSource,
    settings: Settings,
    ledger: Ledger,
    *,
    everything: bool = False,
    at: At = _nowhere,
) -> Extracted:
    """Pull what changed since the last pull into one file of the feed's inbound folder. Call it under `alone`.

    The first file of a night is always written, if need be without a row: that it came says that nothing changed.
    After it, a pull that brings nothing new writes none.

    Args:
        feed: the contract.
        business_date: the night the file is of.
        source: where rows come from.
        settings: the home.
        ledger: the book.
        everything: take all rows, whatever the last mark.
        at: called at each named step.

    Raises:
        TransientError, TerminalError: of the source; `extract.no_space`, `extract.write_failed`. Nothing is left then
            and the next pull begins where this one did.
    """
    job = _Job(feed, settings, ledger, at)
    job.settle()
    with ledger.read() as session:
        last_mark = extractions.last_mark(session, feed.feed)
    since = None if everything else source.since(last_mark)
    with ledger.write() as session:
        extraction = extractions.begin(session, feed.feed, business_date, since, ledger.clock())
    at("begun")
    try:
        return job.pull(extraction, source, last_mark)
    except BaseException as e:
        job.give_up(extraction, e)
        raise


def settle(feed: Feed, settings: Settings, ledger: Ledger) -> None:
    """Decide what became of pulls that a killed process left open, and remove what they left aside. Under `alone`."""
    _Job(feed, settings, ledger).settle()


def tidy(feed: Feed, today: date, settings: Settings, ledger: Ledger) -> None:
    """Remove files of nights gone by that are received, and so lie in the landing archive. Call it under `alone`.

    They are ours, so nobody else would; a feed pulled every few minutes would leave a hundred thousand a year.
    Manifests stay: they say what a night consisted of.
    """
    folder, rule = settings.inbound / feed.arrival.folder, feed.arrival.wholeness
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    past = [name for name in names if _is_of_before(feed, name, today - _KEPT)]
    with ledger.read() as session:
        received = {r.file_name for r in receipts.by_names(session, feed.feed, past) if r.state != ReceiptState.HELD}
    for name in received:
        (folder / name).unlink(missing_ok=True)
        if isinstance(rule, DoneMarker):
            (folder / (name + rule.suffix)).unlink(missing_ok=True)


def _is_of_before(feed: Feed, name: str, day: date) -> bool:
    matched = match_name(feed.arrival.pattern, name)
    return matched is not None and matched.business_date is not None and matched.business_date < day


@dataclass(frozen=True)
class _Job:
    """One feed's extraction, with everything it needs."""

    feed: Feed
    settings: Settings
    ledger: Ledger
    at: At = _nowhere

    @property
    def folder(self) -> Path:
        return self.settings.inbound / self.feed.arrival.folder

    def settle(self) -> None:
        with self.ledger.read() as session:
            left = extractions.open_ones(session, self.feed.feed)
        for extraction in left:
            if self._has_come(extraction):
                with self.ledger.write() as session:
                    extractions.succeed(session, extraction.id, self.ledger.clock())
            else:
                self._fail(extraction, "its process was killed")

    def pull(self, extraction: Extraction, source: RowSource, last_mark: str | None) -> Extracted:
        day, part = extraction.business_date, _part(extraction)
        with source.read(extraction.since) as pull:
            aside = write_aside(self.feed, day, pull.batches(), self.folder, part)
            mark = max(filter(None, (last_mark, pull.newest)), default=None)  # it never goes back
        self.at("written")
        is_news = self._is_news(day, aside)
        with self.ledger.write() as session:
            extractions.note_file(session, extraction.id, aside.name if is_news else None, aside.rows, mark)
        self.at("noted")
        if is_news:
            announce(self.feed, day, aside, part)
            self.at("announced")
            durable.put_in_place(aside.path, aside.path.with_name(aside.name))
            self.at("in_place")
        else:
            aside.path.unlink()
        with self.ledger.write() as session:
            row = extractions.succeed(session, extraction.id, self.ledger.clock())
        self.at("recorded")
        _log.info("extracted", feed=self.feed.feed, file=row.file_name, rows=aside.rows, extraction=extraction.id)
        return Extracted(extraction.id, row.file_name, aside.rows, extraction.since, mark)

    def give_up(self, extraction: Extraction, error: BaseException) -> None:
        """Leave nothing of a pull that failed; had its file appeared, the next pull finds out."""
        with self.ledger.read() as session:
            now = session.get_one(Extraction, extraction.id)
        if not self._has_come(now):
            self._fail(now, str(error) if isinstance(error, NightWattError) else type(error).__name__)

    def _is_news(self, day: date, aside: Aside) -> bool:
        with self.ledger.read() as session:
            if not extractions.has_file(session, self.feed.feed, day):
                return True
            same = receipts.find(session, self.feed.feed, day, aside.sha256)
        return aside.rows > 0 and same is None

    def _has_come(self, extraction: Extraction) -> bool:
        if extraction.file_name is None:
            return False
        if (self.folder / extraction.file_name).exists():
            return True
        with self.ledger.read() as session:
            return bool(receipts.by_names(session, self.feed.feed, [extraction.file_name]))

    def _fail(self, extraction: Extraction, why: str) -> None:
        name = example_name(self.feed.arrival.pattern, extraction.business_date, _part(extraction))
        beside = _announcement(self.feed, extraction.business_date, name, _part(extraction))
        for each in (_temporary(name), *((beside, _temporary(beside)) if beside else ())):
            (self.folder / each).unlink(missing_ok=True)
        with self.ledger.write() as session:
            extractions.fail(session, extraction.id, self.ledger.clock(), why)


def write_aside(feed: Feed, business_date: date, batches: Iterable[pa.RecordBatch], folder: Path, part: str) -> Aside:
    """Write batches into a Parquet file under a temporary name, a row group at a time, and down to the disk.

    Raises:
        TransientError: `extract.no_space`, `extract.write_failed`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = example_name(feed.arrival.pattern, business_date, part)
    path = folder / _temporary(name)
    try:
        with pq.ParquetWriter(path, text_schema(feed.file_columns), **_PACKING) as to:

            def write(table: pa.Table) -> int:
                to.write_table(table, row_group_size=table.num_rows)
                return int(table.num_rows)

            rows = sum(one_ahead(write, gathered(batches)))
        durable.fsync_file(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Aside(path, name, rows, path.stat().st_size, sha256)
    except OSError as e:
        raise _write_failed(name, e) from e


def announce(feed: Feed, business_date: date, aside: Aside, part: str) -> None:
    """Put beside a file's place what the contract says makes it whole; only then may the file appear."""
    name = _announcement(feed, business_date, aside.name, part)
    if name is None:
        return
    content = ""
    if isinstance(feed.arrival.wholeness, Manifest):
        listed = {"name": aside.name, "rows": aside.rows, "bytes": aside.size_bytes, "sha256": aside.sha256}
        content = json.dumps({"business_date": business_date.isoformat(), "files": [listed]})
    path = aside.path.with_name(_temporary(name))
    try:
        path.write_text(content, "utf-8")
        durable.put_in_place(path, path.with_name(name))
    except OSError as e:
        raise _write_failed(name, e) from e


def _announcement(feed: Feed, business_date: date, name: str, part: str) -> str | None:
    """Return the name of what says that a file is whole, by the contract's rule; none where nothing does."""
    rule = feed.arrival.wholeness
    if isinstance(rule, Manifest):
        return example_name(rule.pattern, business_date, part)
    return name + rule.suffix if isinstance(rule, DoneMarker) else None


def _part(extraction: Extraction) -> str:
    """Every file of a feed is named by its pull, so no two have a name and names sort as they were made."""
    return f"{extraction.id:08d}"


def _temporary(name: str) -> str:
    return f".{name}.part"  # a look at the folder knows this name for one that is still written


def _write_failed(name: str, error: OSError) -> TransientError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TransientError(
            "extract.no_space", f"no room to write {name}", "free space below the inbound folder; the pull begins anew"
        )
    return TransientError(
        "extract.write_failed",
        f"writing {name} failed: {error.strerror or type(error).__name__}",
        "look at the disk of the inbound folder; the pull begins anew",
    )
