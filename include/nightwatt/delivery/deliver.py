"""One delivery for one business date: write, check, intend, send, and nothing of it twice.

Belongs here: the order of the steps, the same for every kind of delivery, and what a second call concludes. Does not
belong here: the bytes (the partner's folder, a maker each), the sending protocol (`courier`), or which publication is
current (the caller says).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from pathlib import Path
from posixpath import dirname, join

import duckdb

from nightwatt import log
from nightwatt.contracts.delivery import CrmDelivery, Delivery, OpowerBillingDelivery
from nightwatt.delivery import outbox
from nightwatt.delivery.courier import At, Courier, Receipt, nowhere, receipt_of
from nightwatt.delivery.opower.billing_parcel import OpowerBillingMaker
from nightwatt.delivery.opower.parcel import OpowerMaker
from nightwatt.delivery.parcels import Made, Maker, PublicationFacts, Task
from nightwatt.delivery.phases import Phase, PhaseKind, not_phased
from nightwatt.delivery.salesforce.parcel import CrmMaker
from nightwatt.delivery.sftp import Remote, connection_settings, open_remote
from nightwatt.errors import NightWattError, TerminalError, TransientError
from nightwatt.ledger import Ledger, acknowledgements, checks, populations, sendings
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import DeliveryState, Sending
from nightwatt.settings import Settings

__all__ = ["Delivered", "Outcome", "PublicationFacts", "deliver"]


class Outcome(StrEnum):
    """What a call of `deliver` came to."""

    SENT = "sent"
    ALREADY = "already"  # the business date's files had been delivered before
    NOTHING_NEW = "nothing_new"  # nothing was loaded since the last file that this delivery would take


@dataclass(frozen=True)
class Delivered:
    """The delivery's files and what is to be said about them."""

    delivery: str
    business_date: date
    publication_sequence: int
    outcome: Outcome
    receipts: tuple[Receipt, ...]
    left_out: dict[str, int]  # rows held back, by reason
    findings: tuple[CheckResult, ...]
    message: str


def deliver(  # noqa: PLR0913  (the whole of a delivery is said here, once)
    delivery: Delivery,
    settings: Settings,
    ledger: Ledger,
    connection: duckdb.DuckDBPyConnection,
    publication: PublicationFacts,
    business_date: date,
    *,
    phase: Phase = Phase(),  # noqa: B008  (frozen)
    connect: Callable[[], AbstractContextManager[Remote]] | None = None,
    at: At = nowhere,
) -> Delivered:
    """Send what the partner does not have yet. A second call sends nothing and says so.

    Args:
        connection: the published warehouse.
        phase: what is asked for; an incremental, unless somebody wants a sample or the whole history.
        connect: opens the partner's SFTP server; from `NIGHTWATT_SFTP_<NAME>_*` by default.
        at: called at each named step of the courier.

    Raises:
        TransientError: the partner is away, or another process sends this delivery; run again.
        TerminalError: the profile is incomplete, the file has blocking findings, or the sending is `unknown`.
    """
    task = Task(delivery, settings, ledger, publication, business_date, phase)
    maker = _maker(task)
    maker.remote_folder()  # what must not go out is refused before anything is done
    with ledger.read() as session:
        is_drained = not sendings.unfinished(session, task.name)
    if is_drained and (covering := maker.covered_by(_counted(task))):
        return _nothing_to_do(task, covering)  # before the partner's address is asked for: nobody is called
    if connect is None:
        connect = partial(open_remote, connection_settings(delivery.destination.connection))
    with outbox.only_one(settings.outbox, task.name):
        destination = delivery.destination
        courier = Courier(ledger, connect, at, rename=destination.rename, collects=destination.collects)
        return _deliver(task, maker, courier, connection)


def _deliver(task: Task, maker: Maker, courier: Courier, connection: duckdb.DuckDBPyConnection) -> Delivered:
    """Send what waits, then what is new; while the partner is away, put tonight's files behind what waits."""
    since = _waiting_since(task)
    trouble: NightWattError | None = None
    receipts: list[Receipt] = []
    try:
        receipts = _drain(task, courier)
    except NightWattError as e:
        if not task.delivery.queues:
            raise
        trouble = e
    last = _counted(task)
    covering, ids, made = maker.covered_by(last), [], Made(())
    if covering is None:
        _clear_leftovers(task)
        made = maker.make(connection, last)
        if made.files:
            ids = _intend(task, made, maker.remote_folder())
            courier.at("intent")
    if trouble is not None:
        raise _with_what_waits(task, trouble) from trouble
    if receipts and not made.files:
        return _result(task, receipts, made, _caught_up(receipts, (), since))
    if covering is not None:
        return _nothing_to_do(task, covering)
    if not made.files:
        return _result(task, (), made, _NOTHING_FOUND[task.phase.kind])
    try:
        new = _carry(task, courier, [(number, file.path) for number, file in zip(ids, made.files, strict=True)])
    except NightWattError as e:
        raise _with_what_waits(task, e) from e
    return _result(task, [*receipts, *new], made, _caught_up(receipts, new, since))


def _waiting_since(task: Task) -> date | None:
    with task.ledger.read() as session:
        waiting = sendings.unfinished(session, task.name)
    return waiting[0].business_date if waiting else None


def _with_what_waits(task: Task, trouble: NightWattError) -> NightWattError:
    """Return an error that also says how much waits in the outbox: one message, however long the partner is away."""
    with task.ledger.read() as session:
        waiting = sendings.unfinished(session, task.name)
    nights = len({row.business_date for row in waiting})
    if nights < 2:
        return trouble
    queue = f"{len(waiting)} files of {nights} business dates wait since {waiting[0].business_date}, and go in order"
    kind = TransientError if isinstance(trouble, TransientError) else TerminalError
    return kind(trouble.code, f"{trouble.message}; {queue}", trouble.remedy)


def _caught_up(waited: Sequence[Receipt], new: Sequence[Receipt], since: date | None) -> str:
    """Say in one sentence that the partner is back."""
    if not waited:
        return ""
    sent = sum(r.sent_now for r in (*waited, *new))
    return f"{sent} file(s) sent, in order; {len(waited)} had waited since {since}"


_NOTHING_FOUND = {
    PhaseKind.SAMPLE: "nothing of the sampled accounts is published; nothing sent",
    PhaseKind.FULL: "nothing of this population is published; nothing sent",
    PhaseKind.INCREMENTAL: "no row to send was loaded since the last file",
}


def _counted(task: Task) -> Sending | None:
    with task.ledger.read() as session:
        return populations.last_counted(session, task.name)


def _maker(task: Task) -> Maker:
    if isinstance(task.delivery, CrmDelivery):
        if task.phase != Phase():
            raise not_phased(task.name)
        return CrmMaker(task, task.delivery)
    if isinstance(task.delivery, OpowerBillingDelivery):
        return OpowerBillingMaker(task, task.delivery)
    return OpowerMaker(task, task.delivery)


def _carry(task: Task, courier: Courier, load: Sequence[tuple[int, Path]]) -> list[Receipt]:
    """Bring files to the partner, and write down what was found in its folder."""
    carried = courier.carry(load)
    with task.ledger.write() as session:
        checks.record(session, carried.findings, task.business_date, task.ledger.clock())
    for r in carried.receipts:
        log.get("delivery").info("delivered", delivery=task.name, file=r.file_name, rows=r.rows)
    return list(carried.receipts)


def _intend(task: Task, made: Made, remote_folder: str) -> list[int]:
    """Commit to sending exactly these bytes under exactly these names, all of them or none."""
    window, approval = made.window, _approval(task)
    rows = [
        Sending(
            delivery=task.name,
            business_date=task.business_date,
            publication_sequence=task.publication.sequence,
            since_sequence=window.since_sequence if window else None,
            through_sequence=task.publication.through_sequence,
            phase=task.phase.kind,
            first_day=window.first_day if window else None,
            last_day=window.last_day if window else None,
            sample_size=window.sample.size if window and window.sample else None,
            sample_seed=window.sample.seed if window and window.sample else None,
            approval_id=approval,
            role=file.role,
            file_name=file.path.name,
            content_sha256=file.sha256,
            size_bytes=file.size_bytes,
            rows=file.rows,
            totals=dict(file.totals),
            remote_path=join(remote_folder, file.path.name),
            state=DeliveryState.INTENT,
            intended_at=task.ledger.clock(),
        )
        for file in made.files
    ]
    root = task.settings.root
    with task.ledger.write() as session:
        checks.record(session, made.findings, task.business_date, task.ledger.clock())
        session.add_all(rows)
        session.flush()
        for row, file in zip(rows, made.files, strict=True):
            if file.awaits is not None:
                place = file.awaits.rows_path
                acknowledgements.expect(
                    session,
                    row,
                    object_name=file.awaits.object_name,
                    part=file.awaits.part,
                    rows_path=str(place.relative_to(root)) if place else None,
                    mapping_sha256=file.awaits.mapping_sha256,
                )
        return [row.id for row in rows]


def _approval(task: Task) -> int | None:
    """Return the approval by which these files go to production; the lock keeps it from changing meanwhile."""
    if task.phase.kind is not PhaseKind.INCREMENTAL:
        return None
    with task.ledger.read() as session:
        approval = populations.approval_in_force(session, task.name)
    return approval.id if approval else None


def _drain(task: Task, courier: Courier) -> list[Receipt]:
    """Finish what earlier calls began, oldest first."""
    with task.ledger.write() as session:
        waiting = sendings.unfinished(session, task.name)
        for row in waiting:
            _readdress(task, row)
    folder = task.settings.outbox
    return _carry(
        task,
        courier,
        [(row.id, outbox.folder_of(folder, row.delivery, row.business_date) / row.file_name) for row in waiting],
    )


def _readdress(task: Task, row: Sending) -> None:
    """Send what waits to the contract's corrected folder, where not a byte of it went up to the wrong one."""
    destination = task.delivery.destination
    if row.uploading_at is None and dirname(row.remote_path) not in destination.folders:
        row.remote_path = join(destination.folder_for(production=row.approval_id is not None), row.file_name)


def _clear_leftovers(task: Task) -> None:
    with task.ledger.read() as session:
        known = sendings.of_business_date(session, task.name, task.business_date)
    outbox.remove_leftovers(task.folder, keep={row.file_name for row in known})


def _nothing_to_do(task: Task, covering: Sending) -> Delivered:
    if task.phase.kind is PhaseKind.INCREMENTAL:
        message = f"all loads through {covering.through_sequence} went out with {covering.file_name}; nothing sent"
    else:
        message = f"this {task.phase.kind} of this publication went out with {covering.file_name}; nothing sent"
    return _result(task, (), Made(()), message)


def _result(task: Task, receipts: Sequence[Receipt], made: Made, message: str) -> Delivered:
    sent = [r for r in receipts if r.sent_now]
    with task.ledger.read() as session:
        known = sendings.of_business_date(session, task.name, task.business_date)
    earlier = [receipt_of(row, sent_now=False) for row in known if row.state == DeliveryState.DELIVERED]
    outcome = Outcome.SENT if sent else Outcome.ALREADY if earlier else Outcome.NOTHING_NEW
    if receipts and not sent:
        message = "the partner has the file already; recorded, nothing sent"
    return Delivered(
        delivery=task.name,
        business_date=task.business_date,
        publication_sequence=task.publication.sequence,
        outcome=outcome,
        receipts=tuple(receipts) or tuple(earlier),
        left_out=dict(made.left_out),
        findings=made.findings,
        message=message or f"{len(sent)} file(s) sent",
    )
