"""What can be wrong with files going out: refused or lost on the way, missing, or not whole.

Belongs here: pure judgements about sendings and what the checks of sendings found. Does not belong here: whether they
are in time (`progress_conditions.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nightwatt.alerting.night import Known, Night, is_delivered, wall
from nightwatt.alerting.progress_conditions import failing
from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import DeliveryState, Severity

_CRITICAL = frozenset({"delivery.missing", "delivery.missing_for_report"})


@dataclass(frozen=True)
class _Finding:
    """One thing that is wrong with a delivery's night."""

    code: str
    severity: Severity
    message: str
    remedy: str
    runbook: str
    evidence: dict[str, Any]


def of_sendings(night: Night, known: Known, now: datetime, findings: Sequence[CheckResult]) -> Iterator[Condition]:
    """Yield what is wrong with the files of a night, one condition a delivery.

    Args:
        night: the night.
        known: what is the same for all nights.
        now: the clock.
        findings: what the checks of sendings say of this night.
    """
    for name, contract in sorted(known.catalog.deliveries.items()):
        found = [*_on_the_way(night, known, name, now), *_checked(night, name, findings)]
        if not found:
            continue
        worst = max(found, key=lambda f: f.severity.rank)
        is_sent = worst.code not in {"delivery.failed", "delivery.unknown", *_CRITICAL}
        yield Condition(
            topic="sending",
            code=worst.code,
            subject=name,
            business_date=night.day,
            cause=f"delivery:{name}" if is_sent else f"partner:{contract.partner}",
            severity=worst.severity,
            message="; ".join(f.message for f in found),
            remedy=worst.remedy,
            runbook=worst.runbook,
            domain=contract.domain,
            evidence={"codes": [f.code for f in found], "partner": contract.partner} | worst.evidence,
        )


def _on_the_way(night: Night, known: Known, delivery: str, now: datetime) -> Iterator[_Finding]:
    sendings = night.book.sendings.get(delivery, ())
    lost = [s for s in sendings if s.state == DeliveryState.UNKNOWN]
    if lost:
        yield _Finding(
            "delivery.unknown",
            Severity.CRITICAL,
            f"{lost[0].file_name}: the last step was tried, and the file is not where it should be; the partner may "
            "have taken it. It is never sent again by itself",
            "ask the partner whether it has the file, then settle it as the page says",
            "delivery_unknown",
            {"files": [s.file_name for s in lost]},
        )
    found = failing(night, "deliver", delivery)
    if lost or found is None or not found.is_telling(now) or is_delivered(night.book, delivery):
        return
    again = "" if found.is_final else "; it is tried again by itself"
    yield _Finding(
        "delivery.failed",
        Severity.CRITICAL if found.is_final else Severity.WARNING,
        f"{delivery} could not be sent at {wall(found.since, known.zone, night.day)}: {found.error.message}{again}",
        f"{found.error.remedy or 'read the log of the task'}; then `nightwatt deliver {delivery} --date {night.day}`",
        "delivery_away",
        {"code": found.error.code, "times": found.times},
    )


def _checked(night: Night, delivery: str, findings: Sequence[CheckResult]) -> Iterator[_Finding]:
    for finding in findings:
        if (finding.subject, finding.business_date) != (delivery, night.day):
            continue
        if finding.code == "delivery.missing" and (is_delivered(night.book, delivery) or _is_promised(night, delivery)):
            continue  # a later file has it; or its deadline says it
        yield _Finding(
            finding.code,
            Severity.CRITICAL if finding.code in _CRITICAL else Severity.WARNING,
            finding.message,
            f"`nightwatt sent list --date {night.day}` shows what went out",
            "delivery_missing",
            dict(finding.evidence),
        )


def _is_promised(night: Night, delivery: str) -> bool:
    return night.plan.owes("delivery", delivery) is not None
