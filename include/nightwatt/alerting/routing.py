"""Which channels a message goes through, and when: routes by severity and domain, and quiet hours.

Belongs here: pure functions over `alerting.yaml`. Does not belong here: sending (`channels.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nightwatt.calendar import business_date, wall_instant
from nightwatt.contracts.alerting import Alerting
from nightwatt.ledger.models import Severity

DAY = timedelta(days=1)


def channels_for(alerting: Alerting, severity: Severity, domain: str | None) -> list[str]:
    """Return the channels a matter goes to, in the order in which they are declared."""
    wanted = {
        channel
        for route in alerting.routes
        if severity.value in route.severities and (domain is None or not route.domains or domain in route.domains)
        for channel in route.channels
    }
    return [name for name in alerting.channels if name in wanted]


def due_at(alerting: Alerting, channel: str, severity: Severity, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when something may be said: now, or where it can wait and people sleep, when the quiet hours end."""
    quiet = alerting.quiet_hours
    if severity is Severity.CRITICAL or quiet is None or (quiet.channels and channel not in quiet.channels):
        return now
    today = business_date(now, zone)
    for day in (today - DAY, today):  # quiet hours that began yesterday may last until this morning
        start = wall_instant(day, quiet.start, zone)
        end = wall_instant(day if quiet.start < quiet.end else day + DAY, quiet.end, zone)
        if start <= now < end:
            return end
    return now
