"""Running dbt inside this process: quiet, no telemetry, its files under the home, its database closed after.

Belongs here: the call, and what came of each node. Does not belong here: what to build when (`build.py`)
and the models (the dbt project).
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightwatt.errors import TerminalError
from nightwatt.locks import HeldLock
from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file
from nightwatt.warehouse.messages import without_values

_ONE_AT_A_TIME = threading.RLock()  # dbt keeps its adapter and its flags in globals
_PARSED: dict[str, Any] = {}  # the project as dbt understands it, by what that depends on; only the newest is kept
_NOT_SOURCE = {"target", "logs", "dbt_packages", "__pycache__", ".user.yml"}
_FAILED = {"error", "fail", "runtime error", "partial success"}
_LISTED = 10


@dataclass(frozen=True)
class NodeResult:
    """What came of one node (model, test, seed)."""

    name: str
    kind: str
    status: str
    seconds: float
    failures: int | None
    message: str  # without row values
    compiled_path: str | None


@dataclass(frozen=True)
class DbtResult:
    """What came of one dbt run."""

    invocation: str
    nodes: tuple[NodeResult, ...]

    @property
    def failed(self) -> tuple[NodeResult, ...]:
        """Nodes that failed."""
        return tuple(n for n in self.nodes if n.status in _FAILED)

    @property
    def skipped(self) -> tuple[NodeResult, ...]:
        """Nodes not run because one they need failed."""
        return tuple(n for n in self.nodes if n.status == "skipped")

    @property
    def ok(self) -> tuple[NodeResult, ...]:
        """Nodes that ran well, warnings included."""
        return tuple(n for n in self.nodes if n not in self.failed and n not in self.skipped)

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds by node."""
        return {n.name: n.seconds for n in self.nodes}


def target_path(settings: Settings) -> Path:
    """Return the folder of dbt's artefacts (manifest, compiled SQL)."""
    return settings.root / "dbt" / "target"


def manifest_path(settings: Settings) -> Path:
    """Return the path of the manifest of the last run."""
    return target_path(settings) / "manifest.json"


def project_hash(project: Path) -> str:
    """Return a hash of the content of a dbt project, without what dbt writes into it."""
    digest = hashlib.sha256()
    for path in sorted(p for p in project.rglob("*") if p.is_file()):
        inside = path.relative_to(project)
        if _NOT_SOURCE & set(inside.parts):
            continue
        digest.update(f"{inside.as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def run_dbt(
    settings: Settings,
    command: str = "build",
    *,
    held: HeldLock,
    select: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    full_refresh: bool = False,
    without: Sequence[str] = (),
) -> DbtResult:
    """Run one dbt command on the warehouse. The caller holds the writer's lock and no connection.

    Args:
        settings: the home.
        command: `build`, `test`, ...
        held: the writer's lock.
        select: dbt's node selection; everything otherwise.
        variables: dbt vars.
        full_refresh: make incremental models anew.
        without: resource types left out.

    Raises:
        TerminalError: `dbt.failed`, listing failing nodes; `dbt.broken` when dbt could not start.
    """
    if held.path != duck_file.lock_file(settings):
        raise ValueError("run_dbt needs the lock of the warehouse it writes to")
    arguments = [command, *_options(settings, variables), *(["--full-refresh"] if full_refresh else [])]
    for kind in without:
        arguments += ["--exclude-resource-type", kind]
    if select:
        arguments += ["--select", *select]
    with _ONE_AT_A_TIME, _environment(settings):
        try:
            result = _result(settings, _invoke(settings, arguments, variables))
        finally:
            _close_database()
    if result.failed:
        raise _failure(result)
    return result


def run_command(settings: Settings, command: Sequence[str], folder: Path) -> None:
    """Run a dbt command that reads the project and no database, its artefacts in a folder of its own.

    Raises:
        TerminalError: `dbt.broken`.
    """
    from dbt.cli.main import dbtRunner

    with _ONE_AT_A_TIME, _environment(settings):
        answer = dbtRunner().invoke([*command, *_common_options(settings, folder)])
    if not answer.success:
        raise _broken(answer, "dbt gave no reason")


def _options(settings: Settings, variables: Mapping[str, Any] | None) -> list[str]:
    return [
        *_common_options(settings, target_path(settings)),
        *("--vars", json.dumps(dict(variables or {}), sort_keys=True)),
    ]


def _common_options(settings: Settings, folder: Path) -> list[str]:
    project = str(settings.dbt_project)
    return [
        *("--project-dir", project, "--profiles-dir", project),
        *("--target-path", str(folder), "--log-path", str(settings.root / "dbt" / "logs")),
        *("--log-level", "none", "--log-level-file", "none", "--quiet", "--no-use-colors"),
        *("--no-send-anonymous-usage-stats", "--partial-parse"),
    ]


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    """Say through the environment what profiles.yml needs, for the length of the run."""
    wanted = {
        "NIGHTWATT_WAREHOUSE_FILE": str(duck_file.warehouse_file(settings)),
        "NIGHTWATT_MEMORY_LIMIT": settings.memory_limit,
        "NIGHTWATT_THREADS": str(settings.threads or len(os.sched_getaffinity(0))),
        "NIGHTWATT_SCRATCH": str(settings.scratch),
        "NIGHTWATT_ZONE": settings.zone,
        "DBT_TARGET_PATH": str(target_path(settings)),
        "DBT_LOG_PATH": str(settings.root / "dbt" / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    settings.scratch.mkdir(parents=True, exist_ok=True)
    duck_file.warehouse_file(settings).parent.mkdir(parents=True, exist_ok=True)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _invoke(settings: Settings, arguments: list[str], variables: Mapping[str, Any] | None) -> Any:
    from dbt.cli.main import dbtRunner  # seconds to import; most commands never run dbt

    answer = dbtRunner(manifest=_parsed(settings, variables)).invoke(arguments)
    if getattr(answer.result, "results", None) is None:
        raise _broken(answer, "dbt gave no result")
    return answer.result


def _parsed(settings: Settings, variables: Mapping[str, Any] | None) -> Any:
    """Return the project as dbt understands it; reading it takes longer than building a small utility.

    A home's paths and limits do not change what dbt reads, so one reading serves a process until the project does.
    """
    from dbt.cli.main import dbtRunner

    project = settings.dbt_project
    what = json.dumps([str(project), project_hash(project), settings.zone, dict(variables or {})], sort_keys=True)
    if what not in _PARSED:
        answer = dbtRunner().invoke(["parse", *_options(settings, variables)])
        if not answer.success:
            raise _broken(answer, "dbt could not read the project")
        _PARSED.clear()
        _PARSED[what] = answer.result
    return _PARSED[what]


def _broken(answer: Any, otherwise: str) -> TerminalError:
    message = without_values(str(answer.exception or otherwise))
    return TerminalError("dbt.broken", f"dbt could not run: {message}", "correct the dbt project or its profile")


def _close_database() -> None:
    """Close the connection dbt-duckdb keeps for the life of the process, so that others can open the file."""
    from dbt.adapters.duckdb import connections

    manager: Any = connections.DuckDBConnectionManager
    if manager._ENV is not None:
        manager._ENV.close()
    manager.close_all_connections()


def _result(settings: Settings, answer: Any) -> DbtResult:
    nodes = tuple(_node(r) for r in answer.results)
    metadata = getattr(answer, "metadata", None)
    _scrub(target_path(settings) / "run_results.json")
    return DbtResult(str(getattr(metadata, "invocation_id", "")), nodes)


def _node(result: Any) -> NodeResult:
    node = result.node
    status = str(result.status)
    return NodeResult(
        name=str(node.name),
        kind=str(node.resource_type),
        status=status,
        seconds=round(float(result.execution_time), 3),
        failures=result.failures,
        message=without_values(result.message) if status in _FAILED else "",
        compiled_path=getattr(node, "compiled_path", None),
    )


def _scrub(path: Path) -> None:
    """Take messages, which may quote rows, out of the results file that dbt leaves behind."""
    if not path.exists():
        return
    content = json.loads(path.read_text("utf-8"))
    for entry in content.get("results", []):
        if entry.get("status") in _FAILED:
            entry["message"] = without_values(entry.get("message"))
    path.write_text(json.dumps(content), "utf-8")


def _failure(result: DbtResult) -> TerminalError:
    lines = []
    for node in result.failed[:_LISTED]:
        where = f" [{node.compiled_path}]" if node.compiled_path else ""
        lines.append(f"{node.kind} {node.name}: {node.message}{where}")
    if len(result.failed) > _LISTED:
        lines.append(f"and {len(result.failed) - _LISTED} more")
    return TerminalError(
        "dbt.failed",
        f"{len(result.failed)} of {len(result.nodes)} dbt nodes failed, {len(result.skipped)} skipped:\n  "
        + "\n  ".join(lines),
        "run the SQL named in brackets on the warehouse to see the rows; nothing is published meanwhile",
    )
