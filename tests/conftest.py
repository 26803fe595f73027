"""What every test run has in common: a clean environment, and an honest account of tests that did not run.

Belongs here: the process environment, the `--system` option, the Hypothesis profile. Fixtures of one room or
one kind of test live beside those tests.
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
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    time.tzset()
    return home


HOME = _clean_environment()

import hypothesis  # noqa: E402  (the environment comes first)
import pytest  # noqa: E402

# A loaded machine is not a defect: no time limit per example; pytest-timeout bounds the whole test.
hypothesis.settings.register_profile("nightwatt", deadline=None)
hypothesis.settings.load_profile("nightwatt")

NOT_RUN = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--system`."""
    parser.addoption("--system", action="store_true", help="also run the tests marked system")


def pytest_configure(config: pytest.Config) -> None:
    """Start the list of tests that this run leaves out."""
    config.stash[NOT_RUN] = set()


def pytest_unconfigure() -> None:
    """Remove the home of this process."""
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the system tests unless asked for, and remember each of them."""
    if config.getoption("--system"):
        return
    left_out = [item for item in items if item.get_closest_marker("system")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("system")]
        config.hook.pytest_deselected(items=left_out)
        config.stash[NOT_RUN].update(item.nodeid for item in left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a system test that skips itself although the system tests were asked for."""
    report = yield
    if report.skipped and item.get_closest_marker("system") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped itself under --system: {report.longrepr}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a parallel worker's list to the process that reports."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        not_run = session.config.stash[NOT_RUN]
        output["not_run"] = sorted(not_run)


@pytest.hookimpl(optionalhook=True)  # exists only where pytest-xdist is loaded
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker left out (each worker collects everything, so their lists agree)."""
    node.config.stash[NOT_RUN].update(getattr(node, "workeroutput", {}).get("not_run", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many system tests did not run, and why."""
    count = len(config.stash[NOT_RUN])
    if count:
        terminalreporter.write_line(
            f"not run here: {count} {'test' if count == 1 else 'tests'} marked system (need sshd/PostgreSQL "
            "from the system package manager); .ci/run runs them",
            yellow=True,
        )
