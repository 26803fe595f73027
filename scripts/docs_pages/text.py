"""Markdown as the generated pages write it.

Belongs here: tables, escaping, the note that says who wrote the page. Does not belong here: any content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTE = "<!-- Written by `make docs` from {source}. Change that, not this page. -->"


def page(title: str, source: str, *parts: str) -> str:
    """Return a whole page, ending in one line end."""
    return "\n\n".join([NOTE.format(source=source), f"# {title}", *(p.strip("\n") for p in parts)]) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells may hold anything but line ends."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines)


def cell(content: str) -> str:
    """Return text fit for a table cell."""
    return " ".join(content.split()).replace("|", "\\|")


def code(content: object) -> str:
    """Return text in code marks, or nothing for nothing."""
    shown = str(content)
    return f"`{shown}`" if shown else ""


class MissingWords(Exception):
    """Something is documented nowhere: neither in the code nor in the page's own words."""


def words(own: str | None, given: str | None, subject: str) -> str:
    """Return the one description of a subject: the code's own, or the page's where the code has none.

    Raises:
        MissingWords: there is none, or there are two.
    """
    if bool(own) == bool(given):
        raise MissingWords(f"{subject} is described {'twice' if own else 'nowhere'}: say it in the code")
    return " ".join((own or given or "").split())
