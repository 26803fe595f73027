"""A night is judged when it is loaded, by the contract's limits and the sender's own sums."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from tests.support.platforms import NIGHT, House, accounts, house

from nightwatt import stages
from nightwatt.ledger import checks, receipts

SUMMED = accounts(
    arrival={
        "folder": "crm",
        "pattern": "accounts_{business_date:%Y%m%d}_{part}.csv",
        "wholeness": {"rule": "trailer", "prefix": "END,", "totals": {"BAL": 2}},
    },
    columns=[
        {"name": "ACCT_ID", "field": "acct_id", "required": True},
        {"name": "BAL", "field": "bal", "type": "decimal", "scale": 2},
    ],
    completeness={"min_rows": 1, "min_pct_of_median": 60, "max_pct_of_median": 150, "max_total_pct_of_median": 300},
)


def send(home: House, day: date, rows: int, *, each: str = "1.50", total: str | None = None) -> None:
    """Take in and load a night of so many accounts with a balance each."""
    folder = home.platform.settings.inbound / "crm"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"A{n},{each}" for n in range(rows)]
    summed = total or f"{float(each) * rows:.2f}"
    text = "\n".join(["ACCT_ID,BAL", *lines, f"END,{rows},{summed}"]) + "\n"
    (folder / f"accounts_{day:%Y%m%d}_1.csv").write_text(text, "utf-8")
    stages.expectation(home.platform, "accounts", day)
    stages.load(home.platform, "accounts", day)


def judged(home: House, day: date = NIGHT) -> tuple[set[str], set[bool | None]]:
    with home.platform.ledger.read() as session:
        failed = {c.code for c in checks.of_night(session, day, failed_only=True)}
        return failed, {r.is_complete for r in receipts.by_feed_and_date(session, "accounts", day)}


def test_doubled_short_and_wrongly_summed_nights_are_incomplete(tmp_path: Path) -> None:
    with house(tmp_path, SUMMED) as home:
        nights = [NIGHT + timedelta(days=n) for n in range(6)]
        send(home, nights[0], 10)
        send(home, nights[1], 20)  # doubled
        send(home, nights[2], 5)  # half
        send(home, nights[3], 10, total="14.99")  # a cent is missing
        send(home, nights[4], 10, each="5.00")  # amounts in another unit
        send(home, nights[5], 10)  # none of those is the new normal

        assert [judged(home, night) for night in nights] == [
            (set(), {True}),
            ({"feed.rows_above_median"}, {False}),
            ({"feed.rows_below_median"}, {False}),
            ({"file.total_mismatch"}, {False}),
            ({"feed.total_above_median"}, {False}),
            (set(), {True}),
        ]
