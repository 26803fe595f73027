"""Which errors are tried again: the one place where NightWatt's errors meet Airflow's retries.

Belongs here: the retry policy. Does not belong here: which error is which (`nightwatt.errors`).
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from nightwatt.errors import TerminalError, TransientError

RETRIES = 3
RETRY_DELAY = timedelta(minutes=1)

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=TerminalError,
            action=RetryAction.FAIL,
            reason="fails again until a file, a contract or a setting changes",
        ),
        RetryRule(
            exception=TransientError,
            action=RetryAction.RETRY,
            retry_delay=RETRY_DELAY,
            reason="may succeed if tried again unchanged",
        ),
    ],
    default=RetryAction.DEFAULT,  # a crash we have no name for: the task's own retries and delay
)
