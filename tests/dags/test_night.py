"""A whole small night through the real DAGs: `dag.test()`, real files, a real SFTP server on loopback."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from nightwatt.calendar import wall_instant
from nightwatt.delivery.opower.population import Population
from nightwatt.delivery.phases import Sample
from nightwatt.delivery.salesforce.profile import load_profile
from nightwatt.settings import Settings
from nightwatt.warehouse import published

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Airflow, dbt and their libraries run in this process
]

NIGHT = date(2026, 3, 9)
RUNS = (
    ("billing_nightly", "00:30"),
    ("usage_daily", "01:00"),
    ("crm_delivery", "05:15"),
    ("opower_interval_delivery", "05:30"),
    ("opower_billing_delivery", "05:45"),
)
LATE_FEED = "mdm_interval_gas"


@dataclass
class Home:
    """A home with a simulated night, and the partner's folder."""

    settings: Settings
    held_back: dict[Path, Path] = field(default_factory=dict)

    def run(self, dag_id: str, due: str, day: date = NIGHT) -> tuple[bool, str]:
        """Run a DAG as the scripts do; return whether it succeeded and what the screen said."""
        from rich.console import Console
        from run_dag import run_dag

        screen = io.StringIO()
        instant = wall_instant(day, wall_time.fromisoformat(due), self.settings.tz)
        return run_dag(dag_id, instant, Console(file=screen, width=200)), screen.getvalue()

    def drop_later(self, seconds: float) -> threading.Thread:
        """Let what was held back arrive after a while."""

        def drop() -> None:
            time.sleep(seconds)
            for place, held in self.held_back.items():
                held.rename(place)

        thread = threading.Thread(target=drop)
        thread.start()
        return thread

    def state(self) -> dict[str, Any]:
        """What a second run must not change: ledger rows, data files, the partner's folder."""
        from nightwatt.ledger import Ledger
        from nightwatt.ledger.models import Load, Publication, Receipt, Sending

        ledger = Ledger.open(self.settings.ledger_address)
        with ledger.read() as session:
            counts = {
                model.__tablename__: session.scalar(select(func.count()).select_from(model))
                for model in (Receipt, Load, Publication, Sending)
            }
        ledger.close()
        root = self.settings.root
        files = [
            path
            for folder in ("landing", "lake", "rejects", "reads", "published", "partner", "acknowledged")
            for path in sorted((root / folder).rglob("*"))
            if path.is_file() and path.suffix != ".lock" and path.name != "LOCK"
        ]
        return counts | {str(p.relative_to(root)): (p.stat().st_mtime_ns, p.stat().st_size) for p in files}


@pytest.fixture(scope="module")
def home(airflow: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A night of twenty customers; the gas file has not come yet."""
    import airflow_home
    from run_dag import dags

    from nightwatt.contracts.catalog import load_catalog
    from nightwatt.simulator import Utility, write_night

    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("NIGHTWATT_HOME", str(root))
        patch.setenv("NIGHTWATT_CLOCK_AT", "2026-03-09T00:40:00-04:00")
        for name in ("HOST", "PORT", "USER", "KEY_FILE", "HOST_KEY"):
            for connection in ("OPOWER", "CRM"):
                patch.setenv(f"NIGHTWATT_SFTP_{connection}_{name}", "")  # so that what the server sets is taken back
        found = Home(Settings())
        write_night(
            Utility(customers=20, faults=False),
            night=NIGHT,
            folder=found.settings.inbound,
            history_days=1,
            first_night=True,
        )
        late = found.settings.inbound / load_catalog().feed(LATE_FEED).arrival.folder
        for path in sorted(late.glob("*_g_*")):
            found.held_back[path] = path.rename(root / f"held_{path.name}")
        airflow_home.start_partners(found.settings, stack)
        for task in dags()["usage_daily"].tasks:
            if task.task_id.endswith("wait_for_files"):
                patch.setattr(task, "poke_interval", 0.2)
                patch.setattr(task, "patience", timedelta(seconds=60))
        yield found


@pytest.fixture(scope="module")
def first_night(home: Home) -> dict[str, tuple[bool, str]]:
    """The night run once, the gas file arriving while its sensor waits."""
    assert home.held_back
    results = {}
    for dag_id, due in RUNS:
        drop = home.drop_later(4) if dag_id == "usage_daily" else None
        results[dag_id] = home.run(dag_id, due)
        if drop:
            drop.join()
    return results


def test_the_dags_run_a_night(first_night: dict[str, tuple[bool, str]]) -> None:
    assert {dag_id: is_good for dag_id, (is_good, _) in first_night.items()} == {dag_id: True for dag_id, _ in RUNS}, (
        "\n".join(said for _, said in first_night.values())
    )


def test_the_night_is_published_delivered_and_on_time(home: Home, first_night: dict[str, tuple[bool, str]]) -> None:
    from nightwatt.alerting.verdict import State, night_verdicts
    from nightwatt.stages import Platform

    with Platform.open() as platform:
        judged = night_verdicts(platform.ledger, platform.catalog, NIGHT, platform.clock(), platform.settings.tz)
    assert {j.due.subject: j.verdict.state for j in judged} == {
        "billing": State.ON_TIME,
        "usage": State.ON_TIME,
        "crm_core": State.ON_TIME,
        "crm_usage": State.ON_TIME,
        "opower_interval_electric": State.ON_TIME,
        "opower_interval_gas": State.ON_TIME,
        "opower_billing": State.ON_TIME,
    }
    arrived = sorted(p.name for p in (home.settings.root / "partner" / "files").rglob("*") if p.is_file())
    assert [name.split("_")[4] for name in arrived] == ["customer", "usage", "interval15", "interval60"]


def test_the_crm_gets_every_object_and_a_manifest_that_accounts_for_every_row(
    home: Home, first_night: dict[str, tuple[bool, str]]
) -> None:
    folder = home.settings.root / "partner" / "crm" / "incoming"
    manifests = {path.name.partition("_0")[0]: json.loads(path.read_text()) for path in folder.glob("*manifest*.json")}

    assert set(manifests) == {"crm_core", "crm_usage"}
    for said in manifests.values():
        for name, counts in said["objects"].items():
            assert counts["rows"] == counts["delivered"] + counts["unchanged"] + sum(counts["held"].values()), name
        for listed in said["files"]:
            assert (folder / listed["file"]).stat().st_size == listed["bytes"]
    sent = {f["name"] for said in manifests.values() for f in said["files"]}
    profiles = [load_profile(name) for name in ("salesforce/core_v62", "salesforce/data_cloud")]
    assert {o.name for p in profiles for o in p.objects} - sent <= {"premise_parent"}


def test_a_sample_and_a_history_are_chosen_from_what_the_night_published(
    home: Home, first_night: dict[str, tuple[bool, str]]
) -> None:
    with published(home.settings) as con:
        agreements = con.execute(
            "select billing_account_id, service_point_id, coalesce(inactive_date > ?, true), customer_class "
            "from dim_service_agreement where not is_cancelled",
            [NIGHT],
        ).fetchall()

        def points(classes: tuple[str, ...], sample: Sample | None) -> set[str]:
            where = Population(classes, is_history=True, day=NIGHT, sample=sample).look_up(con).condition
            rows = con.execute(f"select distinct service_point_id from fct_interval_reads where {where}").fetchall()
            return {point for (point,) in rows}

        everywhere = points((), None)
        accounts = sorted({a for a, *_ in agreements}, key=lambda a: (hashlib.md5(f"3|{a}".encode()).hexdigest(), a))
        chosen = {p for a, p, is_active, _ in agreements if is_active and a in accounts[:8]}
        homes = {p for _, p, is_active, c in agreements if is_active and c == "residential"}

        assert len(accounts) > 8
        assert points((), Sample(8, 3)) == chosen & everywhere != set()
        assert points(("residential",), None) == homes & everywhere != set()
        assert everywhere > homes & everywhere


def test_the_ledger_knows_which_run_did_what(home: Home, first_night: dict[str, tuple[bool, str]]) -> None:
    from nightwatt.ledger.models import Run
    from nightwatt.stages import Platform

    with Platform.open() as platform, platform.ledger.read() as session:
        rows = session.execute(select(Run.stage, Run.started_by, Run.state)).all()
    started = {stage: who for stage, who, _ in rows}
    assert started["publish"].startswith("usage_daily/manual__2026-03-09T05:00:00")
    assert started["deliver"].startswith("opower_billing_delivery/manual__2026-03-09T09:45:00")
    assert {state for _, _, state in rows} == {"succeeded"}


def test_a_second_run_of_the_night_changes_nothing(home: Home, first_night: dict[str, tuple[bool, str]]) -> None:
    before = home.state()
    again = {dag_id: home.run(dag_id, due) for dag_id, due in RUNS}

    assert all(is_good for is_good, _ in again.values()), again
    assert home.state() == before


def test_a_night_without_files_fails_in_plain_words_and_changes_nothing(
    home: Home, first_night: dict[str, tuple[bool, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_dag import dags

    from nightwatt_airflow import feed_arrived_sensor

    for task in dags()["usage_daily"].tasks:
        if task.task_id.endswith("wait_for_files"):
            monkeypatch.setattr(task, "patience", timedelta(0))
    # The night after, looked at when all its deadlines have passed.
    after = wall_instant(NIGHT + timedelta(days=1), wall_time(9, 0), home.settings.tz)
    monkeypatch.setattr(feed_arrived_sensor, "utc_now", lambda: datetime.fromtimestamp(after.timestamp(), after.tzinfo))
    before = home.state()

    is_good, said = home.run("usage_daily", "01:00", NIGHT + timedelta(days=1))

    assert not is_good
    assert "mdm_interval_electric is not complete for 2026-03-10" in said
    assert "mdm_interval_e_{business_date:%Y%m%d}_{part}.csv.gz" in said
    assert os.fspath(home.settings.inbound / "mdm") in said
    assert "then clear this task" in said
    assert home.state() == before


def test_nothing_published_leaves_the_delivery_waiting(home: Home, first_night: dict[str, tuple[bool, str]]) -> None:
    """The next night's usage is not out and its deadline is ahead: skipped, not failed."""
    is_good, said = home.run("opower_interval_delivery", "05:30", NIGHT + timedelta(days=1))

    assert is_good
    assert "deliver_" not in said
