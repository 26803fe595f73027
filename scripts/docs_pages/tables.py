"""`docs/reference/tables.md`: the published tables, from the dbt project's yml files.

Belongs here: layout, and words for the tables the platform adds without dbt. Does not belong here: what a column
means (the yml beside its model).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from docs_pages.text import code, page, table
from nightwatt.contracts.canonical import READ_COLUMNS, READ_KEY

DOMAINS = {
    "customers": "billing",
    "billing": "billing",
    "crm": "billing",
    "history": "billing",
    "reconciliation": "billing",
    "usage": "usage",
    "operations": "every publication",
}
"""By folder of the marts: the chain that publishes them."""

PERSONAL = {
    "none": "says nothing about a person",
    "identifier": "names a customer, a place or a device by a number",
    "identity": "says who somebody is",
    "location": "says where somebody lives",
    "financial": "says what somebody owes or pays",
    "consumption": "says how somebody lives",
    "sensitive": "says how somebody is, such as whether a life hangs on power",
}
"""Classes of personal data, as the yml files use them."""

_TAGS = re.compile(r"config\([^)]*tags\s*=\s*\[([^\]]*)\]")


@dataclass(frozen=True)
class Column:
    """One column of a published table."""

    name: str
    kind: str
    meaning: str
    personal: str
    source: str
    is_required: bool


@dataclass(frozen=True)
class Table:
    """One published table."""

    name: str
    domain: str
    description: str  # its first sentence is the grain
    key: tuple[str, ...]
    columns: tuple[Column, ...]


_READ_WORDS = {
    "service_point_id": ("Service point as the metering system names it; zeros kept.", "identifier"),
    "channel": ("What was measured: delivered (to the customer), received (from the customer), ...", "none"),
    "interval_start_at": ("Start of the interval, UTC.", "none"),
    "interval_min": ("Length of the interval, minutes.", "none"),
    "value": ("Quantity in the interval, in `unit`; null only where quality is missing.", "consumption"),
    "unit": ("kWh, kvarh, therm, ccf, m3.", "none"),
    "quality": ("actual, substituted, estimated, missing.", "none"),
    "meter_id": ("Device, where the source names it.", "identifier"),
    "last_updated_at": ("The source's own change time, UTC; null where it has none.", "none"),
    "read_date": ("Local date, in `zone`, of the interval's start.", "none"),
    "zone": ("IANA name of the zone whose days are counted.", "none"),
    "commodity": ("electricity, gas.", "none"),
    "receipt_id": ("Receipt of the file the row came with.", "none"),
    "load_sequence": ("Number of the load that wrote it.", "none"),
}

PLATFORM = (
    Table(
        "fct_interval_reads",
        "usage",
        "One row per service point, channel and interval start: the newest version of every read. A view on one "
        "version of the reads store, which the publication pins; filter on `read_date`, so that only the days asked "
        "for are read.",
        READ_KEY,
        tuple(Column(n, kind, *_READ_WORDS[n], "reads store", n in READ_KEY) for n, kind in READ_COLUMNS.items()),
    ),
    Table(
        "publication",
        "every publication",
        "One row per domain: the publication that readers see now.",
        ("domain",),
        (
            Column("domain", "varchar", "billing or usage.", "none", "publication", True),
            Column("sequence", "bigint", "Number of the publication.", "none", "publication", True),
            Column("as_of", "date", "Business date the domain stands for.", "none", "publication", True),
            Column("published_at", "timestamp", "When readers first saw it, UTC.", "none", "publication", True),
            Column("through_sequence", "bigint", "Newest load it contains.", "none", "publication", True),
            Column("store_version", "integer", "Reads store version it pins; null for billing.", "none",
                   "publication", False),
        ),
    ),
    Table(
        "publication_tables",
        "every publication",
        "One row per published table: its domain and size.",
        ("table_name",),
        (
            Column("table_name", "varchar", "The table.", "none", "publication", True),
            Column("domain", "varchar", "billing, usage, or ops for the ledger's rows.", "none", "publication", False),
            Column("rows", "bigint", "Rows.", "none", "publication", False),
            Column("files", "integer", "Parquet files behind it.", "none", "publication", False),
        ),
    ),
)  # fmt: skip
"""Tables the platform adds to what dbt builds."""


def published(project: Path) -> list[Table]:
    """Return every published table, by name."""
    return sorted([*_marts(project), *PLATFORM], key=lambda t: t.name)


def tables_page(project: Path) -> str:
    """Return the page."""
    found = published(project)
    overview = table(
        ["table", "published with", "a row is"], [(_link(t.name), t.domain, _grain(t.description)) for t in found]
    )
    return page(
        "Published tables",
        "the yml files of the dbt project",
        "What `nightwatt sql` and everybody else reads; [for analysts](../analysts.md) says how. Instants are UTC,\n"
        "dates are local. `!` marks a column that is never null.",
        overview,
        "Personal data is marked by class:",
        table(["class", "meaning"], PERSONAL.items()),
        *map(_section, found),
    )


def _link(name: str) -> str:
    return f"[`{name}`](#{name})"


def _section(found: Table) -> str:
    rows = [
        (code(c.name), f"{c.kind}{' !' if c.is_required else ''}", c.meaning, c.personal, c.source)
        for c in found.columns
    ]
    return "\n\n".join(
        [
            f"## {found.name}",
            " ".join(found.description.split()),
            f"Key: {', '.join(map(code, found.key))}. Published with: {found.domain}.",
            table(["column", "type", "meaning and unit", "personal", "source"], rows),
        ]
    )


def _grain(description: str) -> str:
    sentence = " ".join(description.split()).split(". ")[0].split(": ")[0].rstrip(".")
    return sentence.removeprefix("One row per ").removeprefix("A row per ")


def _marts(project: Path) -> Iterator[Table]:
    for path in sorted((project / "models" / "marts").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text("utf-8")).get("models", ()):
            if model.get("config", {}).get("meta", {}).get("published", True):
                columns = tuple(_column(c) for c in model["columns"])
                yield Table(model["name"], _domain(path), model["description"], _key(model), columns)


def _domain(path: Path) -> str:
    """Return the chains that publish a model: that of its folder, and those its own SQL names."""
    found = _TAGS.search(path.with_suffix(".sql").read_text("utf-8"))
    own = re.findall(r"\w+", found[1]) if found else []
    return " and ".join(dict.fromkeys([DOMAINS[path.parent.name], *own]))


def _column(column: dict[str, Any]) -> Column:
    meta = column.get("config", {}).get("meta", {})
    if meta.get("personal") not in PERSONAL:
        raise ValueError(f"column {column['name']} has the personal class {meta.get('personal')}, which has no meaning")
    return Column(
        name=column["name"],
        kind=column["data_type"],
        meaning=column["description"],
        personal=meta["personal"],
        source=meta.get("source", ""),
        is_required=any(c.get("type") in {"not_null", "primary_key"} for c in column.get("constraints", ())),
    )


def _key(model: dict[str, Any]) -> tuple[str, ...]:
    for constraint in model.get("constraints", ()):
        if constraint["type"] == "primary_key":
            return tuple(constraint["columns"])
    inline = [c["name"] for c in model["columns"] if any(x["type"] == "primary_key" for x in c.get("constraints", ()))]
    if inline:
        return tuple(inline)
    for test in model.get("data_tests", ()):
        if isinstance(test, dict) and "unique_combination" in test:
            return tuple(test["unique_combination"]["arguments"]["columns"])
    raise ValueError(f"{model['name']} has no key: give it a primary_key constraint or a unique_combination test")
