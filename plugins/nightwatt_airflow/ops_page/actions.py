"""What there is to press: I have it, wait longer, go on without it, go on with what is there, take it back.

Belongs here: from a pressed button to the stage that does it, and back to the page. Nothing heavy runs here: what takes
longer is a DAG, or a command the page shows. Does not belong here: whether a decision makes sense (`nightwatt.stages`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse

from nightwatt.calendar import wall_instant
from nightwatt.ledger.models import NightChoice
from nightwatt.stages import Platform, acknowledge_alert, decide, revoke
from nightwatt_airflow.ops_page.access import ACTS, PressedBy
from nightwatt_airflow.ops_page.views import Home

router = APIRouter(dependencies=[ACTS])

Back = Annotated[str, Form()]
Reason = Annotated[str, Form(max_length=500)]
Clock = Annotated[time, Form()]

PAGES = {"tonight": "/", "alerts": "/alerts"}


@dataclass(frozen=True)
class Button:
    """Where a button was."""

    base: str  # the address of the page's app
    page: str
    feed: str | None = None
    night: date | None = None

    def back(self, done: str) -> RedirectResponse:
        """Lead back to the page the button was on; one of ours, whatever the form says."""
        where = f"/feeds/{self.feed}" if self.page == "feed" and self.feed else PAGES.get(self.page, "/")
        shown = f"&date={self.night}" if self.night else ""
        return RedirectResponse(f"{self.base}{where}?done={done}{shown}", status_code=303)


def button(request: Request, back: Back = "tonight") -> Button:
    """Say where the button about an alert was."""
    return Button(request.scope.get("root_path", ""), back)


def feed_button(request: Request, feed: str, night: date, back: Back = "tonight") -> Button:
    """Say where the button about a feed's night was."""
    return Button(request.scope.get("root_path", ""), back, feed, night)


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(
    platform: Home, by: PressedBy, alert_id: int, pressed: Annotated[Button, Depends(button)], note: Reason = ""
) -> RedirectResponse:
    """Note that somebody has an alert in hand."""
    acknowledge_alert(platform, alert_id, by, note.strip() or None)
    return pressed.back("acknowledged")


@router.post("/feeds/{feed}/{night}/take-back")
def take_back(
    platform: Home, by: PressedBy, feed: str, night: date, pressed: Annotated[Button, Depends(feed_button)]
) -> RedirectResponse:
    """Take the standing decision on a feed's night back."""
    revoke(platform, feed, night, by)
    return pressed.back("taken_back")


@router.post("/feeds/{feed}/{night}/release")
def release(
    platform: Home, by: PressedBy, pressed: Annotated[Button, Depends(feed_button)], reason: Reason, until: Clock
) -> RedirectResponse:
    """Let the night wait longer for a feed, until a wall-clock time of the business date."""
    return _decide(platform, by, pressed, NightChoice.RELEASE, reason, until)


@router.post("/feeds/{feed}/{night}/skip")
def skip(
    platform: Home, by: PressedBy, pressed: Annotated[Button, Depends(feed_button)], reason: Reason
) -> RedirectResponse:
    """Let the night go on without a feed."""
    return _decide(platform, by, pressed, NightChoice.SKIP, reason)


@router.post("/feeds/{feed}/{night}/accept")
def accept(
    platform: Home, by: PressedBy, pressed: Annotated[Button, Depends(feed_button)], reason: Reason
) -> RedirectResponse:
    """Let the night go on with what is there."""
    return _decide(platform, by, pressed, NightChoice.ACCEPT, reason)


def _decide(
    platform: Platform, by: str, pressed: Button, choice: NightChoice, reason: str, until: time | None = None
) -> RedirectResponse:
    assert pressed.feed is not None and pressed.night is not None  # noqa: S101  (the address names both)
    instant = None if until is None else wall_instant(pressed.night, until, platform.settings.tz)
    decide(platform, pressed.feed, pressed.night, choice, by, reason, until=instant)
    return pressed.back(choice.value)
