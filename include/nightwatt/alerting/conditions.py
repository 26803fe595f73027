"""The one verdict: everything that is wrong now, from plan, ledger, forecasts and a clock, and nothing else.

Belongs here: putting the judgements together, and what is behind what. Does not belong here: reading the ledger
(`ledger.facts`), what becomes of alerts (`lifecycle.py`), and telling anybody (`outbox.py`).

Airflow's callbacks, its watch DAG, the watchdog outside it, the command line and the pages all come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nightwatt.alerting.feed_conditions import of_feeds, of_feeds_all_day
from nightwatt.alerting.house_conditions import OF_AIRFLOW, of_house, silent_services
from nightwatt.alerting.night import Known, Night
from nightwatt.alerting.progress_conditions import (
    not_started,
    of_promises,
    of_publications,
    of_readers,
    of_steps,
)
from nightwatt.alerting.sending_conditions import of_sendings
from nightwatt.ledger.alerts import Condition

__all__ = ["Condition", "Known", "Night", "conditions"]


def conditions(nights: Sequence[Night], known: Known, now: datetime) -> list[Condition]:
    """Return everything that is wrong.

    Nothing is wrong with a night before the first thing ever happened in this house: nobody promised anything yet.

    Args:
        nights: the nights to be judged.
        known: what is the same for all of them.
        now: the clock.
    """
    since = known.house.since
    judged = [night for night in nights if since is not None and night.day >= since]
    found = [*of_house(judged, known, now)]
    for night in judged:
        found += _of_night(night, known, now)
    return [*found, *of_readers(judged, known)]


def _of_night(night: Night, known: Known, now: datetime) -> list[Condition]:
    asleep = list(not_started(night, known, now))
    is_silent = night.day == known.tonight and any(c.subject in OF_AIRFLOW for c in silent_services(known, now))
    idle = frozenset({f.domain for f in night.plan.feeds} if is_silent else {c.subject for c in asleep})
    found = [
        *asleep,
        *of_feeds(night, known, now, idle),
        *(of_feeds_all_day(night, known, now) if night.day == known.tonight else ()),
        *of_steps(night, known, now),
        *of_publications(night, known),
        *of_sendings(night, known, now, known.findings),
    ]
    return [*found, *of_promises(night, known, now, found, idle)]
