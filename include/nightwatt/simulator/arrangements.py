"""How an account gets its bills and pays them.

Here: the bill's route and automatic payment of a tenancy, and when they change.
Not here: what is billed and paid (`bills`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightwatt.simulator.chance import I64, below
from nightwatt.simulator.clock import NEVER
from nightwatt.simulator.world import Tenancies

POSTAL, BY_EMAIL, BY_SMS, UNSAID = range(4)
_ROUTES = np.repeat([POSTAL, BY_EMAIL, BY_SMS, UNSAID], [60, 33, 4, 3])


@dataclass(frozen=True, eq=False)
class Autopay:
    """Automatic payment of tenancies: the first day, and the first day without; both NEVER where there is none."""

    start: I64
    end: I64


def bill_route(tenants: Tenancies, day: int) -> I64:
    """Return the route of each tenancy's bills at the end of a local day."""
    route = _ROUTES[below(tenants.draws("bill-route"), len(_ROUTES))]
    return np.where(leaves_paper(tenants) <= day, BY_EMAIL, route)


def leaves_paper(tenants: Tenancies) -> I64:
    """Return the local day on which an account that got its bills by post asks for e-mail, mostly NEVER."""
    by_post = _ROUTES[below(tenants.draws("bill-route"), len(_ROUTES))] == POSTAL
    day = tenants.start + 15 + below(tenants.draws("paperless-day"), 2500)
    return np.where(by_post & (tenants.chance("paperless") < 0.6) & (day < tenants.end), day, NEVER)


def autopay_of(tenants: Tenancies) -> Autopay:
    """One account in three pays by itself sooner or later; one in six of these stops it."""
    start = tenants.start + 5 + below(tenants.draws("autopay-day"), 500)
    has = (tenants.chance("autopay") < 0.33) & (start < tenants.end)
    end = start + 30 + below(tenants.draws("autopay-stop"), 800)
    stops = has & (tenants.chance("autopay-stops") < 0.17) & (end < tenants.end)
    return Autopay(np.where(has, start, NEVER), np.where(stops, end, NEVER))
