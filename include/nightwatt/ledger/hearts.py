"""Signs of life of processes that must run all the time.

Belongs here: writing them. Does not belong here: how long a silence is too long (`alerting`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from nightwatt.ledger.models import Heartbeat


def beat(session: Session, name: str, at: datetime, every_s: int | None, detail: str | None = None) -> None:
    """Note that a process lives.

    Args:
        session: the ledger.
        name: the process.
        at: when it was last known to live.
        every_s: how often it comes back; None: it makes no promise, and its silence means nothing.
        detail: who it is.
    """
    row = session.get(Heartbeat, name) or Heartbeat(name=name)
    row.at, row.every_s, row.detail = at, every_s, detail
    session.add(row)
    session.flush()
