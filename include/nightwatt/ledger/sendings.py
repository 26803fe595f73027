"""Questions about sendings: what was sent, what is under way, and where the next file must begin.

Belongs here: reading and changing rows of `deliveries`. Does not belong here: talking to a partner
(`delivery.courier`) or deciding what a file holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from nightwatt.errors import TerminalError
from nightwatt.ledger.models import DeliveryState, PhaseKind, Sending, SendingRole

UNFINISHED = (
    DeliveryState.INTENT,
    DeliveryState.RENAMING,
    DeliveryState.FINISHING,
    DeliveryState.UNKNOWN,
    DeliveryState.FAILED,
)


def get(session: Session, sending_id: int) -> Sending:
    """Return one sending.

    Raises:
        TerminalError: `sending.not_found`, there is none with this number.
    """
    found = session.get(Sending, sending_id)
    if found is None:
        raise TerminalError("sending.not_found", f"there is no sending {sending_id}", "see `nightwatt sent list`")
    return found


def named(session: Session, name: str) -> Sending:
    """Return the sending of a number or a file name; of several with one name the newest.

    Raises:
        TerminalError: `sending.not_found`.
    """
    if name.isdigit():
        return get(session, int(name))
    found = session.scalars(select(Sending).where(Sending.file_name == name).order_by(Sending.id.desc())).first()
    if found is None:
        raise TerminalError("sending.not_found", f"no file {name} was sent", "see `nightwatt sent list`")
    return found


def unfinished(session: Session, delivery: str) -> Sequence[Sending]:
    """Return what was intended and is not delivered, in the order in which it must go."""
    return session.scalars(
        select(Sending).where(Sending.delivery == delivery, Sending.state.in_(UNFINISHED)).order_by(Sending.id)
    ).all()


def of_delivery(session: Session, delivery: str) -> Sequence[Sending]:
    """Return every sending of one delivery, in sending order."""
    return session.scalars(select(Sending).where(Sending.delivery == delivery).order_by(Sending.id)).all()


def of_business_date(session: Session, delivery: str, business_date: date) -> Sequence[Sending]:
    """Return every sending of one delivery and business date, in sending order."""
    return session.scalars(
        select(Sending).where(Sending.delivery == delivery, Sending.business_date == business_date).order_by(Sending.id)
    ).all()


def recent(session: Session, limit: int, business_date: date | None = None) -> Sequence[Sending]:
    """Return the newest sendings of all deliveries, oldest first."""
    question = select(Sending).order_by(Sending.id.desc()).limit(limit)
    if business_date:
        question = question.where(Sending.business_date == business_date)
    return session.scalars(question).all()[::-1]


def delivered(session: Session, delivery: str) -> Sequence[Sending]:
    """Return every file of a delivery the partner got, in order of arrival; manifests do not count."""
    return session.scalars(
        select(Sending)
        .where(
            Sending.delivery == delivery,
            Sending.role == SendingRole.DATA,
            Sending.state == DeliveryState.DELIVERED,
        )
        .order_by(Sending.delivered_at, Sending.id)
    ).all()


def arriving(session: Session, delivery: str) -> Sequence[Sending]:
    """Return every data file of a delivery, in the order in which the partner got it or will get it."""
    waiting = [row for row in unfinished(session, delivery) if row.role == SendingRole.DATA]
    return [*delivered(session, delivery), *waiting]


@dataclass(frozen=True)
class SentNight:
    """What went out for one business date, all files together."""

    business_date: date
    rows: int
    meters: int | None  # service points; unknown where the files' totals do not say
    delivered_at: datetime  # of the last of them


def sent_nights(session: Session, delivery: str, first: date) -> list[SentNight]:
    """Return the business dates from a first one on for which incrementals were delivered, oldest first."""
    rows = session.scalars(
        select(Sending)
        .where(
            Sending.delivery == delivery,
            Sending.business_date >= first,
            Sending.state == DeliveryState.DELIVERED,
            Sending.phase == PhaseKind.INCREMENTAL,
            Sending.role == SendingRole.DATA,
        )
        .order_by(Sending.business_date, Sending.id)
    ).all()
    return [_night(day, list(files)) for day, files in groupby(rows, key=lambda row: row.business_date)]


def incremental_since(session: Session, delivery: str) -> date | None:
    """Return the first business date that owes an incremental; None while the partner has no history.

    It is the day after the last full history; where there was none, that of the first incremental, which took it all.
    """
    mine = (Sending.delivery == delivery, Sending.state == DeliveryState.DELIVERED)
    full = session.scalar(select(func.max(Sending.business_date)).where(*mine, Sending.phase == PhaseKind.FULL))
    if full is not None:
        return full + timedelta(days=1)
    return session.scalar(select(func.min(Sending.business_date)).where(*mine, Sending.phase == PhaseKind.INCREMENTAL))


def _night(day: date, files: Sequence[Sending]) -> SentNight:
    meters = [f.totals["service_points"] for f in files if f.totals and "service_points" in f.totals]
    return SentNight(
        day,
        sum(f.rows for f in files),
        sum(meters) if meters else None,
        max(f.delivered_at for f in files if f.delivered_at),
    )


def since_history(session: Session, delivery: str) -> Sequence[Sending]:
    """Return the data files since the newest history began, sent or waiting to be, in order; no samples."""
    rows = session.scalars(
        select(Sending)
        .where(Sending.delivery == delivery, Sending.role == SendingRole.DATA, Sending.phase != PhaseKind.SAMPLE)
        .order_by(Sending.id)
    ).all()
    histories = [n for n, row in enumerate(rows) if row.phase == PhaseKind.FULL]
    if not histories:
        return rows
    newest = rows[histories[-1]]  # a split one has several files, all of one publication
    made = newest.business_date, newest.publication_sequence
    return rows[next(n for n in histories if (rows[n].business_date, rows[n].publication_sequence) == made) :]


def last_delivered(session: Session, delivery: str) -> Sending | None:
    """Return the file of a delivery that went out last, whatever its phase; manifests do not count."""
    return session.scalars(_newest(delivery).where(Sending.state == DeliveryState.DELIVERED)).first()


def last_intended(session: Session, delivery: str) -> Sending | None:
    """Return the newest file of a delivery, sent or waiting to be; the next one is stamped later."""
    return session.scalars(_newest(delivery)).first()


def _newest(delivery: str) -> Select[Sending]:
    mine = select(Sending).where(Sending.delivery == delivery, Sending.role == SendingRole.DATA)
    return mine.order_by(Sending.id.desc()).limit(1)


def same_again(session: Session, delivery: str, business_date: date, **facts: object) -> Sending | None:
    """Return the last file of a business date that was made with the very same parameters, sent or waiting to be."""
    return session.scalars(
        select(Sending)
        .where(Sending.delivery == delivery, Sending.business_date == business_date, Sending.role == SendingRole.DATA)
        .filter_by(**facts)
        .order_by(Sending.id.desc())
        .limit(1)
    ).first()


def in_folder(session: Session, folder: str) -> Sequence[Sending]:
    """Return every sending of any delivery that has or had its place in a partner's folder, in sending order."""
    inside = folder.rstrip("/") + "/"
    found = session.scalars(select(Sending).where(Sending.remote_path.startswith(inside, autoescape=True)))
    return sorted((row for row in found if "/" not in row.remote_path[len(inside) :]), key=lambda row: row.id)


def resolve(session: Session, sending_id: int, *, arrived: bool, at: datetime, by: str) -> Sending:
    """Settle a sending in state `unknown` by a person's word, after asking the partner.

    Args:
        arrived: the partner has the file: it counts as delivered when its last step was tried. Otherwise it is sent
            again by the next run.
        at: now, where no last step was recorded.
        by: who says so.

    Raises:
        TerminalError: `sending.settled`, the sending is not in state `unknown`.
    """
    row = get(session, sending_id)
    if row.state != DeliveryState.UNKNOWN:
        raise TerminalError(
            "sending.settled", f"sending {sending_id} is {row.state}, not unknown", "there is nothing to settle"
        )
    if arrived:
        row.state, row.delivered_at = DeliveryState.DELIVERED, row.renaming_at or at
        row.message = f"the partner has it, says {by}"
    else:
        row.state, row.renaming_at, row.uploading_at = DeliveryState.INTENT, None, None
        row.message = f"the partner does not have it, says {by}"
    return row
