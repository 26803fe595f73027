"""SQL of the billing writer: the cells a profile's columns become, and conditions on them.

Belongs here: turning a profile's columns into SQL expressions over the marts. Does not belong here: running them
(`billing_writer`) and what is on record (`billing_record`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from nightwatt.delivery.opower.billing_profile import JOIN, BillingColumn, BillingProfile
from nightwatt.duck import ident, text
from nightwatt.errors import TerminalError

CUSTOMERS = "dim_service_agreement"
USAGE = "fct_billed_usage"


def customer_columns(profile: BillingProfile) -> list[BillingColumn]:
    """Return the columns that say whose service point it is."""
    return [c for block in ("customer", "account", "service_point") for c in profile.blocks[block]]  # type: ignore[index]


def usage_columns(profile: BillingProfile) -> list[BillingColumn]:
    """Return the columns of a billed period, the service point first."""
    return profile.blocks["usage"]


def check_columns(con: duckdb.DuckDBPyConnection, profile: BillingProfile) -> None:
    """Refuse a profile whose columns the marts do not have, or that leaves a required one empty.

    Raises:
        TerminalError: `delivery.profile_invalid`; `delivery.nothing_published` where billing is not published.
    """
    for mart, columns in ((CUSTOMERS, customer_columns(profile)), (USAGE, usage_columns(profile))):
        known = _columns_of(con, mart)
        unknown = sorted({c.column for c in columns if c.column is not None} - known)
        unfilled = [c.name for c in columns if c.column is None and c.required]
        if unknown or unfilled:
            raise TerminalError(
                "delivery.profile_invalid",
                f"profile {profile.profile}: {mart} has no column {', '.join(unknown)}"
                if unknown
                else f"profile {profile.profile}: nothing fills the required columns {', '.join(unfilled)}",
                f"correct `column` in the profile; {mart} has {', '.join(sorted(known))}",
            )


def _columns_of(con: duckdb.DuckDBPyConnection, mart: str) -> set[str]:
    try:
        return {str(row[0]) for row in con.execute(f"describe {mart}").fetchall()}
    except duckdb.CatalogException as e:
        raise TerminalError(
            "delivery.nothing_published",
            f"{mart} is not published yet",
            "run the billing DAG, or `nightwatt build billing` and `nightwatt publish billing`",
        ) from e


def cell(column: BillingColumn, profile: BillingProfile) -> str:
    """Return an expression for a column's text; empty where nothing fills it or the mart has no value."""
    if column.column is None:
        return "''"
    value = ident(column.column)
    if column.map is not None:
        branches = " ".join(f"when {text(k)} then {text(v)}" for k, v in sorted(column.map.items()))
        return f"coalesce(case {value}::varchar {branches} end, '')"
    if column.number is not None:
        return f"coalesce({_number(value, column.number.min_decimals)}, '')"
    if column.type == "date":
        day = f"({value} - 1)" if column.name == "date_to" and profile.period.date_to == "last_day" else value
        return f"coalesce(strftime({day}, '%Y%m%d'), '')"
    if column.type == "days":
        return f"coalesce({value}::varchar, '')"
    return f"coalesce({tidy(value)}, '')"


def tidy(value: str) -> str:
    """Return an expression for a text without control characters, each stretch of them a blank, and trimmed."""
    return f"trim(regexp_replace({value}::varchar, '[[:cntrl:]]+', ' ', 'g'))"


def nothing(column: BillingColumn, profile: BillingProfile) -> str:
    """Return an expression for a column's text in the row that takes a period back."""
    if column.number is not None:
        zero = f"{0:.{column.number.min_decimals}f}"
        return text(zero if column.required or column.column else "")
    if column.map is not None:
        return text(column.map.get("false", next(iter(column.map.values()))))
    return cell(column, profile) if column.type in ("date", "days") or column.name == JOIN else "''"


def line(cells: Iterable[str], profile: BillingProfile) -> str:
    """Return an expression for cells with the delimiter between them."""
    return f" || {text(profile.text.delimiter)} || ".join(cells)


def is_incomplete(columns: Sequence[BillingColumn], profile: BillingProfile) -> str:
    """Return a condition: a required cell is empty, too long, or a word for nothing stands where a value must."""
    words = ", ".join(text(word) for word in profile.text.null_words)
    parts = [f"({cell(c, profile)}) = ''" for c in columns if c.required and c.default is None]
    parts += [f"({cell(c, profile)}) in ({words})" for c in columns if c.type in ("identifier", "code") and c.column]
    limits = [(c, c.length.characters) for c in columns if c.length is not None and c.length.confirmed and c.column]
    parts += [f"length({cell(c, profile)}) > {most}" for c, most in limits]
    return " or ".join(parts) or "false"


def amount_verdict(columns: Sequence[BillingColumn]) -> str:
    """Return branches of a case that say why an amount is held."""
    branches = []
    for column in columns:
        if column.number is None or column.column is None:
            continue
        value, rules = ident(column.column), column.number
        if not rules.negative_enabled:
            branches.append(f"when {value} < 0 then 'negative'")
        branches.append(f"when abs({value}) > {rules.maximum} then 'too_large'")
        branches.append(f"when {value} <> round({value}, {rules.max_decimals}) then 'too_many_decimals'")
    return " ".join(branches)


def _number(value: str, least: int) -> str:
    """Every digit kept, zeros only up to the least number of decimals."""
    short = f"round({value}, {least})::decimal(38, {least})::varchar"
    return f"if({value} = round({value}, {least}), {short}, rtrim({value}::varchar, '0'))"
