"""How fast the ops page is with a year of history, against a trivial route of the same server in the same run.

Run ``python -m benchmarks.ops_page --help``. A ledger is filled with a year of ordinary nights of every feed and
delivery in use, and a night in trouble. Then each page is asked for inside Airflow's own API server, without a network:
what is timed is login, ledger, drawing and HTML. The floor is `GET /api/v2/version` of that server, which does next to
nothing. The first answer of a page is told beside the middle of the others: it draws its charts, which are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = (
    "/", "/?date=2026-03-11", "/feeds/ccb_bseg", "/feeds/ccb_ft/rejects", "/deliveries/opower_billing", "/alerts",
    "/usage", "/bills",
)  # fmt: skip
FLOOR = "/api/v2/version"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--asks", type=int, default=15, help="how often each page is asked for")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder:
        environment(Path(folder))
        rows, seconds = fill(Path(folder), given.nights)
        print(json.dumps({"nights": given.nights, "ledger_rows": rows, "filled_in_s": round(seconds, 1)}))
        ask_all(given.asks)


def environment(home: Path) -> None:
    """Make this process an Airflow of its own, before anything of Airflow is imported."""
    from tests.support.nights import TONIGHT, at

    for name in [n for n in os.environ if n.startswith(("AIRFLOW_", "NIGHTWATT_"))]:
        del os.environ[name]
    os.environ |= {
        "NIGHTWATT_HOME": str(home),
        "NIGHTWATT_CLOCK_AT": at(TONIGHT, "05:50").isoformat(),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this benchmark; " * 3,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "TZ": "UTC",
    }
    sys.path[:0] = [str(REPOSITORY / "plugins"), str(REPOSITORY / "scripts")]
    time.tzset()


def fill(home: Path, nights: int) -> tuple[int, float]:
    """Write a year of nights and one in trouble; return the ledger's rows and the seconds it took."""
    from sqlalchemy import func, select
    from tests.support.nights import TONIGHT, Diary, Night, alert, at, before
    from tests.support.nights import home as opened

    from nightwatt.ledger.models import Base

    start = time.perf_counter()
    with opened(home) as (_, ledger, catalog):
        with ledger.write() as session:
            diary = Diary(session, catalog)
            seen_at = at(TONIGHT, "05:50")
            missing = frozenset({"ccb_bseg"})
            diary.write(*before(TONIGHT, nights), Night(TONIGHT, seen_at, absent=missing, rejects={"ccb_ft": 250}))
            session.add(alert("feed.late", "ccb_bseg", at(TONIGHT, "04:00"), "ccb_bseg is late", "ask the sender"))
        with ledger.read() as session:
            rows = sum(session.scalar(select(func.count()).select_from(t)) or 0 for t in Base.metadata.sorted_tables)
    return rows, time.perf_counter() - start


def ask_all(asks: int) -> None:
    """Time every page and the floor, the floor before and after, and print a line each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        import airflow_home

        airflow_home.migrate()
        from airflow.api_fastapi.app import create_app
        from starlette.testclient import TestClient
        from tests.support.logins import token_of

        with TestClient(create_app()) as client:
            login = {"Authorization": f"Bearer {token_of('op')}"}

            def ask(path: str) -> Callable[[], int]:
                return lambda: client.get(path, headers=login).status_code

            floor = min(middle(ask(FLOOR), asks)[1] for _ in range(2))
            print(json.dumps({"page": FLOOR, "s": round(floor, 4)}))
            for path in PAGES:
                first, usual = middle(ask(f"/nightwatt/ops{path}"), asks)
                told = {"page": path, "first_s": round(first, 3), "s": round(usual, 3)}
                print(json.dumps(told | {"times_floor": round(usual / floor, 1)}))


def middle(ask: Callable[[], int], asks: int) -> tuple[float, float]:
    """Return the seconds of the first answer, and the middle of the others."""
    took = []
    for _ in range(asks):
        start = time.perf_counter()
        status = ask()
        took.append(time.perf_counter() - start)
        assert status == 200, status
    return took[0], statistics.median(took[1:])


if __name__ == "__main__":
    main()
