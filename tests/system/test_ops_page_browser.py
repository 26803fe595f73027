"""The ops page in a real browser, served by a real API server: what an operator sees and presses, on any screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from sqlalchemy import delete, select, update
from tests.support.browser import Site, api_server, chromium, visitor
from tests.support.nights import TONIGHT, Diary, Night, alert, at, before, home, write_rejected_lines

from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Alert, AlertState, NightDecision, RejectSummary

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SEEN_AT = at(TONIGHT, "05:47")  # the clock runs on from here; 06:00 is still ahead when the tests end
OPS = "/nightwatt/ops"
PAGES = (
    "/", "/feeds/ccb_bseg", "/feeds/ccb_ft/rejects?receipt=RECEIPT", "/deliveries/opower_billing", "/alerts", "/usage",
    "/bills",
)  # fmt: skip
SCREENS = [(1280, "light"), (768, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """The ledger of a night with a missing feed, rejects and a deadline at risk, after a month of ordinary nights."""
    root = tmp_path_factory.mktemp("home")
    with home(root) as (settings, opened, catalog):
        night = Night(
            TONIGHT,
            SEEN_AT,
            absent=frozenset({"ccb_bseg"}),
            rejects={"ccb_ft": 250},
            held={"ccb_pay": "412 of 21,004 lines are rejects, 1.96 %; the contract tolerates 0.5 %"},
        )
        with opened.write() as session:
            Diary(session, catalog).write(*before(TONIGHT, 31), night)
            rejected = session.scalars(select(RejectSummary).where(RejectSummary.lines == 250)).one()
            write_rejected_lines(settings, "ccb_ft", rejected.load_sequence, rejected.receipt_id, 250, "secret")
        yield opened


@pytest.fixture(scope="module")
def site(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database = Path(str(ledger.engine.url.database))
    given = {"NIGHTWATT_HOME": str(database.parents[1]), "NIGHTWATT_CLOCK_AT": SEEN_AT.isoformat()}
    with api_server(tmp_path_factory.mktemp("airflow"), given) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def tokens(site: Site) -> dict[str, str]:
    return {user: site.login(user) for user in ("vera", "otto")}


@pytest.fixture
def alert_id(ledger: Ledger) -> int:
    """An open alert, and no decision yet."""
    with ledger.write() as session:
        session.execute(delete(Alert))
        session.execute(delete(NightDecision))
        told = "ccb_bseg is late: nothing has come; it was due by 02:30"
        row = alert("feed.late", "ccb_bseg", at(TONIGHT, "04:00"), told, "ask the sender's desk")
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def open_page(browser: Browser, site: Site, tokens: dict[str, str]) -> Iterator[Callable[..., Page]]:
    """Open a page as a user, on a screen; whatever is asked of another host fails the test."""
    contexts: list[BrowserContext] = []
    outside: list[str] = []
    complaints: list[str] = []

    def opened(path: str, user: str | None = "otto", **screen: Any) -> Page:
        context = visitor(browser, site, tokens[user] if user else None, **screen)
        contexts.append(context)
        context.on("request", lambda r: outside.append(r.url) if not is_ours(r.url, site) else None)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if is_complaint(m) else None)
        page.goto(f"{site.address}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert outside == []
    refused = ("status of 401", "status of 403")  # what the tests ask for
    assert [c for c in complaints if not any(r in c for r in refused)] == []


def is_complaint(said: ConsoleMessage) -> bool:
    """Whether a page of ours made the browser complain; what Airflow's own pages say is not our business."""
    airflows_frame = "allow-scripts and allow-same-origin" in said.text
    return said.type in {"error", "warning"} and OPS in said.location["url"] and not airflows_frame


def is_ours(address: str, site: Site) -> bool:
    """Whether something comes from the server, or from the page itself (Airflow's own pages make some as they run)."""
    return address.removeprefix("blob:").startswith(f"{site.address}/") or address.startswith("data:")


def row_of(ledger: Ledger, alert_id: int) -> Alert:
    with ledger.read() as session:
        return session.get_one(Alert, alert_id)


# --- seeing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_every_page_fits_its_screen_and_can_be_read_by_everybody(
    open_page: Callable[..., Page], ledger: Ledger, alert_id: int, width: int, scheme: str
) -> None:
    with ledger.read() as session:
        receipt = session.scalars(select(RejectSummary.receipt_id).where(RejectSummary.lines == 250)).one()
    page = open_page(f"{OPS}/", viewport={"width": width, "height": 900}, color_scheme=scheme)

    for path in PAGES:
        page.goto(page.url.split("/nightwatt")[0] + OPS + path.replace("RECEIPT", str(receipt)))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        for detail in page.locator("main details").all():
            detail.evaluate("d => d.open = true")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


def test_the_verdict_is_the_heading_and_the_title(open_page: Callable[..., Page], alert_id: int) -> None:
    page = open_page(f"{OPS}/", "vera")

    expect(page.get_by_role("heading", level=1)).to_have_text("Billing will miss 06:00: ccb_bseg has not come")
    expect(page).to_have_title("Billing will miss 06:00: ccb_bseg has not come – NightWatt")


def test_it_is_a_page_of_airflow_with_links_that_lead_out_of_its_frame(
    open_page: Callable[..., Page], site: Site, alert_id: int
) -> None:
    """The whole way in: the login form, the entry in the menu, the frame, and on to a DAG."""
    page = open_page("/", None, viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.get_by_role("textbox", name="Username").fill("otto")
    page.locator("input[type=password]").fill(site.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Tonight").click()
    frame = page.frame_locator("iframe[title=Tonight]")

    expect(frame.get_by_role("heading", level=1)).to_contain_text("Billing will miss 06:00")
    frame.get_by_role("link", name="Runs in Airflow").first.click()
    page.wait_for_url("**/dags/billing_nightly*")


def test_a_stranger_sees_nothing_on_any_route(open_page: Callable[..., Page]) -> None:
    page = open_page(f"{OPS}/", None)

    for path in PAGES:
        answer = page.goto(page.url.split("/nightwatt")[0] + OPS + path.replace("RECEIPT", "1"))
        assert answer is not None
        assert answer.status == 401
        expect(page.get_by_role("heading", level=1)).to_have_text("Please log in")
        assert "ccb" not in page.content()


# --- pressing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_operator_takes_an_alert(
    open_page: Callable[..., Page], ledger: Ledger, alert_id: int, *, scripts: bool
) -> None:
    page = open_page(f"{OPS}/", java_script_enabled=scripts, viewport={"width": 390, "height": 844})
    page.get_by_role("textbox", name="Note on ccb_bseg").fill("called the desk")
    page.get_by_role("button", name="I have it").click()

    expect(page.get_by_role("status")).to_contain_text("Noted: you have it.")
    expect(page.get_by_text(re.compile(r"otto has it since 05:\d\d: called the desk"))).to_be_visible()
    row = row_of(ledger, alert_id)
    assert (row.state, row.acknowledged_by, row.note) == (AlertState.ACKNOWLEDGED, "otto", "called the desk")


def test_an_operator_lets_the_night_wait_and_thinks_better_of_it(
    open_page: Callable[..., Page], ledger: Ledger, alert_id: int
) -> None:
    page = open_page(f"{OPS}/feeds/ccb_bseg")
    page.get_by_text("Wait longer for it").click()
    page.get_by_label("Until, later than 06:00").fill("07:30")
    page.get_by_label("Reason, for those who read the record").first.fill("the extract runs again")
    page.get_by_role("button", name="Wait for it", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("released")
    expect(page.get_by_text("the night waits for it until 07:30")).to_be_visible()
    page.get_by_role("button", name="Take the decision back").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("late")
    with ledger.read() as session:
        rows = session.scalars(select(NightDecision)).all()
    assert [(r.choice, r.reason, r.decided_by, r.revoked_by) for r in rows] == [
        ("release", "the extract runs again", "otto", "otto")
    ]


def test_a_viewer_has_nothing_to_press_and_is_refused_when_trying(
    open_page: Callable[..., Page], ledger: Ledger, alert_id: int
) -> None:
    page = open_page(f"{OPS}/", "vera")

    assert page.locator("form, button").count() == 0
    status = page.evaluate(
        "path => fetch(path, {method: 'POST', body: new URLSearchParams({token: 'x', note: 'x'})}).then(a => a.status)",
        f"{OPS}/alerts/{alert_id}/acknowledge",
    )
    assert status == 403
    assert row_of(ledger, alert_id).state == AlertState.OPEN


def test_everything_is_reached_by_keyboard_and_the_focus_is_seen(
    open_page: Callable[..., Page], ledger: Ledger, alert_id: int
) -> None:
    page = open_page(f"{OPS}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.textContent.trim() || e.name, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]; }"
        )
        reached.append(seen[0])
        assert seen[1], f"the focus on {seen[0]!r} is not seen"

    assert [r for r in reached if r in {"note", "Wait longer for it", "Go on without it"}][:3] == [
        "note",
        "Go on without it",
        "Wait longer for it",
    ]


# --- keeping up ------------------------------------------------------------------------------------------------------


def test_an_open_page_looks_again_but_never_under_a_writing_hand(
    open_page: Callable[..., Page], ledger: Ledger, alert_id: int
) -> None:
    page = open_page(f"{OPS}/")
    page.clock.install()
    page.reload()
    note = page.get_by_role("textbox", name="Note on ccb_bseg")
    with ledger.write() as session:
        session.execute(update(Alert).values(message="ccb_bseg is late, and somebody knows why"))

    note.fill("half a sent")
    page.clock.run_for(timedelta(seconds=61).total_seconds() * 1000)
    expect(note).to_have_value("half a sent")
    note.fill("")
    note.blur()
    page.clock.run_for(timedelta(seconds=61).total_seconds() * 1000)

    expect(page.get_by_text("somebody knows why")).to_be_visible()


def test_a_page_that_cannot_look_again_says_that_it_may_be_old(
    open_page: Callable[..., Page], ledger: Ledger, alert_id: int
) -> None:
    page = open_page(f"{OPS}/?done=acknowledged&date={TONIGHT}")
    page.clock.install()
    page.reload()
    page.clock.run_for(61_000)
    expect(page.get_by_role("status")).to_have_count(0)  # it looked again, without the word of what was pressed
    page.context.clear_cookies()

    page.clock.run_for(61_000)

    expect(page.get_by_role("alert")).to_contain_text("what it shows may be old")
