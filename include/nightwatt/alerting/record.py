"""Writing a verdict into the ledger, once.

Belongs here: the check rows `deadline.at_risk`, `deadline.late` and `deadline.missed`. Does not belong
here: the judgement itself (`verdict.py`) and telling anybody.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from nightwatt.alerting.verdict import NightVerdict
from nightwatt.ledger.book import Ledger
from nightwatt.ledger.models import Check


def record_verdict(ledger: Ledger, judged: NightVerdict, business_date: date, reported_by: str) -> bool:
    """Write a bad verdict down; return whether it is news.

    A good verdict is not written, and the same bad one about the same thing and date only once, however
    often and by whomever it is reported.
    """
    if not judged.verdict.is_bad:
        return False
    code = f"deadline.{judged.verdict.state}"
    with ledger.write() as session:
        known = session.scalars(
            select(Check.id).where(
                Check.code == code, Check.subject == judged.due.subject, Check.business_date == business_date
            )
        ).first()
        if known is not None:
            return False
        session.add(
            Check(
                run_id=None,
                code=code,
                subject=judged.due.subject,
                business_date=business_date,
                passed=False,
                blocks=False,
                message=f"{judged.due.title}: {judged.verdict.reason}",
                evidence=judged.to_dict() | {"reported_by": reported_by},
                at=ledger.clock(),
            )
        )
    return True
