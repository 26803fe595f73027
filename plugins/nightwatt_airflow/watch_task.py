"""The look of `watch_night` as a task.

Belongs here: calling the look with a sign of life, and saying how many alerts are open. Does not belong here: the look
(`nightwatt.stages`).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context, task

from nightwatt_airflow import metrics
from nightwatt_airflow.run_of import started_by

EVERY = timedelta(minutes=5)


@task(execution_timeout=timedelta(minutes=4))
def look_after_the_night() -> dict[str, Any]:
    """Look once: judge the nights, settle the alerts, tell people."""
    from nightwatt.stages import Beat, Platform, watch

    with Platform.open(started_by=started_by(get_current_context())) as platform:
        summary = watch(platform, Beat("watch_night", int(EVERY.total_seconds())))
    metrics.looked(Counter(alert.severity for alert in summary.standing))
    return summary.to_dict()
