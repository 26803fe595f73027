"""`nightwatt sent find` and `sent diff`: what is printed, in which form, and that none of it is logged."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from tests.support.opower_files import hour, interval_row, name_of, usage_row
from tests.support.sent import Archive
from typer.testing import CliRunner

from nightwatt.cli.app import app
from nightwatt.ledger import populations, sendings
from nightwatt.ledger.models import Decision

DELIVERY = "opower_interval_electric"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "home")
    yield opened
    opened.close()


def run(archive: Archive, *arguments: str | int) -> Result:
    home = str(archive.settings.home)
    return CliRunner().invoke(app, ["--home", home, "sent", *map(str, arguments)])


def test_rows_are_listed_with_file_line_and_time(archive: Archive) -> None:
    number = archive.send("interval60", [interval_row("SP1", hour(6), "31337.5")], delivery=DELIVERY)

    result = run(archive, "find", "--service-point", "SP1")

    assert result.exit_code == 0, result.output
    name = name_of("interval60", "20260301060000")
    assert result.stdout.startswith(f"2026-03-01 06:00:00 UTC, sending {number}, {name}\nline  service_point_id  ")
    assert "\n2     SP1  " in result.stdout
    assert "31337.5" in result.stdout
    assert result.stdout.rstrip().endswith("1 row(s)")
    assert "31337" not in result.stderr


def test_json_is_one_object_a_row_and_has_no_limit(archive: Archive) -> None:
    rows = [interval_row("SP1", hour(n)) for n in range(5)]
    archive.send("interval60", rows, delivery=DELIVERY)

    result = run(archive, "find", "--service-point", "SP1", "--limit", 2, "--json")

    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(t["line"], "\t".join(t["row"].values())) for t in told] == [(n + 2, row) for n, row in enumerate(rows)]


def test_a_long_answer_is_cut_and_says_so(archive: Archive) -> None:
    archive.send("interval60", [interval_row("SP1", hour(n)) for n in range(5)], delivery=DELIVERY)

    result = run(archive, "find", "--date", "2026-03-06", "--delivery", DELIVERY, "--limit", 2)

    assert "2 row(s); there are more" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("find",), "say at least one of"), (("find", "--date", "2026-3"), "does not match the format")],
)
def test_a_question_without_sense_is_refused(archive: Archive, arguments: tuple[str, ...], said: str) -> None:
    result = run(archive, *arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_two_files_are_compared_by_name_or_number(archive: Archive) -> None:
    first = archive.send("interval60", [interval_row("SP1", hour(n)) for n in range(3)], delivery=DELIVERY)
    archive.send("interval60", [interval_row("SP1", hour(n), "9") for n in range(2, 4)], 1, delivery=DELIVERY)
    names = (first, name_of("interval60", "20260302060000"))

    result = run(archive, "diff", *names)

    assert result.exit_code == 0, result.output
    assert re.search(r"~ +4 -> 2 .+ usage_value=1.5 +usage_value=9", result.stdout)
    assert "2 row(s) only in the first, 1 only in the second, 1 changed, 0 the same" in result.stdout
    told = json.loads(run(archive, "diff", *names, "--json", "--limit", 1).stdout)
    assert (told["only_first"], told["changed"], len(told["changes"])) == (2, 1, 1)


def test_sendings_of_two_deliveries_or_not_sent_are_not_compared(archive: Archive) -> None:
    first = archive.send("interval60", [], delivery=DELIVERY)
    other = archive.send("usage", [usage_row("SP1", hour(0).date(), hour(24 * 30).date())], delivery="another")

    result = run(archive, "diff", first, other)

    assert result.exit_code == 2
    assert "one is of opower_interval_electric" in " ".join(result.stderr.replace("│", " ").split())
    unknown = run(archive, "diff", first, "nothing.gz")
    assert unknown.exit_code != 0


def test_a_receipt_says_all_the_ledger_knows(archive: Archive) -> None:
    number = archive.send("interval60", [interval_row("SP1", hour(6))], delivery=DELIVERY, phase="full", attempts=2)
    name = name_of("interval60", "20260301060000")
    with archive.ledger.write() as session:
        row = sendings.get(session, number)
        approval = populations.decide(session, row, Decision.APPROVED, by="Ada", at=row.intended_at)
        row.approval_id = approval.id

    told = json.loads(run(archive, "show", name, "--json").stdout)

    copy = archive.settings.outbox / DELIVERY / "2026-03-01" / name
    assert told == {
        "sending": number,
        "delivery": DELIVERY,
        "business_date": "2026-03-01",
        "file": name,
        "role": "data",
        "phase": "full",
        "rows": 1,
        "bytes": copy.stat().st_size,
        "sha256": hashlib.sha256(copy.read_bytes()).hexdigest(),
        "publication": 1,
        "loads": "the first one, through 1",
        "days": None,
        "state": "delivered",
        "to": f"/shared_files/{name}",
        "intended_at": "2026-03-01T06:00:00Z",
        "upload_began_at": None,
        "last_step_at": None,
        "delivered_at": "2026-03-01T06:00:00Z",
        "attempts": 2,
        "approved_by": "Ada, 2026-03-01T06:00:00Z",
        "answer": None,
        "copy": str(copy),
        "message": None,
    }
    printed = run(archive, "show", number).stdout
    assert f"sha256           {told['sha256']}\n" in printed
    assert "answer" not in printed


def test_pruning_lists_first_and_removes_what_the_contract_no_longer_keeps(archive: Archive) -> None:
    old = archive.send("interval60", [interval_row("SP1", hour(6))], -365 * 9, delivery=DELIVERY)
    kept = archive.send("interval60", [interval_row("SP1", hour(6))], delivery=DELIVERY)
    copies = archive.settings.outbox / DELIVERY

    told = run(archive, "prune", "--delivery", DELIVERY, "--dry-run")
    assert (told.exit_code, len(list(copies.rglob("*.gz")))) == (0, 2)
    assert " would go, " in told.stdout
    done = run(archive, "prune")

    assert "1 file(s) of before " in done.stdout
    assert [path.parent.name for path in copies.rglob("*.gz")] == ["2026-03-01"]
    assert json.loads(run(archive, "show", old, "--json").stdout)["copy"].startswith("pruned at ")
    refused = run(archive, "diff", old, kept)
    assert (refused.exit_code, "our copy was pruned on" in " ".join(refused.stderr.split())) == (2, True)
