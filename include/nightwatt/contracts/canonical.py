"""The canonical interval read: the one shape in which every source's reads travel.

Belongs here: column names, DuckDB types and their meaning, shared by intake (which writes them), the
reads store (which keeps the latest) and the warehouse (which views them). Does not belong here: how a
source's row becomes one (intake).
"""

from __future__ import annotations

READ_COLUMNS: dict[str, str] = {
    "service_point_id": "VARCHAR",  # the source's id, zeros kept
    "channel": "VARCHAR",  # delivered (to the customer), received (from the customer), ...
    "interval_start_at": "TIMESTAMP",  # start instant, UTC
    "interval_min": "SMALLINT",  # length in minutes
    "value": "DECIMAL(18,8)",  # quantity in the interval; null only where quality is missing
    "unit": "VARCHAR",  # canonical unit: kWh, kvarh, therm, ccf, m3
    "quality": "VARCHAR",  # actual, substituted, estimated, missing
    "meter_id": "VARCHAR",  # device, where the source names it
    "last_updated_at": "TIMESTAMP",  # the source's own change time, UTC; null where it has none
    "read_date": "DATE",  # local date of the interval's start, in `zone`
    "zone": "VARCHAR",  # IANA name of the zone that read_date counts in
    "commodity": "VARCHAR",  # electricity, gas
    "receipt_id": "INTEGER",  # ledger receipt the row came with
    "load_sequence": "BIGINT",  # ledger load that wrote it
}
"""Column to DuckDB type, in file order, of lake and store Parquet."""

READ_KEY = ("service_point_id", "channel", "interval_start_at")
"""What identifies a read. Latest wins by last_updated_at (null is oldest), receipt, load, then tie-break."""
