"""Taking in IDocs, killed with SIGKILL at any point and run again, ends as if nothing had happened.

What a load remembers of its IDocs must be whole or not there: a number remembered without its rows would make the next
attempt pass over them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.crash import victim
from tests.support.idocs import Partner, idoc, text_of

from nightwatt.ledger import Ledger, loads, receipts
from nightwatt.settings import PROJECT_ROOT, Settings

CATALOG = PROJECT_ROOT / "examples" / "sap_idocs" / "catalog"
FEED = "isu_fkkvk"
NAME = "isu_fkkvk_20260309.idoc"


def account(number: int) -> Partner:
    """Return a row that ends in the time of change, where the example's map has it."""
    return Partner(f"{number:010d}", f"{'':49}20260308", "120000")


def run(home: Path, stage: str, kill_at: int | None = None) -> int:
    return victim.run(home, stage, kill_at, feeds=(FEED,), catalog=CATALOG)


def state(home: Path) -> dict[str, Any]:
    settings = Settings(home=home)
    ledger = Ledger.open(settings.ledger_address)
    with ledger.read() as session:
        found = {
            "receipts": [(r.file_name, r.state, r.rows_in, r.rows_kept, r.rows_rejected, r.rows_ignored)
                         for r in receipts.find_all(session, FEED)],
            "rejects": [(s.code, s.open_lines) for _, s in loads.open_rejects(session, FEED)],
        }  # fmt: skip
    ledger.close()
    for name, files, columns in (("rows", "*.parquet", "vkont"), ("numbers", "idocs/*.parquet", "docnum, content")):
        paths = [str(p) for p in settings.lake.glob(f"{FEED}/load=*/{files}")]
        found[name] = sorted(duckdb.read_parquet(paths).select(columns).fetchall()) if paths else []
    return found


@dataclass(frozen=True)
class Homes:
    """Homes by the stage that comes next in them, under `done` the one that was never killed."""

    by_stage: dict[str, Path]
    points: dict[str, int]  # kill points a stage passes


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Take one file in, stage by stage, and count."""
    folder = tmp_path_factory.mktemp("idocs")
    inbound = folder / "arrive" / "inbound" / "isu"
    inbound.mkdir(parents=True)
    types = {"idoc_type": "ZISU_FKKVK01", "message_type": "ZISU_FKKVK"}
    files = [idoc(n, [account(10 * n + k) for k in range(3)], **types) for n in range(1, 9)]
    content = text_of(*files).replace("Z1BUT000", "Z1FKKVK ")
    (inbound / NAME).write_text(content[:-700])  # the last IDoc is cut
    (inbound / f"{NAME}.done").touch()
    found = {"arrive": folder / "arrive"}
    points = {}
    for stage, following in (("arrive", "load"), ("load", "done")):
        found[following] = folder / following
        shutil.copytree(found[stage], found[following])
        points[stage] = run(found[following], stage)
    return Homes(found, points)


@pytest.mark.parametrize(
    ("stage", "share"),
    [
        ("load", 0.4),
        ("load", 1),
        *(pytest.param(*kill, marks=pytest.mark.long) for kill in (("arrive", 0.5), ("load", 0.0), ("load", 0.8))),
    ],
)
def test_a_killed_intake_of_idocs_leaves_nothing_behind(homes: Homes, tmp_path: Path, stage: str, share: float) -> None:
    home = tmp_path / "home"
    shutil.copytree(homes.by_stage[stage], home)
    kill_at = 1 + round(share * (homes.points[stage] - 1))
    assert run(home, stage, kill_at=kill_at) == 0, "the stage was not killed"
    for following in ("arrive", "load"):
        run(home, following)
    expected = state(homes.by_stage["done"])
    assert expected["receipts"] == [(NAME, "loaded", 32, 21, 4, 7)]
    assert (len(expected["rows"]), len(expected["numbers"])) == (21, 7)
    assert state(home) == expected
