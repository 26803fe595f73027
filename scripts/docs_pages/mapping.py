"""`docs/reference/customer_mapping.md`: from the customer information systems to the CRM, field by field.

Belongs here: layout. Does not belong here: a single fact. What a column is made of stands in the yml beside its mart,
what the CRM calls it in the specification profiles, what a code means in the seeds; the page puts them side by side.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from docs_pages.text import code, page, table
from nightwatt.delivery.salesforce.profile import Column, CrmObject, CrmProfile, Special, load_profile

PROFILES = ("salesforce/core_v62", "salesforce/managed_package", "salesforce/data_cloud")
"""The profiles shown, the default first."""

SYSTEMS = {"ccb": "Oracle CC&B", "isu": "SAP IS-U"}

ORDER = (
    "crm_product", "crm_party", "crm_contact", "crm_billing_account", "crm_account_role", "crm_premise_parent",
    "crm_premise", "crm_service_point", "crm_device", "crm_service_agreement", "crm_agreement_item", "crm_bill",
    "crm_bill_service", "crm_payment", "crm_usage_day", "crm_usage_month",
)  # fmt: skip
"""The marts in load order."""

_LONGEST_LIST = 60  # codes shown of one list; the file has them all


@dataclass(frozen=True)
class Field:
    """One column of a mart."""

    name: str
    kind: str
    meaning: str
    personal: str
    systems: Mapping[str, str]
    rule: str
    open: str


@dataclass(frozen=True)
class Mart:
    """One entity of the customer picture."""

    name: str
    description: str
    key: str
    fields: tuple[Field, ...]
    refers_to: Mapping[str, str] = field(default_factory=dict)  # column to mart

    @property
    def entity(self) -> str:
        """Its name without the prefix."""
        return self.name.removeprefix("crm_")


def marts(project: Path) -> list[Mart]:
    """Return the entities in load order.

    Raises:
        ValueError: a mart is missing, or a column does not say what it is made of.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in (project / "models" / "marts").rglob("crm_*.yml"):
        found |= {m["name"]: m for m in yaml.safe_load(path.read_text("utf-8"))["models"]}
    if missing := [name for name in ORDER if name not in found]:
        raise ValueError(f"no yml describes {', '.join(missing)}")
    keys = {_key(found[name]): name for name in ORDER}
    return [_mart(found[name], keys) for name in ORDER]


def mapping_page(project: Path) -> str:
    """Return the page."""
    entities = marts(project)
    profiles = [load_profile(name) for name in PROFILES]
    return page(
        "The customer mapping",
        "the yml of the marts, the specification profiles and the seeds",
        "What the CRM receives of every customer, and where each value comes from. "
        "[The CRM's files](../partners/crm.md) says how it is sent.",
        "## Objects",
        _diagram(entities),
        _overview(entities, profiles),
        "## Fields",
        "A dash: the system has no such value, and the field is empty.",
        *(_section(e, profiles) for e in entities),
        "## Value maps",
        "Codes of the source systems are lists of the deployment: a utility with other codes brings other lists "
        "(`dbt_project/seeds/`). A code that no list knows puts the row into `crm_quarantine`, naming the code.",
        *_seed_lists(project),
        "What the canonical values are called in the CRM is the profile's word (`delivery/profiles/salesforce/`); a "
        "value it does not list holds the row back.",
        _picklists(profiles),
        "## Open questions",
        "Assumed until somebody who knows has answered; each is data, and changed without code.",
        _open_questions(entities, profiles),
    )


# --- objects ---------------------------------------------------------------------------------------------------------


def _diagram(entities: list[Mart]) -> str:
    lines = ["```mermaid", "erDiagram"]
    for e in entities:
        for column, parent in e.refers_to.items():
            label = column.removesuffix("_key")
            lines.append(f"    {parent.removeprefix('crm_')} ||--o{{ {e.entity} : {label}")
    return "\n".join([*lines, "```"])


def _overview(entities: list[Mart], profiles: list[CrmProfile]) -> str:
    headings = ["mart", "a row is", *SYSTEMS.values(), *(p.profile.partition("/")[2] for p in profiles)]
    rows = []
    for e in entities:
        targets = [", ".join(code(o.object) for o in _objects(p, e.name)) or "-" for p in profiles]
        rows.append((f"[`{e.name}`](#{e.name})", _grain(e.description), *_key_sources(e), *targets))
    return table(headings, rows)


def _key_sources(entity: Mart) -> Iterator[str]:
    key = next(f for f in entity.fields if f.name == entity.key)
    for system in SYSTEMS:
        yield key.systems[system]


def _objects(profile: CrmProfile, mart: str) -> list[CrmObject]:
    return [o for o in profile.objects if o.mart == mart]


def _grain(description: str) -> str:
    sentence = " ".join(description.split()).split(". ")[0].split(": ")[0].rstrip(".")
    return sentence.removeprefix("One row per ")


# --- fields ----------------------------------------------------------------------------------------------------------


def _section(entity: Mart, profiles: list[CrmProfile]) -> str:
    objects = [(p, o) for p in profiles for o in _objects(p, entity.name)]
    headings = ["column", "what it is", *SYSTEMS.values(), *(f"`{o.object}`" for _, o in objects), "personal"]
    rows = []
    for f in entity.fields:
        what = f"{f.meaning} {f.rule}".strip()
        targets = (", ".join(_field_name(c) for c in o.columns if f.name in c.sources) for _, o in objects)
        rows.append((code(f.name), what, *(f.systems[s] for s in SYSTEMS), *targets, f.personal))
    sent_by = ", ".join(f"{o.object} by `{p.profile}`" for p, o in objects)
    return "\n\n".join(
        [f"### {entity.name}", " ".join(entity.description.split()), f"Sent as {sent_by}.", table(headings, rows)]
    )


def _field_name(column: Column) -> str:
    """Return a field's API name, marked where the org has not got it or has not confirmed it."""
    marks = "" if column.enabled else " (off)"
    return code(column.header) + marks + (" (?)" if column.unconfirmed else "")


# --- values ----------------------------------------------------------------------------------------------------------


def _seed_lists(project: Path) -> Iterator[str]:
    described = {
        s["name"]: " ".join(s["description"].split())
        for path in sorted((project / "seeds").glob("*.yml"))
        for s in yaml.safe_load(path.read_text("utf-8"))["seeds"]
    }
    for path in sorted((project / "seeds").glob("*.csv")):
        if path.stem.partition("_")[0] not in {*SYSTEMS, "default"}:
            continue
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
        shown = table([code(h) for h in header], rows[:_LONGEST_LIST])
        yield f"**`{path.stem}`**: {described.get(path.stem, '')}\n\n{shown}"


def _picklists(profiles: list[CrmProfile]) -> str:
    rows = [
        (code(o.object), code(c.header), c.column if isinstance(c.column, str) else "", _mapped(c.map), p.profile)
        for p in profiles
        for o in p.objects
        for c in o.columns
        if c.map
    ]
    return table(["object", "field", "column", "canonical to the CRM's", "profile"], rows)


def _mapped(values: Mapping[str, str | Special]) -> str:
    said = []
    for canonical, theirs in values.items():
        if isinstance(theirs, str):
            said.append(f"{canonical}: {theirs}")
        elif theirs.action == "hold":
            said.append(f"{canonical}: not sent")
        else:
            said.append(f"{canonical}: {theirs.value}, only where the CRM has it")
    return "; ".join(said)


# --- what is not known -----------------------------------------------------------------------------------------------


def _open_questions(entities: list[Mart], profiles: list[CrmProfile]) -> str:
    rows = [(f"{e.name}.{f.name}", f.open, "source") for e in entities for f in e.fields if f.open]
    rows += [(o.topic, o.assumed, p.profile) for p in profiles for o in p.unconfirmed]
    return table(["about", "assumed", "where"], rows)


# --- reading the yml -------------------------------------------------------------------------------------------------


def _key(model: Mapping[str, Any]) -> str:
    for constraint in model.get("constraints", ()):
        if constraint["type"] == "primary_key":
            return str(constraint["columns"][0])
    for test in model.get("data_tests", ()):
        if isinstance(test, dict) and "unique_combination" in test:
            return str(test["unique_combination"]["arguments"]["columns"][0])
    raise ValueError(f"{model['name']} has no key")


def _mart(model: Mapping[str, Any], keys: Mapping[str, str]) -> Mart:
    fields = tuple(_field(model["name"], c) for c in model["columns"])
    own = _key(model)
    refers_to = {f.name: keys[f.name] for f in fields if f.name in keys and f.name != own}
    refers_to |= {f.name: "crm_premise_parent" for f in fields if f.name == "parent_premise_key"}
    return Mart(model["name"], model["description"], own, fields, refers_to)


def _field(model: str, column: Mapping[str, Any]) -> Field:
    meta = column["config"]["meta"]
    if missing := [word for word in (*SYSTEMS, "personal") if not meta.get(word)]:
        raise ValueError(f"{model}.{column['name']} does not say {', '.join(missing)}")
    return Field(
        name=column["name"],
        kind=column["data_type"],
        meaning=re.sub(r"\s+", " ", column["description"]).strip(),
        personal=meta["personal"],
        systems={system: str(meta[system]) for system in SYSTEMS},
        rule=str(meta.get("rule", "")),
        open=str(meta.get("open", "")),
    )
