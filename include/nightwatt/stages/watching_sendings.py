"""Watching what was sent: is a file missing, or one not whole? Findings go into the ledger, once.

Belongs here: putting contract, ledger and clock before the checks, and recording what is news. Does not belong here:
the judgement (checks) and telling anybody (alerting reads the ledger).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from nightwatt import checks
from nightwatt.contracts.delivery import Delivery, OpowerDelivery
from nightwatt.ledger import sendings
from nightwatt.ledger.checks import CheckResult, record_news
from nightwatt.stages.platform import Platform

HISTORY_DAYS = 120
"""What the medians of the longest watch are made of."""


@dataclass(frozen=True)
class SendingsSummary:
    """What is wrong with sendings now."""

    findings: tuple[CheckResult, ...]
    news: int  # of them, how many nobody had found before

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def lines(self) -> Iterator[str]:
        """Yield what an operator wants to read."""
        for f in self.findings:
            yield f"{f.code}: {f.message}"
        if self.is_good:
            yield "every file that is due was sent, and none is unusually small"

    def to_dict(self) -> dict[str, Any]:
        """Return codes and numbers."""
        findings = [
            {"code": f.code, "delivery": f.subject, "business_date": str(f.business_date)} for f in self.findings
        ]
        return {"findings": findings, "news": self.news}


def watch_sendings(platform: Platform, delivery_name: str | None = None) -> SendingsSummary:
    """Look at what one delivery, or every delivery to Opower, sent up to now.

    Raises:
        TerminalError: `catalog.unknown_delivery`.
    """
    catalog = platform.catalog
    contracts = [catalog.delivery(delivery_name)] if delivery_name else list(catalog.deliveries.values())
    found = [f for contract in contracts for f in _look(platform, contract)]
    with platform.ledger.write() as session:
        news = record_news(session, found, platform.clock())
    return SendingsSummary(tuple(found), len(news))


def _look(platform: Platform, contract: Delivery) -> list[CheckResult]:
    if not isinstance(contract, OpowerDelivery):
        return []
    with platform.ledger.read() as session:
        return judge_sendings(session, contract, platform.clock(), platform.settings.tz)


def judge_sendings(session: Session, contract: OpowerDelivery, now: datetime, zone: ZoneInfo) -> list[CheckResult]:
    """Return what is wrong with what one delivery sent, at an instant."""
    longest = max(HISTORY_DAYS, 7 * (contract.watch.weeks + 2))
    since = sendings.incremental_since(session, contract.delivery)
    nights = sendings.sent_nights(session, contract.delivery, now.date() - timedelta(days=longest))
    owed = checks.Owed(contract.delivery, contract.watch, contract.deadline, since)
    return checks.check_sendings(owed, nights, now, zone)
