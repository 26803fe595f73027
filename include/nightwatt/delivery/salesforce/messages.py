"""What a CRM says about a refused row, without what the row says.

Belongs here: cutting a message to its class (error code, text without values, field names), in Python for one and in
SQL for millions. Does not belong here: reading the files the messages come in (`results`).

Salesforce writes `CODE:text:Field1,Field2 --` and likes to repeat the refused value in the text. Values are personal
data more often than not, so a message is scrubbed before it is stored, shown or logged. Two nets, one under the other:
every value of the refused row itself, wherever it stands; and whatever looks like a value (quoted, an address, a
number, an id, or all that follows the last colon). What is left may be too little, never too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nightwatt.duck import ident, text

GAP = "…"
NO_CODE = "UNKNOWN"
LONGEST = 200
SHORTEST_VALUE = 2  # a single letter is everywhere: replacing it would leave no message

# Patterns for both Python's re (ASCII) and DuckDB's RE2, which have no look-around in common.
_BLANK = r"[\t\n\x0b\f\r ]+"
# SOAP status codes have an underscore; the Bulk API's own are words, and listed, so that nobody's name becomes a code.
_JOB_CODES = (
    "ClientInputError", "ExceededQuota", "FeatureNotEnabled", "InvalidBatch", "InvalidEntity", "InvalidJob",
    "InvalidJobState", "InvalidOperation", "InvalidSessionId", "InvalidUser", "Timeout", "TooManyLockFailure",
    "Unknown",
)  # fmt: skip
CODE = rf"^[\t\n\x0b\f\r ]*([A-Z]+(?:_[A-Z0-9]+)+|{'|'.join(_JOB_CODES)}) ?:[\t\n\x0b\f\r ]*"
FIELDS = r":([A-Za-z][A-Za-z0-9_.]*(?:, ?[A-Za-z][A-Za-z0-9_.]*)*)? ?--[\t\n\x0b\f\r ]*$"
SCRUB: tuple[tuple[str, str], ...] = (
    (_BLANK, " "),
    ('"[^"]*"', GAP),
    ("“[^”]*”", GAP),
    ("«[^»]*»", GAP),
    ("'[^']*'", GAP),
    (r"[^ ]*@[^ ]*", GAP),
    (r"[^ :()\[\]]*[0-9][0-9][^ :()\[\]]*", GAP),
    (r"\b[0-9]\b", GAP),
    (r"\b[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\b", GAP),
    # The one message whose text after the value matters: which parent was not there.
    (
        rf"^Foreign key external ID: {GAP} not found for field ([A-Za-z0-9_.]+) in entity ([A-Za-z0-9_]+)$",
        rf"Foreign key external ID {GAP} not found for field \1 in entity \2",
    ),
    (r"^(.*): ?.*$", rf"\1: {GAP}"),
    (rf"{GAP}[{GAP} ]*{GAP}", GAP),
    (r"^ +| +$", ""),
)


def error_code(message: str) -> str:
    """Return the error code a message begins with."""
    found = re.match(CODE, message, re.ASCII)
    return found[1] if found else NO_CODE


def message_class(message: str, values: Iterable[str] = ()) -> str:
    """Return a message without values: `CODE: text (Field1, Field2)`.

    Args:
        message: the CRM's own words.
        values: the cells of the refused row, where they are known; none of them is left in the text.
    """
    fields = re.search(FIELDS, message, re.ASCII)
    body = re.sub(CODE, "", message, count=1, flags=re.ASCII)
    body = re.sub(FIELDS, "", body, count=1, flags=re.ASCII)
    for value in sorted({v for v in values if len(v) >= SHORTEST_VALUE}, key=lambda v: (-len(v), v)):
        body = body.replace(value, GAP)
    for pattern, instead in SCRUB:
        body = re.sub(pattern, instead, body, flags=re.ASCII)
    named = f" ({fields[1]})" if fields and fields[1] else ""
    return f"{error_code(message)}: {body[:LONGEST]}{named}"


def error_code_sql(message: str) -> str:
    """Return an expression that does what `error_code` does."""
    return f"coalesce(nullif(regexp_extract({message}, {text(CODE)}, 1), ''), {text(NO_CODE)})"


def message_class_sql(message: str, columns: Sequence[str]) -> str:
    """Return an expression that does what `message_class` does.

    Args:
        message: expression of the CRM's own words.
        columns: names of the columns that hold the refused row.
    """
    body = f"regexp_replace(regexp_replace({message}, {text(CODE)}, ''), {text(FIELDS)}, '')"
    if columns:
        body = f"list_reduce({_values_sql(columns)}, lambda said, value: replace(said, value, {text(GAP)}), {body})"
    for pattern, instead in SCRUB:
        body = f"regexp_replace({body}, {text(pattern)}, {text(instead)}, 'g')"
    fields = f"nullif(regexp_extract({message}, {text(FIELDS)}, 1), '')"
    named = f"coalesce(' (' || {fields} || ')', '')"
    return f"{error_code_sql(message)} || ': ' || left({body}, {LONGEST}) || {named}"


def _values_sql(columns: Sequence[str]) -> str:
    """Return the values of a row, longest first, so that no part of one is left after a shorter one."""
    cells = ", ".join(ident(name) for name in columns)
    long_enough = f"list_filter([{cells}], lambda v: length(v) >= {SHORTEST_VALUE})"
    ranked = f"list_sort(list_transform({long_enough}, lambda v: {{'rank': -length(v), 'v': v}}))"
    return f"list_transform({ranked}, lambda r: r.v)"
