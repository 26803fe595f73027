"""SQL expressions that turn a file's text columns into typed fields, each with its reason to reject.

Belongs here: trimming, blanks, numbers, dates, by one column's contract. Does not belong here: what
several columns mean together (`intervals.py`, `tables.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightwatt.contracts.feed import Column
from nightwatt.contracts.formats import Format
from nightwatt.duck import ident, text

_ISO = {None, "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"}


@dataclass(frozen=True)
class Fault:
    """A condition under which a row is rejected."""

    condition: str  # SQL, true when the row is bad
    code: str
    column: str


def cleaned(raw: str, column: Column, form: Format) -> str:
    """Return SQL for a column's text, trimmed and with blanks as null."""
    sql = f"trim({ident(raw)})"
    if column.strip:
        sql = f"trim({ident(raw)}, {text(' ' + column.strip)})"
    for blank in form.null_values or ("",):
        sql = f"nullif({sql}, {text(blank)})"
    return sql if "" in form.null_values else f"nullif({sql}, '')"


def number_text(sql: str, form: Format) -> str:
    """Return SQL that rewrites a number's signs to the plain form; what does not fit them is no number."""
    if form.thousands_sign is None and form.decimal_sign == ".":
        return sql
    thousands = rf"|\d{{1,3}}({re.escape(form.thousands_sign)}\d{{3}})+" if form.thousands_sign else ""
    shape = rf"[+-]?(\d*{thousands})({re.escape(form.decimal_sign)}\d*)?"
    plain = f"replace({sql}, {text(form.thousands_sign)}, '')" if form.thousands_sign else sql
    plain = f"replace({plain}, {text(form.decimal_sign)}, '.')" if form.decimal_sign != "." else plain
    return f"CASE WHEN {sql} IS NOT NULL THEN if(regexp_full_match({sql}, {text(shape)}), {plain}, 'no number') END"


def not_a_number(sql: str) -> str:
    """Return SQL that is true for text DuckDB would cast though no utility means a number by it."""
    return f"(contains({sql}, 'e') OR contains({sql}, 'E') OR contains({sql}, '_'))"


def too_precise(sql: str, digits: int) -> str:
    """Return SQL that is true when a number's text carries more decimals than allowed."""
    return f"(contains({sql}, '.') AND length({sql}) - strpos({sql}, '.') > {digits})"


def decimal_faults(name: str, sql: str, typed: str, digits: int) -> list[Fault]:
    """Return the faults of a decimal column: its text in `sql`, its cast in `typed`."""
    return [
        Fault(f"{sql} IS NOT NULL AND ({typed} IS NULL OR {not_a_number(sql)})", "row.bad_number", name),
        Fault(too_precise(sql, digits), "row.too_precise", name),
    ]


def typed_column(column: Column, sql: str, form: Format) -> tuple[str, list[Fault]]:
    """Return SQL for the typed value of cleaned text, and the faults it can have.

    Timestamps come back as UTC in TIMESTAMP; dates and times as they are on the wall.
    """
    match column.type:
        case "text":
            typed, faults = sql, []
        case "integer":
            number = number_text(sql, form)
            typed = f"try_cast({number} AS BIGINT)"
            bad = f"{sql} IS NOT NULL AND ({typed} IS NULL OR {not_a_number(number)} OR contains({number}, '.'))"
            faults = [Fault(bad, "row.bad_number", column.name)]
        case "decimal":
            number = number_text(sql, form)
            typed = f"try_cast({number} AS DECIMAL(18,{column.scale}))"
            faults = decimal_faults(column.name, number, typed, column.scale)
        case "date":
            typed = _date(column, sql)
            faults = [Fault(f"{sql} IS NOT NULL AND {typed} IS NULL", "row.bad_date", column.name)]
        case "time":
            typed = _time(column, sql)
            faults = [Fault(f"{sql} IS NOT NULL AND {typed} IS NULL", "row.bad_time", column.name)]
        case "timestamp":
            local = local_timestamp(column, sql, is_utc=column.zone == "UTC")
            typed = local if column.zone == "UTC" else f"({local} AT TIME ZONE {text(column.zone)} AT TIME ZONE 'UTC')"
            faults = [Fault(f"{sql} IS NOT NULL AND {typed} IS NULL", "row.bad_timestamp", column.name)]
    if column.required:
        faults.insert(0, Fault(f"{sql} IS NULL", "row.required_blank", column.name))
    return typed, faults


def local_timestamp(column: Column, sql: str, *, is_utc: bool) -> str:
    """Return SQL for a timestamp as it stands on the wall, null where the text is not one.

    A plain cast would drop an offset it finds behind the minutes or seconds, so only the exact shape may
    pass, and a `Z` only where the clock is UTC (or the contract's own form ends in one).
    """
    if column.format not in _ISO:
        return f"try_strptime({sql}, {text(column.format)})"
    exact = f"(length({sql}) = 19 AND substr({sql}, 17, 1) = ':')"
    if is_utc or (column.format or "").endswith("Z"):
        exact += f" OR (length({sql}) = 20 AND substr({sql}, 17, 1) = ':' AND ends_with({sql}, 'Z'))"
    if column.format is None:
        exact += f" OR regexp_full_match({sql}, '\\d{{4}}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d(:\\d\\d\\.\\d{{1,6}})?')"
    return f"CASE WHEN {exact} THEN try_cast({sql} AS TIMESTAMP) END"


def _date(column: Column, sql: str) -> str:
    if column.format in {None, "%Y-%m-%d"}:
        return f"CASE WHEN length({sql}) = 10 THEN try_cast({sql} AS DATE) END"
    return f"CAST(try_strptime({sql}, {text(column.format)}) AS DATE)"


def _time(column: Column, sql: str) -> str:
    if column.format is None:
        return f"try_cast({sql} AS TIME)"
    return f"CAST(try_strptime({sql}, {text(column.format)}) AS TIME)"


def first_fault(faults: list[Fault]) -> str:
    """Return SQL for `code|column` of the first fault of a row, null for a good row."""
    if not faults:
        return "CAST(NULL AS VARCHAR)"
    whens = " ".join(f"WHEN {f.condition} THEN {text(f.code + '|' + f.column)}" for f in faults)
    return f"CASE {whens} END"
