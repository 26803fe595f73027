"""Taking in what has come of one feed: judged whole, archived, read through once, entered in the ledger.

Belongs here: the order of the steps, which makes a crash between any two of them harmless: copy, hash the
copy, archive it, then the receipt. Does not belong here: each step (the modules beside this one).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from nightwatt.arrival.folder import Folder, Judged, inbound_folder, look_into
from nightwatt.arrival.inspect import Examination, Limits, examine
from nightwatt.arrival.landing import archive, dock
from nightwatt.arrival.local import LocalFolder
from nightwatt.arrival.memory import Memory, memory_path
from nightwatt.arrival.parquet import examine_parquet
from nightwatt.arrival.survey import Candidate, shown
from nightwatt.arrival.transport import ChangedMeanwhile, PlaceRefused, Transport
from nightwatt.arrival.wholeness import NotYet, Whole, confirm
from nightwatt.calendar import business_date as business_date_of
from nightwatt.contracts.feed import DoneMarker, Feed, Manifest
from nightwatt.contracts.formats import IdocFormat, ParquetFormat
from nightwatt.contracts.names import example_name, match_name
from nightwatt.errors import TerminalError, TransientError
from nightwatt.ledger import Ledger, receipts
from nightwatt.ledger.models import Receipt, ReceiptState
from nightwatt.log import get
from nightwatt.settings import Settings

_log = get("arrival")
_MOST_AT_ONCE = 4

LookAgain = Callable[[float], None]


@dataclass
class Arrived:
    """What one look at a feed's folder found. Every name in the folder is in one of the lists."""

    new: list[Receipt] = field(default_factory=list)  # LANDED, or HELD with a message
    known: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, TerminalError]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    not_moved: list[tuple[str, TerminalError]] = field(default_factory=list)  # received, and still where they lay


def arrive(
    feed: Feed,
    settings: Settings,
    ledger: Ledger,
    *,
    business_date: date | None = None,
    look_again: LookAgain | None = None,
    neighbours: Sequence[Feed] = (),
    transport: Transport | None = None,
) -> Arrived:
    """Take in every file of a feed that is there and whole. Does nothing for files already received.

    Args:
        feed: the contract.
        settings: the home.
        ledger: the book; its clock is the clock.
        business_date: only files of this night; all otherwise.
        look_again: waits so many seconds; given, files that only must hold still are looked at twice at once.
            Without it the second look is the next call's.
        neighbours: the catalog's other feeds, so that their files in the same folder are not called unknown.
        transport: where files come from; the feed's inbound folder otherwise.

    Raises:
        TerminalError: `arrival.folder_outside`.
        TransientError: `arrival.busy`, `arrival.folder_unreadable`, `landing.no_space`, `landing.copy_failed`,
            `file.unreadable`; what could be taken in has been.
    """
    transport = transport or inbound_folder(feed, settings)
    with dock(settings, feed.feed) as copies:
        memory = Memory(memory_path(settings.landing, feed.feed))
        visit = _Visit(feed, settings, ledger, transport, memory, copies)
        folder = look_into(feed, settings, ledger, transport, neighbours)
        ready, arrived, wait = visit.sort(folder, business_date)
        if wait is not None and (look_again or wait <= 0):
            if look_again and wait > 0:
                look_again(wait)
            folder = look_into(feed, settings, ledger, transport, neighbours)
            ready, arrived, _ = visit.sort(folder, business_date, waited=wait)
        try:
            visit.take(ready, arrived)
            visit.leave(folder, arrived)
        finally:
            memory.save(folder.found.names)
    return arrived


def receive(
    paths: Sequence[Path],
    feed: Feed,
    settings: Settings,
    ledger: Ledger,
    *,
    business_date: date | None = None,
) -> Arrived:
    """Take in files an operator names, wherever they lie; the operator's word is that they are whole.

    A file that was put on hold when it arrived is read through again, by the limits as they are now.

    Args:
        paths: the files; their names must fit the feed's pattern.
        feed: the contract.
        settings: the home.
        ledger: the book.
        business_date: the night of files whose names do not say; the local date of today otherwise.
    """
    arrived = Arrived()
    today = business_date or business_date_of(ledger.clock(), settings.tz)
    with dock(settings, feed.feed) as copies:
        memory = Memory(memory_path(settings.landing, feed.feed))
        for path in paths:
            visit = _Visit(feed, settings, ledger, LocalFolder(path.parent), memory, copies)
            try:
                candidate = _named(path, feed)
            except TerminalError as e:
                arrived.refused.append((shown(path.name), e))
                continue
            visit.take([Judged(candidate, candidate.named_date or today, None, Whole())], arrived)
    return arrived


def _named(path: Path, feed: Feed) -> Candidate:
    if not path.exists() and not path.is_symlink():
        raise TerminalError("file.absent", f"there is no file {shown(path.name)}", "check the path")
    matched = match_name(feed.arrival.pattern, path.name)
    if matched is None:
        example = example_name(feed.arrival.pattern, date(2026, 3, 9))
        raise TerminalError(
            "file.unknown_name",
            f"{shown(path.name)} does not fit the pattern {feed.arrival.pattern} of feed {feed.feed}",
            f"give it a name such as {example}, or correct `arrival.pattern`",
        )
    entry = LocalFolder(path.parent).entry(path.name)
    if entry is None:
        raise TerminalError("file.absent", f"{shown(path.name)} went away", "check the path")
    if entry.fault:
        raise entry.fault
    return Candidate(entry, matched.business_date, matched.part)


@dataclass(frozen=True)
class _Visit:
    """One visit to one folder, with everything it needs."""

    feed: Feed
    settings: Settings
    ledger: Ledger
    transport: Transport
    memory: Memory
    copies: Path
    settled: dict[str, tuple[Candidate, Receipt]] = field(default_factory=dict)  # by name: received for good

    def sort(
        self, folder: Folder, business_date: date | None, waited: float = 0.0
    ) -> tuple[list[Judged], Arrived, float | None]:
        """Sort a folder into files to read now and the rest, with its reasons.

        Returns:
            The files to read, the rest, and after how many seconds a second look could tell more.
        """
        now = self.ledger.clock()
        ready: list[Judged] = []
        arrived = Arrived()
        waits: list[float] = []
        for judged in folder.judge(self.memory, now, waited):
            self.memory.note(judged.candidate.entry, now)
            if business_date not in {None, judged.day}:
                continue
            if not self._sort_known(judged, arrived):
                self._sort_fresh(judged, ready, arrived, waits)
        _report_rest(folder, business_date, arrived)
        return ready, arrived, max(waits, default=None)

    def _sort_known(self, judged: Judged, arrived: Arrived) -> bool:
        receipt = judged.receipt or self._receipt_of_same_bytes(judged)
        if receipt is None:
            return False
        self._note_settled(judged.candidate, receipt)
        if receipt.superseded_by_id is not None:
            arrived.refused.append((judged.candidate.name, _resent(judged.candidate.name, receipt)))
        else:
            arrived.known.append(judged.candidate.name)
        return True

    def _receipt_of_same_bytes(self, judged: Judged) -> Receipt | None:
        seen = self.memory.of(judged.candidate.entry)
        if seen is None or seen.sha256 is None:
            return None
        with self.ledger.read() as session:
            return receipts.find(session, self.feed.feed, judged.day, seen.sha256)

    def _sort_fresh(self, judged: Judged, ready: list[Judged], arrived: Arrived, waits: list[float]) -> None:
        name, verdict = judged.candidate.name, judged.verdict
        if isinstance(verdict, NotYet):
            arrived.waiting.append((name, verdict.reason))
            if verdict.wait_seconds is not None:
                waits.append(verdict.wait_seconds)
            return
        seen = self.memory.of(judged.candidate.entry)
        if seen and seen.reason and seen.judged == self._promise(verdict):
            arrived.waiting.append((name, seen.reason))
        else:
            ready.append(judged)

    def _promise(self, whole: Whole) -> str:
        """Return what a content is held against, in short: the same again would give the same answer."""
        parts = (self.feed.arrival.wholeness, self.feed.format, whole.promise)
        text = "|".join(p.model_dump_json() if p else "" for p in parts)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def take(self, ready: Sequence[Judged], arrived: Arrived) -> None:
        """Read files side by side and enter them one after the other, in the order of their names."""
        troubles: list[TransientError] = []
        for judged, copy, outcome in self._read_all(ready):
            name = judged.candidate.name
            if isinstance(outcome, Examination):
                self._settle(judged, copy, outcome, arrived)
            elif isinstance(outcome, ChangedMeanwhile):
                arrived.waiting.append((name, outcome.message))
            elif isinstance(outcome, TransientError):
                troubles.append(outcome)
            else:
                arrived.refused.append((name, outcome))
            copy.unlink(missing_ok=True)
        if troubles:
            raise troubles[0]

    def _read_all(
        self, ready: Sequence[Judged]
    ) -> Iterator[tuple[Judged, Path, Examination | TerminalError | TransientError]]:
        if not ready:
            return
        copies = [self.copies / f"{number}" for number in range(len(ready))]
        with ThreadPoolExecutor(min(len(ready), os.cpu_count() or 1, _MOST_AT_ONCE)) as pool:
            yield from zip(ready, copies, pool.map(self._read, ready, copies), strict=True)

    def _read(self, judged: Judged, copy: Path) -> Examination | TerminalError | TransientError:
        form = self.feed.format
        try:
            self.transport.fetch(judged.candidate.entry, copy)
            # The copy is private: what is hashed here is what lies in the archive afterwards.
            limits = Limits.of(self.settings)
            if isinstance(form, ParquetFormat):
                return examine_parquet(copy, limits)
            return examine(copy, form.compression, limits, form.encoding, may_be_empty=_may_be_empty(self.feed))
        except (TerminalError, TransientError) as e:
            return e

    def _settle(self, judged: Judged, copy: Path, examined: Examination, arrived: Arrived) -> None:
        assert isinstance(judged.verdict, Whole)  # noqa: S101  (only such files are read)
        confirmed = confirm(judged.verdict, examined, self.feed)
        if isinstance(confirmed, NotYet):
            seen = self.memory.note(judged.candidate.entry, self.ledger.clock())
            seen.judged, seen.reason = self._promise(judged.verdict), confirmed.reason
            arrived.waiting.append((judged.candidate.name, confirmed.reason))
            return
        archive(self.settings, copy, examined.sha256)
        try:
            self._enter(judged, examined, confirmed, arrived)
        except IntegrityError:  # another machine was quicker; now it is known
            self._enter(judged, examined, confirmed, arrived)

    def _enter(self, judged: Judged, examined: Examination, whole: Whole, arrived: Arrived) -> None:
        name = judged.candidate.name
        with self.ledger.write() as session:
            same = receipts.find(session, self.feed.feed, judged.day, examined.sha256)
            if same is None:
                receipt = receipts.add(session, self._receipt(judged, examined, whole))
                outcome = "received"
            elif same.needs_cleaning is None and examined.found and same.superseded_by_id is None:
                receipt, outcome = _release(same, examined, whole), "released"
            else:
                receipt, outcome = same, "known"
        facts = {"feed": self.feed.feed, "business_date": str(judged.day), "receipt": receipt.id}
        _log.info(outcome, **facts, file=shown(name), state=receipt.state)
        self._note_settled(judged.candidate, receipt)
        if outcome != "known":
            arrived.new.append(receipt)
            return
        seen = self.memory.note(judged.candidate.entry, self.ledger.clock())
        seen.sha256, seen.business_date = examined.sha256, judged.day.isoformat()
        if same is not None and same.superseded_by_id is not None:
            arrived.refused.append((name, _resent(name, same)))
        else:
            arrived.known.append(name)

    def _note_settled(self, candidate: Candidate, receipt: Receipt) -> None:
        # What is on hold stays where its sender sees it; and a file of the same bytes as another has no receipt of
        # its own, so that it must go on being seen to be counted.
        is_current = receipt.superseded_by_id is None and receipt.state != ReceiptState.HELD
        if is_current and receipt.file_name == candidate.name:
            self.settled[candidate.name] = candidate, receipt

    def leave(self, folder: Folder, arrived: Arrived) -> None:
        """Tell the source what is received, now that the receipts are committed."""
        for name, (candidate, receipt) in sorted(self.settled.items()):
            try:
                self.transport.received(candidate.entry, folder.found.markers.get(name), receipt.id)
            except PlaceRefused as e:
                arrived.not_moved.append((name, e))
                return  # the others would fare no better, at this look

    def _receipt(self, judged: Judged, examined: Examination, whole: Whole) -> Receipt:
        candidate, found, fault = judged.candidate, examined.found, examined.fault
        return Receipt(
            feed=self.feed.feed,
            business_date=judged.day,
            file_name=candidate.name,
            part=candidate.part,
            content_sha256=examined.sha256,
            size_bytes=examined.size_bytes,
            unpacked_bytes=found.unpacked_bytes if found else 0,
            line_count=found.line_count if found else 0,
            needs_cleaning=_needs_cleaning(examined),
            sent_at=candidate.entry.changed_at,
            arrived_at=self.ledger.clock(),
            state=ReceiptState.HELD if fault else ReceiptState.LANDED,
            control_rows=whole.control_rows,
            control_totals=_as_text(whole),
            message=str(TerminalError(fault.code, f"{candidate.name}: {fault.message}", fault.remedy))
            if fault
            else None,
        )


def _as_text(whole: Whole) -> dict[str, str] | None:
    return {name: f"{total:f}" for name, total in sorted(whole.control_totals.items())} or None


def _may_be_empty(feed: Feed) -> bool:
    """Whether a file without a byte can mean that there was nothing to send: it has no header, and the sender has
    said that it is finished.
    """
    return isinstance(feed.format, IdocFormat) and isinstance(feed.arrival.wholeness, DoneMarker | Manifest)


def _needs_cleaning(examined: Examination) -> bool | None:
    """Return whether intake must clean the lines first; None where the file could not be read through."""
    found = examined.found
    return None if found is None else found.has_nul or found.line_ends in {"mixed", "cr"}


def _release(receipt: Receipt, examined: Examination, whole: Whole) -> Receipt:
    """Give intake a file that could not be read at first and now can: a limit was raised."""
    assert examined.found is not None  # noqa: S101  (the caller looked)
    receipt.unpacked_bytes, receipt.line_count = examined.found.unpacked_bytes, examined.found.line_count
    receipt.needs_cleaning = _needs_cleaning(examined)
    receipt.control_rows, receipt.control_totals = whole.control_rows, _as_text(whole)
    receipt.state, receipt.message = ReceiptState.LANDED, None
    return receipt


def _resent(name: str, receipt: Receipt) -> TerminalError:
    return TerminalError(
        "file.resent",
        f"{name} holds again the content of receipt {receipt.id}, which receipt {receipt.superseded_by_id} superseded",
        "nothing is changed: ask the sender which content counts; if it is the older, have it sent with a change "
        "in it, however small",
    )


def _report_rest(folder: Folder, business_date: date | None, arrived: Arrived) -> None:
    """Report what is no file to read: announced, temporary, refused and unknown names."""
    found = folder.found
    for name, reason, day in [*found.waiting, *folder.absent()]:
        if business_date in {None, day} or day is None:
            arrived.waiting.append((name, reason))
    arrived.waiting += folder.manifests.unreadable
    for name, fault, day in found.refused:
        if business_date in {None, day} or day is None:
            arrived.refused.append((name, fault))
    arrived.refused += folder.manifests.refused
    arrived.unknown += found.unknown
