"""The errors NightWatt raises, split by what a caller should do about them.

Belongs here: the base classes and the way an error names its code, its place and its remedy.
Does not belong here: retry policies (the orchestrator maps `TransientError` to a retry in one place).
"""

from __future__ import annotations


class NightWattError(Exception):
    """Something went wrong that a person can act on.

    Args:
        code: stable dotted code, e.g. ``file.header_mismatch``; searchable in the runbooks.
        message: what happened, to which file, row or key. Never contains row values or secrets.
        remedy: what to do next, as an instruction.
    """

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        self.code = code
        self.message = message
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        tail = f" -> {self.remedy}" if self.remedy else ""
        return f"[{self.code}] {self.message}{tail}"


class TransientError(NightWattError):
    """May succeed if tried again unchanged (a lock held, a partner's server away)."""


class TerminalError(NightWattError):
    """Will fail again until a file, a contract or a setting changes."""
