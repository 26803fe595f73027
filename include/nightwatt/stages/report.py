"""The state of a night: what came, what was published and sent, and the verdicts.

Belongs here: gathering it from the ledger and judging deadlines by the one verdict function. Does not
belong here: layout (`cli.screen`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from nightwatt.alerting.verdict import NightVerdict, night_verdicts
from nightwatt.ledger.models import Check, Publication, Sending
from nightwatt.ledger.night import (
    FeedNight,
    RejectReason,
    failed_checks,
    feeds_of_night,
    reject_reasons,
    sendings_of_night,
    standing_publications,
)
from nightwatt.stages.platform import Platform


@dataclass(frozen=True)
class NightReport:
    """One business date, for a screen or a page."""

    business_date: date
    now: datetime
    zone: str
    feeds: list[FeedNight]
    silent: list[str]  # feeds of which nothing came
    rejects: list[RejectReason]
    publications: list[Publication]
    sendings: list[Sending]
    findings: list[Check]
    verdicts: list[NightVerdict]


def night_report(platform: Platform, business_date: date) -> NightReport:
    """Gather the state of a business date at the platform's clock."""
    now = platform.clock()
    with platform.ledger.read() as session:
        feeds = feeds_of_night(session, business_date)
        return NightReport(
            business_date=business_date,
            now=now,
            zone=platform.settings.zone,
            feeds=feeds,
            silent=sorted(set(platform.catalog.feeds) - {f.feed for f in feeds}),
            rejects=reject_reasons(session, business_date),
            publications=standing_publications(session),
            sendings=sendings_of_night(session, business_date),
            findings=failed_checks(session, business_date),
            verdicts=night_verdicts(platform.ledger, platform.catalog, business_date, now, platform.settings.tz),
        )
