"""Turning DuckDB's and dbt's messages into ones that carry no row values.

Belongs here: which messages speak of schema and SQL only (kept), and which may quote data (cut down to
their class). Does not belong here: raising; callers do that with their own code and remedy.
"""

from __future__ import annotations

import re

_SCHEMA_ONLY = (
    "Binder Error",
    "Catalog Error",
    "Parser Error",
    "Compilation Error",
    "Dependency Error",
    "Parsing Error",
    "Not implemented Error",
    "Out of Memory Error",
    "Permission Error",
    "Syntax Error",
)
_KIND = re.compile(r"\b([A-Z][A-Za-z-]*(?: [A-Za-z-]+){0,3} (?:Error|Exception))\s*:")
_LIMIT = 2000


def without_values(message: str | None) -> str:
    """Return a message as far as it cannot quote rows: schema faults whole, data faults by their class."""
    text = (message or "").strip()
    if "enforced contract that failed" in text:
        return text[:_LIMIT]  # a table of column names and types
    if any(kind in text for kind in _SCHEMA_ONLY):
        return text[:_LIMIT]
    failed_rows = re.search(r"Got (\d+) results?, configured to (\w+) if", text)
    if failed_rows:
        return f"{failed_rows[1]} failing rows, configured to {failed_rows[2]}"
    kind = _KIND.search(text)
    return (
        f"{kind[1]} (its text may quote rows and is left out)"
        if kind
        else "failed (its text may quote rows and is left out)"
    )
