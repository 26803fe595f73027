"""The command line, used as its help says: one night of a small utility by hand, and what each command prints."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from nightwatt.cli.app import app, main
from nightwatt.contracts.catalog import PACKAGED
from nightwatt.errors import NightWattError

NIGHT = "2026-03-09"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Take a small night's interval files in, build and publish, all through commands."""
    folder = tmp_path_factory.mktemp("cli")
    catalog = folder / "catalog"
    shutil.copytree(PACKAGED, catalog)
    for path in catalog.glob("feeds/mdm_*.yaml"):
        lines = [line for line in path.read_text("utf-8").splitlines() if "reject_tolerance_pct" not in line]
        path.write_text("\n".join([*lines, "reject_tolerance_pct: 20"]) + "\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTWATT_HOME", str(folder / "home"))
        patch.setenv("NIGHTWATT_CLOCK_AT", f"{NIGHT}T08:00:00+00:00")
        invoke("simulate", "--night", NIGHT, "--customers", "25")
        electric = sorted((folder / "home/inbound/mdm").glob("mdm_interval_e_*.csv.gz"))
        invoke("load", "mdm_interval_electric", *map(str, electric), "--catalog", str(catalog))
        invoke("--catalog", str(catalog), "load", "mdm_interval_gas", "--date", NIGHT)
        invoke("build", "usage")
        invoke("publish", "usage", "--date", NIGHT)
        yield folder / "home"


def invoke(*arguments: str) -> str:
    """Run a command that must succeed and return what it printed."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> NightWattError:
    """Run a command that must fail with one of our errors."""
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, NightWattError), result.output
    return result.exception


def test_sql_answers_as_table_csv_and_json(home: Path) -> None:
    question = "select channel, unit, sum(usage_quantity) as q from fct_usage_daily group by all order by all"
    table = invoke("sql", question)
    from_csv = list(csv.DictReader(io.StringIO(invoke("sql", question, "--format", "csv"))))
    from_json = json.loads(invoke("sql", question, "--format", "json"))
    assert from_csv == from_json
    assert {row["unit"] for row in from_csv} == {"kWh", "ccf"}
    assert all(row["q"] in table for row in from_csv)


def test_sql_keeps_columns_of_the_same_name(home: Path) -> None:
    assert invoke("sql", "select 1 as a, 2 as a", "--format", "csv").splitlines() == ['"a","a"', "1,2"]


@pytest.mark.parametrize(
    "question", ["create table x as select 1", "select * from read_csv('/etc/passwd')", "copy (select 1) to '/tmp/x'"]
)
def test_sql_only_reads_what_is_published(home: Path, question: str) -> None:
    assert refused("sql", question).code.startswith("sql.")


def test_status_shows_the_night(home: Path) -> None:
    screen = invoke("status")
    assert "Monday 09 March 2026" in screen
    assert "mdm_interval_electric" in screen
    assert "fct_usage_daily" in screen
    assert "usage published" in screen
    assert "on time" in screen
    assert "nothing came of: ccb_acct" in screen


def test_rejects_are_listed_shown_and_replayed(home: Path) -> None:
    assert "MSRMT_VAL" in invoke("rejects", "list")
    shown = invoke("rejects", "show", "1", "--limit", "1")
    assert "1 of 6 open reject(s)" in shown
    assert "line" in shown
    assert "6 line(s) read again: 0 kept, 6 still rejected" in invoke("rejects", "replay", "1")


def test_a_service_points_reads_can_be_looked_up(home: Path) -> None:
    point = json.loads(invoke("sql", "select min(service_point_id) as id from fct_interval_reads", "--format", "json"))
    assert "92 read(s)" in invoke("reads", "show", point[0]["id"], "--from", "2026-03-08")


def test_the_store_can_be_rebuilt_without_a_change(home: Path) -> None:
    question = "select count(*) as n, sum(value) as q from fct_interval_reads"
    before = invoke("sql", question, "--format", "json")
    assert "2,944 reads of" in invoke("reads", "rebuild")
    invoke("build", "usage")
    invoke("publish", "usage", "--date", NIGHT)
    assert invoke("sql", question, "--format", "json") == before


def test_receipts_tell_what_became_of_a_file(home: Path) -> None:
    assert "mdm_interval_e_20260309_001.csv.gz" in invoke("receipts", "list")
    assert "content_sha256" in invoke("receipts", "show", "1")
    assert refused("receipts", "show", "999").code == "receipt.unknown"


def test_loading_the_same_file_again_changes_nothing(home: Path) -> None:
    again = invoke("load", "mdm_interval_gas", "--date", NIGHT)
    assert "known" in again
    assert "0 file(s), 0 rows in" in again


def test_contracts_are_listed_shown_and_checked(home: Path, tmp_path: Path) -> None:
    assert "mdm_interval_gas" in invoke("feeds", "list")
    assert "kind: utc" in invoke("feeds", "show", "mdm_interval_gas")
    assert "deliveries are good" in invoke("feeds", "check")
    assert "title" in json.loads(invoke("feeds", "schema"))["feed"]["properties"]
    broken = tmp_path / "broken.yaml"
    broken.write_text("feed: broken\nmode: sometimes\n", "utf-8")
    result = CliRunner().invoke(app, ["feeds", "check", str(broken)])
    assert result.exit_code == 1
    assert "broken.yaml: mode:" in result.output


def test_an_error_is_one_line_that_says_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nightwatt", "load", "no_such_feed"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("error [catalog.unknown_feed] there is no feed 'no_such_feed'")
    assert "-> known feeds: " in told


def test_two_homes_live_side_by_side(home: Path, tmp_path: Path) -> None:
    error = refused("--home", str(tmp_path / "other"), "sql", "select 1")
    assert error.code == "publish.none"
    assert not list((tmp_path / "other").glob("published/*"))


def test_a_mistyped_domain_builds_and_publishes_nothing(home: Path) -> None:
    assert refused("build", "biling").code == "build.unknown_domain"
    assert refused("publish", "biling").code == "build.unknown_domain"


def test_naming_a_file_that_is_not_there_is_an_error(home: Path) -> None:
    result = CliRunner().invoke(app, ["load", "mdm_interval_gas", "/no/such/file.csv"])
    assert result.exit_code == 1
    assert "[file.absent] there is no file file.csv" in result.output
