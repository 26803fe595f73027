"""A population from the first sample to production: commands, files, folders, and rows of the ledger.

Each test reads: what an operator asks for, and what the partner and the ledger then have. The partner is a real SFTP
server; the published warehouse is made of a few reads, so that every row can be counted.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rich.console import Console
from tests.support.populations import NAME, POINTS, World, population_world, three_days, to_review, write_contract
from typer.testing import CliRunner

from nightwatt import stages
from nightwatt.cli.app import app
from nightwatt.delivery import approval
from nightwatt.delivery.deliver import PublicationFacts, deliver
from nightwatt.delivery.phases import Phase, PhaseKind
from nightwatt.errors import TerminalError
from nightwatt.ledger import sendings
from nightwatt.ledger.models import Sending


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The partner's keys and ours, made once."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def world(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with population_world(tmp_path, keys, monkeypatch) as made:
        yield made


def test_a_cut_history_and_the_incrementals_after_it_hold_every_row_once(world: World) -> None:
    three_days(world)
    world.says("full", "--last-day", "2026-03-01")
    world.load(date(2026, 3, 1), "SP1", value="7")  # a correction behind the cut
    world.load(date(2026, 3, 4), *POINTS)
    world.says("incremental")
    world.load(date(2026, 3, 2), "SP2", value="9")
    world.says("incremental")

    assert [(s.phase, s.since_sequence, s.through_sequence, s.first_day, s.last_day) for s in world.sent] == [
        ("full", None, 3, date(2025, 2, 1), date(2026, 3, 1)),
        ("incremental", 3, 5, date(2025, 2, 1), None),
        ("incremental", 5, 6, date(2025, 2, 1), None),
    ]
    assert world.rows_of(0) == [(point, "20260301", "1.000") for point in POINTS]
    assert world.rows_of(2) == [("SP2", "20260302", "9.000")]
    got = Counter(row for number in range(3) for row in world.rows_of(number))
    assert set(got.values()) == {1}
    assert len(got) == 4 * 4 + 2
    assert world.folders == [("full", "/shared_files"), ("incremental", "/shared_files"),
                             ("incremental", "/shared_files")]  # fmt: skip


def test_what_a_cut_left_out_goes_without_a_new_publication(world: World) -> None:
    three_days(world)
    world.says("full", "--last-day", "2026-03-02")
    world.says("incremental")
    again = world.says("incremental")

    assert world.rows_of(1) == [(point, "20260303", "1.000") for point in POINTS]
    assert world.sent[0].file_name < world.sent[1].file_name
    assert "nothing sent" in again


def test_a_sample_takes_chosen_active_accounts_and_never_counts(world: World) -> None:
    for point in POINTS:
        world.agree(point, f"A-{point}")
    three_days(world)
    world.says("sample", "--size", "2", "--seed", "5")
    world.says("incremental")

    night = CliRunner().invoke(app, ["status", "--date", str(world.night)], catch_exceptions=False).output
    assert night.count("sample, delivered") == 1
    chosen = sorted(POINTS, key=lambda point: md5(f"5|A-{point}"))[:2]
    assert world.points_of(0) == set(chosen)
    assert len(world.rows_of(0)) == 2 * 3
    assert (world.sent[0].sample_size, world.sent[0].sample_seed) == (2, 5)
    assert world.points_of(1) == set(POINTS)  # the incremental takes everything: a sample is not a history
    assert [s.since_sequence for s in world.sent] == [None, None]


def md5(text: str) -> str:
    """Hash as the partner's sample is chosen, without the warehouse."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_another_sample_of_the_night_is_another_file_and_the_same_one_is_not_sent_twice(world: World) -> None:
    for point in POINTS:
        world.agree(point, f"A-{point}")
    three_days(world)

    world.says("sample", "--size", "2", "--seed", "5")
    world.says("sample", "--size", "3", "--seed", "5")
    world.says("sample", "--size", "3", "--seed", "5", "--last-day", "2026-03-02")
    again = world.says("sample", "--size", "2", "--seed", "5")

    names = [s.file_name for s in world.sent]
    assert len(names) == 3
    assert names == sorted(set(names))
    assert f"this sample of this publication went out with {names[0]}" in again
    assert world.points_of(0) < world.points_of(1) == world.points_of(2)


def test_a_history_leaves_out_accounts_that_ended_but_not_the_days_since(world: World) -> None:
    world.agree("SP1", "A1")
    world.agree("SP2", "A2", until=date(2026, 3, 3))  # moved out: the first day without
    world.agree("SP3", "A3", until=date(2026, 3, 3))
    world.agree("SP3", "A4")  # moved in
    three_days(world)  # nobody knows yet whom SP4 serves
    world.says("full")
    world.load(date(2026, 3, 4), *POINTS)
    world.says("incremental")

    days = ["20260301", "20260302", "20260303"]
    assert [(point, day) for point, day, _ in world.rows_of(0)] == [
        *(("SP1", day) for day in days),
        ("SP2", "20260303"),
        *((point, day) for point in ("SP3", "SP4") for day in days),
    ]
    assert world.points_of(1) == set(POINTS)


def test_a_history_of_classes_of_customers_and_a_sample_of_them(world: World, tmp_path: Path) -> None:
    world.agree("SP1", "A1", "small_business")
    world.agree("SP2", "A2", "small_business", until=date(2026, 3, 3))
    world.agree("SP3", "A3")
    three_days(world)
    write_contract(tmp_path / "catalog", customer_classes=["small_business"], population="nonres")
    world.says("full")
    world.says("sample", "--size", "10")

    assert [(point, day) for point, day, _ in world.rows_of(0) if point != "SP1"] == [("SP2", "20260303")]
    assert world.points_of(1) == {"SP1"}


def business(world: World, tmp_path: Path) -> None:
    """Let the population be businesses: SP2 for good, SP3 from the second day on."""
    world.agree("SP1", "A1")
    world.agree("SP2", "A2", "small_business")
    world.agree("SP3", "A3", until=date(2026, 3, 2))
    world.agree("SP3", "A4", "small_business", since=date(2026, 3, 2))
    write_contract(tmp_path / "catalog", customer_classes=["small_business"], population="nonres")


def test_a_population_is_the_days_of_its_classes_of_customers(world: World, tmp_path: Path) -> None:
    business(world, tmp_path)
    three_days(world)
    world.says("incremental")

    days = ["20260301", "20260302", "20260303"]
    assert [(point, day) for point, day, _ in world.rows_of(0)] == [
        *(("SP2", day) for day in days), ("SP3", "20260302"), ("SP3", "20260303")
    ]  # fmt: skip


def test_who_was_entered_late_gets_the_days_since_the_agreement_began_and_once(world: World, tmp_path: Path) -> None:
    business(world, tmp_path)
    three_days(world)
    world.says("full")
    world.agree("SP4", "A5", "small_business", since=date(2026, 3, 2))  # nobody knew of any agreement there
    world.agree("SP1", "A6", "small_business", since=date(2026, 3, 3))  # a home until then
    world.agree("SP2", "A7", "small_business", since=date(2026, 3, 2))  # a business before, and sent as one
    world.agree("SP3", "A8", "small_business", since=date(2026, 3, 3))  # so is this, though it was a home once
    world.load(date(2026, 3, 4), *POINTS)
    world.says("incremental")
    world.load(date(2026, 3, 5), "SP4")
    world.load(date(2026, 3, 2), "SP1", value="5")  # a late correction is the home's, not the business's
    world.says("incremental")

    assert [(point, day) for point, day, _ in world.rows_of(1)] == [
        ("SP1", "20260303"), ("SP1", "20260304"), ("SP2", "20260304"), ("SP3", "20260304"),
        ("SP4", "20260302"), ("SP4", "20260303"), ("SP4", "20260304"),
    ]  # fmt: skip
    assert [(point, day) for point, day, _ in world.rows_of(2)] == [("SP4", "20260305")]


def test_an_agreement_published_after_the_file_it_was_loaded_before_is_not_forgotten(
    world: World, tmp_path: Path
) -> None:
    business(world, tmp_path)
    three_days(world)
    world.agree("SP4", "A5", "small_business", since=date(2026, 3, 2))
    hidden = world.con.execute(
        "delete from dim_service_agreement where billing_account_id = 'A5' returning *"
    ).fetchall()
    world.load(date(2026, 3, 4), *POINTS)
    world.con.execute("update publication set through_sequence = 7 where domain = 'billing'")
    world.says("full")
    world.con.execute("insert into dim_service_agreement values (?, ?, ?, ?, ?, ?, ?, ?)", list(hidden[0]))
    world.load(date(2026, 3, 5), "SP4")
    world.says("incremental")

    assert [(point, day) for point, day, _ in world.rows_of(1)] == [
        ("SP4", day) for day in ("20260302", "20260303", "20260304", "20260305")
    ]


def test_a_population_cannot_be_told_without_agreements(world: World) -> None:
    three_days(world)
    world.con.execute("drop table dim_service_agreement")

    assert world.refuses("full").code == "delivery.no_agreements"
    assert world.sent == []


def test_what_was_begun_goes_before_the_history_that_is_asked_for(world: World) -> None:
    three_days(world)

    def stop(step: str) -> None:
        if step == "intent":
            raise TerminalError("test.stopped", "stopped", "go on")

    with world.platform() as platform, pytest.raises(TerminalError, match="stopped"):
        stages.deliver(platform, NAME, world.night, at=stop)
    world.says("full", "--last-day", "2026-03-01")

    assert [(s.phase, s.state) for s in world.sent] == [("incremental", "delivered"), ("full", "delivered")]
    assert sorted(p.name for p in (world.partner / "shared_files").iterdir()) == [s.file_name for s in world.sent]


def test_the_state_follows_what_was_sent_and_decided(world: World) -> None:
    for point in POINTS:
        world.agree(point, f"A-{point}")
    seen = [world.says("state")]
    three_days(world)
    for phase in ("sample", "full"):
        world.says(phase)
        seen.append(world.says("state"))
    world.load(date(2026, 3, 4), *POINTS)
    world.says("incremental")
    seen.append(world.says("state"))
    world.says("approve", "--note", "mail of 11 March", answer="y\n")
    seen.append(world.says("state"))

    assert [re.findall(r": (\w+); incrementals go to (\S+)", text) for text in seen] == [
        [("none", "/shared_files")],
        [("sample", "/shared_files")],
        [("full", "/shared_files")],
        [("review", "/shared_files")],
        [("approved", "/uploads")],
    ]
    assert "the next incremental takes everything there is" in seen[1]
    assert "takes what was loaded after 7" in seen[2]
    assert "approved by" in seen[-1]
    assert "mail of 11 March" in seen[-1]


def test_an_approval_shows_the_file_is_written_down_and_moves_the_next_file_to_production(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_review(world)
    shown = world.says("approve", answer="y\n")
    world.load(date(2026, 3, 5), *POINTS)
    world.says("incremental")
    world.agree("SP1", "A1")
    world.says("sample", "--size", "1")

    reviewed, produced = world.sent[1], world.sent[2]
    assert reviewed.file_name in shown
    assert reviewed.content_sha256 in shown
    assert re.search(r"rows +4\b", shown)
    (decision,) = world.decisions
    assert (decision.sending_id, decision.content_sha256) == (reviewed.id, reviewed.content_sha256)
    assert (decision.decision, decision.delivery) == ("approved", NAME)
    assert [s.approval_id for s in world.sent] == [None, None, decision.id, None]
    assert produced.remote_path == f"/uploads/{produced.file_name}"
    assert world.folders[-1] == ("sample", "/shared_files")
    monkeypatch.setattr("nightwatt.cli.sent.console", Console(width=400, highlight=False))
    lines = CliRunner().invoke(app, ["sent", "list"]).output.splitlines()
    assert [bool(re.search(f"incremental, approved by {decision.decided_by} ", line)) for line in lines[1:]] == [
        False, False, True, False
    ]  # fmt: skip


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_approved(world: World, answer: str) -> None:
    to_review(world)

    assert world.call("approve", answer=answer).exit_code == 1
    assert world.decisions == []


def test_a_checksum_stands_for_the_yes_if_it_is_that_of_the_file(world: World) -> None:
    to_review(world)
    sha256 = world.sent[1].content_sha256

    assert world.call("approve", "--sha256", world.sent[0].content_sha256[:12]).exit_code == 2
    assert world.call("approve", "--sha256", sha256[:7]).exit_code == 2
    assert world.decisions == []
    world.says("approve", "--sha256", sha256[:8].upper())
    assert len(world.decisions) == 1


def test_a_file_changed_after_it_was_sent_cannot_be_approved(world: World) -> None:
    to_review(world)
    with world.platform() as platform:
        shown = stages.review_file(platform, NAME)
        approval.path_of(platform.settings, world.sent[1]).write_bytes(b"other")
        with pytest.raises(TerminalError, match="is not the file") as caught:
            stages.approve(platform, shown, "ann")

    assert caught.value.code == "approval.file_changed"
    assert world.refuses("approve").code == "approval.file_changed"
    assert world.decisions == []


def test_a_set_of_files_is_shown_and_looked_at_whole(world: World) -> None:
    to_review(world)
    with world.platform() as platform:
        with platform.ledger.write() as session:  # as where a file was split, or customers go before their usage
            first = sendings.get(session, world.sent[1].id)
            facts = {c.name: getattr(first, c.name) for c in Sending.__table__.columns if c.name != "id"}
            session.add(Sending(**facts | {"file_name": "second.gz", "rows": 3}))
        folder = approval.path_of(platform.settings, first).parent
        shutil.copy(folder / first.file_name, folder / "second.gz")
        shown = stages.review_file(platform, NAME)
        (folder / first.file_name).write_bytes(b"other")
        with pytest.raises(TerminalError) as caught:
            stages.approve(platform, shown, "ann")

    assert shown.file_name == "second.gz"
    assert shown.beside == (approval.Beside(first.file_name, 4, first.content_sha256),)
    assert approval.ReviewFile.from_dict(json.loads(json.dumps(shown.to_dict()))) == shown
    assert (caught.value.code, first.file_name in caught.value.message) == ("approval.file_changed", True)


def test_a_new_history_makes_what_was_shown_worthless(world: World) -> None:
    to_review(world)
    with world.platform() as platform:
        shown = stages.review_file(platform, NAME)
        world.says("full")
        with pytest.raises(TerminalError) as before:
            stages.approve(platform, shown, "ann")
        world.load(date(2026, 3, 5), *POINTS)
        world.says("incremental")
        with pytest.raises(TerminalError) as after:
            stages.approve(platform, shown, "ann")

    assert (before.value.code, after.value.code) == ("approval.nothing_to_approve", "approval.superseded")
    assert world.decisions == []


def test_nights_may_pass_between_showing_and_approving(world: World) -> None:
    to_review(world)
    with world.platform() as platform:
        shown = stages.review_file(platform, NAME)
        world.load(date(2026, 3, 5), *POINTS)
        world.says("incremental")
        found = stages.approve(platform, approval.ReviewFile.from_dict(json.loads(json.dumps(shown.to_dict()))), "ann")

    assert found.state == "approved"
    assert [d.sending_id for d in world.decisions] == [shown.sending_id]


def test_an_incomplete_profile_cannot_be_approved_unless_the_contract_says_so(world: World, tmp_path: Path) -> None:
    to_review(world)
    write_contract(tmp_path / "catalog")

    assert world.refuses("approve").code == "delivery.profile_incomplete"
    assert world.decisions == []


def test_a_rejection_is_written_down_and_takes_an_approved_population_back(world: World) -> None:
    to_review(world)
    world.says("approve", "--reject", "--note", "gaps in April")
    world.says("approve", answer="y\n")
    world.load(date(2026, 3, 5), *POINTS)
    world.says("incremental")
    world.says("approve", "--reject")
    world.load(date(2026, 3, 6), *POINTS)
    world.says("incremental")

    assert [(d.decision, d.note) for d in world.decisions] == [
        ("rejected", "gaps in April"), ("approved", None), ("rejected", None)
    ]  # fmt: skip
    assert [folder for _, folder in world.folders[1:]] == ["/shared_files", "/uploads", "/shared_files"]


def test_a_no_that_comes_after_somebody_elses_yes_takes_nothing_back(world: World) -> None:
    to_review(world)
    with world.platform() as platform:
        shown = stages.review_file(platform, NAME)
        stages.approve(platform, shown, "ann")
        with pytest.raises(TerminalError) as late:
            stages.reject(platform, shown, "nobody")

    assert late.value.code == "approval.already_approved"
    assert [d.decided_by for d in world.decisions] == ["ann"]


def test_a_new_history_of_an_approved_population_must_be_meant_and_needs_a_new_approval(world: World) -> None:
    to_review(world)
    world.says("approve", answer="y\n")
    error = world.refuses("full")
    world.says("full", "--start-over")
    world.load(date(2026, 3, 5), *POINTS)
    world.says("incremental")

    assert error.code == "phase.in_production"
    assert "--start-over" in error.remedy
    assert [folder for _, folder in world.folders] == ["/shared_files"] * 4
    assert ": review;" in world.says("state")


def test_there_must_be_something_to_approve(world: World) -> None:
    three_days(world)
    codes = [world.refuses("approve").code, world.refuses("approve", "--reject").code]
    world.says("full")
    codes.append(world.refuses("approve").code)
    world.load(date(2026, 3, 4), *POINTS)
    world.says("incremental")
    world.says("approve", answer="y\n")
    codes.append(world.refuses("approve").code)

    assert codes == ["approval.nothing_to_approve"] * 3 + ["approval.already_approved"]


@pytest.mark.parametrize("command", ["sample", "full"])
def test_a_cut_in_the_future_is_refused(world: World, command: str) -> None:
    three_days(world)

    assert world.refuses(command, "--last-day", "2030-01-01").code == "phase.last_day"
    assert world.sent == []


@pytest.mark.parametrize("command", ["sample", "full", "incremental", "approve", "state"])
def test_deliveries_that_are_answered_have_no_phases(world: World, command: str) -> None:
    result = CliRunner().invoke(app, ["opower", command, "crm_core"])

    assert isinstance(result.exception, TerminalError)
    assert result.exception.code == "phase.not_phased"


def test_a_history_rolled_back_to_an_older_publication_is_where_incrementals_go_on(world: World) -> None:
    three_days(world)
    world.says("incremental")
    with world.platform() as platform:
        older = PublicationFacts(2, 1, datetime(2026, 3, 10, 9, tzinfo=UTC))
        deliver(
            platform.catalog.delivery(NAME), platform.settings, platform.ledger, world.con, older, world.night,
            phase=Phase(PhaseKind.FULL),
        )  # fmt: skip
    world.says("incremental")

    assert [(s.phase, s.since_sequence, s.through_sequence) for s in world.sent] == [
        ("incremental", None, 3), ("full", None, 1), ("incremental", 1, 3)
    ]  # fmt: skip
    with world.platform() as platform, platform.ledger.read() as session:
        last = sendings.last_delivered(session, NAME)
        assert last is not None and last.id == world.sent[-1].id
