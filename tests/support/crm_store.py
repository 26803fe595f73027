"""The records of the tests' CRM and the rules by which a row becomes one, or does not.

Belongs here: what a create, an update, an upsert and a delete of one row do. Does not belong here: jobs and files
(`bulk_api`), the objects themselves (`crm_schema`).

The rules are Salesforce's: an empty cell is left alone on an update and gets the default on a create; `#N/A` makes
null, which a required field and a checkbox cannot be; a master is given once; a parent is found by an External ID or
idLookup field, or by record id. The wording of errors is Salesforce's too, values included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from tests.support.crm_schema import OBJECTS, Field, Kind, SObject

NULL = "#N/A"
ID = "Id"
FIRST_DATE, LAST_DATE = date(1700, 1, 1), date(4000, 12, 31)
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:?\d\d)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class RowError(Exception):
    """The CRM does not take a row."""

    def __init__(self, code: str, said: str, *fields: str, record_id: str = "") -> None:
        named = ",".join(fields) + " " if fields else ""
        super().__init__(f"{code}:{said}:{named}--")
        self.code, self.record_id = code, record_id


@dataclass
class Record:
    """One record. References hold the parent's record id; everything else is text in one form, or nothing."""

    id: str
    born: int
    """Number of the job that made it."""
    values: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """What became of a row that was taken."""

    id: str
    is_created: bool


@dataclass(frozen=True)
class Cell:
    """A column of a job: the field it fills and, for a parent, the field by which that is found."""

    header: str
    field: Field
    parent_key: str = ""
    """Empty: the value itself, or a record id."""


Cells = Sequence[tuple[Cell, str]]
"""The columns of a row with what stands in them."""


class Crm:
    """Objects and their records, in memory."""

    def __init__(self, objects: Mapping[str, SObject] = OBJECTS) -> None:
        self.objects = objects
        self._records: dict[str, dict[str, Record]] = {name: {} for name in objects}
        self._found_by: dict[tuple[str, str], dict[str, str]] = {}
        self._unique = {name: _unique_fields(described) for name, described in objects.items()}
        self._made = 0

    # ---- read as tables ---------------------------------------------------------------------------------------

    def count(self, name: str) -> int:
        """Return how many records an object has."""
        return len(self._records[name])

    def table(self, name: str) -> dict[str, dict[str, str | None]]:
        """Return an object's records by external id, under the names a delivered file would have.

        A parent stands under `Relationship.ExternalId`, so that two CRMs with other record ids can be compared.
        """
        described = self.objects[name]
        shown = {}
        for record in self._records[name].values():
            row = dict(self._shown(described, record))
            shown[row.get("CIS_External_Id__c") or record.id] = row
        return dict(sorted(shown.items()))

    def tables(self) -> dict[str, dict[str, dict[str, str | None]]]:
        """Return every object's records."""
        return {name: self.table(name) for name in self.objects}

    def record(self, name: str, record_id: str) -> dict[str, str | None] | None:
        """Return one record by its id, references as record ids; nothing if there is none."""
        found = self._records[name].get(record_id)
        return dict(found.values) if found else None

    def _shown(self, described: SObject, record: Record) -> list[tuple[str, str | None]]:
        row = []
        for f in described.fields:
            value = record.values.get(f.name)
            if f.kind is not Kind.REFERENCE:
                row.append((f.name, value))
                continue
            parent = self._records[f.parents][value] if value else None
            row.append((f"{f.relationship}.CIS_External_Id__c", parent and parent.values.get("CIS_External_Id__c")))
        return row

    # ---- columns ----------------------------------------------------------------------------------------------

    def cell(self, described: SObject, header: str) -> Cell | None:
        """Return what a column means, or nothing if the object has no such field."""
        relationship, point, parent_key = header.partition(".")
        if not point:
            plain = described.field(header)
            return Cell(header, plain) if plain else None
        reference = described.reference(relationship)
        indexed = self.objects[reference.parents].field(parent_key) if reference else None
        if reference is None or indexed is None or not indexed.is_indexed:
            return None
        return Cell(header, reference, parent_key)

    def is_key(self, described: SObject, name: str) -> bool:
        """Whether records of an object can be found by a field."""
        found = described.field(name)
        return name == ID or (found is not None and found.is_indexed)

    # ---- write ------------------------------------------------------------------------------------------------

    def insert(self, described: SObject, cells: Cells, job: int) -> Written:
        """Create a record."""
        return self._create(described, cells, job)

    def update(self, described: SObject, record_id: str, cells: Cells, job: int) -> Written:
        """Change the record with an id."""
        record = self._by_id(described, record_id)
        self._change(described, record, cells, job)
        return Written(record.id, is_created=False)

    def upsert(self, described: SObject, key: str, value: str, cells: Cells, job: int) -> Written:
        """Change the record that has a value in its key field, or create it."""
        if value in {"", NULL}:
            raise RowError("MISSING_ARGUMENT", f"{key} not specified", key)
        if key == ID:
            return self.update(described, value, cells, job)
        found = self._found_by.get((described.name, key), {}).get(value)
        if found is None:
            return self._create(described, cells, job)
        self._change(described, self._records[described.name][found], cells, job)
        return Written(found, is_created=False)

    def delete(self, described: SObject, record_id: str) -> Written:
        """Delete a record and its details; lookups to it become null, a required lookup keeps it."""
        record = self._by_id(described, record_id)
        keeping = [
            f for name, f, _ in self._pointing_at(described.name, record.id) if f.is_required and not f.is_create_only
        ]
        if keeping:
            raise RowError(
                "DELETE_FAILED",
                "Your attempt to delete the record could not be completed because it is associated with other records",
                record_id=record.id,
            )
        self._remove(described.name, record)
        return Written(record.id, is_created=False)

    def _create(self, described: SObject, cells: Cells, job: int) -> Written:
        values = {f.name: f.default for f in described.fields}
        values |= self._parsed(described, cells, job, existing=None)
        self._made += 1
        record = Record(_record_id(described.prefix, self._made), job, values)
        if described.auto_number:
            record.values["Name"] = f"{described.auto_number}-{self._made:08d}"
        self._whole(described, values, "")
        self._check_unique(described, values, record.id)
        self._records[described.name][record.id] = record
        self._index(described, record)
        return Written(record.id, is_created=True)

    def _change(self, described: SObject, record: Record, cells: Cells, job: int) -> None:
        values = record.values | self._parsed(described, cells, job, existing=record)
        self._whole(described, values, record.id)
        self._check_unique(described, values, record.id)
        self._forget(described, record)
        record.values = values
        self._index(described, record)

    def _parsed(self, described: SObject, cells: Cells, job: int, existing: Record | None) -> dict[str, str | None]:
        """Return the values a row sets. Empty cells set none."""
        here = existing.id if existing else ""
        values: dict[str, str | None] = {}
        for cell, said in cells:
            if said == "":
                continue
            if cell.field.is_read_only or (existing and cell.field.is_create_only):
                raise RowError(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    f"Unable to create/update fields: {cell.field.name}. Please check the security settings of this"
                    " field and verify that it is read/write for your profile or permission set.",
                    cell.field.name,
                    record_id=here,
                )
            try:
                values[cell.field.name] = self._value(described, cell, said, job)
            except RowError as e:
                e.record_id = here
                raise
        return values

    def _value(self, described: SObject, cell: Cell, said: str, job: int) -> str | None:
        if said == NULL:
            if cell.field.kind is Kind.CHECKBOX:
                raise _wrong_type(cell.field, said)
            return None
        if cell.field.kind is Kind.REFERENCE:
            return self._parent(described, cell, said, job)
        return _PARSERS[cell.field.kind](cell.field, said)

    def _parent(self, described: SObject, cell: Cell, said: str, job: int) -> str:
        parents = self._records[cell.field.parents]
        if not cell.parent_key:
            if said not in parents:
                raise RowError(
                    "MALFORMED_ID", f"{cell.field.name}: id value of incorrect type: {said}", cell.field.name
                )
            return said
        found = self._found_by.get((cell.field.parents, cell.parent_key), {}).get(said)
        # Batches of one job run side by side: a parent of the same job may not be there yet, so it is not.
        if found is None or (cell.field.parents == described.name and parents[found].born >= job):
            raise RowError(
                "INVALID_FIELD",
                f"Foreign key external ID: {said} not found for field {cell.parent_key} in entity {cell.field.parents}",
            )
        return found

    def _whole(self, described: SObject, values: Mapping[str, str | None], record_id: str) -> None:
        missing = [f.name for f in described.fields if f.is_required and values.get(f.name) is None]
        if missing:
            raise RowError(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(missing)}]",
                *missing,
                record_id=record_id,
            )
        if described.needs_one_of and not any(values.get(name) for name in described.needs_one_of):
            raise RowError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"one of these is needed: {', '.join(described.needs_one_of)}",
                *described.needs_one_of,
                record_id=record_id,
            )

    def _check_unique(self, described: SObject, values: Mapping[str, str | None], record_id: str) -> None:
        for f in self._unique[described.name]:
            value = values.get(f.name)
            owner = self._found_by.get((described.name, f.name), {}).get(value) if value else None
            if owner not in {None, record_id}:
                raise RowError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {f.name} duplicates value on record with id: {owner}",
                    f.name,
                )

    def _by_id(self, described: SObject, record_id: str) -> Record:
        if not re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", record_id):
            raise RowError("MALFORMED_ID", f"bad id {record_id}", ID)
        full = next((i for i in (record_id, _with_check(record_id[:15])) if i in self._records[described.name]), None)
        if full is None:
            raise RowError("ENTITY_IS_DELETED", "entity is deleted", record_id=record_id)
        return self._records[described.name][full]

    def _pointing_at(self, name: str, record_id: str) -> list[tuple[str, Field, Record]]:
        return [
            (other, f, record)
            for other, described in self.objects.items()
            for f in described.fields
            if f.kind is Kind.REFERENCE and f.parents == name
            for record in self._records[other].values()
            if record.values.get(f.name) == record_id
        ]

    def _remove(self, name: str, record: Record) -> None:
        for other, f, child in self._pointing_at(name, record.id):
            if f.is_create_only:
                self._remove(other, child)
            else:
                child.values[f.name] = None
        self._forget(self.objects[name], record)
        self._records[name].pop(record.id, None)

    def _index(self, described: SObject, record: Record) -> None:
        for f in self._unique[described.name]:
            if value := record.values.get(f.name):
                self._found_by.setdefault((described.name, f.name), {})[value] = record.id

    def _forget(self, described: SObject, record: Record) -> None:
        for f in self._unique[described.name]:
            if value := record.values.get(f.name):
                self._found_by[(described.name, f.name)].pop(value, None)


def _unique_fields(described: SObject) -> list[Field]:
    return [f for f in described.fields if f.is_indexed and f.kind is Kind.TEXT]


def _wrong_type(f: Field, said: str) -> RowError:
    return RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{f.name}: value not of required type: {said}", f.name)


def _text(f: Field, said: str) -> str:
    if len(said) > f.length:
        raise RowError("STRING_TOO_LONG", f"{f.name}: data value too large: {said} (max length={f.length})", f.name)
    return said


def _email(f: Field, said: str) -> str:
    if not _EMAIL.fullmatch(said) or not said.isascii():
        raise RowError("INVALID_EMAIL_ADDRESS", f"{f.name}: invalid email address: {said}", f.name)
    return _text(f, said)


def _picklist(f: Field, said: str) -> str:
    if f.is_restricted and said not in f.values:
        raise RowError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{f.name}: bad value for restricted picklist field: {said}",
            f.name,
        )
    return _text(f, said)


def _checkbox(f: Field, said: str) -> str:
    known = {"true": "true", "1": "true", "false": "false", "0": "false"}.get(said.lower())
    if known is None:
        raise _wrong_type(f, said)
    return known


def _date(f: Field, said: str) -> str:
    try:
        day = date.fromisoformat(said) if _DATE.fullmatch(said) else None
    except ValueError:
        day = None
    if day is None or not FIRST_DATE <= day <= LAST_DATE:
        raise _wrong_type(f, said)
    return day.isoformat()


def _instant(f: Field, said: str) -> str:
    try:
        at = datetime.fromisoformat(said).astimezone(UTC) if _INSTANT.fullmatch(said) else None
    except (ValueError, OverflowError):
        at = None
    if at is None or not FIRST_DATE <= at.date() <= LAST_DATE:
        raise _wrong_type(f, said)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(f: Field, said: str) -> str:
    try:
        value = Decimal(said) if _NUMBER.fullmatch(said) else None
    except InvalidOperation:
        value = None
    if value is None:
        raise _wrong_type(f, said)
    if abs(value) >= Decimal(10) ** f.length:
        raise RowError("NUMBER_OUTSIDE_VALID_RANGE", f"{f.name}: value outside of valid range: {said}", f.name)
    if f.scale == 0 and value != value.to_integral_value():
        raise _wrong_type(f, said)
    rounded = value.quantize(Decimal(1).scaleb(-f.scale), ROUND_HALF_UP)
    return f"{rounded.normalize() + 0:f}"  # "+ 0" turns -0 into 0


_PARSERS: dict[Kind, Callable[[Field, str], str]] = {
    Kind.TEXT: _text,
    Kind.EMAIL: _email,
    Kind.PICKLIST: _picklist,
    Kind.CHECKBOX: _checkbox,
    Kind.DATE: _date,
    Kind.DATETIME: _instant,
    Kind.NUMBER: _number,
}


def parsed(f: Field, said: str) -> str:
    """Return the one form of a value, or refuse it; for receivers without references."""
    return _PARSERS[f.kind](f, said)


def _record_id(prefix: str, number: int) -> str:
    return _with_check(f"{prefix}{number:012d}")


def _with_check(short: str) -> str:
    """Return the 18 characters of a record id: three more that say which of the 15 are capitals."""
    parts = (short[i : i + 5] for i in (0, 5, 10))
    return short + "".join(_CHECK[sum(1 << n for n, c in enumerate(part) if "A" <= c <= "Z")] for part in parts)
