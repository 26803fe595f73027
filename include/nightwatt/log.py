"""Structured logs: key-value lines that never carry row values.

Belongs here: the one place that configures structlog. Does not belong here: messages for people (the
CLI prints those).
"""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager

import structlog


def configure(level: int = logging.INFO) -> None:
    """Send log lines as key-value text to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Standard error as it is when a line is written, not as it was when logging was set up.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger bound to the room it speaks for."""
    return structlog.get_logger(room=name)  # type: ignore[no-any-return]


def bound(**facts: object) -> AbstractContextManager[None]:
    """Put facts on every line written inside a block, by whichever room: names, numbers and dates, never row values.

    Threads begin without them; a fact that is None is left out.
    """
    known = {name: str(fact) for name, fact in facts.items() if fact is not None}
    return structlog.contextvars.bound_contextvars(**known)
