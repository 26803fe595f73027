"""What a load adds up to: kept beside it in the ledger, exact, for completeness to be judged by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nightwatt.contracts.feed import Feed
from nightwatt.ledger.models import Load

if TYPE_CHECKING:
    from tests.unit.intake.conftest import Bench

CHANNELS = """
columns:
  - {name: sp, field: service_point_id, required: true}
  - {name: at, field: stamp, type: timestamp}
  - {name: ch, field: channel_code}
  - {name: kwh, field: value, type: decimal}
interval:
  length_min: 60
  marks: start
  clock: {kind: utc}
  channel: {map: {D: delivered, R: received}}
  unit: {constant: kWh}
  quality: {constant: actual}
"""

ROWS = """sp,at,ch,kwh
A,2026-03-08 05:00:00,D,1.10
A,2026-03-08 06:00:00,D,2.20
A,2026-03-08 05:00:00,R,0.5
B,2026-03-08 05:00:00,D,0.00000001
B,2026-03-08 06:00:00,D,
C,2026-03-08 05:00:00,X,9
"""


def totals(bench: Bench) -> Any:
    with bench.ledger.read() as session:
        return session.get_one(Load, 1).totals


def test_reads_are_summed_and_their_points_counted_by_channel(bench: Bench, reads: Callable[[str], Feed]) -> None:
    assert bench.load(reads(CHANNELS), ROWS).rows_rejected == 1  # no such channel
    assert totals(bench) == {
        "delivered kWh": {"reads": 4, "service_points": 2, "quantity": "3.30000001"},
        "received kWh": {"reads": 1, "service_points": 1, "quantity": "0.50000000"},
    }


def test_decimal_columns_of_tables_are_summed_by_their_names(bench: Bench, table: Callable[[str], Feed]) -> None:
    feed = table("""
columns:
  - {name: PER_ID, field: per_id, required: true}
  - {name: BALANCE, field: balance, type: decimal, scale: 2}
  - {name: DUE, field: due, type: decimal, scale: 2}
  - {name: READ_PAST, type: decimal}
  - {name: N, field: n, type: integer}
""")
    bench.load(feed, "PER_ID,BALANCE,DUE,READ_PAST,N\n1,10.10,,5,7\n2,-3.05,,5,7\n3,bad,1,5,7\n")
    assert totals(bench) == {"BALANCE": {"quantity": "7.05"}, "DUE": {"quantity": "0.00"}}


def test_a_table_without_amounts_and_one_without_rows(bench: Bench, table: Callable[[str], Feed]) -> None:
    plain = table("columns: [{name: PER_ID, field: per_id}]")
    bench.load(plain, "PER_ID\n1\n")
    assert totals(bench) == {}
