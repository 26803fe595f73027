"""Removing our own copies of files the partner has had for years; the ledger's receipts stay for ever.

Belongs here: which copies may go, and removing them with their index. Does not belong here: how long (the contract
says), and what is on the partner's side.

A copy stays, however old it is, as long as its file is

    unfinished      it has not arrived, or the partner's answer to its rows is open
    the newest      the next file begins where its loads end
    looked at       an approval in force rests on it
    remembered      later files are chosen by it: of billing, everything since the last full history
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nightwatt import log
from nightwatt.contracts.delivery import CrmDelivery, OpowerDelivery
from nightwatt.delivery import outbox, sent_index
from nightwatt.ledger import Ledger, acknowledgements, populations, sendings
from nightwatt.ledger.models import DeliveryState, PhaseKind, Sending
from nightwatt.settings import Settings


@dataclass(frozen=True)
class Pruned:
    """What was removed of one delivery, or would be, and why old copies stay."""

    delivery: str
    before: datetime  # delivered before this instant
    files: tuple[str, ...]
    size_bytes: int
    kept: dict[str, int]  # old files that stay, by reason


def prune(settings: Settings, ledger: Ledger, delivery: OpowerDelivery | CrmDelivery, *, dry_run: bool) -> Pruned:
    """Remove the copies of a delivery that are older than its contract keeps them; `dry_run`: only say so.

    Raises:
        TransientError: `delivery.busy`, the delivery is being sent.
    """
    name = delivery.delivery
    before = _years_before(ledger.clock(), delivery.keep_years)
    with outbox.only_one(settings.outbox, name):
        with ledger.read() as session:
            rows = sendings.of_delivery(session, name)
            reasons = dict(_needed(rows, remembers=delivery.remembers))
            for answered in acknowledgements.still_open(session, name):
                reasons.setdefault(answered.sending.id, "unfinished")
            approval = populations.approval_in_force(session, name)
            if approval is not None:
                reasons.setdefault(approval.sending_id, "looked at")
        old = [r for r in rows if (r.delivered_at or r.intended_at) < before]
        gone = [r for r in old if r.id not in reasons and (r.pruned_at is None or _copy(settings, r).exists())]
        if not dry_run:
            _remove(settings, ledger, gone)
    kept = [reasons[r.id] for r in old if r.id in reasons]
    counts = {reason: kept.count(reason) for reason in sorted(set(kept))}
    return Pruned(name, before, tuple(r.file_name for r in gone), sum(r.size_bytes for r in gone), counts)


def _needed(rows: Sequence[Sending], *, remembers: bool) -> Iterator[tuple[int, str]]:
    """Yield the sendings whose copies are needed, with the reason."""
    delivered = [r for r in rows if r.state == DeliveryState.DELIVERED]
    newest = delivered[-1].publication_sequence if delivered else None
    full = next((r for r in reversed(delivered) if r.phase == PhaseKind.FULL), None)
    begin = min((r.id for r in delivered if full and _are_one_set(r, full)), default=0)
    for row in rows:
        if row.state != DeliveryState.DELIVERED:
            yield row.id, "unfinished"
        elif row.publication_sequence == newest:
            yield row.id, "the newest"
        elif remembers and row.id >= begin:
            yield row.id, "remembered"


def _are_one_set(row: Sending, full: Sending) -> bool:
    """Tell whether a file belongs to a full history; a split one has several."""
    return (row.phase, row.publication_sequence) == (full.phase, full.publication_sequence)


def _remove(settings: Settings, ledger: Ledger, rows: Sequence[Sending]) -> None:
    """Note it, then remove: a call that is stopped in between is finished by the next one."""
    with ledger.write() as session:
        for row in rows:
            kept = sendings.get(session, row.id)
            kept.pruned_at = kept.pruned_at or ledger.clock()
    for row in rows:
        copy = _copy(settings, row)
        for path in (sent_index.index_of(settings, row), outbox.rows_beside(copy), copy):
            path.unlink(missing_ok=True)
            with suppress(OSError):  # other files of that business date are still there
                path.parent.rmdir()
        log.get("delivery").info("pruned", delivery=row.delivery, file=row.file_name)


def _copy(settings: Settings, row: Sending) -> Path:
    return outbox.folder_of(settings.outbox, row.delivery, row.business_date) / row.file_name


def _years_before(now: datetime, years: int) -> datetime:
    try:
        return now.replace(year=now.year - years)
    except ValueError:  # 29 February
        return now.replace(year=now.year - years, day=28)
