"""Imports go one way: dags, then plugins, then include; inside include, along the flow of the data.

The rules are the table below and nothing else; a module that no rule knows is a finding, so a new room must
be given its place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
INCLUDE = REPOSITORY / "include"
PLUGINS = REPOSITORY / "plugins"
DAGS = REPOSITORY / "dags"

FOUNDATIONS = {"settings", "errors", "calendar", "duck", "log", "locks", "durable", "connections"}
BOOKS = {"contracts", "ledger"}
FLOW = {"arrival", "intake", "reads", "warehouse", "delivery"}
WATCH = {"checks", "alerting"}
BELOW_STAGES = FOUNDATIONS | BOOKS | FLOW | WATCH | {"simulator"}

# What each room may import besides itself. "" is the package's own __init__ (its version): open to all.
MAY_IMPORT: dict[str, set[str]] = (
    {"": set()}
    | dict.fromkeys(FOUNDATIONS, FOUNDATIONS)
    | dict.fromkeys(BOOKS, FOUNDATIONS)
    | dict.fromkeys(FLOW | WATCH, FOUNDATIONS | BOOKS)
    | {"simulator": FOUNDATIONS, "stages": BELOW_STAGES, "cli": BELOW_STAGES | {"stages"}}
    | {"__main__": {"cli"}}
)

OPENS_DUCKDB_FILES = "warehouse"
OPENS_DUCKDB_IN_MEMORY = "duck"


def _package_of(module: str, *, is_package: bool) -> str:
    return module if is_package else module.rpartition(".")[0]


def imported_names(tree: ast.AST, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of everything imported, wherever in the module the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = _package_of(module, is_package=is_package).split(".")
                above = ".".join(parts[: len(parts) - node.level + 1])
                base = f"{above}.{base}" if base else above
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and _called(node) in {"importlib.import_module", "__import__"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def _room(dotted: str) -> str:
    """Name the room of a nightwatt module; "" when the name is one of the package's own (its version)."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 and not parts[1].startswith("__version") else ""


def _file_connects(tree: ast.AST) -> Iterator[tuple[int, bool]]:
    """Yield line and "is in memory" of every duckdb.connect, under whatever name it was imported."""
    modules, functions = {"duckdb"}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname for alias in node.names if alias.name == "duckdb" and alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module == "duckdb":
            functions |= {alias.asname or alias.name for alias in node.names if alias.name == "connect"}
    opening = {f"{module}.connect" for module in modules} | functions
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in opening:
            given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "database")]
            memory = bool(given) and isinstance(given[0], ast.Constant) and given[0].value == ":memory:"
            yield node.lineno, memory


def findings(source: str, module: str, *, side: str, is_package: bool = False) -> list[str]:
    """List what a module does against the rules.

    Args:
        source: the module's text.
        module: its dotted name, as an import would spell it (`nightwatt.reads.merge`).
        side: where it lives: `include`, `plugins` or `dags`.
        is_package: whether it is an `__init__.py`.
    """
    tree = ast.parse(source)
    imports = list(imported_names(tree, module, is_package=is_package))
    found = list(_against_side(imports, side))
    if side == "include":
        found += _against_rooms(imports, module)
    found += _against_duckdb(tree, module, side)
    return [f"{module}:{finding}" for finding in found]


def _against_side(imports: list[tuple[int, str]], side: str) -> Iterator[str]:
    plugin_modules = {path.stem for path in PLUGINS.glob("*") if _is_code(path)} | {"plugins"}
    dag_modules = {path.stem for path in DAGS.glob("*") if _is_code(path)} | {"dags"}
    forbidden = {
        "include": {"airflow"} | plugin_modules | dag_modules,
        "plugins": dag_modules - plugin_modules,
        "dags": set(),
    }[side]
    for line, name in imports:
        top = name.partition(".")[0]
        if top in forbidden and top != "nightwatt":
            yield f"{line} {side}/ imports {top}"


def _is_code(path: Path) -> bool:
    return path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))


def _against_rooms(imports: list[tuple[int, str]], module: str) -> Iterator[str]:
    here = _room(module)
    if here not in MAY_IMPORT:
        yield f"1 {here} has no place in the order of rooms; give it one in MAY_IMPORT"
        return
    for line, name in imports:
        if name.partition(".")[0] != "nightwatt":
            continue
        there = _room(name)
        if there not in MAY_IMPORT[here] | {here, ""}:
            yield f"{line} {here or 'nightwatt'} imports {there}"


def _against_duckdb(tree: ast.AST, module: str, side: str) -> Iterator[str]:
    here = _room(module) if side == "include" else ""
    for line, in_memory in _file_connects(tree):
        if here == OPENS_DUCKDB_FILES or (in_memory and here == OPENS_DUCKDB_IN_MEMORY):
            continue
        yield f"{line} duckdb.connect outside warehouse (and, for ':memory:', outside duck)"


def _modules(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize(("side", "root"), [("include", INCLUDE), ("plugins", PLUGINS), ("dags", DAGS)])
def test_every_module_keeps_the_direction(side: str, root: Path) -> None:
    found = [
        finding
        for path, module in _modules(root)
        for finding in findings(
            path.read_text(encoding="utf-8"), module, side=side, is_package=path.name == "__init__.py"
        )
    ]

    assert found == []


def test_there_are_modules_to_look_at() -> None:
    assert "nightwatt" in {module for _, module in _modules(INCLUDE)}


@pytest.mark.parametrize(
    ("side", "module", "source", "expected"),
    [
        ("include", "nightwatt.intake.run", "import airflow", "1 include/ imports airflow"),
        ("include", "nightwatt.intake.run", "from airflow.sdk import DAG", "1 include/ imports airflow"),
        ("include", "nightwatt.intake.run", "import plugins.ops", "1 include/ imports plugins"),
        ("include", "nightwatt.intake.run", "from dags import x", "1 include/ imports dags"),
        ("include", "nightwatt.intake.run", "def f():\n    import airflow", "2 include/ imports airflow"),
        (
            "include",
            "nightwatt.intake.run",
            "import importlib\nimportlib.import_module('airflow.sdk')",
            "2 include/ imports airflow",
        ),
        ("plugins", "ops", "from dags.nightly import dag", "1 plugins/ imports dags"),
        ("include", "nightwatt.settings", "import nightwatt.ledger", "1 settings imports ledger"),
        ("include", "nightwatt.ledger.book", "from nightwatt import contracts", "1 ledger imports contracts"),
        ("include", "nightwatt.contracts", "from nightwatt.ledger import book", "1 contracts imports ledger"),
        ("include", "nightwatt.reads.merge", "from nightwatt.intake.run import x", "1 reads imports intake"),
        ("include", "nightwatt.reads.merge", "from ..intake.run import x", "1 reads imports intake"),
        ("include", "nightwatt.reads.merge", "from .. import warehouse", "1 reads imports warehouse"),
        ("include", "nightwatt.checks.gaps", "from nightwatt import alerting", "1 checks imports alerting"),
        ("include", "nightwatt.simulator", "from nightwatt import ledger", "1 simulator imports ledger"),
        ("include", "nightwatt.stages", "from nightwatt.cli import main", "1 stages imports cli"),
        ("include", "nightwatt", "from nightwatt import settings", "1 nightwatt imports settings"),
        (
            "include",
            "nightwatt.attic",
            "",
            "1 attic has no place in the order of rooms; give it one in MAY_IMPORT",
        ),
        (
            "include",
            "nightwatt.reads.merge",
            "import duckdb\nduckdb.connect('x.duckdb')",
            "2 duckdb.connect outside warehouse (and, for ':memory:', outside duck)",
        ),
        (
            "include",
            "nightwatt.duck",
            "import duckdb as d\nd.connect(path)",
            "2 duckdb.connect outside warehouse (and, for ':memory:', outside duck)",
        ),
        (
            "plugins",
            "ops",
            "from duckdb import connect\nconnect(':memory:')",
            "2 duckdb.connect outside warehouse (and, for ':memory:', outside duck)",
        ),
    ],
)
def test_a_forbidden_import_is_found(side: str, module: str, source: str, expected: str) -> None:
    assert findings(source, module, side=side) == [f"{module}:{expected}"]


def test_a_relative_import_in_a_package_file_counts_from_the_package() -> None:
    source = "from ..intake import run"

    assert findings(source, "nightwatt.reads", side="include", is_package=True) == [
        "nightwatt.reads:1 reads imports intake"
    ]


@pytest.mark.parametrize(
    ("side", "module", "source"),
    [
        (
            "include",
            "nightwatt.reads.merge",
            "from nightwatt.ledger import book\nfrom .compact import compact",
        ),
        ("include", "nightwatt.reads.merge", "import duckdb\nfrom nightwatt import __version__, duck"),
        ("include", "nightwatt.duck", "import duckdb\nduckdb.connect(':memory:')"),
        ("include", "nightwatt.warehouse.connection", "import duckdb\nduckdb.connect(path, read_only=True)"),
        ("include", "nightwatt.cli.main", "from nightwatt import stages, simulator, warehouse"),
        ("include", "nightwatt.stages", "from nightwatt import arrival, checks, delivery, intake"),
        ("plugins", "ops", "from airflow.sdk import BaseSensorOperator\nfrom nightwatt import stages"),
        (
            "dags",
            "nightly",
            "from ops import Sensor\nfrom nightwatt import stages\nfrom airflow.sdk import DAG",
        ),
    ],
)
def test_an_allowed_import_is_not(side: str, module: str, source: str) -> None:
    assert findings(source, module, side=side) == []
