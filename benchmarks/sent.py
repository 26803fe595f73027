"""How fast a year of sent files is searched, against DuckDB reading a single one of them in the same run.

Run ``python -m benchmarks.sent --help``. A home is made with one nightly interval file a day: quarter-hour reads of the
day before, the same service points every night. The indexes are made (told per file), then single service points and a
day are searched in all of them. The floor is a full read of all columns of one night's file by DuckDB
(`sum(strlen(column))` over the gzip file), taken before and after, the better of the two: a ratio of 1 means that years
of files are searched in the time one file takes to read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.checker import QUARTERS, floor, write_file
from nightwatt.contracts.catalog import load_catalog
from nightwatt.contracts.delivery import Delivery
from nightwatt.delivery import outbox, sent_index, sent_search
from nightwatt.delivery.sent_search import Wanted
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import DeliveryState, Sending
from nightwatt.settings import Settings

DELIVERY = "opower_interval_electric"
LAST = date(2026, 3, 11)


def send_year(settings: Settings, ledger: Ledger, first: Path, nights: int, rows: int) -> None:
    """Put one file a night into the archive: the same one under other names, so that only its bytes are made once."""
    data = first.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    with ledger.write() as session:
        for night in range(nights):
            day = LAST - timedelta(days=nights - night)
            name = first.name.replace("20260311", f"{day:%Y%m%d}")
            copy = outbox.folder_of(settings.outbox, DELIVERY, day) / name
            copy.parent.mkdir(parents=True)
            copy.hardlink_to(first)
            at = datetime.combine(day, datetime.min.time(), UTC)
            session.add(
                Sending(
                    delivery=DELIVERY, business_date=day, publication_sequence=night + 1, since_sequence=night,
                    through_sequence=night + 1, file_name=name, content_sha256=digest, size_bytes=len(data), rows=rows,
                    totals=None, remote_path=f"/shared_files/{name}", state=DeliveryState.DELIVERED, intended_at=at,
                    delivered_at=at,
                )
            )  # fmt: skip


def search(settings: Settings, ledger: Ledger, contract: Delivery, wanted: Wanted) -> tuple[int, float]:
    """Return rows found and wall seconds."""
    start = time.perf_counter()
    rows = sum(1 for _ in sent_search.find(settings, ledger, [contract], wanted))
    return rows, time.perf_counter() - start


def main() -> None:
    """Make the archive, search it, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=365, help="files sent")
    parser.add_argument("--points", type=int, default=2000, help="service points in each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder:
        settings = Settings(home=Path(folder) / "home")
        settings.root.mkdir()
        ledger = Ledger.open(settings.ledger_address)
        first = write_file(Path(folder), "interval15", options.points * QUARTERS)
        rows, before = floor(first)
        send_year(settings, ledger, first, options.nights, rows)
        start = time.perf_counter()
        indexes = sent_index.ensure(settings, ledger, DELIVERY)
        indexing = time.perf_counter() - start
        contract = load_catalog(None, settings.systems).delivery(DELIVERY)
        points = [f"SP{random.Random(n).randrange(options.points):09d}" for n in range(3)]
        found = [search(settings, ledger, contract, Wanted(point)) for point in points]
        of_day = search(settings, ledger, contract, Wanted(points[0], day=date(2026, 3, 10)))
        best = min(before, floor(first)[1])
        ledger.close()
        seconds = sorted(s for _, s in found)[1]
        told = {
            "files": len(indexes),
            "rows": rows * len(indexes),
            "index_mb": round(sum(i.stat().st_size for i in indexes) / 1e6, 1),
            "files_mb": round(first.stat().st_size * len(indexes) / 1e6, 1),
            "index_seconds_a_file": round(indexing / len(indexes), 3),
            "floor_seconds": round(best, 3),
            "rows_of_a_service_point": found[0][0],
            "service_point_seconds": round(seconds, 3),
            "service_point_ratio": round(seconds / best, 2),
            "day_of_a_service_point_seconds": round(of_day[1], 3),
        }
        assert all(n == QUARTERS * options.nights for n, _ in found)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
