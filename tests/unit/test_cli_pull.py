"""`nightwatt feeds pull` and `nightwatt sweep`: what is printed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from tests.support.contracts import PULLED, TABLE
from typer.testing import CliRunner

from nightwatt.cli.app import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with one feed out of a database of two accounts, and one out of a folder."""
    feeds = tmp_path / "catalog" / "feeds"
    feeds.mkdir(parents=True)
    contract = yaml.safe_load(PULLED)
    contract["arrival"]["source"]["table"] = "ci_acct"
    (feeds / "sample.yaml").write_text(yaml.safe_dump(contract))
    (feeds / "files.yaml").write_text(TABLE.replace("feed: sample", "feed: files"))
    source = sqlite3.connect(tmp_path / "source.db")
    source.execute("create table ci_acct (acct_id text, last_upd_dttm timestamp)")
    source.executemany("insert into ci_acct values (?, ?)", [("1", "2026-03-09 01:00:00.000000"), ("canary", None)])
    source.commit()
    monkeypatch.setenv("NIGHTWATT_SQL_CCB_URL", f"sqlite:///{tmp_path / 'source.db'}")
    monkeypatch.setenv("NIGHTWATT_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", "2026-03-09T03:30:00-04:00")
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(folder / "home"), *arguments])


def test_a_pull_says_how_many_rows_since_when_and_into_what(folder: Path) -> None:
    first, second = run(folder, "feeds", "pull", "sample"), run(folder, "feeds", "pull", "sample")
    everything = run(folder, "feeds", "pull", "sample", "--all", "--date", "2026-03-08")

    assert " ".join(first.stdout.split()) == "sample: 2 rows, all there are; acct_20260309_00000001.parquet"
    assert "changed since 2026-03-08 23:30:00" in " ".join(second.stdout.split())
    assert "acct_20260308_00000003.parquet" in everything.stdout
    assert "canary" not in first.output + second.output + everything.output


def test_a_feed_of_files_is_not_pulled(folder: Path) -> None:
    refused = run(folder, "feeds", "pull", "files")
    assert (refused.exit_code, "arrival.source_unknown" in str(refused.exception)) == (1, True)


def test_a_sweep_says_what_came_and_what_became_of_it(folder: Path) -> None:
    done = run(folder, "sweep")
    assert " ".join(done.stdout.split()) == (
        "sample: 1 file(s), 2 rows; all files are there; 1 received "
        "billing: not published yet; its first publication is the night's"
    )
