"""Counting meters: after usage is published, whether the service points that usually report did.

Belongs here: which feeds' limits hold tonight, and recording the result once for a publication. Does not belong here:
counting (warehouse) and the judgement (checks).
"""

from __future__ import annotations

from datetime import date, timedelta

from nightwatt import warehouse
from nightwatt.checks import check_meters
from nightwatt.ledger import checks, decisions
from nightwatt.ledger.models import NightChoice
from nightwatt.stages.platform import Platform


def count_meters(platform: Platform, as_of: date, publication: int) -> None:
    """Record, once for a publication, whether the service points that usually report did: of the local day before."""
    limits = _meter_limits(platform, as_of)
    if not limits:
        return
    with platform.ledger.read() as session:
        known = {
            c.subject: c.evidence.get("publication")
            for c in checks.of_night(session, as_of)
            if c.code == "usage.missing_meters"
        }
    day = as_of - timedelta(days=1)
    results = check_meters(warehouse.reporting(platform.settings, day), limits, day, as_of, publication)
    with platform.ledger.write() as session:
        news = [r for r in results if known.get(r.subject) != publication]
        checks.record(session, news, as_of, platform.clock())


def _meter_limits(platform: Platform, as_of: date) -> dict[str, float]:
    """Return the strictest limit of each commodity whose reads are due on a date and that nobody let go."""
    with platform.ledger.read() as session:
        let_go = {
            feed
            for feed, decided in decisions.of_night(session, as_of).items()
            if decided.choice in {NightChoice.SKIP, NightChoice.ACCEPT}
        }
    limits: dict[str, float] = {}
    for name, feed in platform.catalog.feeds.items():
        limit = feed.completeness.max_missing_meters_pct
        is_due = name not in let_go and feed.schedule.word_on(as_of, platform.catalog.holidays).is_expected
        if limit is not None and feed.commodity and is_due:
            limits[feed.commodity] = min(limit, limits.get(feed.commodity, limit))
    return limits
