"""The ops page inside Airflow: who sees what, who may press what, and what is never on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient
from tests.support.logins import token_of
from tests.support.nights import (
    TONIGHT,
    Diary,
    Night,
    alert,
    at,
    before,
    home,
    write_reconciliation,
    write_rejected_lines,
)

from nightwatt.ledger import Ledger
from nightwatt.ledger.models import (
    Alert,
    AlertState,
    Answer,
    AnswerState,
    NightDecision,
    Notice,
    NoticeState,
    Receipt,
    RejectSummary,
    Run,
    Sending,
)
from nightwatt.settings import Settings

OPS = "/nightwatt/ops"
HERE = "http://testserver"
CANARIES = ("MARIA CANARY", "0815 CANARY STREET", "canary@example.invalid")
SEEN_AT = at(TONIGHT, "04:35")
PAGES = (
    "/", f"/?date={TONIGHT - timedelta(days=1)}", "/feeds/ccb_bseg", "/feeds/ccb_ft", "/feeds/ccb_ft/rejects",
    "/feeds/ccb_ft/rejects?receipt=RECEIPT", "/deliveries/opower_billing", "/deliveries/crm_core", "/alerts", "/usage",
    "/bills",
)  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The ledger of a night with a feed missing and another with rejects, at 04:35."""
    monkeypatch.setenv("NIGHTWATT_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", SEEN_AT.isoformat())
    with home(tmp_path) as (_, opened, catalog):
        with opened.write() as session:
            diary = Diary(session, catalog)
            night = Night(TONIGHT, SEEN_AT, absent=frozenset({"ccb_bseg"}), rejects={"ccb_ft": 250})
            diary.write(*before(TONIGHT, 1), night)
            session.add(alert("feed.late", "ccb_bseg", at(TONIGHT, "04:00"), "ccb_bseg is late", "ask the sender"))
        yield opened


def get(server: TestClient, path: str, role: str = "op") -> str:
    answer = server.get(OPS + path, headers={"Authorization": f"Bearer {token_of(role)}"})
    assert answer.status_code == 200, answer.text
    return answer.text


def form_token(page: str) -> str:
    return re.findall(r'name="token" value="([^"]+)"', page)[0]


def press(
    server: TestClient, path: str, fields: Mapping[str, str], role: str = "op", origin: str | None = HERE
) -> tuple[int, str]:
    """Press a button as a browser would, with the login in its cookie; return status and where it leads."""
    headers = {"Cookie": f"_token={token_of(role)}"} | ({"Origin": origin} if origin else {})
    answer = server.post(OPS + path, data=dict(fields), headers=headers, follow_redirects=False)
    return answer.status_code, answer.headers.get("location", "")


def decisions(ledger: Ledger) -> list[tuple[str, str, str, str, bool]]:
    with ledger.read() as session:
        rows = session.scalars(select(NightDecision).order_by(NightDecision.id)).all()
    return [(r.feed, r.choice, r.reason, r.decided_by, r.revoked_at is None) for r in rows]


# --- what is seen ------------------------------------------------------------------------------------------------


def test_the_first_line_is_the_verdict_in_words(server: TestClient, ledger: Ledger) -> None:
    page = get(server, "/", "viewer")

    assert re.search(r"<h1[^>]*>.*<span>ccb_bseg is late</span></h1>", page, re.DOTALL)
    assert "Night of Thursday 12 March 2026" in page
    assert page.count("America/New_York") == 1


def test_a_viewer_sees_no_button_and_an_operator_does(server: TestClient, ledger: Ledger) -> None:
    assert "<form" not in get(server, "/", "viewer")
    assert "<form" not in get(server, "/feeds/ccb_bseg", "viewer")
    assert "I have it" in get(server, "/", "op")
    assert "Wait longer for it" in get(server, "/feeds/ccb_bseg", "op")


@pytest.mark.parametrize("path", PAGES)
def test_no_personal_value_is_on_any_page(server: TestClient, ledger: Ledger, tmp_path: Path, path: str) -> None:
    """Values are planted where they may lie: in rejected lines, and in what a failed run left behind."""
    with ledger.write() as session:
        receipt = session.scalars(select(Receipt).where(Receipt.feed == "ccb_ft").order_by(Receipt.id.desc())).first()
        assert receipt is not None
        load = session.scalars(select(RejectSummary).where(RejectSummary.receipt_id == receipt.id)).one()
        raw = "|".join(CANARIES)
        write_rejected_lines(Settings(home=tmp_path), "ccb_ft", load.load_sequence, receipt.id, 250, raw)
        session.add(
            Run(stage="build", subject="billing", business_date=TONIGHT, started_by="test", state="failed",
                started_at=SEEN_AT, ended_at=SEEN_AT, message=f"ConversionException: could not convert {raw}")
        )  # fmt: skip
        number = receipt.id

    page = get(server, path.replace("RECEIPT", str(number)))

    assert [c for c in CANARIES if c.lower() in page.lower()] == []


def test_a_crashed_step_is_told_by_its_kind_of_error_only(server: TestClient, ledger: Ledger) -> None:
    with ledger.write() as session:
        ours = "TerminalError: [x.y] the file is gone -> ask for it"
        for subject, message in (("billing", "ValueError: 0815"), ("usage", ours)):
            session.add(
                Run(stage="build", subject=subject, business_date=TONIGHT, started_by="test", state="failed",
                    started_at=SEEN_AT, ended_at=SEEN_AT, message=message)
            )  # fmt: skip

    page = get(server, "/")

    assert "it crashed (ValueError)" in page
    assert "0815" not in page
    assert "the file is gone" in page


def test_rejected_lines_are_named_by_line_column_and_reason(server: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    with ledger.read() as session:
        summary = session.scalars(select(RejectSummary)).one()
    write_rejected_lines(Settings(home=tmp_path), "ccb_ft", summary.load_sequence, summary.receipt_id, 250, "secret")

    first = get(server, f"/feeds/ccb_ft/rejects?receipt={summary.receipt_id}")
    last = get(server, f"/feeds/ccb_ft/rejects?receipt={summary.receipt_id}&page=3")

    assert "Lines 1 to 100 of 250" in first
    assert "the field is not a date in the contract&#39;s form" in first
    assert f"nightwatt rejects show {summary.receipt_id}" in first
    assert "Lines 201 to 250 of 250" in last


def test_what_a_partner_answered_stands_beside_the_file(server: TestClient, ledger: Ledger) -> None:
    with ledger.write() as session:
        sent = session.scalars(select(Sending).where(Sending.delivery == "crm_core")).first()
        assert sent is not None
        session.add(
            Answer(sending_id=sent.id, delivery="crm_core", object_name="account", part="all", mapping_sha256="0",
                   state=AnswerState.ACKNOWLEDGED, accepted=90, refused=7, unprocessed=0)
        )  # fmt: skip

    assert "partner: acknowledged, 7 rows refused" in get(server, "/deliveries/crm_core")


def test_alerts_that_are_over_stay_with_who_had_them_and_who_was_told(server: TestClient, ledger: Ledger) -> None:
    with ledger.write() as session:
        over = alert("feed.late", "ccb_ft", at(TONIGHT, "03:00"), "ccb_ft is late", "ask", acknowledged_by="Ann")
        over.open_key, over.state, over.closed_at = None, AlertState.CLOSED, at(TONIGHT, "03:40")
        session.add(over)
        session.flush()
        for channel, state in (("desk", NoticeState.SENT), ("pager", NoticeState.DROPPED)):
            session.add(
                Notice(alert_id=over.id, channel=channel, kind="opened", severity="warning", message_id="m",
                       state=state, due_at=SEEN_AT)
            )  # fmt: skip

    page = get(server, "/alerts")

    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)]
    (row,) = [row for row in rows if "ccb_ft is late" in row]
    assert [cell for cell in row.split("|") if cell.strip()] == ["ccb_ft is late", "03:00", "03:40", "Ann", "desk"]
    assert "1 alert open" in page


def test_bills_are_reconciled_entity_by_entity(server: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    rows = [
        ("billing_account", "balance_usd", "1250000.50", "1250000.50"),
        ("bill", "charges_usd", "98000.00", "97990.00"),
        ("payment", "paid_usd", "5000.00", "4000.00"),
    ]
    write_reconciliation(Settings(home=tmp_path), rows)

    whole, one = get(server, "/bills"), get(server, "/bills?entity=payment")

    rows_of = re.findall(r"<tr>.*?</tr>", whole, re.DOTALL)
    words = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in rows_of]
    assert "Billing account agrees CCB balance, USD 1,250,000.50 1,250,000.50 0.00 0.00 0.0000" in words
    assert "Bill differs CCB charges, USD 98,000.00 97,990.00 0.00 10.00 0.0102" in words
    assert "Payment apart CCB paid, USD 5,000.00 4,000.00 0.00 1,000.00 20.0000" in words
    assert "Billing account" not in one
    assert "nightwatt reconcile billing --entity payment" in one


def test_an_empty_home_is_told_in_words(server: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTWATT_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", at(TONIGHT, "09:00").isoformat())

    assert "Nothing has happened here yet" in get(server, "/")
    assert "No file of this feed has ever arrived." in get(server, "/feeds/ccb_bseg")
    assert "No line of this feed was ever put aside." in get(server, "/feeds/ccb_bseg/rejects")
    assert "Nothing was sent in these thirty nights." in get(server, "/deliveries/opower_billing")
    assert "There has been no alert yet." in get(server, "/alerts")
    assert "nothing is published yet" in get(server, "/bills")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/feeds/nonsense", "there is no feed &#39;nonsense&#39;"),
        ("/deliveries/nonsense", "there is no delivery &#39;nonsense&#39;"),
        ("/feeds/ccb_bseg/rejects?receipt=99999", "there is no receipt 99999"),
        ("/nothing", "There is no such page"),
    ],
)
def test_what_is_not_there_is_said_in_words(server: TestClient, ledger: Ledger, path: str, said: str) -> None:
    answer = server.get(OPS + path, headers={"Authorization": f"Bearer {token_of('viewer')}"})

    assert answer.status_code == 404
    assert said in answer.text


def test_a_page_may_load_nothing_from_elsewhere_and_run_nothing_of_its_own(server: TestClient, ledger: Ledger) -> None:
    for path in ("/", "/feeds/ccb_ft", "/deliveries/opower_billing", "/bills"):
        answer = server.get(OPS + path, headers={"Authorization": f"Bearer {token_of('op')}"})
        policy, text = answer.headers["content-security-policy"], answer.text

        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert re.findall(r"<script(?![^>]*src=)", text) == []
        assert re.findall(r"\sstyle=|\son[a-z]+=", text) == []
        outside = set(re.findall(r"https?://[^\s\"'<]+", text)) - {"http://www.w3.org/2000/svg"}
        assert {o for o in outside if not o.startswith("http://www.w3.org/")} == set()


def test_style_and_script_are_kept_by_the_browser_for_one_version_only(server: TestClient, ledger: Ledger) -> None:
    login = {"Authorization": f"Bearer {token_of('viewer')}"}
    href = re.findall(r'href="([^"]+ops\.css)"', get(server, "/"))[0]

    assert "immutable" in server.get(href, headers=login).headers["cache-control"]
    assert server.get(re.sub(r"static/\w+", "static/older", href), headers=login).status_code == 404
    assert server.get(re.sub(r"ops\.css", "app.py", href), headers=login).status_code == 404


# --- what is pressed ---------------------------------------------------------------------------------------------


def test_an_operator_takes_an_alert(server: TestClient, ledger: Ledger) -> None:
    token = form_token(get(server, "/"))

    answer = press(server, "/alerts/1/acknowledge", {"token": token, "note": " calling them ", "back": "alerts"})

    assert answer == (303, f"{OPS}/alerts?done=acknowledged")
    with ledger.read() as session:
        row = session.get_one(Alert, 1)
    assert (row.state, row.acknowledged_by, row.note) == ("acknowledged", "test op", "calling them")
    assert "test op has it since 04:35: calling them" in get(server, "/")


def test_a_feed_is_released_and_the_decision_taken_back(server: TestClient, ledger: Ledger) -> None:
    token = form_token(get(server, "/"))
    fields = {"token": token, "reason": "the desk reruns it", "back": "feed"}

    assert press(server, f"/feeds/ccb_bseg/{TONIGHT}/release", fields | {"until": "07:30"}) == (
        303,
        f"{OPS}/feeds/ccb_bseg?done=release&date={TONIGHT}",
    )
    page = get(server, f"/feeds/ccb_bseg?done=release&date={TONIGHT}")
    assert "the night waits for it until 07:30" in page
    assert "Noted: the night waits for the feed." in page
    assert press(server, f"/feeds/ccb_bseg/{TONIGHT}/take-back", {"token": token})[0] == 303
    assert decisions(ledger) == [("ccb_bseg", "release", "the desk reruns it", "test op", False)]


@pytest.mark.parametrize("choice", ["skip", "accept"])
def test_a_feed_is_decided_upon(server: TestClient, ledger: Ledger, choice: str) -> None:
    token = form_token(get(server, "/"))

    assert press(server, f"/feeds/ccb_bseg/{TONIGHT}/{choice}", {"token": token, "reason": "agreed"})[0] == 303
    assert decisions(ledger) == [("ccb_bseg", choice, "agreed", "test op", True)]


def test_what_makes_no_sense_is_refused_with_what_to_do(server: TestClient, ledger: Ledger) -> None:
    token = form_token(get(server, "/"))
    login = {"Cookie": f"_token={token_of('op')}", "Origin": HERE}
    early = {"token": token, "reason": "soon", "until": "05:00"}

    answer = server.post(f"{OPS}/feeds/ccb_bseg/{TONIGHT}/release", data=early, headers=login)
    without = server.post(f"{OPS}/feeds/ccb_bseg/{TONIGHT}/release", data={"token": token}, headers=login)

    assert (answer.status_code, without.status_code) == (409, 422)
    assert "What to do:" in answer.text
    assert "Missing or not readable: reason, until." in without.text
    assert decisions(ledger) == []


@pytest.mark.parametrize(
    ("role", "origin", "token"),
    [
        ("viewer", HERE, "own"),  # may look
        ("op", HERE, None),  # a page elsewhere knows no token
        ("op", HERE, "of another user"),
        ("op", HERE, "made up"),
        ("op", "https://elsewhere.example", "own"),
        ("op", None, "own"),  # a browser always says where a form was
        ("op", "null", "own"),
    ],
)
def test_a_forged_or_forbidden_request_changes_nothing(
    server: TestClient, ledger: Ledger, role: str, origin: str | None, token: str | None
) -> None:
    page = get(server, "/", "op")
    admin = get(server, "/", "admin")
    tokens = {"own": form_token(page), "of another user": form_token(admin), "made up": "nonsense"}
    fields = {"reason": "x", "note": "x", "until": "07:30"} | ({"token": tokens[token]} if token else {})

    for path in (
        "/alerts/1/acknowledge",
        *(f"/feeds/ccb_bseg/{TONIGHT}/{c}" for c in ("release", "skip", "accept", "take-back")),
    ):
        assert press(server, path, fields, role, origin)[0] in {403, 422}

    assert decisions(ledger) == []
    with ledger.read() as session:
        assert session.get_one(Alert, 1).state == "open"


def test_a_button_leads_back_to_our_pages_only(server: TestClient, ledger: Ledger) -> None:
    token = form_token(get(server, "/"))

    for back in ("https://elsewhere.example", "//elsewhere.example", "nonsense"):
        where = press(server, "/alerts/1/acknowledge", {"token": token, "back": back})[1]
        assert where == f"{OPS}/?done=acknowledged"


def test_a_name_that_is_markup_is_shown_as_text(server: TestClient, ledger: Ledger) -> None:
    token = form_token(get(server, "/"))
    press(server, f"/feeds/ccb_bseg/{TONIGHT}/skip", {"token": token, "reason": "<script>alert(1)</script>"})

    page = get(server, "/")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
