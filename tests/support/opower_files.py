"""Files for Opower as text, for tests of the checker: headers, clean rows, packing.

Belongs here: invented files in the partner's form, made without the writer. Does not belong here: expectations.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from nightwatt import duck
from nightwatt.delivery.opower.checker_files import Question, check_files
from nightwatt.delivery.opower.findings import CheckReport

ZONE = "America/New_York"
CUSTOMER_HEADER = (
    "customer_id premise_id secondary_id ccb_account_id mail_address_line_1 account_id active_date inactive_date "
    "is_account_deletion read_cycle service_point_id service_house_number service_street_name service_unit "
    "service_city service_state service_zip_code"
).replace(" ", "\t")
USAGE_HEADER = "service_point_id\tusage_value\tdate_to\tduration\tis_estimate\tusage_charge"
INTERVAL_HEADER = (
    "service_point_id usage_value date time units is_estimate UTC_offset service_type service_quantity_identifier"
).replace(" ", "\t")
FULL_HEADER = CUSTOMER_HEADER + "\t" + USAGE_HEADER.partition("\t")[2]
SEGMENT_HEADER = (
    "bill_id bill_segment_id service_agreement_id bill_segment_start_datetime bill_segment_end_datetime"
).replace(" ", "\t")
HEADERS = {
    "customer": CUSTOMER_HEADER,
    "usage": USAGE_HEADER,
    "full": FULL_HEADER,
    "billing_billsegment": SEGMENT_HEADER,
}


def name_of(kind: str, stamp: str = "20260311060000", population: str = "res", extension: str = "gz") -> str:
    """Return a good name for a file of this kind."""
    if kind.startswith("billing_"):  # without a population
        return f"opwr_gec_v2-0-3_{kind}_{stamp}.{extension}"
    version = "v2-0-5" if kind.startswith("interval") else "v1-19-0"
    return f"opwr_gec_{population}_{version}_{kind}_{stamp}.{extension}"


def text_of(kind: str, rows: Iterable[str]) -> str:
    """Return a file of these rows."""
    return "".join(f"{line}\n" for line in (HEADERS.get(kind, INTERVAL_HEADER), *rows))


def account_row(point: str, customer: str = "C", account: str = "A", active: str = "20230401", ended: str = "") -> str:
    """Return a customer row; premise and address follow from the service point."""
    who = f"{customer}\tP-{point}\t\t\t12 Elm Ter\t{account}\t{active}\t{ended}\t\t07"
    return f"{who}\t{point}\t12\tElm Ter\t\tAlbany\tNY\t12203"


def usage_row(point: str, start: date, end: date, value: str = "612.4", flag: str = "A") -> str:
    """Return a usage row of a period; the end is the day after the last one."""
    return f"{point}\t{value}\t{end:%Y%m%d}\t{(end - start).days}\t{flag}\t91.86"


def segment_row(agreement: str, start: date, end: date) -> str:
    """Return a segment of a bill of its own; the end is exclusive."""
    return f"B-{agreement}-{start:%y%m}\tS-{agreement}-{start:%y%m}\t{agreement}\t{start}\t{end}"


def interval_row(point: str, end: datetime, value: str = "1.5", channel: str = "CONSUMED") -> str:
    """Return an interval row that ends at an instant."""
    local = end.astimezone(ZoneInfo(ZONE))
    return f"{point}\t{value}\t{local:%Y%m%d\t%H%M}\tKWH\tA\t{local:%z}\tELECTRIC\t{channel}"


def hour(number: int) -> datetime:
    """Return the end of an hour, counted from the night before the spring clock change of 2026."""
    return datetime(2026, 3, 7, tzinfo=UTC) + timedelta(hours=number)


def month(number: int) -> date:
    """Return the first day of a month, counted from January 2024."""
    return date(2024 + number // 12, number % 12 + 1, 1)


def check(
    folder: Path, files: Sequence[tuple[str, str | bytes]], question: Question | None = None
) -> list[CheckReport]:
    """Write files, gzip where their name says so, and check them in this order."""
    paths = []
    for name, text in files:
        data = text if isinstance(text, bytes) else text.encode()
        paths.append(folder / name)
        paths[-1].write_bytes(gzip.compress(data, 1) if name.endswith(".gz") and isinstance(text, str) else data)
    with duck.private_engine() as con:
        return list(check_files(paths, question or Question([ZONE]), con))
