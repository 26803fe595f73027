"""A night killed with SIGKILL at any point of any stage and run again ends as if nothing had happened.

Publishing and sending have named steps of their own; `test_publish` and `test_courier` kill them there.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import select
from tests.crash import victim

from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Load, LoadState, Receipt, RejectSummary
from nightwatt.reads import ReadsStore
from nightwatt.settings import Settings
from nightwatt.simulator import Utility, write_night

STAGES = ("arrive", "load", "merge", "build", "publish")
SMALL = ("arrive", "load", "merge")
KILLS = [(stage, share) for stage in SMALL for share in (0.0, 0.5, 1.0)]
"""Which stage, and where in it: at its first kill point, ..., at its last."""

MORE_KILLS = [(stage, share) for stage in SMALL for share in (0.2, 0.4, 0.6, 0.8)]
MORE_KILLS += [("build", share) for share in (0.3, 0.6, 0.9)]


def state(home: Path) -> dict[str, Any]:
    """Return everything that must be the same: receipts, loads, rejects, landing, lake, reads, published tables."""
    settings = Settings(home=home)
    ledger = Ledger.open(settings.ledger_address)
    with ledger.read() as session:
        receipts = session.execute(
            select(Receipt.feed, Receipt.file_name, Receipt.content_sha256, Receipt.state, Receipt.rows_in,
                   Receipt.rows_kept, Receipt.rows_rejected, Receipt.rows_ignored, Receipt.is_complete)
        )  # fmt: skip
        loads = session.execute(
            select(Receipt.file_name, Load.records_out, Load.store_version)
            .join(Receipt, Receipt.id == Load.receipt_id)
            .where(Load.state == LoadState.DONE)
        )
        rejects = session.execute(select(RejectSummary.code, RejectSummary.column_name, RejectSummary.open_lines))
        found = {
            "receipts": sorted(map(repr, receipts)),
            "loads": sorted(map(repr, loads)),
            "rejects": sorted(map(repr, rejects)),
        }
    ledger.close()
    found["landing"] = sorted(p.name for p in settings.landing.rglob("*") if p.is_file() and len(p.name) == 64)
    for feed in victim.FEEDS:
        ids = "receipt_id, load_sequence" if feed.startswith("mdm") else "_receipt_id, _load_sequence"
        found[f"lake {feed}"] = _rows(f"{settings.lake}/{feed}/load=*/*.parquet", ids)
    store = ReadsStore(settings.reads, settings).current()
    scan = store.scan_sql() if store else "(SELECT 0 AS receipt_id, 0 AS load_sequence LIMIT 0)"
    found["reads"] = duckdb.sql(f"SELECT * EXCLUDE (receipt_id, load_sequence) FROM {scan} ORDER BY ALL").fetchall()
    found["published"] = _published(settings)
    return found


def _rows(files: str, without: str) -> list[tuple[Any, ...]]:
    try:
        return duckdb.sql(
            f"SELECT * EXCLUDE ({without}) FROM read_parquet('{files}', hive_partitioning = false) ORDER BY ALL"
        ).fetchall()
    except duckdb.IOException:
        return []


def _published(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    file = settings.published / "nightwatt.duckdb"
    if not file.exists():
        return {}
    queries = {
        "usage": "SELECT * EXCLUDE (through_sequence) FROM fct_usage_daily ORDER BY ALL",
        "reads": "SELECT * EXCLUDE (receipt_id, load_sequence) FROM fct_interval_reads ORDER BY ALL",
    }
    with duckdb.connect(str(file), read_only=True) as con:
        return {name: con.execute(query).fetchall() for name, query in queries.items()}


class Nights:
    """A night that is never killed, stage by stage, as far as anybody asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._points: dict[str, int] = {}
        write_night(
            Utility(customers=12, faults=False),
            victim.NIGHT,
            folder / STAGES[0] / "inbound",
            history_days=2,
            first_night=True,
        )

    def before(self, stage: str) -> Path:
        """Return a home in which this stage comes next; under `done` the whole night."""
        home = self._folder / stage
        if not home.exists():
            earlier = STAGES[STAGES.index(stage) - 1] if stage in STAGES else STAGES[-1]
            shutil.copytree(self.before(earlier), home)
            self._points[earlier] = victim.run(home, earlier)
        return home

    def points(self, stage: str) -> int:
        """Return how many kill points a stage passes."""
        self.before(STAGES[STAGES.index(stage) + 1])
        return self._points[stage]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    return Nights(tmp_path_factory.mktemp("nights"))


def finish(home: Path, stage: str, last: str) -> None:
    """Run the night on from the stage that was killed."""
    for following in STAGES[STAGES.index(stage) : STAGES.index(last) + 1]:
        victim.run(home, following)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("stage", "share"), [*KILLS, *(pytest.param(*kill, marks=pytest.mark.long) for kill in MORE_KILLS)]
)
def test_a_killed_stage_leaves_nothing_behind(nights: Nights, tmp_path: Path, stage: str, share: float) -> None:
    home = tmp_path / "home"
    shutil.copytree(nights.before(stage), home)
    kill_at = 1 + round(share * (nights.points(stage) - 1))
    assert victim.run(home, stage, kill_at=kill_at) == 0, "the stage was not killed"
    last, reference = ("publish", "done") if stage == "build" else ("merge", "build")
    finish(home, stage, last)
    assert state(home) == state(nights.before(reference))


@pytest.mark.long
def test_a_night_run_twice_changes_nothing(nights: Nights, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(nights.before("done"), home)
    before = state(home)
    publication = (home / "published" / "nightwatt.duckdb").read_bytes()
    finish(home, "arrive", "publish")
    assert state(home) == before
    assert (home / "published" / "nightwatt.duckdb").read_bytes() == publication
