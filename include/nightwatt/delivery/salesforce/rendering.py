"""From a mart's values to the text of a cell, as SQL made from the profile.

Belongs here: what is written for a value, and why a row cannot be written. Does not belong here: which rows go
(`delta`), and how text becomes a line of a file (`dialects`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from nightwatt.delivery.salesforce.profile import Column, CrmObject, Special
from nightwatt.duck import ident, text

LONGEST_TEXT = 32_000
"""Signs a field takes in a Bulk API file."""

NULL_WORD = "#N/A"
"""What stands for "empty this field" in a Bulk API file; no value can be written that reads like it."""

_UNFIT = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"

FAULTS = {
    "unmapped": "has a value that the profile does not map, or one that the format cannot carry",
    "too_long": "is longer than the field takes",
    "missing": "is required and has no value",
}
"""Why a row is held back, to be put behind the column's header."""


@dataclass(frozen=True)
class Cell:
    """One column as SQL: what is written (null for nothing), and the conditions under which the row is at fault."""

    column: Column
    alias: str
    written: str
    faults: dict[str, str]


def mapping_sha256(crm_object: CrmObject) -> str:
    """Return what tells one mapping of an object from another: what was acknowledged under another one is void."""
    return hashlib.sha256(crm_object.model_dump_json().encode()).hexdigest()


def cells(crm_object: CrmObject) -> list[Cell]:
    """Return the enabled columns of an object as SQL over its mart."""
    return [_cell(column, f"c{number}") for number, column in enumerate(crm_object.enabled)]


def special_sql(crm_object: CrmObject, action: str) -> str:
    """Return the condition under which a value decides over the whole row."""
    conditions = []
    for column in crm_object.enabled:
        values = [v for v, to in (column.map or {}).items() if isinstance(to, Special) and to.action == action]
        if values:
            conditions.append(f"coalesce({_raw(column)} in ({_texts(values)}), false)")
    return " or ".join(conditions) or "false"


def fault_sql(parts: list[Cell]) -> str:
    """Return the first fault of a row as `<header>|<fault>`; null for a sound one."""
    cases = [
        f"when {condition} then {text(f'{part.column.header}|{fault}')}"
        for part in parts
        for fault, condition in part.faults.items()
    ]
    return f"case {' '.join(cases)} end" if cases else "null"


def unmapped_sql(parts: list[Cell]) -> str:
    """Return the canonical code that no value map has; null where a text is at fault, which may be anybody's."""
    cases = [f"when {p.faults['unmapped']} then {_raw(p.column)}" for p in parts if p.column.map]
    return f"case {' '.join(cases)} end" if cases else "null"


def content_hash_sql(parts: list[Cell]) -> str:
    """Return the hash of what would be written, the same for every dialect.

    Each value is preceded by its length, so that no two rows look alike joined; headers are in it, so that another
    field is another content.
    """
    counted = [p for p in parts if not p.column.rides_along]
    headers = text("|".join(p.column.header for p in counted) + "|")
    values = " || ".join(f"coalesce(length({p.alias}) || ':' || {p.alias}, '-')" for p in counted)
    return f"md5({headers} || {values})"


def _cell(column: Column, alias: str) -> Cell:
    if column.constant is not None:
        return Cell(column, alias, text(column.constant), {})
    written, faults = _written(column), {}
    if column.map is not None:
        faults["unmapped"] = f"{_raw(column)} is not null and {_raw(column)} not in ({_texts(column.map)})"
    elif column.type == "text":
        raw = _raw(column)
        faults["unmapped"] = (
            f"regexp_matches({raw}, {text(_UNFIT)}) or {raw} = {text(NULL_WORD)} or length({raw}) > {LONGEST_TEXT}"
        )
    elif column.type == "decimal":
        faults["unmapped"] = f"{_raw(column)} <> round({_raw(column)}, {column.decimals})"
    if column.length is not None and column.too_long == "fault":
        faults["too_long"] = f"length({written}) > {column.length}"
    if column.when_null is not None:
        written = f"coalesce({written}, {text(column.when_null)})"
    if column.instead is not None:
        other = f"{ident(column.instead.column)}::varchar"
        cases = " ".join(f"when {text(v)} then {text(to)}" for v, to in column.instead.values.items())
        written = f"case {other} {cases} else {written} end"
    if column.length is not None and column.too_long == "cut":
        written = f"rtrim(left({written}, {column.length}))"
    if column.required:
        faults["missing"] = f"{written} is null"
    return Cell(column, alias, written, faults)


def _written(column: Column) -> str:
    raw = _raw(column)
    if column.map is not None:
        cases = [
            f"when {text(value)} then {text(to)}"
            for value, to in ((v, t.value if isinstance(t, Special) else t) for v, t in column.map.items())
            if to is not None
        ]
        return f"case {raw} {' '.join(cases)} end"
    return {
        "text": raw,
        "boolean": f"case when {raw} then 'true' when not {raw} then 'false' end",
        "date": f"strftime({raw}::date, '%Y-%m-%d')",
        "datetime": f"strftime({raw}::timestamp, '%Y-%m-%dT%H:%M:%S.%gZ')",
        "integer": f"{raw}::bigint::varchar",
        "decimal": f"{raw}::decimal(38, {column.decimals})::varchar",
    }[column.type]


def _raw(column: Column) -> str:
    """Return the mart's value: as text for texts and mapped values, nothing where it is blank."""
    if not isinstance(column.column, str):
        each = ", ".join(f"nullif({ident(name)}, '')" for name in column.column or ())
        return f"nullif(concat_ws(', ', {each}), '')"
    if column.type == "text":
        return f"nullif({ident(column.column)}::varchar, '')"
    return ident(column.column)


def _texts(values: dict[str, str | Special] | list[str]) -> str:
    return ", ".join(text(v) for v in values)
