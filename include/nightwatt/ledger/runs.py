"""Questions about runs of stages.

Belongs here: the newest run of a stage, and what follows from the order of two. Does not belong here: recording a run
(`book.py`) and how long runs take (`durations.py`).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import Run, RunState


def newest(session: Session, stage: str, subject: str, state: RunState | None = None) -> Run | None:
    """Return the newest run of a stage for a subject, among those in one state if it is named."""
    ran = select(Run).where(Run.stage == stage, Run.subject == subject).order_by(Run.id.desc()).limit(1)
    return session.scalars(ran.where(Run.state == state) if state else ran).one_or_none()


def awaits_publication(session: Session, domain: str) -> bool:
    """Return whether a domain was built since it was last published, so that what stands is not what was built last."""
    built = newest(session, "build", domain, RunState.SUCCEEDED)
    published = newest(session, "publish", domain, RunState.SUCCEEDED)
    return built is not None and (published is None or published.id < built.id)
