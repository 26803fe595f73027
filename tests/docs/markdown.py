"""Reading pages: headings, links, code blocks, the commands and queries shown in them.

Belongs here: the little Markdown our pages use. Does not belong here: what must be true of it (the tests).
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_HEREDOC = re.compile(r"^(\$ .*<<'EOF')\n(.*?)^EOF$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    kind: str
    body: str


def pages() -> list[Path]:
    """Return every page of the repository that people read."""
    outside = [REPOSITORY / name for name in ("README.md", "CHANGELOG.md", "dbt_project/README.md")]
    return [*outside, *sorted((REPOSITORY / "docs").rglob("*.md"))]


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page, without their indent."""
    for found in _BLOCK.finditer(text):
        yield Block(found["kind"], textwrap.dedent(found["body"]))


def links(text: str) -> Iterator[str]:
    """Yield where the links of a page lead, those in code left out."""
    yield from _LINK.findall(_INLINE.sub("", _BLOCK.sub("", text)))


def anchors(text: str) -> set[str]:
    """Return the names under which headings can be linked to."""
    return {
        re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in _HEADING.findall(_BLOCK.sub("", text))
    }


def commands(text: str) -> Iterator[str]:
    """Yield every command line shown in a console block; pipes and `&&` part one line into several."""
    for block in blocks(text):
        if block.kind == "console":
            for line in _HEREDOC.sub(r"\1", block.body).splitlines():
                if line.startswith("$ "):
                    yield from _parts(line[2:])


def inline_commands(text: str) -> Iterator[str]:
    """Yield every `nightwatt ...` and `make ...` in running text."""
    for code in _INLINE.findall(_BLOCK.sub("", text)):
        if re.match(r"(nightwatt|make) [a-z-]", code):
            yield code


def python(text: str) -> Iterator[str]:
    """Yield the Python of a page: its blocks, and what is fed to an interpreter."""
    for block in blocks(text):
        if block.kind == "python":
            yield block.body
        elif block.kind == "console":
            yield from (body for command, body in _HEREDOC.findall(block.body) if "python" in command)


def queries(text: str) -> Iterator[str]:
    """Yield every SQL query a page shows: its blocks, and what `nightwatt sql` is asked."""
    yield from (block.body for block in blocks(text) if block.kind == "sql")
    for command in [*commands(text), *inline_commands(text)]:
        words = shlex.split(command)
        if "sql" in words[:3] and len(words) > words.index("sql") + 1:
            yield words[-1] if words[-1] != ">" else words[-2]


def _parts(line: str) -> Iterator[str]:
    lexer = shlex.shlex(line, posix=False, punctuation_chars="|&<>")
    lexer.whitespace_split = True
    part: list[str] = []
    for word in lexer:
        if set(word) <= set("|&"):
            yield " ".join(part)
            part = []
        elif set(word) <= set("<>"):
            break
        else:
            part.append(word)
    if part:
        yield " ".join(part)
