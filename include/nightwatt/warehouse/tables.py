"""Which tables are published, and what is promised of each.

Belongs here: `PublishedTable` and reading them from dbt's manifest. Does not belong here: their SQL (the
dbt project) and writing them (`data_files.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightwatt.errors import TerminalError
from nightwatt.settings import Settings
from nightwatt.warehouse.dbt import manifest_path

READS_VIEW = "fct_interval_reads"
"""Published as a view over the pinned store files, never copied."""

OPS = "ops"
"""Domain of the ledger's tables, which every publication brings along."""


@dataclass(frozen=True)
class PublishedTable:
    """One table of the warehouse that the world may read.

    `partition_by` names a date column: the table is then written by month of it, and only months that
    changed are written again.
    """

    name: str
    domain: str
    schema: str = "main"
    primary_key: tuple[str, ...] = ()
    partition_by: str | None = None
    description: str = ""
    max_shrink_pct: float | None = None  # the publication's own limit otherwise


def published_tables(settings: Settings, domain: str, manifest: Path | None = None) -> list[PublishedTable]:
    """Return what a domain publishes: models in the `marts` folder tagged with it or `ops`, by name.

    A model says in `meta` (or `config.meta`): `partition_by` (a date column), `max_shrink_pct`, and
    `published: false` to stay inside. Its primary key is that of its contract.

    Raises:
        TerminalError: `publish.not_built` when dbt has not run yet.
    """
    path = manifest or manifest_path(settings)
    if not path.exists():
        raise TerminalError(
            "publish.not_built", "dbt has not run in this home yet", f"run `nightwatt build {domain}` first"
        )
    nodes = json.loads(path.read_text("utf-8"))["nodes"].values()
    return sorted(_tables(nodes, domain), key=lambda t: t.name)


def _tables(nodes: Any, domain: str) -> Iterator[PublishedTable]:
    for node in nodes:
        if node["resource_type"] != "model" or "marts" not in node["fqn"]:
            continue
        tags = set(node.get("tags", ())) | set(node.get("config", {}).get("tags", ()))
        meta = {**node.get("meta", {}), **node.get("config", {}).get("meta", {})}
        owner = domain if domain in tags else OPS if OPS in tags else None
        if owner is None or not meta.get("published", True):
            continue
        yield PublishedTable(
            name=node.get("alias") or node["name"],
            domain=owner,
            schema=node["schema"],
            primary_key=_primary_key(node),
            partition_by=meta.get("partition_by"),
            description=node.get("description", ""),
            max_shrink_pct=meta.get("max_shrink_pct"),
        )


def _primary_key(node: dict[str, Any]) -> tuple[str, ...]:
    for constraint in node.get("constraints", ()):
        if constraint.get("type") == "primary_key":
            return tuple(constraint.get("columns") or ())
    single = [
        name
        for name, column in node.get("columns", {}).items()
        if any(c.get("type") == "primary_key" for c in column.get("constraints", ()))
    ]
    return tuple(single)
