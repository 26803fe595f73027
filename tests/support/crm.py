"""Builders for CRM deliveries: published marts with the columns they are to have, and a CRM that takes what is sent.

Belongs here: invented customers, a receiver of both dialects kept as plain dictionaries, its answers as files. Does not
belong here: expectations.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
from tests.support.deliver_once import die_at

from nightwatt.contracts.delivery import CrmDelivery
from nightwatt.delivery.deliver import Delivered, PublicationFacts, deliver
from nightwatt.delivery.salesforce.answers import AnswerReader, Taken
from nightwatt.delivery.salesforce.profile import Column, CrmProfile, load_profile
from nightwatt.delivery.salesforce.state import StateStore
from nightwatt.ledger import Ledger, acknowledgements
from nightwatt.settings import Settings

Row = dict[str, Any]
Marts = dict[str, list[Row]]

BUSINESS_DATE = date(2026, 3, 9)


def contract(**changes: Any) -> CrmDelivery:
    """Return a delivery contract: the core objects, every night."""
    return CrmDelivery.model_validate(
        {
            "delivery": "crm_core",
            "kind": "crm",
            "title": "Customer picture",
            "partner": "crm",
            "owner": "customer data desk",
            "profile": "salesforce/core_v62",
            "domain": "billing",
            "destination": {"connection": "crm", "folder": "/incoming"},
            "deadline": "07:00",
        }
        | changes
    )


@cache
def mart_columns() -> Mapping[str, Mapping[str, str]]:
    """Return the columns of every mart that the profiles read, with a type that fits."""
    found: dict[str, dict[str, str]] = {}
    for name in ("core_v62", "managed_package", "data_cloud"):
        for thing in load_profile(f"salesforce/{name}").objects:
            columns = found.setdefault(thing.mart, {thing.key: "varchar"})
            for column in thing.columns:
                columns |= dict.fromkeys(column.sources, _type(column))
            columns |= dict.fromkeys(thing.filled, "varchar") | dict.fromkeys(thing.amounts, "decimal(18, 2)")
            columns["through_sequence"] = "bigint"
    return found


def _type(column: Column) -> str:
    if column.column == "is_archived":
        return "boolean"
    kinds = {"text": "varchar", "date": "date", "datetime": "timestamp", "boolean": "boolean", "integer": "integer"}
    return kinds.get(column.type) or f"decimal(28, {column.decimals})"


@contextmanager
def published(marts: Mapping[str, Iterable[Row]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection with these rows as the marts; marts not named are there and empty."""
    con = duckdb.connect(":memory:")
    try:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")
        for mart, columns in mart_columns().items():
            con.execute(f"create table {mart} ({', '.join(f'{c} {t}' for c, t in columns.items())})")
            rows = [dict.fromkeys(columns) | row for row in marts.get(mart, ())]
            if rows:
                con.register("incoming", pa.Table.from_pylist(rows))
                con.execute(f"insert into {mart} by name select * from incoming")
                con.unregister("incoming")
        yield con
    finally:
        con.close()


# --- rows --------------------------------------------------------------------------------------------------


def party(number: int, **changes: Any) -> Row:
    """Return a person."""
    key = f"CCB|PER|{number:010d}"
    return {"party_key": key, "party_type": "person", "party_name": f"Doe, Jo {number}", "is_archived": False} | changes


def contact(number: int, **changes: Any) -> Row:
    """Return the contact of a person."""
    return {
        "contact_key": f"CCB|PERC|{number:010d}",
        "party_key": f"CCB|PER|{number:010d}",
        "first_name": "Jo",
        "last_name": f"Doe {number}",
    } | changes


def account(number: int, **changes: Any) -> Row:
    """Return a billing account."""
    return {
        "billing_account_key": f"CCB|ACCT|{number:010d}",
        "native_id": f"{number:010d}",
        "account_name": f"{number:010d} Doe, Jo {number}",
        "party_key": f"CCB|PER|{number:010d}",
        "customer_class": "residential",
        "account_status": "active",
        "balance_amount_usd": Decimal("12.50"),
        "balance_as_of": BUSINESS_DATE,
    } | changes


def role(number: int, person: int | None = None, **changes: Any) -> Row:
    """Return the main customer's role on an account."""
    person = number if person is None else person
    return {
        "account_role_key": f"CCB|AP|{number:010d}|{person:010d}",
        "billing_account_key": f"CCB|ACCT|{number:010d}",
        "party_key": f"CCB|PER|{person:010d}",
        "contact_key": f"CCB|PERC|{person:010d}",
        "role": "financially_responsible",
        "is_main": True,
    } | changes


def product(code: str = "E-RES-1", **changes: Any) -> Row:
    """Return a product."""
    key = f"CCB|RS|{code}"
    return {"product_key": key, "product_name": code, "commodity": "electricity", "rate_code": code} | changes


def premise(number: int, parent: int | None = None, **changes: Any) -> Row:
    """Return a premise, within another one where asked for."""
    return {
        "premise_key": f"CCB|PREM|{number:010d}",
        "native_id": f"{number:010d}",
        "premise_name": f"{number} Elm St",
        "premise_type": "residential",
        "parent_premise_key": None if parent is None else f"CCB|PREM|{parent:010d}",
    } | changes


def agreement(number: int, **changes: Any) -> Row:
    """Return an active service agreement."""
    return {
        "service_agreement_key": f"CCB|SA|{number:010d}",
        "native_id": f"{number:010d}",
        "billing_account_key": f"CCB|ACCT|{number:010d}",
        "party_key": f"CCB|PER|{number:010d}",
        "product_key": "CCB|RS|E-RES-1",
        "commodity": "electricity",
        "agreement_status": "active",
        "start_date": date(2025, 1, 1),
    } | changes


def item(number: int, **changes: Any) -> Row:
    """Return the item of an agreement."""
    return {
        "agreement_item_key": f"CCB|SASP|{number:010d}",
        "service_agreement_key": f"CCB|SA|{number:010d}",
        "billing_account_key": f"CCB|ACCT|{number:010d}",
        "product_key": "CCB|RS|E-RES-1",
        "start_date": date(2025, 1, 1),
    } | changes


def bill(number: int, day: date, **changes: Any) -> Row:
    """Return an issued bill."""
    return {
        "bill_key": f"CCB|BILL|{number:012d}",
        "native_id": f"{number:012d}",
        "billing_account_key": "CCB|ACCT|0000000001",
        "bill_date": day,
        "current_charges_usd": Decimal("80.00"),
        "amount_due_usd": Decimal("80.00"),
        "bill_status": "issued",
    } | changes


def usage_day(point: int, day: date, sequence: int, quantity: str = "10.5", **changes: Any) -> Row:
    """Return a day's usage."""
    return {
        "usage_day_key": f"MDM|UD|{point:010d}|delivered|{day:%Y%m%d}",
        "service_point_key": f"CCB|SP|{point:010d}",
        "service_point_id": f"{point:010d}",
        "channel": "delivered",
        "usage_date": day,
        "unit": "kWh",
        "usage_quantity": Decimal(quantity),
        "quality_class": "actual",
        "last_updated_at": datetime(2026, 3, 9, 4, 0),  # noqa: DTZ001  (marts hold UTC without a zone)
        "through_sequence": sequence,
    } | changes


def customers(count: int) -> Marts:
    """Return so many customers with account, role, contact, agreement and item."""
    numbers = range(1, count + 1)
    return {
        "crm_product": [product()],
        "crm_party": [party(n) for n in numbers],
        "crm_contact": [contact(n) for n in numbers],
        "crm_billing_account": [account(n) for n in numbers],
        "crm_account_role": [role(n) for n in numbers],
        "crm_service_agreement": [agreement(n) for n in numbers],
        "crm_agreement_item": [item(n) for n in numbers],
    }


# --- the CRM -----------------------------------------------------------------------------------------------

Refuse = Callable[[str, str], bool]


def _nobody(_object: str, _key: str) -> bool:
    return False


@dataclass
class Answered:
    """What the CRM says of one file."""

    successful: list[Row] = field(default_factory=list)
    failed: list[Row] = field(default_factory=list)


@dataclass
class Crm:
    """A CRM as a dictionary of records: `{object: {external id: {field: value}}}`, deaf to everything but files.

    It keeps the rules of the Bulk API that matter here: an empty cell is left alone, `#N/A` empties, a parent must be
    there, a create-only field cannot be given twice and must be given once.
    """

    profile: CrmProfile
    records: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    names_existing: bool = True  # whether a refusal says which record is there already

    def load(self, path: Path, object_name: str, part: str, refuse: Refuse = _nobody) -> Answered:
        """Load one file as one job; return what became of each row."""
        said = Answered()
        for row in read_rows(path):
            error = self._remove(row) if part == "delete" else self._upsert(object_name, row, refuse)
            key = row.get("Id") or row["CIS_External_Id__c"]
            record_id = self._id(object_name, key)
            if error is None:
                said.successful.append({"sf__Id": record_id, "sf__Created": "false"} | row)
            else:
                is_there = part != "delete" and key in self.of(object_name) and self.names_existing
                said.failed.append({"sf__Id": record_id if is_there else "", "sf__Error": error} | row)
        return said

    def of(self, object_name: str) -> dict[str, dict[str, str]]:
        """Return the records of one object of the profile."""
        return self.records.setdefault(object_name, {})

    def _id(self, object_name: str, key: str) -> str:
        return self.ids.setdefault(f"{object_name} {key}", f"a00{len(self.ids):012d}AAA")

    def _remove(self, row: Row) -> str | None:
        known = {record_id: place.split(" ", 1) for place, record_id in self.ids.items()}
        object_name, key = known.get(row["Id"], ("", ""))
        if key not in self.of(object_name):
            return "ENTITY_IS_DELETED:entity is deleted:--"
        del self.of(object_name)[key]
        return None

    def _upsert(self, object_name: str, row: Row, refuse: Refuse) -> str | None:
        key = row["CIS_External_Id__c"]
        thing = next(o for o in self.profile.objects if o.name == object_name)
        standing = self.of(object_name).get(key)
        if refuse(object_name, key):
            return "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"
        for column in thing.enabled:
            fault = self._fault(column, row, standing)
            if fault:
                return fault
        record = self.of(object_name).setdefault(key, {})
        for header, value in row.items():
            if value == "#N/A":
                record.pop(header, None)
            elif value:
                record[header] = value
        return None

    def _fault(self, column: Column, row: Row, standing: dict[str, str] | None) -> str | None:
        value = row.get(column.header, "")
        if column.create_only and value and standing is not None:
            return f"INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: {column.header}:{column.header} --"
        if column.required and not value and (standing is None or value == "#N/A"):
            return f"REQUIRED_FIELD_MISSING:Required fields are missing: [{column.header}]:{column.header} --"
        if column.parent and value not in {"", "#N/A"} and not any(value in self.of(p) for p in column.parent):
            return f"INVALID_FIELD:Foreign key external ID: {value} not found for field X in entity Y:X --"
        return None


def read_rows(path: Path) -> list[Row]:
    """Read a file of ours by Python's own reader."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_results(said: Answered, file_name: str, folder: Path) -> None:
    """Write the CRM's result files of one job, in an order of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = file_name.removesuffix(".csv")
    for kind, rows in (("successful", said.successful), ("failed", said.failed)):
        if rows:
            with (folder / f"{stem}.{kind}.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
                writer.writeheader()
                writer.writerows(reversed(rows))


def manifest(folder: Path) -> dict[str, Any]:
    """Return the newest manifest of a folder."""
    newest = max(folder.rglob("*manifest*.json"), key=lambda p: p.name[-19:])
    return dict(json.loads(newest.read_text("utf-8")))


def stamp(day: int, hour: int = 5) -> datetime:
    """Return an instant of March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


# --- the way there and back ----------------------------------------------------------------------------------


class Folder:
    """A partner's server without a wire: what the courier asks of a connection, on a local folder."""

    where = "folder:"

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def size(self, path: str) -> int | None:
        """Return a file's size."""
        place = self._at(path)
        return place.stat().st_size if place.exists() else None

    def require_folder(self, folder: str) -> None:
        """Make the folder."""
        self._at(folder).mkdir(parents=True, exist_ok=True)

    def files(self, folder: str) -> dict[str, int]:
        """Return names and sizes of the files in a folder."""
        return {p.name: p.stat().st_size for p in self._at(folder).iterdir() if p.is_file()}

    def read(self, path: str, length: int) -> Iterator[bytes]:
        """Read the beginning of a file."""
        yield self._at(path).read_bytes()[:length]

    def write(self, path: str, blocks: Iterator[bytes], offset: int, on_block: Callable[[], None]) -> None:
        """Write a file."""
        there = self._at(path).read_bytes()[:offset] if offset else b""
        self._at(path).write_bytes(there + b"".join(blocks))
        on_block()

    def rename(self, old: str, new: str) -> None:
        """Rename a file."""
        self._at(old).rename(self._at(new))


class Home:
    """A home that delivers to a CRM and takes its answers in."""

    def __init__(self, root: Path, delivery: CrmDelivery | None = None, crm: Crm | None = None) -> None:
        self.settings = Settings(home=root / "home")
        self.delivery = delivery or contract()
        self.crm = crm or Crm(load_profile(self.delivery.profile))
        self.server = Folder(root / "partner")
        self.now = stamp(1)
        self.ledger = Ledger.open(self.settings.ledger_address, lambda: self.now)
        self.sequence = 0

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def deliver(self, marts: Mapping[str, Iterable[Row]], day: int, through: int | None = None) -> Delivered:
        """Publish these marts and deliver them for a day of March 2026."""
        self.sequence += 1
        self.now = stamp(day)
        facts = PublicationFacts(self.sequence, through or self.sequence, self.now)
        return self.again(marts, facts, day)

    def again(self, marts: Mapping[str, Iterable[Row]], facts: PublicationFacts, day: int) -> Delivered:
        """Deliver a publication, perhaps not for the first time."""
        with published(marts) as con:
            return deliver(
                self.delivery,
                self.settings,
                self.ledger,
                con,
                facts,
                date(2026, 3, day),
                connect=lambda: cast("Any", self.server),
                at=die_at,
            )

    def files(self, result: Delivered) -> list[tuple[Path, str, str]]:
        """Return the files of a delivery as the partner has them, with object and part, manifest left out."""
        with self.ledger.read() as session:
            known = acknowledgements.by_sending(session, [r.sending_id for r in result.receipts])
        return [
            (self.server.root / r.remote_path.lstrip("/"), known[r.sending_id].object_name, known[r.sending_id].part)
            for r in result.receipts
            if r.sending_id in known
        ]

    def load(self, result: Delivered, refuse: Refuse = _nobody, lost: Callable[[str], bool] = lambda _: False) -> None:
        """Let the CRM load a delivery's files; drop its answers but those that get lost."""
        for path, name, part in self.files(result):
            said = self.crm.load(path, name, part, refuse)
            if not lost(path.name):
                write_results(said, path.name, self.reader().folder)

    def reader(self, day: int = 9) -> AnswerReader:
        """Return what takes the answers in."""
        return AnswerReader(self.delivery, self.settings, self.ledger, date(2026, 3, day))

    def take(self) -> Taken:
        """Take the answers in."""
        return self.reader().take()

    def rows(self, result: Delivered, name: str, part: str | None = None) -> list[Row]:
        """Return the rows sent of one object."""
        found = [path for path, n, p in self.files(result) if n == name and part in {None, p}]
        return [row for path in found for row in read_rows(path)]

    def state(self, name: str) -> dict[str, Row]:
        """Return what is acknowledged of one object, by key."""
        con = duckdb.connect(":memory:")
        try:
            StateStore(self.settings, self.ledger, self.delivery.delivery).load(con, name, "known", "doubted")
            table = con.sql("select * from known").to_arrow_table()
        finally:
            con.close()
        return {row["external_id"]: row for row in table.to_pylist()}
