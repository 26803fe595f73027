"""CSV as the Bulk API reads it, which is stricter than most readers: its rules, and what breaks them.

Belongs here: from text to cells and back. Does not belong here: what the cells mean (`crm_store`).

Facts: Bulk API 2.0 developer guide, "Prepare CSV Files". Values are not trimmed; a blank before or after a quote is an
error of the row; quotes are doubled; the line ending must be the one the job names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

DELIMITERS = {"COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}

BLANK_AT_QUOTE = "a blank or text before or after a quote"
OPEN_QUOTE = "a quote is not closed"
CELL_COUNT = "not as many values as the header has names"


@dataclass(frozen=True)
class Record:
    """One record: its cells, as well as they can be told, and what is wrong with it."""

    cells: tuple[str, ...]
    line_end: str
    """`LF`, `CRLF`, or nothing at the end of the text."""
    problem: str | None = None


def records(text: str, delimiter: str = ",") -> Iterator[Record]:
    """Yield the records of a text, the header first; the caller compares line ends and counts."""
    mark = re.escape(delimiter)
    quoted = re.compile(r'"((?:[^"]|"")*)(")?')
    plain = re.compile(rf"[^{mark}\n]*")
    place, end = 0, len(text)
    while place < end:
        cells: list[str] = []
        problem: str | None = None
        while True:
            place, cell, fault = _cell(text, place, quoted, plain)
            cells.append(cell)
            problem = problem or fault
            if place < end and text[place] == delimiter:
                place += 1
                continue
            break
        is_crlf = place < end and cells[-1].endswith("\r") and text[place - 1] == "\r"
        if is_crlf:
            cells[-1] = cells[-1][:-1]
        line_end = "" if place >= end else "CRLF" if is_crlf else "LF"
        place += 1
        yield Record(tuple(cells), line_end, problem)


def _cell(text: str, place: int, quoted: re.Pattern[str], plain: re.Pattern[str]) -> tuple[int, str, str | None]:
    """Return where a cell ends, its value and its fault."""
    if place < len(text) and text[place] == '"':
        found = quoted.match(text, place)
        assert found is not None
        value = found[1].replace('""', '"')
        if found[2] is None:
            return found.end(), value, OPEN_QUOTE
        rest = plain.match(text, found.end())
        assert rest is not None
        if rest[0] == "" or (rest[0] == "\r" and text[rest.end() : rest.end() + 1] == "\n"):
            return rest.end(), value + rest[0], None
        return rest.end(), value + rest[0], BLANK_AT_QUOTE
    found = plain.match(text, place)
    assert found is not None
    return found.end(), found[0], BLANK_AT_QUOTE if '"' in found[0] else None


def written(rows: Iterable[Sequence[str]], header: Sequence[str], delimiter: str = ",", line_end: str = "\n") -> str:
    """Write a table as the API does: the added names quoted, those of the upload as they came, every value quoted."""
    names = [f'"{name}"' if name.startswith("sf__") else _named(name, delimiter) for name in header]
    lines = [delimiter.join(names), *(delimiter.join(map(_quoted, row)) for row in rows)]
    return "".join(line + line_end for line in lines)


def _named(name: str, delimiter: str) -> str:
    return _quoted(name) if re.search(rf'["\r\n{re.escape(delimiter)}]', name) else name


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
