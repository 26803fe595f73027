"""What goes the next night, after the CRM has answered, has not, or has refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.support import crm
from tests.support.crm import Home

from nightwatt import duck
from nightwatt.delivery.deliver import Outcome, PublicationFacts
from nightwatt.delivery.salesforce import answers
from nightwatt.delivery.salesforce.state import StateStore
from nightwatt.ledger import acknowledgements
from nightwatt.ledger.models import Check

ONE = "CCB|PER|0000000001"
TWO = "CCB|PER|0000000002"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    opened: list[Home] = []

    def home(**changes: Any) -> Home:
        opened.append(Home(tmp_path / str(len(opened)), crm.contract(**changes)))
        return opened[-1]

    yield home
    for each in opened:
        each.close()


@pytest.fixture
def home(make: Callable[..., Home]) -> Home:
    """A delivery of parties alone."""
    return make(objects=["party"])


def keys(home: Home, result: Any, name: str = "party") -> list[str]:
    key = "CIS_External_Id__c"
    return [row[key] for row in home.rows(result, name)]


def test_nothing_goes_twice_once_it_is_acknowledged(home: Home) -> None:
    marts = {"crm_party": [crm.party(1), crm.party(2)]}
    home.load(home.deliver(marts, 1))
    home.take()

    result = home.deliver(marts, 2)

    assert (keys(home, result), [r.file_name[:21] for r in result.receipts]) == ([], ["crm_core_001_manifest"])
    assert crm.manifest(home.server.root)["objects"]["party"]["unchanged"] == 2


def test_only_what_changed_goes(home: Home) -> None:
    home.load(home.deliver({"crm_party": [crm.party(1), crm.party(2)]}, 1))
    home.take()

    result = home.deliver({"crm_party": [crm.party(1), crm.party(2, party_name="New")]}, 2)

    assert keys(home, result) == [TWO]


def test_a_value_that_rides_along_sends_nothing_by_itself(make: Callable[..., Home]) -> None:
    home = make(objects=["billing_account"])
    home.load(home.deliver({"crm_billing_account": [crm.account(1)]}, 1))
    home.take()

    result = home.deliver({"crm_billing_account": [crm.account(1, balance_as_of=date(2026, 3, 10))]}, 2)

    assert keys(home, result, "billing_account") == []


def test_the_second_call_for_a_publication_sends_nothing(home: Home) -> None:
    marts = {"crm_party": [crm.party(1)]}
    home.deliver(marts, 1)

    again = home.again(marts, PublicationFacts(1, 1, crm.stamp(1)), 1)

    assert again.outcome is Outcome.ALREADY
    assert again.message.endswith("nothing sent")


def test_lost_answers_move_nothing_and_the_rows_go_again(home: Home) -> None:
    marts = {"crm_party": [crm.party(1)]}
    first = home.deliver(marts, 1)
    home.load(first, lost=lambda _: True)
    taken = home.take()

    second = home.deliver(marts, 2)

    assert (taken.files, taken.waiting, home.state("party")) == (0, 1, {})
    assert keys(home, second) == [ONE]


def test_mistake_06_a_complete_job_is_not_a_loaded_row(home: Home) -> None:
    """Refused rows are in the failed results only, in an order of their own; they go again until the CRM takes them."""
    marts = {"crm_party": [crm.party(n) for n in range(1, 6)]}
    home.load(home.deliver(marts, 1), refuse=lambda _, key: key == TWO)
    taken = home.take()

    second = home.deliver(marts, 2)

    assert (taken.accepted, taken.refused, taken.unprocessed) == (4, 1, 0)
    (finding,) = taken.findings
    assert (finding.code, finding.passed) == ("crm.row_refused", False)
    assert finding.evidence["classes"] == {
        "UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record": 1,
    }
    assert keys(home, second) == [TWO]


def test_mistake_06_nothing_moves_before_every_row_is_accounted_for(home: Home) -> None:
    result = home.deliver({"crm_party": [crm.party(1), crm.party(2)]}, 1)
    home.load(result, refuse=lambda _, key: key == TWO)
    (failed,) = home.reader().folder.glob("*.failed.csv")
    held_back = failed.read_bytes()
    failed.unlink()

    early = home.take()
    left = len(list(home.reader().folder.glob("*.successful.csv")))
    failed.write_bytes(held_back)
    late = home.take()

    assert [f.code for f in early.findings] == ["crm.results_incomplete"]
    assert "2 row(s) sent, 1 accepted, 0 refused, 0 unprocessed; 1 without a result" in early.findings[0].message
    assert (early.accepted, left) == (0, 1)
    assert (late.accepted, late.refused, set(home.state("party")) - {TWO}) == (1, 1, {ONE})


def test_the_refused_are_kept_by_key_and_words_without_a_value(home: Home) -> None:
    home.load(home.deliver({"crm_party": [crm.party(1, party_name="Secret Name")]}, 1), refuse=lambda *_: True)
    home.take()

    (path,) = home.settings.refusals.rglob("refused_*.parquet")
    (row,) = pq.read_table(path).to_pylist()
    assert (row["external_id"], row["error_code"]) == (ONE, "UNABLE_TO_LOCK_ROW")
    with home.ledger.read() as session:
        noted = session.query(Check).filter(Check.code == "crm.row_refused").all()
    assert len(noted) == 1
    for file in [*home.settings.refusals.rglob("*.parquet"), *home.settings.acknowledged.rglob("*.parquet")]:
        assert "Secret Name" not in json.dumps(pq.read_table(file).to_pylist(), default=str), file
    assert "Secret Name" not in noted[0].message + json.dumps(noted[0].evidence)


def test_an_answer_that_comes_twice_changes_nothing(home: Home) -> None:
    result = home.deliver({"crm_party": [crm.party(1)]}, 1)
    (path, name, part), *_ = home.files(result)
    said = home.crm.load(path, name, part)
    crm.write_results(said, path.name, home.reader().folder)
    home.take()
    before = home.state("party")
    crm.write_results(said, path.name, home.reader().folder)

    again = home.take()

    assert (again.files, again.again, home.state("party")) == (0, 1, before)
    assert list(home.reader().folder.iterdir()) == []


def test_a_late_answer_does_not_undo_a_newer_one(home: Home) -> None:
    old = home.deliver({"crm_party": [crm.party(1, party_name="Old")]}, 1)
    new = home.deliver({"crm_party": [crm.party(1, party_name="New")]}, 2)
    (old_path, name, part), (new_path, *_) = home.files(old)[0], home.files(new)[0]
    said_old, said_new = home.crm.load(old_path, name, part), home.crm.load(new_path, name, part)
    crm.write_results(said_new, new_path.name, home.reader().folder)
    home.take()
    newest = home.state("party")[ONE]["content_hash"]
    crm.write_results(said_old, old_path.name, home.reader().folder)
    home.take()

    assert home.state("party")[ONE]["content_hash"] == newest
    assert keys(home, home.deliver({"crm_party": [crm.party(1, party_name="New")]}, 3)) == []


def test_what_was_overtaken_without_an_answer_is_in_doubt_although_its_content_is_acknowledged(home: Home) -> None:
    """Acknowledged as A, sent as B, no answer; now A again. The CRM may hold B, so A must go."""
    home.load(home.deliver({"crm_party": [crm.party(1, party_name="A")]}, 1))
    home.take()
    home.load(home.deliver({"crm_party": [crm.party(1, party_name="B")]}, 2), lost=lambda _: True)

    result = home.deliver({"crm_party": [crm.party(1, party_name="A")]}, 3)
    home.load(result)

    assert keys(home, result) == [ONE]
    assert home.crm.of("party")[ONE]["Name"] == "A"


def test_a_file_all_of_whose_rows_were_answered_for_later_is_waited_for_no_more(home: Home) -> None:
    marts = {"crm_party": [crm.party(1)]}
    home.load(home.deliver(marts, 1), lost=lambda _: True)
    home.load(home.deliver(marts, 2))

    taken = home.take()

    assert (taken.files, taken.waiting) == (1, 0)


def test_create_only_parents_are_given_once(make: Callable[..., Home]) -> None:
    home = make(objects=["party", "billing_account", "account_party"])
    marts = crm.customers(2)
    home.load(home.deliver(marts, 1))
    home.take()
    marts["crm_account_role"][0]["is_main"] = False
    marts["crm_account_role"].append(crm.role(1, 2, role="interested", is_main=False))

    result = home.deliver(marts, 2)
    home.load(result)

    (new,) = home.rows(result, "account_party", "new")
    (known,) = home.rows(result, "account_party", "known")
    assert new["Account.CIS_External_Id__c"] == TWO
    assert "Account.CIS_External_Id__c" not in known
    assert (home.take().refused, len(home.crm.of("account_party"))) == (0, 3)


@pytest.mark.parametrize("names_existing", [True, False])
def test_a_create_only_row_nobody_answered_for_finds_its_way(make: Callable[..., Home], names_existing: bool) -> None:
    """It is there, and we do not know: sent as new it is refused once, then it goes without the parent."""
    home = make(objects=["party", "billing_account", "account_party"])
    home.crm.names_existing = names_existing
    marts = crm.customers(1)
    home.load(home.deliver(marts, 1), lost=lambda name: "AccountBillingAccount" in name)
    home.take()

    refused = []
    for day in (2, 3):
        home.load(home.deliver(marts, day))
        refused.append(home.take().refused)

    assert refused == [1, 0]
    assert home.rows(home.deliver(marts, 4), "account_party") == []


def test_a_file_acknowledged_as_a_whole_counts_for_all_its_rows(home: Home) -> None:
    marts = {"crm_party": [crm.party(1), crm.party(2)]}
    result = home.deliver(marts, 1)
    document = home.settings.root / "answer.json"
    document.write_text(json.dumps({"file": result.receipts[0].file_name, "state": "Received", "rows": 2}), "utf-8")

    taken = home.reader().take([document])

    assert (taken.accepted, set(home.state("party")), document.exists()) == (2, {ONE, TWO}, True)
    assert keys(home, home.deliver(marts, 2)) == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"state": "Received", "rows": 3}, "crm.answer_unreadable"),
        ({"state": "Received", "sha256": "0" * 64}, "crm.answer_unreadable"),
        ({"state": "Failed", "message": "disk full"}, "crm.file_refused"),
        ({"state": "Received", "file": "other_20260301050000.csv"}, "crm.answer_unknown"),
    ],
)
def test_a_whole_file_that_is_not_ours_or_not_taken_moves_nothing(
    home: Home, answer: dict[str, Any], code: str
) -> None:
    marts = {"crm_party": [crm.party(1), crm.party(2)]}
    result = home.deliver(marts, 1)
    folder = home.reader().folder
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"file": result.receipts[0].file_name} | answer), "utf-8")

    taken = home.take()

    assert [f.code for f in taken.findings] == [code]
    assert (taken.accepted, home.state("party")) == (0, {})
    assert keys(home, home.deliver(marts, 2)) == [ONE, TWO]


def test_an_answer_that_cannot_be_read_keeps_no_other_from_being_taken_in(make: Callable[..., Home]) -> None:
    home = make(objects=["product", "party"])
    home.load(home.deliver(crm.customers(1), 1))
    (broken,) = home.reader().folder.glob("*Product2*")
    broken.write_text("nonsense\n", "utf-8")
    (home.reader().folder / "notes.txt").write_text("hello", "utf-8")

    taken = home.take()

    assert sorted(f.code for f in taken.findings) == ["crm.answer_unknown", "crm.answer_unreadable"]
    assert (taken.files, set(home.state("party"))) == (1, {ONE})
    assert broken.exists()


def test_what_left_its_window_is_deleted_by_the_crms_id_children_first(make: Callable[..., Home]) -> None:
    home = make(objects=["billing_account", "bill", "bill_service", "payment"])
    old, young = date(2025, 2, 28), date(2026, 2, 1)
    marts = {
        "crm_billing_account": [crm.account(1)],
        "crm_bill": [crm.bill(1, old), crm.bill(2, young)],
        "crm_bill_service": [
            {"bill_service_key": f"CCB|BSA|{n}", "bill_key": f"CCB|BILL|{n:012d}",
             "billing_account_key": "CCB|ACCT|0000000001"} for n in (1, 2)
        ],
    }  # fmt: skip
    home.load(home.deliver(marts, 1))
    home.take()
    ids = {n: home.state(n) for n in ("bill", "bill_service")}
    marts = {name: rows[-1:] for name, rows in marts.items()}

    result = home.deliver(marts, 2)
    deletes = [(name, path.read_text("utf-8")) for path, name, part in home.files(result) if part == "delete"]
    home.load(result)
    taken = home.take()

    assert deletes == [
        ("bill_service", f"Id\n{ids['bill_service']['CCB|BSA|1']['remote_id']}\n"),
        ("bill", f"Id\n{ids['bill']['CCB|BILL|000000000001']['remote_id']}\n"),
    ]
    listed = crm.manifest(home.server.root)["files"]
    assert [(f["operation"], f["external_id"]) for f in listed] == [("delete", "Id")] * 2
    assert listed[0]["load"] < listed[1]["load"]
    assert (taken.accepted, set(home.state("bill")), set(home.crm.of("bill"))) == (
        2, {"CCB|BILL|000000000002"}, {"CCB|BILL|000000000002"},
    )  # fmt: skip
    assert home.files(home.deliver(marts, 3)) == []


@pytest.mark.parametrize("is_there", [True, False])
def test_what_left_its_window_in_doubt_is_asked_for_and_deleted(make: Callable[..., Home], *, is_there: bool) -> None:
    """The answer that told the record's id was lost, on the last night on which the mart had it."""
    home = make(objects=["billing_account", "bill"])
    accounts, young = {"crm_billing_account": [crm.account(1)]}, crm.bill(3, date(2026, 2, 1))
    old = [crm.bill(n, date(2025, 2, 28)) for n in (1, 2)]
    first = home.deliver(accounts | {"crm_bill": [*old, young]}, 1)
    home.load(first, refuse=lambda _, key: not is_there and key == "CCB|BILL|000000000001", lost=lambda f: "Bill" in f)
    home.take()

    asking = home.deliver(accounts | {"crm_bill": [young]}, 2)
    asked = [path.read_text("utf-8") for path, _, part in home.files(asking) if part == "ask"]
    before = dict(home.crm.of("bill"))
    home.load(asking)
    after = dict(home.crm.of("bill"))
    told = home.take()
    last = home.deliver(accounts | {"crm_bill": [young]}, 3)
    deletes = [row for path, _, part in home.files(last) if part == "delete" for row in crm.read_rows(path)]
    home.load(last)
    taken = home.take()

    assert [a.splitlines()[1:] for a in asked] == [["CCB|BILL|000000000001", "CCB|BILL|000000000002"]]
    assert after == before  # asking changes nothing
    assert crm.manifest(home.server.root)["objects"]["bill"]["asked"] == 0
    assert (len(deletes), told.findings, told.waiting) == (1 + is_there, (), 0)
    assert (set(home.crm.of("bill")), set(home.state("bill"))) == ({"CCB|BILL|000000000003"},) * 2
    assert (taken.refused, taken.waiting) == (0, 0)
    assert home.files(home.deliver(accounts | {"crm_bill": [young]}, 4)) == []


def test_that_a_record_is_gone_is_kept_in_mind_while_an_older_answer_is_owed(make: Callable[..., Home]) -> None:
    """Otherwise the older file would bring it into doubt again, and it would be asked for every night."""
    home = make(objects=["billing_account", "bill"])
    accounts, young = {"crm_billing_account": [crm.account(1)]}, crm.bill(3, date(2026, 2, 1))
    home.load(home.deliver(accounts | {"crm_bill": [crm.bill(1, date(2025, 2, 28)), young]}, 1), lost=lambda _: True)

    parts = []
    for day in (2, 3, 4, 5):
        result = home.deliver(accounts | {"crm_bill": [young]}, day)
        parts.append([part for _, name, part in home.files(result) if name == "bill"])
        # The young bill is refused night after night, so the first file is not done with.
        home.load(result, refuse=lambda _, key: key == "CCB|BILL|000000000003")
        home.take()

    assert parts == [["all", "ask"], ["all", "delete"], ["all"], ["all"]]
    assert set(home.crm.of("bill")) == {"CCB|BILL|000000000003"}


def test_where_the_crm_removes_them_itself_the_expired_are_forgotten(make: Callable[..., Home]) -> None:
    home = make(objects=["billing_account", "bill"], send_expired=False)
    marts = {"crm_billing_account": [crm.account(1)], "crm_bill": [crm.bill(1, date(2025, 2, 28))]}
    home.load(home.deliver(marts, 1))
    home.take()
    marts["crm_bill"] = [crm.bill(2, date(2026, 2, 1))]

    result = home.deliver(marts, 2)
    home.load(result)
    home.take()

    assert {part for _, _, part in home.files(result)} == {"all"}
    assert set(home.state("bill")) == {"CCB|BILL|000000000002"}


def test_what_vanished_otherwise_is_told_and_not_deleted(home: Home) -> None:
    home.load(home.deliver({"crm_party": [crm.party(1), crm.party(2)]}, 1))
    home.take()

    result = home.deliver({"crm_party": [crm.party(1)]}, 2)

    assert [(f.code, f.evidence["rows"]) for f in result.findings] == [("crm.vanished", 1)]
    assert home.files(result) == []
    assert set(home.crm.of("party")) == {ONE, TWO}


def test_the_state_is_made_again_from_the_answers(home: Home) -> None:
    for day in (1, 2, 3):
        marts = {"crm_party": [crm.party(n, party_name=f"Name {n} {day if n % 2 else 0}") for n in range(1, 8)]}
        home.load(home.deliver(marts, day), refuse=lambda _, key, day=day: key.endswith(str(day)))
        home.take()
    before = home.state("party")
    store = StateStore(home.settings, home.ledger, "crm_core")
    for path in store.folder("party").glob("v*.parquet"):
        path.unlink()

    with duck.memory_engine(home.settings) as con:
        answers.rebuild(con, store, "party")

    assert home.state("party") == before
    assert sum(row["is_there"] for row in before.values()) == 7


def test_a_process_killed_before_the_switch_leaves_the_state_as_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    marts = {"crm_party": [crm.party(1)]}
    home.load(home.deliver(marts, 1))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(acknowledgements, "switch", killed)
        with pytest.raises(KeyboardInterrupt):
            home.take()
    half = home.state("party")
    taken = home.take()

    assert (half, taken.accepted, set(home.state("party"))) == ({}, 1, {ONE})
    names = sorted(p.name for p in StateStore(home.settings, home.ledger, "crm_core").folder("party").glob("v*"))
    assert names == ["v000001.parquet"]


# --- usage ---------------------------------------------------------------------------------------------------


@pytest.fixture
def usage(make: Callable[..., Home]) -> Home:
    return make(delivery="crm_usage", profile="salesforce/data_cloud", domain="usage", max_file_mb=1)


def answer(home: Home, result: Any, state: str = "JobComplete", only: slice = slice(None)) -> None:
    said = [{"file": path.name, "state": state} for path, _, _ in home.files(result)][only]
    home.reader().folder.mkdir(parents=True, exist_ok=True)
    (home.reader().folder / f"{result.publication_sequence}.json").write_text(json.dumps(said), "utf-8")


def test_usage_goes_by_the_loads_since_the_last_acknowledged_file(usage: Home) -> None:
    days = [crm.usage_day(n, date(2026, 3, 8), sequence=n) for n in (1, 2, 3)]
    answer(usage, usage.deliver({"crm_usage_day": days[:2]}, 9, through=2))
    usage.take()

    touched = usage.deliver({"crm_usage_day": days}, 10, through=3)
    nothing_said = usage.take()
    again = usage.deliver({"crm_usage_day": [*days, crm.usage_day(4, date(2026, 3, 9), 4)]}, 11, through=4)
    answer(usage, again)
    usage.take()

    assert [r["service_point_id"][-1] for r in usage.rows(touched, "usage_day")] == ["3"]
    assert (nothing_said.files, nothing_said.waiting) == (0, 1)
    assert [r["service_point_id"][-1] for r in usage.rows(again, "usage_day")] == ["3", "4"]
    assert usage.take().waiting == 0
    assert crm.manifest(usage.server.root)["objects"]["usage_day"] == {
        "rows": 4, "delivered": 2, "unchanged": 2, "held": {}, "expired": 0, "asked": 0,
    }  # fmt: skip


def test_usage_in_several_files_counts_when_all_of_them_are_in(usage: Home) -> None:
    days = [crm.usage_day(n, date(2026, 3, 8), sequence=5) for n in range(9000)]
    result = usage.deliver({"crm_usage_day": days}, 9, through=5)
    assert len(usage.files(result)) > 1
    answer(usage, result, only=slice(0, 1))
    usage.take()
    early = len(usage.rows(usage.deliver({"crm_usage_day": days}, 10, through=5), "usage_day"))
    answer(usage, result, only=slice(1, None))
    usage.take()

    late = usage.deliver({"crm_usage_day": days}, 11, through=5)

    assert (early, usage.rows(late, "usage_day")) == (9000, [])


def test_a_job_that_failed_lets_its_usage_go_again(usage: Home) -> None:
    days = [crm.usage_day(1, date(2026, 3, 8), sequence=5)]
    answer(usage, usage.deliver({"crm_usage_day": days}, 9, through=5), "Failed")
    usage.take()

    assert len(usage.rows(usage.deliver({"crm_usage_day": days}, 10, through=5), "usage_day")) == 1


def test_another_mapping_makes_all_usage_go_again(usage: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [crm.usage_day(1, date(2026, 3, 8), sequence=5)]
    answer(usage, usage.deliver({"crm_usage_day": days}, 9, through=5))
    usage.take()
    assert usage.rows(usage.deliver({"crm_usage_day": days}, 10, through=5), "usage_day") == []
    monkeypatch.setattr("nightwatt.delivery.salesforce.parcel.mapping_sha256", lambda _: "0" * 64)

    assert len(usage.rows(usage.deliver({"crm_usage_day": days}, 11, through=5), "usage_day")) == 1
