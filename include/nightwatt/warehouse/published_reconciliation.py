"""The reconciliation that came with what readers see.

Belongs here: reading it from the publication, for pages. Does not belong here: the last build, published or not, and
the accounts behind a difference (`reconciliation.py`).
"""

from __future__ import annotations

from nightwatt import duck
from nightwatt.settings import Settings
from nightwatt.warehouse import versions
from nightwatt.warehouse.query import published
from nightwatt.warehouse.reconciliation import Comparison, read_comparisons, reconciliation_table


def published_comparisons(settings: Settings, domain: str) -> list[Comparison]:
    """Return every comparison of a domain as it stands in the publication; nothing where none holds them.

    Needs no lock: readers of the publication wait for nobody.
    """
    table = reconciliation_table(domain)
    if not versions.published_file(settings).exists():
        return []
    with published(settings) as con:
        known = con.execute(
            "select count(*) from duckdb_views() where view_name = ? and database_name = current_database()", [table]
        ).fetchone()
        return read_comparisons(con, duck.ident(table)) if known and known[0] else []
