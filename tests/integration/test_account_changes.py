"""Accounts out of a database, through the night and between nights: changes are seen within a sweep, as of the date
that stands, and never half of a night with them.

The source is SQLite, which stands for any database here; what is PostgreSQL's own is tried in `tests/system`.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from nightwatt import stages
from nightwatt.alerting.verdict import verdict_on
from nightwatt.contracts.catalog import PACKAGED
from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.simulator import Utility, write_night
from nightwatt.stages import Platform
from nightwatt.warehouse import published

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # two nights and six sweeps, each a run of dbt

NIGHTS = (date(2026, 3, 9), date(2026, 3, 10))
UTILITY = Utility(customers=40, faults=False)
FEED = "ccb_acct"
EXAMPLE = PROJECT_ROOT / "examples" / "ccb_sql" / "catalog" / "feeds"


class World:
    """A utility whose accounts are in a database, and everything else in files; tests move its clock."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder / "home", catalog=folder / "catalog", systems=("ccb",))
        shutil.copytree(PACKAGED, folder / "catalog")
        contract = (EXAMPLE / "ccb_acct.yaml").read_text("utf-8").replace("CISADM.CI_ACCT", "CI_ACCT")
        (folder / "catalog" / "feeds" / "ccb_acct.yaml").write_text(contract, "utf-8")
        self.source = sqlite3.connect(folder / "ccb.db")
        self.now = datetime(2026, 3, 9, 5, 0, tzinfo=UTC)

    def fill(self, night: date, *, is_first: bool) -> None:
        """Write the night's files, and the accounts among them into the database instead."""
        inbound = self.settings.inbound
        write_night(UTILITY, night, inbound, history_days=1, first_night=is_first, systems=("ccb",))
        (file,) = inbound.glob("ccb/ccb_ci_acct_2*.csv.gz")
        with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
            header, *rows = list(csv.reader(lines))[:-1]  # without its trailer
        file.unlink()
        names = ", ".join(f"{name} {'timestamp' if name == 'LAST_UPDATE_DTTM' else 'text'}" for name in header)
        self.source.execute(f"create table if not exists ci_acct ({names}, primary key (ACCT_ID))")
        for row in rows:
            values = dict(zip(header, row, strict=True))
            values["SETUP_DT"] += " 00:00:00"
            values["LAST_UPDATE_DTTM"] = _stored(
                datetime.strptime(values["LAST_UPDATE_DTTM"] + "+0000", "%Y-%m-%d-%H.%M.%S%z")
            )
            places = ", ".join("?" for _ in header)
            self.source.execute(f"insert or replace into ci_acct values ({places})", list(values.values()))
        self.source.commit()

    def change(self, account: str, cycle: str) -> None:
        """Have somebody in the billing system move an account to another billing cycle, now."""
        self.source.execute(
            "update ci_acct set BILL_CYC_CD = ?, LAST_UPDATE_DTTM = ? where ACCT_ID = ?",
            [cycle, _stored(self.now), account],
        )
        self.source.commit()

    def seen(self, account: str) -> str:
        sql = f"select bill_cycle_code from dim_account where account_id like '%{account}'"
        with published(self.settings) as con:
            row = con.execute(sql).fetchone()
        return str(row[0]) if row else ""

    def ask(self, sql: str) -> object:
        with published(self.settings) as con:
            row = con.execute(sql).fetchone()
        return row and row[0]


def _stored(at: datetime) -> str:
    wall = at.astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None)
    return wall.isoformat(" ", "microseconds")


def load_night(platform: Platform, night: date) -> None:
    for feed in platform.catalog.feeds_of("billing"):
        assert stages.expectation(platform, feed.feed, night).is_ready, feed.feed
        stages.load(platform, feed.feed, night)


def test_changes_are_seen_within_a_sweep_and_never_half_a_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    monkeypatch.setenv("NIGHTWATT_SQL_CCB_URL", f"sqlite:///{tmp_path / 'ccb.db'}")
    account = _run_first_night(world)
    with Platform.open("test", world.settings, clock=lambda: world.now) as platform:
        # In the afternoon: a change is there within one sweep, as of the night that stands.
        world.now = datetime(2026, 3, 9, 19, 0, tzinfo=UTC)
        world.change(account, "AAA")
        first = stages.sweep(platform)
        assert world.seen(account) == "AAA"
        assert [(r.domain, r.is_new, r.as_of) for r in first.refreshed] == [("billing", True, NIGHTS[0])]
        quiet = stages.sweep(platform)
        assert [(t.files, t.rows) for t in quiet.taken] == [(0, 0)]
        assert [(r.is_new, r.sequence) for r in quiet.refreshed] == [(False, first.refreshed[0].sequence)]

        # After midnight: the sweep goes on, and what it publishes is not tonight's publication.
        world.fill(NIGHTS[1], is_first=False)
        bills = world.ask("select count(*) from fct_bills")
        for feed in platform.catalog.feeds_of("billing"):
            if feed.feed != FEED:
                world.now = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
                assert stages.expectation(platform, feed.feed, NIGHTS[1]).is_ready
                stages.load(platform, feed.feed, NIGHTS[1])
        world.now = datetime(2026, 3, 10, 5, 10, tzinfo=UTC)
        world.change(account, "BBB")
        (midnight,) = stages.sweep(platform).refreshed
        assert (midnight.is_new, midnight.as_of, world.seen(account)) == (True, NIGHTS[0], "BBB")
        assert world.ask("select count(*) from fct_bills") == bills  # the night's bills are loaded and not shown
        owed = verdict_on(platform.ledger, platform.catalog, "billing", NIGHTS[1], platform.settings.tz)
        assert owed.done_at is None

        # Between the night's build and its publication the sweep stands aside; nothing of either is lost.
        world.now = datetime(2026, 3, 10, 5, 20, tzinfo=UTC)
        load_night(platform, NIGHTS[1])
        stages.build(platform, "billing", NIGHTS[1])
        world.now += timedelta(minutes=5)
        world.change(account, "CCC")
        (aside,) = stages.sweep(platform).refreshed
        assert (aside.is_new, aside.reason) == (False, "built and not published yet; that publication goes first")
        tonight = stages.publish(platform, "billing", NIGHTS[1])
        assert (tonight.is_new, tonight.as_of, world.seen(account)) == (True, NIGHTS[1], "BBB")
        more = world.ask("select count(*) from fct_bills")
        assert isinstance(more, int) and isinstance(bills, int) and more > bills
        (after,) = stages.sweep(platform).refreshed
        assert (after.as_of, world.seen(account)) == (NIGHTS[1], "CCC")
        assert world.ask("select count(*) from fct_bills") == more

        # Taken back by hand: the next sweep does not bring forward what somebody took away.
        stages.roll_back(platform)
        world.now += timedelta(minutes=5)
        world.change(account, "DDD")
        (back,) = stages.sweep(platform).refreshed
        assert back.is_new is False
        assert "taken back" in back.reason
        assert world.seen(account) == "BBB"


def _run_first_night(world: World) -> str:
    """Run the first night whole; return an account."""
    world.fill(NIGHTS[0], is_first=True)
    with Platform.open("test", world.settings, clock=lambda: world.now) as platform:
        assert stages.sweep(platform).refreshed[0].reason == "not published yet; its first publication is the night's"
        load_night(platform, NIGHTS[0])
        stages.build(platform, "billing", NIGHTS[0])
        stages.publish(platform, "billing", NIGHTS[0])
    (account,) = world.source.execute("select ACCT_ID from ci_acct order by 1 limit 1").fetchone()
    return str(account)
