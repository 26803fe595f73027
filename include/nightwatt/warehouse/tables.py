"""Which tables are published, and what is promised of each.

Belongs here: `PublishedTable` and reading them from dbt's manifest. Does not belong here: their SQL (the
dbt project) and writing them (`data_files.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
    max_shrink_pct: float | None = None  # the publication's own limit otherwise; 100: it may even be empty


def published_tables(settings: Settings, domain: str, manifest: Path | None = None) -> list[PublishedTable]:
    """Return what a domain publishes: models in the `marts` folder tagged with it or `ops`, by name.

    A model says in its `meta`: `partition_by` (a date column), `max_shrink_pct`, and `published: false` to
    stay inside. Its key is `primary_key` there, the primary key of its contract, or the columns of its
    `unique_combination` test.

    Raises:
        TerminalError: `publish.not_built` when dbt has not run yet.
    """
    nodes = _nodes(manifest or manifest_path(settings), domain)
    return sorted(_tables(nodes, domain), key=lambda t: t.name)


def personal_classes(settings: Settings, manifest: Path | None = None) -> dict[str, dict[str, str]]:
    """Return, by published table and column, the class of personal data the models give it (`meta.personal`).

    Raises:
        TerminalError: `publish.not_built` when dbt has not run yet.
    """
    found: dict[str, dict[str, str]] = {}
    for node in _nodes(manifest or manifest_path(settings), "a domain"):
        if node["resource_type"] == "model" and "marts" in node["fqn"] and _meta(node).get("published", True):
            columns = {name: _meta(column).get("personal") for name, column in node.get("columns", {}).items()}
            found[node.get("alias") or node["name"]] = {name: str(c) for name, c in columns.items() if c}
    return found


def _nodes(path: Path, domain: str) -> list[dict[str, Any]]:
    if not path.exists():
        raise TerminalError(
            "publish.not_built", "dbt has not run in this home yet", f"run `nightwatt build {domain}` first"
        )
    return list(json.loads(path.read_text("utf-8"))["nodes"].values())


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


def _tables(nodes: Sequence[dict[str, Any]], domain: str) -> Iterator[PublishedTable]:
    tested = {n["attached_node"]: n["test_metadata"]["kwargs"]["columns"] for n in nodes if _tests_a_key(n)}
    for node in nodes:
        if node["resource_type"] != "model" or "marts" not in node["fqn"]:
            continue
        meta = _meta(node)
        tags = {*node.get("tags", ()), *node["config"].get("tags", ())}
        owner = domain if domain in tags else OPS if OPS in tags else None
        if owner is None or not meta.get("published", True):
            continue
        yield PublishedTable(
            name=node.get("alias") or node["name"],
            domain=owner,
            schema=node["schema"],
            primary_key=tuple(meta.get("primary_key") or _contract_key(node) or tested.get(node["unique_id"], ())),
            partition_by=meta.get("partition_by"),
            description=node.get("description", ""),
            max_shrink_pct=meta.get("max_shrink_pct"),
        )


def _tests_a_key(node: dict[str, Any]) -> bool:
    return node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") == "unique_combination"


def _contract_key(node: dict[str, Any]) -> list[str]:
    for constraint in node.get("constraints", ()):
        if constraint.get("type") == "primary_key":
            return list(constraint.get("columns") or ())
    return [
        name
        for name, column in node.get("columns", {}).items()
        if any(c.get("type") == "primary_key" for c in column.get("constraints", ()))
    ]
