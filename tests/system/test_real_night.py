"""One night of the production shape, with nothing made believe but the source system and the mail server.

PostgreSQL, Airflow's services, the watchdog and OpenSSH run as in production. A source system drops two files on its
own SFTP server, from which two feeds are pulled: one at once, the other after its deadline. What must happen by itself:
the DAG takes the first in and waits for the other; mail comes when the second is late and again when it is missing;
once it is there and an operator has cleared what failed, usage is published and mail says that the matter is over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from tests.support.compose import AIRFLOW, Stack, production
from tests.support.http_server import LocalServer, Reply, Request
from tests.support.mailbox import Mail, Mailbox, mailbox
from tests.support.openssh import Sshd, running_sshd
from tests.support.otlp import Receiver, receiver
from tests.support.postgres import free_port

from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Publication, Receipt
from nightwatt.settings import PROJECT_ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200), pytest.mark.filterwarnings("default")]

DATA = PROJECT_ROOT / "tests" / "data" / "public_reads" / "london"
FILES = {"north": "MAC000002.csv", "south": "MAC000015.csv"}
LOCAL_HOUR = 4
"""What the utility's wall clock shows when the test begins: before usage is due at 07:00."""

A_LOOK = timedelta(seconds=100)
"""How long what is news may take to be told: the watchdog looks every minute, and this machine may be busy."""

FEED = """
feed: {name}_half_hours
title: Half-hourly reads of the {name}
system: lcl
owner: data sharing desk
domain: usage
entity: interval_read
commodity: electricity
mode: append
arrival:
  folder: {name}
  pattern: "MAC{{part}}.csv"
  wholeness: {{rule: quiet, seconds: 0}}
  min_files: 1
  source: {{kind: sftp, connection: lcl, folder: {folder}, done_folder: {folder}/done}}
columns:
  - {{name: LCLid, field: service_point_id}}
  - {{name: tstp, field: stamp, type: timestamp}}
  - {{name: "energy(kWh/hh)", field: value, type: decimal}}
interval:
  length_min: 30
  marks: end
  clock: {{kind: utc}}
  day_zone: Europe/London
  channel: {{constant: delivered}}
  unit: {{constant: kWh}}
  quality: {{constant: actual}}
  blank_value: missing
deadlines: {{expected_by: "{expected_by}", late_at: "{late_at}", deadline: "{deadline}"}}
"""
ALERTING = """
channels:
  mail: {{kind: apprise, url_file: {address}}}
routes:
  - {{channels: [mail]}}
"""


class Monitor(LocalServer):
    """The monitor outside, which alarms when nobody calls it any more."""

    ROUTES = (("GET", "/ping/nightwatt", "take"),)

    def take(self, _request: Request) -> Reply:
        """Take a sign of life."""
        return Reply(200)


@dataclass
class Night:
    """The night as it went."""

    stack: Stack
    zone: ZoneInfo
    day: date
    server: Sshd
    box: Mailbox
    monitor: Monitor
    collector: Receiver
    folder: Path
    late_at: datetime
    missing_at: datetime
    dropped_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def drop(self, name: str) -> None:
        """Put a file on the source's server as its own programs do: aside first, then under its name."""
        target = f"{self.folder / 'source' / name}/{FILES[name]}"
        with self.server.files("source_key") as files:
            files.put(str(DATA / FILES[name]), f"{target}.part")
            files.posix_rename(f"{target}.part", target)
        self.dropped_at = datetime.now(UTC)

    def about(self, name: str) -> list[Mail]:
        """Return the mails that name a feed."""
        return [mail for mail in self.box.mails if f"{name}_half_hours" in f"{mail.subject} {mail.text}"]

    def looked_from_inside(self) -> set[str]:
        """Return the severities whose open alerts `watch_night` has counted."""
        return {p.tags["severity"] for p in self.collector.points if p.name == "airflow.nightwatt.alerts_open"}

    def runs(self) -> list[dict[str, str]]:
        """Return the night's run, once there is one."""
        found = self.stack.ask("viewer", "GET", "/api/v2/dags/usage_daily/dagRuns").json()["dag_runs"]
        assert len(found) <= 1
        return list(found)

    def clear(self) -> None:
        """Clear what failed, as an operator does once the file is there."""
        wanted = {"dag_run_id": self.runs()[0]["dag_run_id"], "dry_run": False, "only_failed": True}
        path = "/api/v2/dags/usage_daily/clearTaskInstances"
        assert self.stack.status("operator", "POST", path, json=wanted | {"reset_dag_runs": True}) == 200

    def tasks(self) -> dict[str, str]:
        """Return the state of every task of the night's run, as Airflow says."""
        runs = self.runs()
        if not runs:
            return {}
        path = f"/api/v2/dags/usage_daily/dagRuns/{runs[0]['dag_run_id']}/taskInstances"
        found = self.stack.ask("viewer", "GET", path).json()["task_instances"]
        return {t["task_id"]: t["state"] for t in found} | {"run": runs[0]["state"]}


def wait_for(what: str, night: Night, seconds: float, is_so: Callable[[], bool]) -> None:
    """Look until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        said = "\n".join(night.stack.services.said(name) for name in ("watchdog", "scheduler", "triggerer"))
        mails = [f"{mail.at:%H:%M:%S} {mail.subject}" for mail in night.box.mails]
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}\n{night.tasks()}\n{mails}\n{said}"
        time.sleep(1)


def wall_clock() -> ZoneInfo:
    """Return a zone in which it is four in the morning now."""
    ahead = (LOCAL_HOUR - datetime.now(UTC).hour + 12) % 24 - 12
    return ZoneInfo(f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT")


def write_catalog(catalog: Path, source: Path, late_at: datetime, missing_at: datetime) -> None:
    """Write two feeds; whoever looks next goes by these deadlines."""
    (catalog / "feeds").mkdir(parents=True, exist_ok=True)
    for name in FILES:
        times = {"expected_by": late_at - timedelta(minutes=1), "late_at": late_at, "deadline": missing_at}
        text = FEED.format(name=name, folder=source / name, **{key: f"{at:%H:%M}" for key, at in times.items()})
        written = catalog / f"{name}.new"
        written.write_text(text)
        written.rename(catalog / "feeds" / f"{name}_half_hours.yaml")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Let the night happen."""
    folder = tmp_path_factory.mktemp("night")
    zone = wall_clock()
    source, catalog = folder / "source", folder / "catalog"
    for name in FILES:
        (source / name / "done").mkdir(parents=True)
    (folder / "sshd").mkdir()
    (folder / "stack").mkdir()
    start = datetime.now(zone).replace(second=0, microsecond=0)
    write_catalog(catalog, source, start + timedelta(minutes=90), start + timedelta(minutes=100))
    with ExitStack() as opened:
        server = opened.enter_context(running_sshd(folder / "sshd", ("client_key", "source_key")))
        box = opened.enter_context(mailbox(free_port()))
        monitor = opened.enter_context(Monitor())
        collector = opened.enter_context(receiver())
        lineage = {"type": "file", "log_file_path": str(folder / "lineage.jsonl"), "append": True}
        given = {
            "NIGHTWATT_ZONE": zone.key,
            "NIGHTWATT_SYSTEMS": "lcl",
            "NIGHTWATT_METRICS_ON": "True",
            "NIGHTWATT_METRICS_URL": collector.url,
            "NIGHTWATT_LINEAGE_TRANSPORT": json.dumps(lineage),
        }
        extra = server.settings("lcl") | {"NIGHTWATT_CATALOG": str(catalog)}
        stack = opened.enter_context(production(folder / "stack", given, extra))
        send_mail_to(box, stack.secrets / "alerting")
        (stack.secrets / "alerting" / "heartbeat_url").write_text(f"{monitor.url}/ping/nightwatt")
        for name in AIRFLOW:
            stack.services.start(name)
        for name in AIRFLOW:
            stack.services.wait_until_healthy(name)
        late_at = datetime.now(zone).replace(second=0, microsecond=0) + timedelta(minutes=3)
        happening = Night(
            stack=stack,
            zone=zone,
            day=late_at.date(),
            server=server,
            box=box,
            monitor=monitor,
            collector=collector,
            folder=folder,
            late_at=late_at,
            missing_at=late_at + timedelta(minutes=2),
        )
        write_catalog(catalog, source, happening.late_at, happening.missing_at)
        happen(happening)
        yield happening


def send_mail_to(box: Mailbox, folder: Path) -> None:
    """Write how people are told, as an operator would: the channel in one file, its address in another."""
    (folder / "alerting.yaml").write_text(ALERTING.format(address=folder / "mail"))
    people = "from=nightwatt@utility.example&to=ops@utility.example"
    (folder / "mail").write_text(f"mailto://127.0.0.1:{box.port}/?{people}&mode=insecure")


def happen(night: Night) -> None:
    """Drop what comes, when it comes; everything else the services do."""
    night.drop("north")
    for dag in ("usage_daily", "watch_night"):
        assert night.stack.status("operator", "PATCH", f"/api/v2/dags/{dag}", json={"is_paused": False}) == 200
    wait_for("a run of its own", night, 120, lambda: bool(night.tasks()))
    night.stack.services.start("watchdog")
    wait_for("the north's file loaded", night, 180, lambda: night.tasks()["north_half_hours.load_files"] == "success")
    wait_for("the south said to be missing", night, 420, lambda: len(night.about("south")) == 2)
    wait_for("the wait for the south given up", night, 180, lambda: night.tasks()["run"] == "failed")
    night.drop("south")
    night.clear()
    wait_for("usage published", night, 300, lambda: night.tasks()["run"] == "success")
    wait_for("the south said to be there", night, 120, lambda: len(night.about("south")) == 3)
    wait_for("watch_night to have looked too", night, 400, lambda: bool(night.looked_from_inside()))


def test_the_run_ends_well_although_a_file_came_late(night: Night) -> None:
    assert set(night.tasks().values()) == {"success"}, night.tasks()


def test_mail_comes_when_the_file_is_late_when_it_is_missing_and_when_it_is_there(night: Night) -> None:
    late, missing, over = night.about("south")

    assert night.late_at <= late.at < night.late_at + A_LOOK
    assert night.missing_at <= missing.at < night.missing_at + A_LOOK
    assert night.dropped_at < over.at
    assert {mail.to for mail in (late, missing, over)} == {("ops@utility.example",)}


def test_nobody_gets_mail_about_a_file_that_came_in_time(night: Night) -> None:
    assert night.about("north") == []
    # The watchdog looked every minute, watch_night every five, and so did what failed or was late in Airflow.
    assert len(night.box.mails) == 3, [mail.subject for mail in night.box.mails]


def test_the_monitor_outside_hears_of_every_look_of_the_watchdog(night: Night) -> None:
    log = night.stack.services.log("watchdog").read_text("utf-8")
    assert set(night.monitor.served) == {"GET /ping/nightwatt -> 200"}
    looks = log.count("event=looked")
    assert looks > 3
    assert len(night.monitor.served) in {looks, looks + 1}  # one may be under way: it calls, then writes its line


def test_what_was_pulled_is_what_lay_there_and_is_moved_away(night: Night) -> None:
    ledger = Ledger.open(night.stack.ledger_address)
    with ledger.read() as session:
        receipts = {r.feed: r for r in session.scalars(select(Receipt))}
        (publication,) = session.scalars(select(Publication))
    ledger.close()

    for name, file in FILES.items():
        lines = len((DATA / file).read_text().splitlines()) - 1
        row = receipts[f"{name}_half_hours"]
        assert (row.file_name, row.rows_in, row.size_bytes) == (file, lines, (DATA / file).stat().st_size)
        assert sorted(p.name for p in (night.folder / "source" / name).rglob("*.csv*")) == [file]
        assert (night.folder / "source" / name / "done" / file).read_bytes() == (DATA / file).read_bytes()
    assert (publication.domain, publication.as_of, publication.state) == ("usage", night.day, "published")


def test_the_tasks_metrics_reached_the_collector(night: Night) -> None:
    for name, file in FILES.items():
        lines = len((DATA / file).read_text().splitlines()) - 1
        assert night.collector.total("airflow.nightwatt.rows_in", feed=f"{name}_half_hours") == lines
    assert night.collector.total("airflow.nightwatt.publications", domain="usage") == 1
    stages = {p.tags["stage"] for p in night.collector.points if p.name == "airflow.nightwatt.stage_duration"}
    assert stages == {"load", "merge", "build", "publish"}
    assert night.looked_from_inside() == {"warning", "critical"}


def test_lineage_says_what_was_made_from_what(night: Night) -> None:
    events = [json.loads(line) for line in (night.folder / "lineage.jsonl").read_text().splitlines()]
    home = night.folder / "stack" / "home"

    def datasets(task: str) -> tuple[set[str], set[str]]:
        (done,) = [e for e in events if e["eventType"] == "COMPLETE" and e["job"]["name"] == f"usage_daily.{task}"]
        assert done["job"]["namespace"] == "nightwatt"
        sides = [{str(Path(d["name"]).relative_to(home)) for d in done[side]} for side in ("inputs", "outputs")]
        return sides[0], sides[1]

    assert datasets("north_half_hours.load_files") == ({"inbound/north"}, {"lake/north_half_hours"})
    assert datasets("merge_reads") == ({"lake/north_half_hours", "lake/south_half_hours"}, {"reads"})
    made_from, published = datasets("publish_marts")
    assert made_from == {"warehouse/warehouse.duckdb"}
    assert "published/nightwatt.duckdb/fct_interval_reads" in published


def test_the_log_of_a_task_names_file_and_night_and_no_household(night: Night) -> None:
    logs = list((night.folder / "stack" / "home" / "airflow" / "logs").rglob("*load_files/*.log"))
    lines = [json.loads(line) for path in logs for line in path.read_text().splitlines()]
    loaded = [line for line in lines if line.get("event") == "loaded"]

    assert {line["subject"] for line in loaded} == {f"{name}_half_hours" for name in FILES}
    assert {line["business_date"] for line in loaded} == {str(night.day)}
    assert all(int(line["receipt"]) > 0 for line in loaded)
    households = {Path(file).stem for file in FILES.values()}
    assert not any(house in json.dumps(loaded) for house in households)
