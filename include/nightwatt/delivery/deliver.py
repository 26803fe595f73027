"""One delivery for one business date: write, check, intend, send, and nothing of it twice.

Belongs here: the order of the steps and what a second call concludes. Does not belong here: the bytes
(the partner's folder), the sending protocol (`courier`), or which publication is current (the caller says).

What goes into a file is everything loaded after the publication that the last *delivered* file was made from,
through the present one; the first file takes all reads there are. So late reads, corrections and replayed rejects
are in, whatever their date, and nothing is in twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path
from posixpath import basename, join

import duckdb

from nightwatt import log
from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery import outbox
from nightwatt.delivery.courier import At, Courier, Receipt, nowhere, receipt_of
from nightwatt.delivery.opower.checker import check_interval_file
from nightwatt.delivery.opower.findings import CheckReport, Finding
from nightwatt.delivery.opower.interval_writer import Selection, Written, write_interval_files
from nightwatt.delivery.opower.profile import IntervalProfile, load_profile
from nightwatt.delivery.sftp import Remote, connection_settings, open_remote
from nightwatt.delivery.stamps import instant_of, stamp_of
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.models import DeliveryState, Sending
from nightwatt.settings import Settings


@dataclass(frozen=True)
class PublicationFacts:
    """What a delivery must know of the publication it reads."""

    sequence: int
    through_sequence: int  # newest load it contains
    published_at: datetime  # aware; in UTC it is the stamp in the file name, unless a file that late is delivered


class Outcome(StrEnum):
    """What a call of `deliver` came to."""

    SENT = "sent"
    ALREADY = "already"  # the business date's files had been delivered before
    NOTHING_NEW = "nothing_new"  # no read was loaded since the last file that this delivery would take


@dataclass(frozen=True)
class Delivered:
    """The delivery's files and what is to be said about them."""

    delivery: str
    business_date: date
    publication_sequence: int
    outcome: Outcome
    receipts: tuple[Receipt, ...]
    left_out: dict[str, int]  # reads held back, by reason
    warnings: tuple[Finding, ...]
    message: str


@dataclass(frozen=True)
class _Task:
    delivery: OpowerIntervalDelivery
    profile: IntervalProfile
    settings: Settings
    ledger: Ledger
    publication: PublicationFacts
    business_date: date

    @property
    def folder(self) -> Path:
        return outbox.folder_of(self.settings.outbox, self.delivery.delivery, self.business_date)


def deliver(
    delivery: OpowerIntervalDelivery,
    settings: Settings,
    ledger: Ledger,
    connection: duckdb.DuckDBPyConnection,
    publication: PublicationFacts,
    business_date: date,
    *,
    connect: Callable[[], AbstractContextManager[Remote]] | None = None,
    at: At = nowhere,
) -> Delivered:
    """Send what the partner does not have yet. A second call sends nothing and says so.

    Args:
        connection: the published warehouse.
        connect: opens the partner's SFTP server; from `NIGHTWATT_SFTP_<NAME>_*` by default.
        at: called at each named step of the courier.

    Raises:
        TransientError: the partner is away, or another process sends this delivery; run again.
        TerminalError: the profile is incomplete, the file has blocking findings, or the sending is `unknown`.
    """
    task = _Task(delivery, load_profile(delivery.profile), settings, ledger, publication, business_date)
    remote_folder = _remote_folder(delivery, task.profile)
    with ledger.read() as session:
        last = sendings.last_delivered(session, delivery.delivery)
        is_drained = not sendings.unfinished(session, delivery.delivery)
    if is_drained and last is not None and last.through_sequence >= publication.through_sequence:
        return _nothing_to_do(task, (), last)  # before the partner's address is asked for: nobody is called
    if connect is None:
        connect = partial(open_remote, connection_settings(delivery.destination.connection))
    with outbox.only_one(settings.outbox, delivery.delivery):
        courier = Courier(ledger, connect, at)
        receipts = _drain(task, courier)
        with ledger.read() as session:
            last = sendings.last_delivered(session, delivery.delivery)
        if last is not None and last.through_sequence >= publication.through_sequence:
            return _nothing_to_do(task, receipts, last)
        return _send_new(task, courier, connection, remote_folder, last, receipts)


def _send_new(
    task: _Task,
    courier: Courier,
    connection: duckdb.DuckDBPyConnection,
    remote_folder: str,
    last: Sending | None,
    before: Sequence[Receipt],
) -> Delivered:
    selection = Selection(
        commodity=task.delivery.commodity,
        length_min=task.delivery.length_min,
        since_sequence=last.through_sequence if last else None,
        through_sequence=task.publication.through_sequence,
        feeds=task.delivery.feeds,
    )
    _clear_leftovers(task)
    written = write_interval_files(
        connection, task.delivery, task.profile, selection, task.folder, _stamp(task.publication, last)
    )
    if not written.files:
        return _result(task, before, written.left_out, (), "no read to send was loaded since the last file")
    reports = _check(task, written, stamp_of(last.file_name) if last else None)
    ids = _intend(task, selection, written, reports, remote_folder)
    courier.at("intent")
    receipts = [courier.send(number, file.path) for number, file in zip(ids, written.files, strict=True)]
    for r in receipts:
        log.get("delivery").info("delivered", delivery=task.delivery.delivery, file=r.file_name, rows=r.rows)
    warnings = tuple(f for report in reports for f in report.findings)
    return _result(task, [*before, *receipts], written.left_out, warnings, "")


def _stamp(publication: PublicationFacts, last: Sending | None) -> datetime:
    """Return the stamp of the first file: the publication's, but always later than what is delivered.

    Publications within one second, a split file that took the seconds after its own, or a clock set back would
    else give a stamp the partner must not get. It follows from the ledger alone, so a rerun gives the same name.
    """
    if last is None:
        return publication.published_at
    return max(publication.published_at, instant_of(last.file_name) + timedelta(seconds=1))


def _drain(task: _Task, courier: Courier) -> list[Receipt]:
    """Finish what earlier calls began, oldest first; nothing new is written before that is settled."""
    with task.ledger.read() as session:
        waiting = sendings.unfinished(session, task.delivery.delivery)
    return [
        courier.send(row.id, outbox.folder_of(task.settings.outbox, row.delivery, row.business_date) / row.file_name)
        for row in waiting
    ]


def _clear_leftovers(task: _Task) -> None:
    with task.ledger.read() as session:
        known = sendings.of_business_date(session, task.delivery.delivery, task.business_date)
    outbox.remove_leftovers(task.folder, keep={row.file_name for row in known})


def _nothing_to_do(task: _Task, receipts: Sequence[Receipt], last: Sending) -> Delivered:
    if receipts:
        return _result(task, receipts, {}, (), "")
    message = f"all loads through {last.through_sequence} went out with {last.file_name}; nothing sent"
    return _result(task, (), {}, (), message)


def _result(
    task: _Task, receipts: Sequence[Receipt], left_out: Mapping[str, int], warnings: tuple[Finding, ...], message: str
) -> Delivered:
    sent = [r for r in receipts if r.sent_now]
    with task.ledger.read() as session:
        known = sendings.of_business_date(session, task.delivery.delivery, task.business_date)
    earlier = [receipt_of(row, sent_now=False) for row in known if row.state == DeliveryState.DELIVERED]
    outcome = Outcome.SENT if sent else Outcome.ALREADY if earlier else Outcome.NOTHING_NEW
    if receipts and not sent:
        message = "the partner has the file already; recorded, nothing sent"
    return Delivered(
        delivery=task.delivery.delivery,
        business_date=task.business_date,
        publication_sequence=task.publication.sequence,
        outcome=outcome,
        receipts=tuple(receipts) or tuple(earlier),
        left_out=dict(left_out),
        warnings=warnings,
        message=message or f"{len(sent)} file(s) sent",
    )


def _check(task: _Task, written: Written, after_stamp: str | None) -> list[CheckReport]:
    """Read every file back with the independent checker, and compare its totals with the writer's."""
    reports = []
    for file in written.files:
        report = check_interval_file(
            file.path,
            task.profile,
            written.zones,
            utility=task.delivery.utility_code,
            population=task.delivery.population,
            length_min=task.delivery.length_min,
            after_stamp=after_stamp,
            size_limit_mb=task.delivery.max_file_mb,
        )
        after_stamp = stamp_of(file.name)
        if report.blocking:
            raise TerminalError(
                "delivery.check_failed",
                f"{file.path}: not sent:\n  " + "\n  ".join(map(str, report.blocking)),
                "nothing went to the partner; correct the cause and run the delivery again",
            )
        reports.append(report)
    _reconcile(task, written, reports)
    return reports


def _reconcile(task: _Task, written: Written, reports: Sequence[CheckReport]) -> None:
    sums: dict[str, Decimal] = {}
    for report in reports:
        for key, value in report.sums.items():
            sums[key] = sums.get(key, Decimal(0)) + value
    read = (sum(r.rows for r in reports), sum(r.service_points for r in reports), sums)
    meant = (written.totals.rows, written.totals.service_points, dict(written.totals.sums))
    if read != meant:
        raise TerminalError(
            "delivery.totals_differ",
            f"{task.delivery.delivery}: the files hold {read[0]} rows of {read[1]} service points, "
            f"the warehouse {meant[0]} of {meant[1]}, or their sums differ",
            "nothing was sent; a defect in the writer or the checker, or reads changed meanwhile: run it again",
        )


def _intend(
    task: _Task, selection: Selection, written: Written, reports: Sequence[CheckReport], remote_folder: str
) -> list[int]:
    """Commit to sending exactly these bytes under exactly these names, all of them or none."""
    rows = [
        Sending(
            delivery=task.delivery.delivery,
            business_date=task.business_date,
            publication_sequence=task.publication.sequence,
            since_sequence=selection.since_sequence,
            through_sequence=selection.through_sequence,
            file_name=file.name,
            content_sha256=file.sha256,
            size_bytes=file.size_bytes,
            rows=report.rows,
            totals=_totals(report, written, first=number == 0),
            remote_path=join(remote_folder, file.name),
            state=DeliveryState.INTENT,
            intended_at=task.ledger.clock(),
        )
        for number, (file, report) in enumerate(zip(written.files, reports, strict=True))
    ]
    with task.ledger.write() as session:
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def _totals(report: CheckReport, written: Written, *, first: bool) -> dict[str, object]:
    return {
        "sums": {key: str(value) for key, value in report.sums.items()},
        "service_points": report.service_points,
        "estimated_rows": report.estimated_rows,
        "first_end_at": _iso(report.first_end_at),
        "last_end_at": _iso(report.last_end_at),
        "warnings": report.codes,
        "left_out": dict(written.left_out) if first else {},
        "estimate_defaulted": written.estimate_defaulted if first else 0,
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _remote_folder(delivery: OpowerIntervalDelivery, profile: IntervalProfile) -> str:
    """Return the folder of the delivery's state, refusing what must not go to production."""
    approved = delivery.state == "approved"
    folder = delivery.destination.production_folder if approved else delivery.destination.review_folder
    foreign = profile.folders.review if approved else profile.folders.production
    if basename(folder.rstrip("/")).lower() in {basename(f).lower() for f in foreign}:
        raise TerminalError(
            "delivery.wrong_folder",
            f"{delivery.delivery} is in state {delivery.state}, which must not go to {folder}",
            "correct `state` or the destination's folders in the delivery contract",
        )
    if approved and profile.incomplete and not delivery.allow_incomplete_profile:
        raise TerminalError(
            "delivery.profile_incomplete",
            f"{delivery.delivery} is approved for production, but profile {profile.profile} is incomplete: "
            f"{', '.join(o.topic for o in profile.unconfirmed)}",
            "have the partner confirm these topics, or set allow_incomplete_profile in the contract on your own word",
        )
    return folder
