"""From texts to lines: Bulk API 2.0 CSV and Data Cloud CSV differ in what an empty cell says.

Belongs here: cells, quotes and null words of the two. Does not belong here: the texts (`rendering`) and the files
(`files`).

An empty cell leaves a field alone in the Bulk API and empties it in Data Cloud. So the first writes `#N/A` where the
field is known to be empty, and the second writes every column of a row.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightwatt.delivery.salesforce.profile import Column
from nightwatt.delivery.salesforce.rendering import NULL_WORD, Cell
from nightwatt.duck import text

LINE_END = "\n"
_QUOTED = r'[",\r\n]|^[ \t]|[ \t]$'


def header_line(columns: Sequence[Column]) -> str:
    """Return the header, without line end."""
    return ",".join(c.header for c in columns)


def line_sql(parts: Sequence[Cell], dialect: str) -> str:
    """Return a row's line with its line end, over the columns of the parts and `may_be_there`."""
    return " || ',' || ".join(_cell_sql(p, dialect) for p in parts) + f" || {text(LINE_END)}"


def quoted_sql(value: str) -> str:
    """Return a value as a cell: in quotes only where it holds a comma, a quote, a line end, or a blank outside."""
    doubled = f"""'"' || replace({value}, '"', '""') || '"'"""
    return f"case when regexp_matches({value}, {text(_QUOTED)}) then {doubled} else {value} end"


def _cell_sql(part: Cell, dialect: str) -> str:
    nothing = "''"
    if dialect == "bulk" and part.column.clears:
        # A record that is certainly not there yet has nothing to be cleared.
        nothing = f"case when may_be_there then {text(NULL_WORD)} else '' end"
    return f"coalesce({quoted_sql(part.alias)}, {nothing})"
