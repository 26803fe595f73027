"""`docs/reference/cli.md`: every command, argument and option, walked from the typer app.

Belongs here: layout, and words for arguments that the command line itself leaves without help. Does not belong
here: what a command does (its own docstring).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

from docs_pages.text import code, page, table, words
from nightwatt.cli.app import app

PROGRAM = "nightwatt"

WORDS = {
    "root --version": "Print the version and stop.",
    "load FEED": "Name of a feed; `nightwatt feeds list` names them.",
    "acknowledge DELIVERY": "Name of a delivery contract of kind `crm`, such as `crm_core`.",
    "deliver DELIVERY": "Name of a delivery contract, such as `opower_interval_electric`.",
    "sql QUERY": "One SELECT, in quotes; also `SHOW TABLES`, `DESCRIBE table`, `EXPLAIN`.",
    "simulate --customers": "How many customers the make-believe utility has.",
    "simulate --seed": "Number the whole world is drawn from; the same number gives the same files.",
    "feeds show FEED": "Name of a feed.",
    "feeds pull FEED": "The feed, whose contract names a database or a service.",
    "receipts list --feed": "Only this feed.",
    "receipts show RECEIPT": "Number of a receipt; `nightwatt receipts list` shows them.",
    "rejects list --feed": "Only this feed.",
    "rejects show RECEIPT": "Number of a receipt; `nightwatt rejects list` shows those with open rejects.",
    "reads show SERVICE_POINT": "Service point as the metering system names it.",
    "sent settle SENDING": "Number of the sending; `nightwatt sent list` shows it.",
    "rejects replay RECEIPT": "Number of a receipt with open rejects.",
}
"""By `command parameter`, where the code says nothing."""

_TYPES = {"str": "text", "int": "number", "Path": "path", "datetime": "YYYY-MM-DD", "bool": ""}


@dataclass(frozen=True)
class Parameter:
    """One argument or option."""

    is_option: bool
    name: str  # FEED, or --date
    value: str  # what it takes; empty for a switch
    default: str
    meaning: str


@dataclass(frozen=True)
class Command:
    """One command with its place in the tree."""

    path: str  # without the program's name; empty for the program itself
    summary: str
    parameters: tuple[Parameter, ...]
    is_group: bool

    @property
    def usage(self) -> str:
        """Return the line one types."""
        arguments = [_bracket(p) for p in self.parameters if not p.is_option]
        options = ["[OPTIONS]"] if any(p.is_option for p in self.parameters) else []
        return " ".join([PROGRAM, *self.path.split(), *options, *arguments, *(["COMMAND"] if self.is_group else [])])


def commands() -> list[Command]:
    """Return the program, its groups and its commands, each after what holds it."""
    return list(_walk(typer.main.get_command(app), ""))


def cli_page(given: list[Command] | None = None) -> str:
    """Return the page."""
    found = commands() if given is None else given
    return page("Command line", "the command line's own help", _INTRODUCTION, *map(_section, found))


_INTRODUCTION = """
Every stage of the night is a command, and each is the function that the DAGs call. Options of the program stand
before the command: `nightwatt --home /srv/nightwatt status`. Every command takes `--help`. An error is one line with
a code and what to do, and exit code 1; [codes.md](../runbooks/codes.md) lists the codes.
"""


def _section(command: Command) -> str:
    name = f"{PROGRAM} {command.path}".strip()
    parts = [f"## {name}", command.summary, f"```text\n{command.usage}\n```"]
    arguments = [p for p in command.parameters if not p.is_option]
    options = [p for p in command.parameters if p.is_option]
    if arguments:
        parts.append(table(["argument", "meaning"], [(code(p.name), p.meaning) for p in arguments]))
    if options:
        rows = [(code(p.name), p.value, _shown(p.default), p.meaning) for p in options]
        parts.append(table(["option", "takes", "default", "meaning"], rows))
    return "\n\n".join(parts)


def _shown(default: str) -> str:
    return default if default == "must be given" else code(default)


def _walk(found: Any, path: str) -> Iterator[Command]:
    children: dict[str, Any] = getattr(found, "commands", {})
    parameters = tuple(_parameter(p, path) for p in found.params)
    yield Command(path, words(found.help, None, f"command {path or PROGRAM}"), parameters, bool(children))
    for name, child in children.items():
        yield from _walk(child, f"{path} {name}".strip())


def _parameter(found: Any, path: str) -> Parameter:
    is_option = found.opts[0].startswith("-")
    name = ", ".join([*found.opts, *found.secondary_opts]) if is_option else found.name.upper()
    key = f"{path or 'root'} {found.opts[0] if is_option else name}"
    meaning = words(found.help, WORDS.get(key), f"`{key}`")
    if found.multiple or found.nargs == -1:
        meaning += " May be given several times." if is_option else " Any number."
    elif not is_option and not found.required:
        meaning += " May be left out."
    return Parameter(is_option, name, _takes(found) if is_option else "", _default(found), meaning)


def _takes(found: Any) -> str:
    if getattr(found, "is_flag", False):
        return ""
    kind = found.type_descriptor.annotation
    kind = (get_args(kind) or (kind,))[0]
    if issubclass(kind, Enum):
        return ", ".join(str(member.value) for member in kind)
    return _TYPES[kind.__name__]


def _default(found: Any) -> str:
    value = found.default
    if found.required and found.opts[0].startswith("-"):
        return "must be given"
    if value is None or value is False or callable(value):
        return ""
    if value is True:
        return found.opts[0]
    return str(value.value if isinstance(value, Enum) else value.name if isinstance(value, Path) else value)


def _bracket(parameter: Parameter) -> str:
    is_optional = parameter.meaning.endswith(("Any number.", "May be left out."))
    several = "..." if parameter.meaning.endswith("Any number.") else ""
    return f"[{parameter.name}]{several}" if is_optional else parameter.name
