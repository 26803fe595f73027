"""Has enough of a feed come for a night to begin? The question a sensor asks again and again.

Belongs here: counting receipts against the contract or the manifest, and the words for what is missing.
Does not belong here: taking files in (`arrive.py`), and when late is late (alerting).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from nightwatt.arrival.folder import Folder, inbound_folder, look_into
from nightwatt.arrival.manifests import Listed
from nightwatt.arrival.memory import Memory, memory_path
from nightwatt.arrival.transport import Transport
from nightwatt.arrival.wholeness import NotYet
from nightwatt.contracts.feed import Feed, Manifest
from nightwatt.contracts.names import example_name
from nightwatt.ledger import Ledger, receipts
from nightwatt.ledger.models import Receipt, ReceiptState
from nightwatt.settings import Settings


@dataclass(frozen=True)
class Expectation:
    """How far a feed is for one night."""

    arrived: tuple[Receipt, ...]  # current receipts that are not on hold
    waiting: tuple[tuple[str, str], ...]  # files seen or announced that are not received, with the reason
    missing: int  # files that must still come, as far as the contract or the manifest says
    is_ready: bool
    reason: str
    held: tuple[Receipt, ...] = ()  # received and on hold: they count as missing until the sender corrects them
    excess: int = 0  # files beyond the contract's max_files


def expected(
    feed: Feed,
    business_date: date,
    ledger: Ledger,
    settings: Settings,
    *,
    neighbours: Sequence[Feed] = (),
    transport: Transport | None = None,
) -> Expectation:
    """Say whether enough files of a night have been received. Changes nothing; call `arrive` before.

    A feed is ready when at least `min_files` are received, and for a feed with manifests all files that
    the night's manifests list. Two files of the same bytes have one receipt and count twice.
    """
    folder = look_into(feed, settings, ledger, transport or inbound_folder(feed, settings), neighbours)
    memory = Memory(memory_path(settings.landing, feed.feed))
    with ledger.read() as session:
        current = receipts.by_feed_and_date(session, feed.feed, business_date)
    good = tuple(r for r in current if r.state != ReceiptState.HELD)
    held = tuple(r for r in current if r.state == ReceiptState.HELD)
    by_hash = {r.content_sha256: r for r in good}
    twins = {n: by_hash[h] for n, h in memory.same_bytes(business_date.isoformat()) if h in by_hash}
    names = twins | {r.file_name: r for r in good}
    missing, lack = _missing(folder, business_date, names)
    most = feed.arrival.max_files
    return Expectation(
        arrived=good,
        waiting=tuple(_waiting(folder, memory, business_date, names, ledger)),
        missing=missing,
        is_ready=not lack,
        reason=_words(feed, len(names), held, lack),
        held=held,
        excess=max(0, len(names) - most) if most else 0,
    )


def _missing(folder: Folder, day: date, names: Mapping[str, Receipt]) -> tuple[int, str]:
    """Return how many files are missing, and in words what; no words if none."""
    feed = folder.feed
    short = max(0, feed.arrival.min_files - len(names))
    rule = feed.arrival.wholeness
    if isinstance(rule, Manifest) and feed.arrival.min_files:
        listed = folder.manifests.by_date.get(day)
        if listed is None:
            return max(1, short), f"the manifest {example_name(rule.pattern, day)} has not come"
        absent = sorted(name for name, promise in listed.items() if not _is_what_was_sent(promise, names.get(name)))
        if absent:
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            return max(len(absent), short), f"of {len(listed)} listed files {absent[0]}{more} is missing"
    if short:
        return short, f"{short} of at least {feed.arrival.min_files} file(s) missing"
    return 0, ""


def _is_what_was_sent(promise: Listed, receipt: Receipt | None) -> bool:
    """Return whether a receipt is of the content that the newest manifest lists, not of an earlier one."""
    if receipt is None:
        return False
    if promise.sha256:
        return promise.sha256.lower() == receipt.content_sha256
    return promise.size == receipt.size_bytes


def _words(feed: Feed, count: int, held: Sequence[Receipt], lack: str) -> str:
    parts = [lack or "all files are there" if count or lack else "no file need come", f"{count} received"]
    if held:
        parts.append(f"{len(held)} on hold, first: {held[0].message}")
    most = feed.arrival.max_files
    if most and count > most:
        parts.append(f"more than the {most} the contract allows")
    return "; ".join(parts)


def _waiting(
    folder: Folder, memory: Memory, day: date, names: Mapping[str, Receipt], ledger: Ledger
) -> Sequence[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for judged in folder.judge(memory, ledger.clock()):
        if judged.day != day or judged.receipt or judged.candidate.name in names:
            continue
        seen = memory.of(judged.candidate.entry)
        if isinstance(judged.verdict, NotYet):
            found.append((judged.candidate.name, judged.verdict.reason))
        else:
            found.append((judged.candidate.name, (seen and seen.reason) or "whole; not taken in yet"))
    rest = [*folder.found.waiting, *folder.absent()]
    return found + [(n, why) for n, why, d in rest if d in {None, day}] + list(folder.manifests.unreadable)
