"""`docs/reference/contract_*.md` and `docs/schema/*.json`: every key of the contract grammar, from its models.

Belongs here: reading the JSON Schema as a table of keys, and words for keys that the models leave without a
description. Does not belong here: what a key means (the models).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from docs_pages.text import code, page, table, words
from nightwatt.contracts.schema import json_schemas

Schema = Mapping[str, Any]

WORDS = {
    "Feed.feed": "name of the feed; the file is called after it",
    "Feed.title": "what people call it",
    "Feed.entity": "interval reads, or a table that keeps the sender's columns",
    "Feed.commodity": "what the reads measure; an interval feed must say",
    "Feed.arrival": "where the files come from and what they are called",
    "Feed.format": "how a file is written",
    "Feed.columns": "every column of the file, in file order",
    "Feed.interval": "how rows become reads; only for `entity: interval_read`, and needed there",
    "Feed.completeness": "when a night counts as complete",
    "Feed.schedule": "on which dates the files come; every day otherwise",
    "Feed.deadlines": "the feed's times in the night",
    "Arrival.wholeness": "how we know that the sender has finished a file",
    "DoneMarker.rule": "the sender puts an empty file beside the finished one",
    "Quiet.rule": "the file has stopped changing",
    "Trailer.rule": "the file ends with a line that says so",
    "Manifest.rule": "a JSON file of the night lists its files",
    "LogChannel.kind": "a line in the log of whoever looks",
    "FileChannel.kind": "a line of JSON a message",
    "AppriseChannel.kind": "an Apprise address: e-mail, Slack, PagerDuty, a webhook and many more",
    "Route.channels": "where to",
    "Route.severities": "only what is so loud",
    "QuietHours.start": "when they begin",
    "QuietHours.end": "when they end; earlier than the start means the next morning",
    "Alerting.quiet_hours": "hours in which warnings wait; critical messages do not",
    "Holidays.holidays": "every holiday; of two on one day the first gives its name",
    "Holiday.name": "what people call it",
    "Audience.audience": "name of the audience; the file is called after it, and so is its folder",
    "Audience.title": "what people call it",
    "Audience.tables": "the tables it sees",
    "DelimitedFormat.kind": "columns between signs; what a format without `kind` is",
    "DelimitedFormat.delimiter": "sign between columns",
    "IdocFormat.kind": "an IDoc flat file of SAP",
    "DelimitedFormat.compression": "how the file is packed; a zip holds exactly one file",
    "DelimitedFormat.decimal_sign": "sign before the decimals of a number",
    "DelimitedFormat.thousands_sign": "sign between groups of digits, taken out before reading",
    "IdocFormat.compression": "how the file is packed; a zip holds exactly one file",
    "IdocFormat.decimal_sign": "sign before the decimals of a number",
    "IdocFormat.thousands_sign": "sign between groups of digits, taken out before reading",
    "ParquetFormat.kind": "a Parquet file with the contract's columns by name, best all of them text; what "
    "is pulled out of a database or a service is written so",
    "ParquetFormat.decimal_sign": "sign before the decimals of a number",
    "ParquetFormat.thousands_sign": "sign between groups of digits, taken out before reading",
    "LocalSource.kind": "a folder below the inbound folder",
    "SftpSource.kind": "a folder on an SFTP server",
    "SqlSource.kind": "rows of a database",
    "HttpSource.kind": "rows of an HTTP service",
    "Column.type": "what the text is read as",
    "Interval.clock": "which clock the stamps run on",
    "Interval.quality": "the source's quality flag in our classes",
    "UtcClock.kind": "stamps are UTC",
    "FixedClock.kind": "stamps run at one offset all year (market time)",
    "FixedClock.offset": "how far that is from UTC",
    "OffsetClock.kind": "each row says its offset",
    "ZoneClock.kind": "stamps are wall time of a zone",
    "ZoneClock.zone": "IANA name of the zone",
    "CodeMap.constant": "the same for every row",
    "CodeMap.map": "from the source's code to ours",
    "QualityMap.constant": "the same class for every row",
    "QualityMap.map": "from the source's code to actual, substituted, estimated or missing",
    "Deadlines.expected_by": "when the files usually are there; shown by `nightwatt feeds list`",
    "Deadlines.late_at": "from when on they count as late",
    "Deadlines.deadline": "until when the night waits for them",
    "Delivery.delivery": "name of the delivery; the file is called after it",
    "Delivery.title": "what people call it",
    "Delivery.partner": "who gets it; one DAG runs the deliveries of partner `opower`, another those of `crm`",
    "Delivery.kind": "which kind of delivery it is; each kind has keys of its own",
    "Delivery.commodity": "which reads go into the file; in billing files every commodity where none is given",
    "Delivery.length_min": "which read length goes into the file; one length a file",
    "Delivery.destination": "where the partner picks files up",
    "Destination.transport": "the only way so far",
    "CrmDestination.transport": "the only way so far",
}
"""By `model.key`, where the model says nothing."""


@dataclass(frozen=True)
class Key:
    """One key as the file has it."""

    path: str
    kind: str
    default: str
    meaning: str


def schema_files() -> dict[str, str]:
    """Return the JSON Schemas by file name."""
    return {f"{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in json_schemas().items()}


def feed_page() -> str:
    """Return the page on the feed contract."""
    introduction = """
    One YAML file in `feeds/` of the catalog. [Adding a feed](../add_a_feed.md) shows the way; `nightwatt feeds check`
    names every fault with file, key and remedy; `docs/schema/feed.json` lets an editor complete and check while one
    types. A key that is not listed here is a fault. Clock times stand in quotes and count in the utility's zone.
    """
    return _contract_page("Feed contract", "feed", introduction)


def delivery_page() -> str:
    """Return the page on the delivery contract."""
    introduction = """
    One YAML file in `deliveries/` of the catalog. Address and keys of the partner's server never stand here; see
    [settings](settings.md). The file's columns are the profile's, which is data beside the delivery code. `kind` says
    which of the tables below holds.
    `docs/schema/delivery.json` is the same as JSON Schema.
    """
    return _contract_page("Delivery contract", "delivery", introduction)


def audience_page() -> str:
    """Return the page on the audience contract."""
    introduction = """
    One YAML file in `audiences/` of the catalog. What it does not name is not there: tables, columns, rows, classes of
    personal data (each column's class is `meta.personal` of its model). The runbook
    [An audience is refused, or sees too much or too little](../runbooks/audiences.md) says how to look with its eyes.
    `docs/schema/audience.json` is the same as JSON Schema.
    """
    return _contract_page("Audience contract", "audience", introduction)


def alerting_page() -> str:
    """Return the page on how people are told."""
    introduction = """
    One file, `alerting.yaml` of the catalog or the one `NIGHTWATT_ALERTING` names. Without it there is a line in the
    log and one in `alerts/messages.jsonl` below the home. Addresses have the
    [forms of Apprise](https://github.com/caronc/apprise/wiki) and never stand here.
    [Somebody was alerted](../runbooks/alerts.md) says what a message means.
    `docs/schema/alerting.json` is the same as JSON Schema.
    """
    return _contract_page("How people are told", "alerting", introduction)


def holidays_page() -> str:
    """Return the page on the utility's holidays."""
    introduction = """
    One file of the catalog, `holidays.yaml`: the days on which the utility and its senders rest, as rules that give a
    date in every year. A catalog without it has no holidays. What a holiday means for a feed, `schedule.holidays` of
    [its contract](contract_feed.md) says; `nightwatt calendar` shows the result. Each holiday is one of: a single date
    (`on_date`), a day of a month (`month`, `day`), a weekday of a month (`month`, `weekday`, `nth`).
    `docs/schema/holidays.json` is the same as JSON Schema.
    """
    return _contract_page("Holidays", "holidays", introduction)


def keys(schema: Schema, model: str) -> list[Key]:
    """Return every key of a model, those of its sections behind them; of each kind where there are several."""
    return [key for form in _forms(schema).values() for key in _keys(schema, form, model, "")]


def _forms(schema: Schema) -> dict[str, Schema]:
    """Return what a contract can look like, by its kind; one form without a name where there is only one."""
    if "oneOf" not in schema:
        return {"": schema}
    tag = schema["discriminator"]["propertyName"]
    forms = schema["discriminator"]["mapping"].items()
    return {f"{tag}: {value}": _resolved(schema, {"$ref": reference}) for value, reference in forms}


def _contract_page(title: str, name: str, introduction: str) -> str:
    schema = json_schemas()[name]
    return page(
        title,
        "the contract models",
        "\n".join(line.strip() for line in introduction.strip().splitlines()),
        "`[]` stands for each entry of a list. Where a section has several forms, the form is named in brackets.",
        *_tables(schema, name.capitalize()),
    )


def _tables(schema: Schema, model: str) -> Iterator[str]:
    for form, node in _forms(schema).items():
        if form:
            yield f"## `{form}`"
        rows = [(code(k.path), k.kind, k.default, k.meaning) for k in _keys(schema, node, model, "")]
        yield table(["key", "type", "default", "meaning"], rows)


def _keys(schema: Schema, node: Schema, model: str, prefix: str) -> Iterator[Key]:
    required = set(node.get("required", ()))
    for name, spec in node["properties"].items():
        path = f"{prefix}{name}"
        meaning = words(spec.get("description"), WORDS.get(f"{model}.{name}"), f"`{model}.{name}`")
        default = "must be given" if name in required else _default(spec)
        yield Key(path, _kind(schema, spec), default, meaning)
        yield from _sections(schema, spec, path)


def _sections(schema: Schema, spec: Schema, path: str) -> Iterator[Key]:
    if "items" in spec and "$ref" in spec["items"]:
        yield from _section(schema, spec["items"], f"{path}[].")
    elif named := _named_sections(spec):
        yield from _sections(schema, named, f"{path}.<name>")
    elif "oneOf" in spec:
        tag = spec["discriminator"]["propertyName"]
        for value, reference in spec["discriminator"]["mapping"].items():
            yield from _section(schema, {"$ref": reference}, f"{path} ({tag}: {value}).")
    else:
        for option in (spec, *spec.get("anyOf", ())):
            yield from _section(schema, option, f"{path}.")


def _named_sections(spec: Schema) -> Schema | None:
    """Return the forms of the sections that a map has by names, if it is such a map."""
    values = next(iter(spec.get("patternProperties", {}).values()), None)
    return values if isinstance(values, dict) and "oneOf" in values else None


def _section(schema: Schema, spec: Schema, prefix: str) -> Iterator[Key]:
    if "$ref" in spec and "properties" in (node := _resolved(schema, spec)):
        yield from _keys(schema, node, _name(spec), prefix)


def _resolved(schema: Schema, spec: Schema) -> Schema:
    return schema["$defs"][_name(spec)] if "$ref" in spec else spec


def _name(spec: Schema) -> str:
    return str(spec["$ref"]).rpartition("/")[2]


def _default(spec: Schema) -> str:
    value = spec.get("default")
    if isinstance(value, dict):
        return "see below"
    if value is None or value == []:
        return ""
    return code(json.dumps(value))


def _kind(schema: Schema, spec: Schema) -> str:
    options = [o for o in spec.get("anyOf", (spec,)) if o.get("type") != "null"]
    if "oneOf" in spec:
        return "section, one of " + ", ".join(f"`{v}`" for v in spec["discriminator"]["mapping"])
    return " or ".join(_one_kind(schema, option) for option in options)


def _one_kind(schema: Schema, spec: Schema) -> str:
    node = _resolved(schema, spec)
    if "enum" in node:
        return "one of " + ", ".join(f"`{v}`" for v in node["enum"])
    if "const" in node:
        return code(node["const"])
    kind = node.get("type")
    if kind == "array":
        return f"list of {'sections' if '$ref' in node['items'] else 'texts'}"
    if kind == "object":
        if _named_sections(node):
            return "map of names to sections"
        return "section" if "properties" in node else "map of text to text"
    return _scalar(node)


def _scalar(node: Schema) -> str:
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    kind = "clock time" if node.get("format") == "time" else names[node["type"]]
    low, high = node.get("minimum", node.get("exclusiveMinimum")), node.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {'above ' if 'exclusiveMinimum' in node else ''}{low} to {high}"
    if low is not None:
        return f"{kind}, from {low}"
    if node.get("maxLength") == 1:
        return "one sign"
    return f"{kind} like `{node['pattern']}`" if "pattern" in node else kind
