"""What every test run has in common: a clean environment, and an honest account of tests that did not run.

Belongs here: the process environment, the options `--system` and `--long`, the Hypothesis profile. Fixtures of one
room or one kind of test live beside those tests.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent


def _clean_environment() -> Path:
    """Make the process independent of who runs it, before anything imports (and configures) Airflow."""
    # A worker of a parallel run keeps its home inside the home of the process that started it.
    parent = os.environ.get("NIGHTWATT_HOME") if "PYTEST_XDIST_WORKER" in os.environ else None
    for name in list(os.environ):
        if name.startswith(("AIRFLOW_", "NIGHTWATT_")):
            del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="nightwatt-tests-", dir=parent))
    os.environ |= {
        "TZ": "UTC",
        "NIGHTWATT_HOME": str(home),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Airflow keeps the first secret it signed with for the life of a process.
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of these tests and of nobody else; " * 2,
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    time.tzset()
    return home


HOME = _clean_environment()

import hypothesis  # noqa: E402  (the environment comes first)
import pytest  # noqa: E402
import structlog  # noqa: E402

# A loaded machine is not a defect: no time limit per example; pytest-timeout bounds the whole test.
hypothesis.settings.register_profile("nightwatt", deadline=None)
hypothesis.settings.load_profile("nightwatt")

# Marks of tests that run only where an option of the same name asks for them, and why.
ON_DEMAND = {
    "system": "need sshd/PostgreSQL from the system package manager",
    "long": "take minutes",
}
NOT_RUN = pytest.StashKey[dict[str, set[str]]]()

SHORT = ("docs", "spec", "unit")
"""Folders whose tests take milliseconds, or a few seconds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--system` and `--long`."""
    for mark in ON_DEMAND:
        parser.addoption(f"--{mark}", action="store_true", help=f"also run the tests marked {mark}")


def pytest_configure(config: pytest.Config) -> None:
    """Start the lists of tests that this run leaves out."""
    config.stash[NOT_RUN] = {mark: set() for mark in ON_DEMAND}


def pytest_unconfigure() -> None:
    """Remove the home of this process."""
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Leave out the tests of either kind unless asked for, and remember each of them; the others in their order.

    Whole nights come first, and before them what asks for the most time: a parallel run hands out files in order, and
    the last ones should be short.
    """
    _leave_out(config, items)
    yield  # into a random order
    items.sort(key=lambda item: (item.path.relative_to(REPOSITORY / "tests").parts[0] in SHORT, -_allowed(item)))


def _allowed(item: pytest.Item) -> float:
    """Return the seconds a test asks for, where it asks for any."""
    asked = item.get_closest_marker("timeout")
    return float(asked.args[0]) if asked else 0.0


def _leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    for mark in ON_DEMAND:
        if config.getoption(f"--{mark}"):
            continue
        left_out = [item for item in items if item.get_closest_marker(mark)]
        if left_out:
            items[:] = [item for item in items if not item.get_closest_marker(mark)]
            config.hook.pytest_deselected(items=left_out)
            config.stash[NOT_RUN][mark].update(item.nodeid for item in left_out)


@pytest.fixture(autouse=True)
def _own_logging() -> Generator[None, None, None]:
    """Undo what a command set up: a later test of the process would not see the lines it looks for."""
    yield
    structlog.reset_defaults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips itself although its kind was asked for."""
    report = yield
    asked = [mark for mark in ON_DEMAND if item.get_closest_marker(mark)]
    if report.skipped and asked and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped itself under --{asked[0]}: {report.longrepr}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a parallel worker's list to the process that reports."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        not_run = session.config.stash[NOT_RUN]
        output["not_run"] = {mark: sorted(left_out) for mark, left_out in not_run.items()}


@pytest.hookimpl(optionalhook=True)  # exists only where pytest-xdist is loaded
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker left out (each worker collects everything, so their lists agree)."""
    for mark, left_out in getattr(node, "workeroutput", {}).get("not_run", {}).items():
        node.config.stash[NOT_RUN][mark].update(left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests of either kind did not run, and why."""
    for mark, why in ON_DEMAND.items():
        count = len(config.stash[NOT_RUN][mark])
        if count:
            terminalreporter.write_line(
                f"not run here: {count} {'test' if count == 1 else 'tests'} marked {mark} ({why}); .ci/run runs them",
                yellow=True,
            )
