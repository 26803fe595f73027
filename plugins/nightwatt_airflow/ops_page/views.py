"""What there is to see: tonight, a feed, a delivery, the alerts, usage and bills.

Belongs here: from an address to a page. Changes nothing. Does not belong here: buttons (`actions.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from nightwatt.alerting.plan import DOMAIN_DEADLINES
from nightwatt.ledger.alerts import standing
from nightwatt.stages import Platform, board
from nightwatt.stages.board_feeds import Tone
from nightwatt.stages.histories import alert_history, delivery_history, domain_history, feed_history, feed_rejects
from nightwatt.warehouse.publication_checks import TOLERANCE_PCT
from nightwatt.warehouse.reconciliation import Comparison
from nightwatt_airflow.ops_page.night_charts import delivery_charts, domain_charts, feed_charts
from nightwatt_airflow.ops_page.picture import picture
from nightwatt_airflow.ops_page.render import page

router = APIRouter()

DAG_OF = {"billing": "billing_nightly", "usage": "usage_daily"}
DELIVERY_DAG = {
    "opower_billing": "opower_billing_delivery",
    "opower_interval": "opower_interval_delivery",
    "crm": "crm_delivery",
}

TOLD = {
    "acknowledged": "Noted: you have it. It speaks up again only when it gets worse.",
    "release": "Noted: the night waits for the feed.",
    "skip": "Noted: the night goes on without the feed.",
    "accept": "Noted: the night goes on with what is there.",
    "taken_back": "Noted: the decision is taken back.",
}
"""What a pressed button led to, by a word in the address; nothing else from the address is shown."""


def opened() -> Iterator[Platform]:
    """Open the home for one request."""
    with Platform.open(started_by="ops page") as platform:
        yield platform


Home = Annotated[Platform, Depends(opened)]
Night = Annotated[date | None, Query(alias="date")]


@router.get("/")
def tonight(request: Request, user: GetUserDep, platform: Home, night: Night = None) -> HTMLResponse:
    """Show one night at a glance."""
    today = platform.business_date()
    shown = board(platform, night or today)
    return page(
        "tonight.html",
        request,
        user,
        board=shown,
        picture=picture(shown.timeline, platform.settings.tz),
        before=shown.business_date - timedelta(days=1),
        after=shown.business_date + timedelta(days=1) if shown.business_date < today else None,
        dag_of=DAG_OF,
        stale=Tone.WARN,
        overdue={o.domain for o in shown.owed if o.kind == "publication" and o.state == "missed"},
        told=TOLD.get(request.query_params.get("done", "")),
    )


@router.get("/feeds/{feed}")
def one_feed(request: Request, user: GetUserDep, platform: Home, feed: str, night: Night = None) -> HTMLResponse:
    """Show thirty nights of a feed."""
    today = platform.business_date()
    shown = board(platform, night or today)
    history = feed_history(platform, feed, shown.business_date)
    return page(
        "feed.html",
        request,
        user,
        board=shown,
        line=next(f for f in shown.feeds if f.feed == feed),
        history=history,
        charts=feed_charts(history.nights, platform.settings.tz),
        dag_of=DAG_OF,
        told=TOLD.get(request.query_params.get("done", "")),
    )


@router.get("/feeds/{feed}/rejects")
def rejects(
    request: Request,
    user: GetUserDep,
    platform: Home,
    feed: str,
    receipt: int | None = None,
    part: Annotated[int, Query(alias="page", ge=1)] = 1,
) -> HTMLResponse:
    """Show which lines of a feed's files were put aside and why; their text is for the terminal."""
    found = feed_rejects(platform, feed, receipt, part)
    return page("rejects.html", request, user, found=found, open_alerts=open_alerts(platform))


@router.get("/deliveries/{delivery}")
def one_delivery(
    request: Request, user: GetUserDep, platform: Home, delivery: str, night: Night = None
) -> HTMLResponse:
    """Show thirty nights of a delivery."""
    day = night or platform.business_date()
    history = delivery_history(platform, delivery, day)
    due = platform.catalog.delivery(delivery).deadline
    return page(
        "delivery.html",
        request,
        user,
        date=day,
        history=history,
        charts=delivery_charts(history.nights, due.hour + due.minute / 60),
        dag=DELIVERY_DAG[platform.catalog.delivery(delivery).kind],
        open_alerts=open_alerts(platform),
    )


@router.get("/alerts")
def alerts(request: Request, user: GetUserDep, platform: Home) -> HTMLResponse:
    """Show what is wrong, what was, and who was told."""
    return page(
        "alerts.html",
        request,
        user,
        history=alert_history(platform),
        date=platform.business_date(),
        told=TOLD.get(request.query_params.get("done", "")),
    )


@router.get("/usage")
def usage(request: Request, user: GetUserDep, platform: Home, entity: str | None = None) -> HTMLResponse:
    """Show what of usage is published, and whether it is all."""
    return _domain(request, user, platform, "usage", entity)


@router.get("/bills")
def bills(request: Request, user: GetUserDep, platform: Home, entity: str | None = None) -> HTMLResponse:
    """Show what of billing is published, and whether it is all."""
    return _domain(request, user, platform, "billing", entity)


def _domain(request: Request, user: GetUserDep, platform: Platform, domain: str, entity: str | None) -> HTMLResponse:
    history = domain_history(platform, domain, entity)
    due = DOMAIN_DEADLINES[domain]
    return page(
        "domain.html",
        request,
        user,
        history=history,
        charts=domain_charts(history.publications, platform.settings.tz, due.hour + due.minute / 60),
        tone_of=_tone_of,
        state_tone=lambda state: STATE_TONES.get(state, Tone.WAIT),
        dag=DAG_OF[domain],
        date=platform.business_date(),
        open_alerts=open_alerts(platform),
    )


STATE_TONES = {"published": Tone.GOOD, "refused": Tone.BAD, "building": Tone.BUSY}


def _tone_of(compared: Comparison) -> Tone:
    if compared.variance_pct > TOLERANCE_PCT:
        return Tone.BAD
    return Tone.WARN if compared.difference else Tone.GOOD


def open_alerts(platform: Platform) -> int:
    """Return how many alerts are open, for the badge."""
    with platform.ledger.read() as session:
        return len(standing(session))
