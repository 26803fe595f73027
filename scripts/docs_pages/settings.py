"""`docs/reference/settings.md`: every environment variable NightWatt reads, from the settings' own descriptions.

Belongs here: layout, and words for variables that are read outside the settings classes. Does not belong here: what
a setting does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs_pages.text import code, page, table, words
from nightwatt.connections.http import HttpSettings
from nightwatt.connections.sftp import SftpSettings
from nightwatt.connections.sql import SqlSettings
from nightwatt.settings import PROJECT_ROOT, Settings

CONNECTION = "NIGHTWATT_SFTP_<NAME>_"

WORDS = {
    "NIGHTWATT_SFTP_<NAME>_HOST": "the SFTP server of the partner, or of the source system",
    "NIGHTWATT_SFTP_<NAME>_PORT": "its port",
    "NIGHTWATT_SFTP_<NAME>_USER": "the user name we were given there",
}
"""Where the settings class says nothing."""

ELSEWHERE = {
    "what the scripts read": {
        "NIGHTWATT_DEMO_CUSTOMERS": ("400", "how many customers the make-believe utility of `make run` has"),
        "NIGHTWATT_UI_PORT": ("8080", "port of `make ui`, and of the pages of docker compose, on this machine only"),
    },
    "what docker-compose.yaml reads from .env": {
        "NIGHTWATT_INBOUND": ("", "the folder source systems drop their files in"),
        "NIGHTWATT_INBOUND_LISTEN": ("", "the address source systems reach this machine's SFTP server by"),
        "NIGHTWATT_INBOUND_PORT": ("2222", "its port"),
        "NIGHTWATT_SOURCE_KEYS": ("", "the folder with one public key file a source system, named like its folder"),
        "NIGHTWATT_PROXY_ADDRESSES": ("127.0.0.1", "where the reverse proxy comes from, as the container sees it"),
        "NIGHTWATT_METRICS_ON": ("False", "whether [metrics](metrics.md) are sent"),
        "NIGHTWATT_METRICS_URL": ("", "the OpenTelemetry collector they are sent to"),
        "NIGHTWATT_LINEAGE_TRANSPORT": ("", "where [lineage](lineage.md) events go, as JSON; nowhere otherwise"),
        "NIGHTWATT_LINEAGE_NAMESPACE": ("nightwatt", "the name they call this installation by"),
        "NIGHTWATT_BASE_URL": ("http://127.0.0.1:8080", "address under which people reach the pages"),
        "NIGHTWATT_PARALLEL_TASKS": ("4", "Airflow tasks at a time"),
        "NIGHTWATT_VERSION": ("0.1.0", "tag of the image"),
    },
    "what the scripts of `deploy/` read": {
        "NIGHTWATT_SECRETS": ("/run/secrets", "the folder of the secret files"),
        "NIGHTWATT_POSTGRES": ("postgres:5432", "the database the password file is for"),
    },
    "what the platform sets for dbt": {
        "NIGHTWATT_WAREHOUSE_FILE": (
            "target/warehouse.duckdb",
            "the DuckDB file dbt builds, for runs by hand",
        ),
        "NIGHTWATT_SCRATCH": ("target/scratch", "where it spills, for runs by hand"),
    },
}
"""By heading: variable, default, meaning."""

_INTRODUCTION = """
NightWatt reads its settings from environment variables. A feed or a partner is not a setting: it is a contract in the
catalog ([feeds](contract_feed.md), [deliveries](contract_delivery.md),
[audiences](contract_audience.md)). Only addresses, keys and limits stand here.
"""

_CONNECTIONS = f"""
A delivery contract names a connection (`destination.connection`), and so does the contract of a feed whose files are
fetched (`arrival.source.connection`). Its address and keys come from variables with that
name in capitals: connection `opower` reads `{CONNECTION.replace("<NAME>", "OPOWER")}HOST`. A password is never used.
"""

_DATABASES = """
The contract of a feed whose rows are pulled out of a database names a connection too (`arrival.source.connection`).
The address has no password in it; that stands in a file, or in a variable of its own. Ask for a user of that database
who may select from the tables of the contracts and nothing else.
"""

_SERVICES = """
The contract of a feed whose rows are pulled from an HTTP service names a connection as well. We log in as an OAuth
client (client credentials); certificates are always checked, and no redirect is followed.
"""


def settings_page() -> str:
    """Return the page."""
    parts = [_INTRODUCTION, _table(Settings, "NIGHTWATT_"), "## SFTP connections", _CONNECTIONS]
    parts.append(_table(SftpSettings, CONNECTION))
    parts += ["## Database connections", _DATABASES, _table(SqlSettings, "NIGHTWATT_SQL_<NAME>_")]
    parts += ["## HTTP connections", _SERVICES, _table(HttpSettings, "NIGHTWATT_HTTP_<NAME>_")]
    for heading, variables in ELSEWHERE.items():
        rows = [(code(name), code(default), meaning) for name, (default, meaning) in variables.items()]
        parts += [f"## {heading[0].upper()}{heading[1:]}", table(["variable", "default", "meaning"], rows)]
    return page("Settings", "the settings classes", *parts)


def _table(model: type[BaseModel], prefix: str) -> str:
    fields: Mapping[str, FieldInfo] = model.model_fields
    rows = []
    for name, field in fields.items():
        variable = f"{prefix}{name.upper()}"
        rows.append((code(variable), _default(field), words(field.description, WORDS.get(variable), variable)))
    return table(["variable", "default", "meaning"], rows)


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if field.is_required():
        return "must be set"
    if isinstance(value, Path):
        value = f"./{value.relative_to(PROJECT_ROOT)}"
    if isinstance(value, tuple):
        value = ",".join(value)
    return "" if value is None else code(value)
