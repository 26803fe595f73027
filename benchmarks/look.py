"""How long one look takes in a ledger with years of nights, against a trivial question to the same ledger.

Run ``python -m benchmarks.look --help``. A ledger is filled with nights of the packaged catalog (receipts, looks, runs,
publications, sendings, now and then an alert with its messages), the clock is set to 03:10 of the next night, when all
deadlines lie ahead and every forecast is made, and the watchdog looks: once to open what is wrong, then again and again
with nothing new, which is what it does all night. The floor is `select last_value from sequence_counter`, opened and
closed like any other question, in the same run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import func, select
from tests.support.nights import TONIGHT, Diary, Night, at, before, home

from nightwatt import stages
from nightwatt.ledger import Ledger
from nightwatt.ledger.book import last_sequence
from nightwatt.ledger.models import Alert, AlertState, Check, Look, Notice, NoticeKind, NoticeState, Receipt, Run
from nightwatt.stages import Platform


def timed(repeats: int, what: Callable[[], object]) -> float:
    """Return the seconds something takes, the middle of several."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        what()
        found.append(time.perf_counter() - start)
    return median(found)


def past_alerts(ledger: Ledger, nights: int) -> None:
    """Write an alert every third night, told through two channels, over since long."""
    with ledger.write() as session:
        for back in range(1, nights, 3):
            day = TONIGHT - timedelta(days=back)
            opened = at(day, "04:00")
            alert = Alert(
                topic="arrival", code="feed.late", subject="ccb_bill", business_date=day, domain="billing",
                cause="system:ccb", severity="warning", state=AlertState.CLOSED, message="late", remedy="ask",
                runbook="feed_missing", evidence={}, opened_at=opened, updated_at=opened, seen_at=opened,
                escalations=0, closed_at=opened + timedelta(hours=1), reported_by="watchdog",
            )  # fmt: skip
            session.add(alert)
            session.flush()
            for channel in ("log", "file"):
                for kind in (NoticeKind.OPENED, NoticeKind.CLOSED):
                    session.add(
                        Notice(
                            alert_id=alert.id, channel=channel, kind=kind, number=0, severity="warning",
                            message_id=f"{alert.id}-{channel}-{kind}", state=NoticeState.SENT, due_at=opened,
                            attempts=1, claimed_at=opened, sent_at=opened,
                        )
                    )  # fmt: skip


def counted(ledger: Ledger) -> dict[str, int]:
    """Return how many rows the ledger has."""
    with ledger.read() as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Receipt, Run, Look, Check, Alert, Notice)
        }


def main() -> None:
    """Fill the ledger, look, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=365, help="nights before tonight")
    parser.add_argument("--repeats", type=int, default=9, help="looks timed, of which the middle one is told")
    options = parser.parse_args()
    now = at(TONIGHT, "03:10").astimezone(UTC)
    with (
        tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder,
        home(Path(folder)) as (settings, ledger, catalog),
    ):
        with ledger.write() as session:
            Diary(session, catalog).write(*before(TONIGHT, options.nights), Night(TONIGHT, seen_at=now))
        past_alerts(ledger, options.nights)
        with Platform.open("watchdog", settings, clock=lambda: now) as platform:
            first = timed(1, lambda: stages.watch(platform))
            looking = timed(options.repeats, lambda: stages.watch(platform))

            def trivial() -> None:
                with platform.ledger.read() as session:
                    last_sequence(session)

            floor = timed(options.repeats, trivial)
            told = {
                "nights": options.nights,
                "rows": counted(ledger),
                "standing": len(stages.watch(platform).standing),
                "floor_ms": round(1000 * floor, 3),
                "first_look_ms": round(1000 * first, 1),
                "look_ms": round(1000 * looking, 1),
                "look_ratio": round(looking / floor),
            }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
