"""Every stable code the code can say, found in its syntax trees.

Belongs here: the scan, and the few codes that are put together at run time. Does not belong here: comparing them with
pages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from nightwatt.delivery.opower.findings import RULES

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("include", "plugins", "scripts")

CODE = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z0-9]+)*")
SAYS = {"TerminalError": 0, "TransientError": 0, "NightWattError": 0, "CheckResult": 0, "Fault": 1, "BadLine": 1,
        "SetAside": 1, "Reject": 1, "SourceAway": 0, "SourceLeftAlone": 0, "SourceRefused": 0,
        "PlaceRefused": 0, "_Lack": 0, "_Finding": 0, "_hold": 4, "_promise": 3}  # fmt: skip
"""Classes that carry a code, and what makes them, and at which place."""

NO_CODES = {
    "build.dbt_done", "build.inputs_attached", "build.recorded", "publish.audience_made", "publish.audience_shown",
    "publish.audience_table", "publish.checked", "publish.collected", "publish.file_built", "publish.intent",
    "publish.recorded", "publish.swapped", "publish.table_written", "publish.version_kept",
    "alerting.yaml", "delivery.html", "feed.html", "rejects.html",
    "manifest.json", "warehouse.duckdb", "warehouse.lock", "receipts.id", "runs.id",
}  # fmt: skip
"""Texts of the same shape that are names of steps (tests end the process there), files or columns."""


CANONICAL = REPOSITORY / "dbt_project" / "models" / "intermediate" / "canonical"
"""The models that say what is wrong with a row of the customer picture."""

USAGE_FINDINGS = {f"usage_{of}.{what}" for of in ("day", "month") for what in ("orphan", "duplicate_key")}
"""Put together in crm_usage_quarantine."""


def codes() -> set[str]:
    """Return every code of the repository."""
    found = {code for path in _files() for code in codes_in(path.read_text("utf-8"))}
    found |= {code for path in CANONICAL.glob("*.sql") for code in codes_in_sql(path.read_text("utf-8"))}
    return found | USAGE_FINDINGS | set(RULES)


def codes_in_sql(source: str) -> set[str]:
    """Return the codes of a model's faults, and that of codes no list knows where it names its entity."""
    given = set(re.findall(r"'code': '([a-z_]+\.[a-z_]+)'", source))
    return given | {f"{entity}.unknown_code" for entity in re.findall(r"\bentity='([a-z_]+)'", source)}


def suspects() -> set[str]:
    """Return texts that look like a code of a kind we have, without being known as one."""
    known = codes()
    kinds = {code.partition(".")[0] for code in known if "." in code}
    texts = {text for path in _files() for text in _texts(ast.parse(path.read_text("utf-8")))}
    alike = {text for text in texts if CODE.fullmatch(text) and text.partition(".")[0] in kinds}
    return alike - known - NO_CODES


def codes_in(source: str) -> set[str]:
    """Return the codes one file can say: those given to what carries a code, and every `row.` and `idoc.` code."""
    tree = ast.parse(source)
    given = {text for node in ast.walk(tree) for text in _given(node)}
    rows = {text.partition("|")[0] for text in _texts(tree) if text.startswith(("row.", "idoc."))}
    return {text for text in given | rows if CODE.fullmatch(text)}


def _files() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted(p for p in (REPOSITORY / folder).rglob("*.py") if "simulator" not in p.parts)


def _given(node: ast.AST) -> Iterator[str]:
    """Yield the codes of one call; a raised subclass gives its own to `super().__init__`."""
    if isinstance(node, ast.keyword) and node.arg == "code":
        yield from _texts(node.value)
    if not isinstance(node, ast.Call):
        return
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    place = 0 if name == "__init__" else SAYS.get(name)
    if place is not None and len(node.args) > place:
        yield from _texts(node.args[place])


def _texts(tree: ast.AST) -> Iterable[str]:
    return (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
