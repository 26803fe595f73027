r"""Counting lines in bytes that stream by, at the speed of the C library.

Belongs here: line ends, the longest line, NUL bytes, the last line. Does not belong here: where the bytes
come from (`unpack.py`) and what is wrong with a file (`inspect.py` decides).
"""

from __future__ import annotations

from typing import Literal

LineEnds = Literal["lf", "crlf", "cr", "mixed", "none"]

_TAIL = 1 << 16


class LineTooLong(Exception):
    """A line runs on past the limit; carries its number."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


class LineScan:
    r"""Counts of the bytes fed so far. A line ends at \n, \r\n or a lone \r; the last may go without."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._lf = self._cr = self._crlf = 0
        self._open = 0  # bytes of the line that has begun and not ended
        self._tail = b""
        self.has_nul = False

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes.

        Raises:
            LineTooLong: as soon as a line is longer than the limit.
        """
        if not chunk:
            return
        has_cr = b"\r" in chunk
        self._check_lengths(chunk, has_cr=has_cr)
        if self._tail.endswith(b"\r") and chunk.startswith(b"\n"):
            self._crlf += 1
        self._lf += chunk.count(b"\n")
        if has_cr:
            self._cr += chunk.count(b"\r")
            self._crlf += chunk.count(b"\r\n")
        self.has_nul = self.has_nul or b"\0" in chunk
        self._tail = chunk[-_TAIL:] if len(chunk) >= _TAIL else (self._tail + chunk)[-_TAIL:]

    def _check_lengths(self, chunk: bytes, *, has_cr: bool) -> None:
        # Jumps from the last line end within the limit to the next: a look per limit, not per line.
        start, size = -self._open, len(chunk)
        while size - start > self._limit:
            end = _last_end(chunk, max(start, 0), start + self._limit + 1, has_cr=has_cr)
            if end < 0:
                before = self._tail[-1:] + chunk[: max(start, 0)]
                ends = before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
                raise LineTooLong(self.ended_lines - self._tail.endswith((b"\r", b"\n")) + ends + 1)
            start = end + 1
        end = _last_end(chunk, max(start, 0), size, has_cr=has_cr)
        self._open = size - (end + 1) if end >= 0 else size - start

    @property
    def ended_lines(self) -> int:
        """Lines that have ended."""
        return self._lf + self._cr - self._crlf

    @property
    def line_count(self) -> int:
        """Lines, the last one with or without an end."""
        return self.ended_lines + (self._open > 0)

    @property
    def ends_with_newline(self) -> bool:
        """Whether the last line has an end."""
        return self.ended_lines > 0 and self._open == 0

    @property
    def line_ends(self) -> LineEnds:
        """Which line ends there are."""
        kinds: list[LineEnds] = []
        if self._lf > self._crlf:
            kinds.append("lf")
        if self._crlf:
            kinds.append("crlf")
        if self._cr > self._crlf:
            kinds.append("cr")
        return "mixed" if len(kinds) > 1 else kinds[0] if kinds else "none"

    @property
    def last_line(self) -> bytes | None:
        """The last line that is not blank, without its end; None if it is longer than a trailer can be."""
        line = self._tail.rstrip(b"\r\n")
        start = _last_end(line, 0, len(line), has_cr=True) + 1
        if start == 0 and len(self._tail) == _TAIL:
            return None
        return line[start:]


def _last_end(chunk: bytes, start: int, stop: int, *, has_cr: bool) -> int:
    end = chunk.rfind(b"\n", start, stop)
    return max(end, chunk.rfind(b"\r", start, stop)) if has_cr else end
