"""Trying again, by the kind of error: what may go well in a moment three times, what is refused never.

Belongs here: how often and after how long. Does not belong here: when a source is left alone for longer (`breaker.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed

from nightwatt.arrival.transport import SourceAway
from nightwatt.errors import NightWattError
from nightwatt.log import get

_log = get("arrival")

WAITS = (1.0, 5.0, 30.0)
"""Seconds before the second, third and fourth try."""

LONGEST_WAIT = 120.0
"""Longer than this no source is waited for within a visit, whatever it asks for."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long a source that does not answer is asked again.

    Args:
        sleep: waits so many seconds.
        waits: the pauses between tries; none where one try is all there may be.
    """

    sleep: Callable[[float], None]
    waits: Sequence[float] = WAITS

    def with_(self, ask: Callable[[], Result]) -> Result:
        """Ask, and ask again while the source is away. The last failure is raised as it is; so is any other error."""
        return self._retrying()(ask)

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(SourceAway),
            wait=self._wait,
            stop=stop_after_attempt(len(self.waits) + 1),
            sleep=self.sleep,
            before_sleep=_say,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        pause = wait_chain(*map(wait_fixed, self.waits or (0.0,)))(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.after_seconds if isinstance(error, SourceAway) else 0.0
        return max(pause, min(asked, LONGEST_WAIT))


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    code = error.code if isinstance(error, NightWattError) else type(error).__name__
    _log.warning("asked again", attempt=state.attempt_number, after_seconds=state.upcoming_sleep, code=code)
