"""Conditions with sensible defaults, for tests of alerts."""

from __future__ import annotations

from datetime import date
from typing import Any

from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import Severity

NIGHT = date(2026, 3, 9)


def condition(subject: str = "ccb_bill", **changes: Any) -> Condition:
    """A late feed of the demo night, or what is given."""
    facts: dict[str, Any] = {
        "topic": "arrival",
        "code": "feed.late",
        "subject": subject,
        "business_date": NIGHT,
        "cause": "system:ccb",
        "severity": Severity.WARNING,
        "message": f"{subject} has not come",
        "remedy": "ask billing data for it",
        "runbook": "feed_missing",
        "domain": "billing",
        "evidence": {"files": 0},
    }
    return Condition(**facts | changes)


def worse(subject: str = "ccb_bill", **changes: Any) -> Condition:
    """The same feed, missing."""
    return condition(subject, **{"code": "feed.missing", "severity": Severity.CRITICAL} | changes)
