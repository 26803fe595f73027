"""File name patterns: `mdm_interval_e_{business_date:%Y%m%d}_{part}.csv.gz`.

Belongs here: compiling a pattern to a regular expression and reading a name by it. Does not belong
here: listing folders (arrival).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

_DIRECTIVES = {"%Y": r"\d{4}", "%y": r"\d{2}", "%m": r"\d{2}", "%d": r"\d{2}", "%H": r"\d{2}", "%M": r"\d{2}",
               "%S": r"\d{2}", "%j": r"\d{3}", "%b": r"[A-Za-z]{3}"}  # fmt: skip
_FIELD = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<form>[^{}]+))?\}")


@dataclass(frozen=True)
class MatchedName:
    """What a file name says about itself."""

    business_date: date | None
    part: str | None


class PatternError(ValueError):
    """A name pattern that cannot be understood."""


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> tuple[re.Pattern[str], str | None]:
    """Return the regular expression of a pattern and the date form it carries, if any.

    Fields: `{business_date:%Y%m%d}` a date in strptime directives; `{part}` digits or letters that
    tell files of one night apart; `{any}` letters, digits, `_` and `-`. All else is literal.

    Raises:
        PatternError: for an unknown field, a date without form, or a path separator.
    """
    if "/" in pattern or "\\" in pattern:
        raise PatternError("a pattern is a file name, not a path; put the folder in `arrival.folder`")
    out, end, date_form = "", 0, None
    for m in _FIELD.finditer(pattern):
        out += _literal(pattern, end, m.start())
        end = m.end()
        name, form = m["name"], m["form"]
        if name == "business_date":
            if not form or date_form:
                raise PatternError("write the date once, with its form: {business_date:%Y%m%d}")
            date_form = form
            out += f"(?P<business_date>{_date_regex(form)})"
        elif name == "part":
            if "(?P<part>" in out:
                raise PatternError("write {part} once; {any} stands for whatever else changes")
            out += r"(?P<part>[A-Za-z0-9]+)"
        elif name == "any":
            out += r"[A-Za-z0-9_-]+"
        else:
            raise PatternError(f"unknown field {{{name}}}; known are business_date, part, any")
    return re.compile(out + _literal(pattern, end, len(pattern)), re.ASCII), date_form


def _literal(pattern: str, start: int, stop: int) -> str:
    text = pattern[start:stop]
    if "{" in text or "}" in text:
        raise PatternError(f"{text!r} has braces that are no field; known are business_date, part, any")
    return re.escape(text)


def _date_regex(form: str) -> str:
    directives = re.findall(r"%.", form)
    if len(set(directives)) < len(directives):
        raise PatternError(f"{form} says a part of the date twice; write each once")
    given = set(directives)
    if not given & {"%Y", "%y"} or not ({"%j"} <= given or ("%d" in given and given & {"%m", "%b"})):
        raise PatternError(f"{form} does not say a whole date; write year, month and day, or year and %j")
    out, i = "", 0
    while i < len(form):
        directive = form[i : i + 2]
        if directive in _DIRECTIVES:
            out += _DIRECTIVES[directive]
            i += 2
        elif form[i] == "%":
            raise PatternError(f"date directive {directive} is not supported in file names")
        else:
            out += re.escape(form[i])
            i += 1
    return out


def match_name(pattern: str, name: str) -> MatchedName | None:
    """Read a file name by a pattern; None if it does not fit or its date does not exist."""
    regex, form = compile_pattern(pattern)
    m = regex.fullmatch(name)
    if m is None:
        return None
    groups = m.groupdict()
    day: date | None = None
    if form:
        try:
            day = datetime.strptime(groups["business_date"], form).date()  # noqa: DTZ007  (a date, no instant)
        except ValueError:
            return None
    return MatchedName(day, groups.get("part"))


def example_name(pattern: str, day: date, part: str = "001") -> str:
    """Return a name that fits the pattern, for messages: `mdm_interval_e_20260309_001.csv.gz`."""

    def fill(m: re.Match[str]) -> str:
        if m["name"] == "business_date":
            return day.strftime(m["form"])
        return part

    return _FIELD.sub(fill, pattern)
