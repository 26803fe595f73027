"""Builders for tests of billing files: published agreements and billed periods, a contract, what the partner has.

Belongs here: invented rows of the two marts with sensible defaults, and small readers tests share. Does not belong
here: expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from nightwatt.contracts.delivery import OpowerBillingDelivery
from nightwatt.delivery.opower.billing_profile import BillingProfile, load_billing_profile
from nightwatt.delivery.opower.billing_record import Sent
from nightwatt.delivery.opower.billing_writer import Selection, Written, write_billing_files
from nightwatt.delivery.phases import PhaseKind, Window

MARTS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"
STAMP = datetime(2025, 3, 2, 5, 30, tzinfo=UTC)
TODAY = date(2025, 3, 2)


@dataclass(frozen=True)
class Agreement:
    """One row of dim_service_agreement; names as in the partner's file where they differ."""

    account: str = "A-E1"
    point: str = "SP-E1"
    customer: str = "C001"
    premise: str = "P001"
    active: date = date(2023, 4, 1)
    inactive: date | None = None
    house: str | None = "12"
    street: str | None = "Elm Ter"
    city: str = "Albany"
    zip_code: str = "12203"
    mail: str | None = "12 Elm Ter"
    read_cycle: str = "07"
    commodity: str = "electricity"
    customer_class: str = "residential"
    is_cancelled: bool = False
    sequence: int = 1
    facts: dict[str, Any] = field(default_factory=dict)  # other columns

    def row(self) -> dict[str, Any]:
        """Return the mart's row."""
        return {
            "service_agreement_key": f"CCB|SA|{self.account}",
            "service_point_key": f"CCB|SP|{self.point}",
            "source_system": "CCB",
            "service_agreement_id": self.account,
            "service_point_id": self.point,
            "billing_account_id": self.customer,
            "customer_id": f"person of {self.customer}",
            "premise_id": self.premise,
            "commodity": self.commodity,
            "customer_class": self.customer_class,
            "read_cycle": self.read_cycle,
            "is_cancelled": self.is_cancelled,
            "active_date": self.active,
            "inactive_date": self.inactive,
            "service_start_date": self.active,
            "service_end_date": self.inactive,
            "mail_address_line_1": self.mail,
            "service_house_number": self.house,
            "service_street_name": self.street,
            "service_city": self.city,
            "service_state": "NY",
            "service_postal_code": self.zip_code,
            "through_sequence": self.sequence,
        } | self.facts


@dataclass(frozen=True)
class Billed:
    """One row of fct_billed_usage."""

    start: date
    boundary: date
    usage: str | None = "640"
    charge: str | None = "96.00"
    account: str = "A-E1"
    point: str | None = "SP-E1"
    estimated: bool = False
    cancelled: bool = False
    updated: datetime | None = None
    sequence: int = 1

    def row(self) -> dict[str, Any]:
        """Return the mart's row."""
        return {
            "billed_usage_key": f"CCB|BU|{self.account}|{self.start:%Y%m%d}|{self.boundary:%Y%m%d}",
            "source_system": "CCB",
            "service_agreement_key": f"CCB|SA|{self.account}",
            "service_agreement_id": self.account,
            "service_point_id": self.point,
            "commodity": "electricity",
            "period_start_date": self.start,
            "boundary_date": self.boundary,
            "days": (self.boundary - self.start).days,
            "usage_quantity": self.usage,
            "usage_unit": "kWh",
            "charge_amount_usd": self.charge,
            "is_estimated": self.estimated,
            "is_cancelled": self.cancelled,
            "last_updated_at": self.updated,
            "through_sequence": self.sequence,
        }


@contextmanager
def published(agreements: Iterable[Agreement], billed: Iterable[Billed] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection with these rows as the two marts, typed as their contracts say."""
    con = duckdb.connect(":memory:")
    try:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")
        _fill(con, "customers/dim_service_agreement", [a.row() for a in agreements])
        _fill(con, "billing/fct_billed_usage", [b.row() for b in billed])
        yield con
    finally:
        con.close()


def _fill(con: duckdb.DuckDBPyConnection, model: str, rows: Sequence[dict[str, Any]]) -> None:
    (mart,) = yaml.safe_load((MARTS / f"{model}.yml").read_text("utf-8"))["models"]
    columns = ", ".join(f"{c['name']} {c['data_type']}" for c in mart["columns"])
    con.execute(f"create table {mart['name']} ({columns})")
    if rows:
        con.register("incoming", pa.Table.from_pylist([*rows]))
        con.execute(f"insert into {mart['name']} by name select * from incoming")
        con.unregister("incoming")


def contract(**changes: Any) -> OpowerBillingDelivery:
    """Return a delivery contract: two files for utility `gec`."""
    return OpowerBillingDelivery.model_validate(
        {
            "delivery": "opower_billing",
            "kind": "opower_billing",
            "title": "Opower billing files",
            "partner": "opower",
            "owner": "data integration desk",
            "profile": "opower/legacy_billing_v1-19-0",
            "utility_code": "gec",
            "destination": {"connection": "opower"},
            "deadline": "08:00",
        }
        | changes
    )


def profile(**changes: Any) -> BillingProfile:
    """Return the packaged profile with keys changed."""
    return BillingProfile.model_validate(load_billing_profile("opower/legacy_billing_v1-19-0").model_dump() | changes)


def window(**changes: Any) -> Window:
    """Return the window of a first file, with parts of it changed."""
    parts = asdict(Window(None, 1_000, None, None, None, None))
    return Window(**(parts | changes))


def write(
    folder: Path,
    agreements: Iterable[Agreement],
    billed: Iterable[Billed] = (),
    *,
    sent: Sent | None = None,
    phase: PhaseKind = PhaseKind.INCREMENTAL,
    today: date = TODAY,
    stamp: datetime = STAMP,
    rules: BillingProfile | None = None,
    within: Window | None = None,
    **changes: Any,
) -> Written:
    """Write the files of these rows; `changes` are those of the contract."""
    with published(agreements, billed) as con:
        selection = Selection(phase, within or window(), today, sent or Sent())
        return write_billing_files(con, contract(**changes), rules or profile(), selection, folder, stamp)


def on_record(folder: Path, *files: tuple[str, str]) -> Sent:
    """Return an archive that holds files of these names and texts, in this order, as `delivery.sent_index` makes it."""
    paths = []
    with duckdb.connect(":memory:") as con:
        for number, (name, text) in enumerate(files, 1):
            header, *lines = [line.split("\t") for line in text.splitlines()]
            rows = [dict(zip(header, line, strict=True)) | {"_line": n} for n, line in enumerate(lines, 2)]
            con.register("rows_sent", pa.Table.from_pylist([r | {"_file": name, "_sending_id": number} for r in rows]))
            paths.append(folder / f"{number:08d}.parquet")
            con.execute(f"copy (from rows_sent) to '{paths[-1]}' (format parquet)")
            con.unregister("rows_sent")
    return Sent(tuple(paths))
