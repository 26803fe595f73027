"""Functions run in a process of their own, for tests of what is left behind when it is killed.

Belongs here: starting it from a process that has everything imported already, which saves seconds a test. Does not
belong here: what the function does, or at which step it dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["nightwatt.stages", "nightwatt.simulator", "dbt.cli.main"])


def die() -> None:
    """End this process the hard way, as a lost machine would."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed(doing: Callable[..., object], *given: Any, **environment: str) -> None:
    """Call a function of a module in another process, and see that it dies there.

    Args:
        doing: the function, found by its name.
        given: its arguments.
        environment: variables set there; it knows nothing else of what tests have set since the first such call.
    """
    process = CONTEXT.Process(target=_call, args=(doing, given, dict(os.environ) | environment))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, f"{doing.__name__} ended with {process.exitcode}"


def _call(doing: Callable[..., object], given: tuple[Any, ...], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    doing(*given)
