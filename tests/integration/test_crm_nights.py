"""Nights of change of a make-believe utility, from extracts to a CRM that refuses rows and loses its answers.

What all deltas make of an empty CRM is what one full delivery of the last night makes of another. Ten nights take
minutes, two of them, on both sides of the month's end and without usage, one: both run with `--long`.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.bulk_api import BulkApi, Faults
from tests.support.crm_loader import LoadedFile, load_delivery
from tests.support.data_cloud import DataCloud
from tests.support.extract_files import Extracts

from nightwatt import stages
from nightwatt.contracts.catalog import PACKAGED
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.delivery.salesforce.answers import Taken
from nightwatt.delivery.salesforce.profile import CrmObject, load_profile
from nightwatt.ledger import checks
from nightwatt.settings import Settings
from nightwatt.simulator import Utility, write_night
from nightwatt.stages import DeliverSummary, Platform
from nightwatt.warehouse import published

WINDOW = date(2025, 4, 1)  # of every night from the first of April on: a month of bills leaves it then
DELIVERIES = {"crm_core": "salesforce/core_v62", "crm_usage": "salesforce/data_cloud"}
WHOLE = "_whole"  # what a delivery's twin is called, which knows of no earlier sending
# One row in fifty; of the jobs of a night, fourteen or so, two or three do not answer and one breaks off half-way.
FAULTS = Faults(fail_every=50, lose_results_every=6, break_every=13)

Tables = dict[str, dict[str, dict[str, str | None]]]


@dataclass(frozen=True)
class Plan:
    """Which nights, of what."""

    utility: Utility
    nights: Sequence[date]
    deliveries: Sequence[str]
    systems: tuple[str, ...]
    domains: tuple[str, ...]

    @property
    def objects(self) -> list[CrmObject]:
        return [thing for name in self.deliveries for thing in load_profile(DELIVERIES[name]).objects]


TEN = Plan(
    utility=Utility(customers=60, seed=5),
    nights=[date(2026, 3, 27) + timedelta(days=n) for n in range(10)],
    deliveries=("crm_core", "crm_usage"),
    systems=("ccb", "mdm"),
    domains=("billing", "usage"),
)
TWO = Plan(
    utility=Utility(customers=25, seed=5),
    nights=[date(2026, 3, 31), date(2026, 4, 1)],
    deliveries=("crm_core",),
    systems=("ccb",),
    domains=("billing",),
)


@dataclass(frozen=True)
class Accounted:
    """One object on one night: what was published, what went, and what the CRM had before."""

    night: date
    object: CrmObject
    published: frozenset[str]
    delivered: frozenset[str]
    held: frozenset[str]
    had: frozenset[str]
    said: Mapping[str, Any]  # the manifest's counts


@dataclass
class Sent:
    """One delivery of one night."""

    summary: DeliverSummary
    loaded: list[LoadedFile]
    taken: Taken

    @property
    def rows(self) -> int:
        return sum(f.rows for f in self.summary.files)


@dataclass
class Org:
    """The receiving side: a CRM and a Data Cloud."""

    api: BulkApi
    cloud: DataCloud

    def tables(self, objects: Sequence[CrmObject]) -> Tables:
        return {thing.object: self.table(thing) for thing in objects}

    def table(self, thing: CrmObject) -> dict[str, dict[str, str | None]]:
        return self.cloud.tables[thing.object] if thing.domain == "usage" else self.api.crm.table(thing.object)


@dataclass
class Story:
    """What happened."""

    plan: Plan
    settings: Settings
    partner: Path
    org: Org
    accounts: list[Accounted] = field(default_factory=list)
    troubled: list[Sent] = field(default_factory=list)
    clean: list[list[Sent]] = field(default_factory=list)
    deleted: Counter[str] = field(default_factory=Counter)
    whole: Tables = field(default_factory=dict)
    late_point: str = ""  # of which the first night's files do not tell

    @property
    def nights(self) -> Sequence[date]:
        return self.plan.nights

    def tables(self) -> Tables:
        return self.org.tables(self.plan.objects)

    @contextmanager
    def platform(self, night: date) -> Iterator[Platform]:
        at = datetime.combine(night, datetime.min.time(), UTC) + timedelta(hours=8)
        with Platform.open("test", self.settings, clock=lambda: at) as platform:
            yield platform

    def run(self, night: date) -> None:
        """Run a night as the DAGs do, up to what readers see."""
        first = night == self.nights[0]
        write_night(self.plan.utility, night, self.settings.inbound, first_night=first, systems=self.plan.systems)
        if first:
            self._withhold_a_point(night)
        with self.platform(night) as platform:
            for feed in platform.catalog.feeds:
                stages.arrive(platform, feed)
                stages.load(platform, feed, night)
            stages.merge_reads(platform)
            for domain in self.plan.domains:
                stages.build(platform, domain, night)
                stages.publish(platform, domain, night)

    def _withhold_a_point(self, night: date) -> None:
        """Leave a point out, with a meter on it, an agreement and reads: they wait until the next complete file."""
        extracts = Extracts(self.settings.inbound, "ccb", night)
        self.late_point = extracts["ci_sp"].pop(0)["SP_ID"]
        assert list(extracts.where("ci_sa_sp", SP_ID=self.late_point))
        extracts.save()

    def send(self, night: date, org: Org, delivery: str, *, is_lost: bool = False) -> Sent:
        """Deliver, let the middleware load what lies in the partner's folder, and take in what it brings back."""
        with self.platform(night) as platform:
            summary = stages.deliver(platform, delivery, night)
            manifest = self.partner / summary.files[-1].remote_path.lstrip("/")
            self._account(night, manifest, org)
            folder = self.settings.answers / delivery
            loaded = load_delivery(manifest, folder, api=org.api, cloud=org.cloud)
            if is_lost:
                shutil.rmtree(folder)
            return Sent(summary, loaded, stages.acknowledge(platform, delivery, night).taken)

    def _account(self, night: date, manifest: Path, org: Org) -> None:
        said = json.loads(manifest.read_text("utf-8"))
        held = _held(self.settings, manifest)
        for thing in load_profile(said["profile"]).objects:
            files = [f for f in said["files"] if f["name"] == thing.name]
            self.deleted[thing.name] += sum(f["rows"] for f in files if f["part"] == "delete")
            self.accounts.append(
                Accounted(
                    night,
                    thing,
                    published=_published(self.settings, thing),
                    delivered=_written(manifest.parent, thing, files),
                    held=held.get(thing.name, frozenset()),
                    had=frozenset(org.table(thing)),
                    said=said["objects"][thing.name],
                )
            )


def _published(settings: Settings, thing: CrmObject) -> frozenset[str]:
    """Return the keys of an object's mart as readers see it."""
    filled = "".join(f" AND {name} IS NOT NULL" for name in thing.filled)
    with published(settings) as con:
        found = con.execute(f"SELECT {thing.key} FROM {thing.mart} WHERE true{filled}").fetchall()
    keys = frozenset(key for (key,) in found)
    assert len(keys) == len(found)
    return keys


def _written(folder: Path, thing: CrmObject, files: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the keys in the files of an object, read by Python's own reader; none may be there twice."""
    keys: list[str] = []
    for listed in files:
        if listed["part"] not in {"delete", "ask"}:
            with (folder / listed["file"]).open(encoding="utf-8", newline="") as stream:
                keys += [row[thing.id_header] for row in csv.DictReader(stream)]
    assert len(set(keys)) == len(keys)
    return frozenset(keys)


def _held(settings: Settings, manifest: Path) -> dict[str, frozenset[str]]:
    """Return the keys held back, by object, as they are kept for whoever looks after them."""
    delivery = manifest.name.partition("_manifest_")[0].rpartition("_")[0]
    place = settings.refusals / delivery / f"held_{manifest.stem}.parquet"
    found: dict[str, set[str]] = {}
    for name, key in duckdb.sql(f"SELECT object, external_id FROM read_parquet('{place}')").fetchall():
        found.setdefault(name, set()).add(key)
    return {name: frozenset(keys) for name, keys in found.items()}


def catalog(folder: Path) -> None:
    """Copy the catalog with a twin of each delivery, and room for planted bad reads: many for so small a utility."""
    shutil.copytree(PACKAGED, folder)
    for path in folder.glob("feeds/mdm_*.yaml"):
        text = re.sub(r"reject_tolerance_pct: .*\n", "", path.read_text("utf-8"))
        path.write_text(text + "reject_tolerance_pct: 5\n", "utf-8")
    for name in DELIVERIES:
        path = folder / "deliveries" / f"{name}.yaml"
        twin = path.read_text("utf-8").replace(f"delivery: {name}", f"delivery: {name}{WHOLE}")
        path.with_stem(f"{name}{WHOLE}").write_text(twin.replace("/incoming", "/whole"), "utf-8")


@contextmanager
def org() -> Iterator[Org]:
    """Open an empty CRM and Data Cloud."""
    with BulkApi() as api, DataCloud(core_tokens={api.new_session()}) as cloud:
        yield Org(api, cloud)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(TWO, id="two", marks=pytest.mark.long),
        pytest.param(TEN, id="ten", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Run all nights with a CRM that misbehaves, then deliver to it until nothing is left, and once to an empty one."""
    folder = tmp_path_factory.mktemp("crm_nights")
    plan: Plan = request.param
    settings = Settings(home=folder / "home", catalog=folder / "catalog", systems=plan.systems)
    catalog(folder / "catalog")
    with LoopbackServer(folder / "partner") as server, org() as troubled, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment("crm").items():
            patch.setenv(name, value)
        for name in ("incoming", "whole"):
            (server.root / name).mkdir()
        told = Story(plan, settings, server.root, troubled)
        _troubled_nights(told)
        _clean_nights(told)
        with org() as other:
            fresh = [told.send(told.nights[-1], other, name + WHOLE) for name in plan.deliveries]
            told.whole = other.tables(plan.objects)
        assert not any(sent.taken.refused or sent.taken.waiting for sent in fresh)
        yield told


def _troubled_nights(told: Story) -> None:
    told.org.api.faults, told.org.cloud.refuse_every = FAULTS, 5
    for number, night in enumerate(told.nights, 1):
        told.run(night)
        for name in told.plan.deliveries:
            is_lost = name == "crm_usage" and number % 3 == 2
            told.troubled.append(told.send(night, told.org, name, is_lost=is_lost))
    told.org.api.faults, told.org.cloud.refuse_every = Faults(), 0


def _clean_nights(told: Story) -> None:
    """Let nights follow on which nothing changes and the CRM behaves, until one sends nothing."""
    for n in range(1, 6):
        night = told.nights[-1] + timedelta(days=n)
        told.clean.append([told.send(night, told.org, name) for name in told.plan.deliveries])
        if not any(sent.rows for sent in told.clean[-1]):
            return
    pytest.fail("rows keep going: " + ", ".join(str(sum(s.rows for s in each)) for each in told.clean))


def moving_with_their_row(objects: Sequence[CrmObject]) -> dict[str, set[str]]:
    """Return the fields that go with a row but whose change alone sends none: the CRM's may be older."""
    found: dict[str, set[str]] = {}
    for thing in objects:
        found.setdefault(thing.object, set()).update(c.header for c in thing.columns if c.rides_along)
    return found


def test_the_sum_of_the_deltas_is_the_full_export(story: Story) -> None:
    loose = moving_with_their_row(story.plan.objects)
    found = story.tables()
    assert found.keys() == story.whole.keys()
    for name, wanted in story.whole.items():
        assert found[name].keys() == wanted.keys(), name
        for key, row in wanted.items():
            fields = row.keys() - loose.get(name, set())
            assert {f: found[name][key][f] for f in fields} == {f: row[f] for f in fields}, name
            assert all((found[name][key][f] or "") <= (row[f] or "") for f in loose.get(name, ())), name
    assert all(story.whole.values())


def test_the_crm_has_the_records_of_the_marts(story: Story) -> None:
    """By the marts themselves, not by another delivery of them."""
    last = story.nights[-1] + timedelta(days=len(story.clean))
    by_object: dict[str, tuple[set[str], frozenset[str]]] = {}
    for each in story.accounts:
        if each.night == last:
            keys, _ = by_object.setdefault(each.object.object, (set(), each.had))
            keys |= each.published - each.held
    assert len(by_object) == len(story.whole)
    for name, (keys, had) in by_object.items():
        assert keys == had, name
    with published(story.settings) as con:
        balances = con.execute("SELECT billing_account_key, balance_amount_usd FROM crm_billing_account").fetchall()
    in_crm = story.tables()["BillingAccount"]
    assert dict(balances) == {key: Decimal(row["Current_Balance__c"] or "") for key, row in in_crm.items()}


def test_what_waited_for_its_point_goes_out_once_the_point_is_known(story: Story) -> None:
    """Its usage of the first night too, which no read touched again."""
    key = f"CCB|SP|{story.late_point}"
    published = {a.night: a.published for a in story.accounts if a.object.name == "service_point"}
    assert [key in published[night] for night in story.nights[:2]] == [False, True]
    tables = story.tables()
    assert key in tables["ServicePoint"]
    assert key in {row["ServicePoint.CIS_External_Id__c"] for row in tables["EnergyServiceAgreementItem"].values()}
    assert key in {row["Service_Point__r.CIS_External_Id__c"] for row in tables["Asset"].values()}
    if "crm_usage" in story.plan.deliveries:
        days = {row["usage_date"] for row in tables["Usage_Day"].values() if row["service_point_key"] == key}
        assert (story.nights[0] - timedelta(days=1)).isoformat() in days


def test_every_night_accounts_for_every_row(story: Story) -> None:
    assert {a.night for a in story.accounts} >= set(story.nights)
    for a in story.accounts:
        who = f"{a.night} {a.object.name}"
        assert a.delivered | a.held <= a.published, who
        assert not a.delivered & a.held, who
        unchanged = a.published - a.delivered - a.held
        assert unchanged <= a.had, who  # what is left alone is there
        counts = (len(a.published), len(a.delivered), len(unchanged), len(a.held))
        said = (a.said["rows"], a.said["delivered"], a.said["unchanged"], sum(a.said["held"].values()))
        assert counts == said, who


def test_what_was_refused_or_lost_is_gone_after_two_clean_nights(story: Story) -> None:
    """The first sends again all that was refused or not answered for. Records whose master can be given only once go as
    new ones, and the CRM refuses those it has; of bills past the window whose answer was lost it tells the id. The
    second sends those without their master, and deletes by the id.
    """
    rows = [{sent.summary.delivery: sent.rows for sent in night} for night in story.clean]
    assert len(rows) <= 3
    assert rows[0]["crm_core"] > 0
    assert not any(rows[-1].values())
    assert not any(night.get("crm_usage") for night in rows[1:])
    refusals = [f.evidence for sent in story.clean[0] for f in sent.taken.findings if f.code == "crm.row_refused"]
    known = ("INVALID_FIELD_FOR_INSERT_UPDATE", "ENTITY_IS_DELETED")  # given twice, deleted twice
    assert all(message.startswith(known) for refused in refusals for message in refused["classes"]), refusals
    assert not any(sent.taken.refused or sent.taken.waiting for night in story.clean[1:] for sent in night)


def test_an_unchanged_night_sends_nothing(story: Story) -> None:
    night = story.nights[-1] + timedelta(days=len(story.clean) + 1)
    quiet = [story.send(night, story.org, name) for name in story.plan.deliveries]
    for sent in quiet:
        assert [f.rows for f in sent.summary.files] == [0]  # the manifest alone
        assert sent.loaded == []
    today = [a for a in story.accounts if a.night == night]
    assert all(not a.delivered for a in today)
    assert len(today) == len(story.plan.objects)


def test_bills_that_left_the_window_are_deleted(story: Story) -> None:
    records = story.tables()
    bills = records["Bill_Summary__c"]
    assert story.deleted["bill"] > 0
    assert story.deleted["bill_service"] > story.deleted["bill"]
    assert story.deleted["payment"] > 0
    assert min(row["Bill_Date__c"] or "" for row in bills.values()) >= WINDOW.isoformat()
    assert min(row["Payment_Date__c"] or "" for row in records["Payment_Summary__c"].values()) >= WINDOW.isoformat()
    assert {row["Bill_Summary__r.CIS_External_Id__c"] for row in records["Bill_Service__c"].values()} <= bills.keys()


def test_the_crm_did_misbehave_and_the_ledger_says_so(story: Story) -> None:
    loaded = [f for sent in story.troubled for f in sent.loaded]
    assert any(not f.answers for f in loaded)
    assert {"JobComplete", "Failed"} <= {f.state for f in loaded}
    seen = sum(job.done for job in story.org.api.jobs.values() if job.is_breaking or job.refused)
    assert seen > 0
    with story.platform(story.nights[-1]) as platform, platform.ledger.read() as session:
        found = [c for night in story.nights for c in checks.of_night(session, night)]
    codes = Counter(c.code for c in found if not c.passed)
    assert codes["crm.row_refused"] > 0
    assert any("UNABLE_TO_LOCK_ROW" in c.message for c in found if c.code == "crm.row_refused")
    assert not [c.message for c in found if c.code in {"crm.vanished", "crm.expired_without_id", "crm.rows_lost"}]
