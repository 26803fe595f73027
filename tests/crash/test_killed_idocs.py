"""Taking in IDocs, killed with SIGKILL at any point and run again, ends as if nothing had happened.

What a load remembers of its IDocs must be whole or not there: a number remembered without its rows would make the next
attempt pass over them.
"""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return homes by the stage that comes next in them, and under `done` the one that was never killed."""
    folder = tmp_path_factory.mktemp("idocs")
    inbound = folder / "arrive" / "inbound" / "isu"
    inbound.mkdir(parents=True)
    types = {"idoc_type": "ZISU_FKKVK01", "message_type": "ZISU_FKKVK"}
    files = [idoc(n, [account(10 * n + k) for k in range(3)], **types) for n in range(1, 9)]
    content = text_of(*files).replace("Z1BUT000", "Z1FKKVK ")
    (inbound / NAME).write_text(content[:-700])  # the last IDoc is cut
    (inbound / f"{NAME}.done").touch()
    found = {"arrive": folder / "arrive"}
    for stage, following in (("arrive", "load"), ("load", "done")):
        found[following] = folder / following
        shutil.copytree(found[stage], found[following])
        run(found[following], stage)
    return found


@pytest.mark.parametrize(
    ("stage", "share"), [("arrive", 0.5), ("load", 0.0), ("load", 0.4), ("load", 0.8), ("load", 1)]
)
def test_a_killed_intake_of_idocs_leaves_nothing_behind(
    homes: dict[str, Path], tmp_path: Path, stage: str, share: float
) -> None:
    trial, home = tmp_path / "count", tmp_path / "home"
    shutil.copytree(homes[stage], trial)
    points = run(trial, stage)
    shutil.copytree(homes[stage], home)
    assert run(home, stage, kill_at=1 + round(share * (points - 1))) == 0, "the stage was not killed"
    for following in ("arrive", "load"):
        run(home, following)
    expected = state(homes["done"])
    assert expected["receipts"] == [(NAME, "loaded", 32, 21, 4, 7)]
    assert (len(expected["rows"]), len(expected["numbers"])) == (21, 7)
    assert state(home) == expected
