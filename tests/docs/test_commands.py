"""Commands shown in pages exist, with the arguments shown; Python shown in pages imports what there is."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
from docs_pages import cli
from tests.docs.markdown import REPOSITORY, commands, inline_commands, pages, python

OTHERS = {
    "airflow", "cp", "dbt", "df", "docker", "du", "export", "ls", "mv", "nc", "ps", "rm", "rsync", "sed", "sftp",
    "sha256sum", "ssh-keygen", "ssh-keyscan", "zcat",
}  # fmt: skip
"""Programs of the operating system that pages may show."""

TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
COMMANDS = {c.path: c for c in cli.commands()}


def fault(command: str) -> str | None:
    """Return what is wrong with a command line, if anything."""
    words = [w for w in shlex.split(command, comments=True) if not re.fullmatch(r"[A-Z_]+=\S*", w)]
    program = Path(words[0]).name if words else ""
    if program == "docker" and "nightwatt" in words:
        return fault(shlex.join(words[words.index("nightwatt") :]))
    if program == "nightwatt":
        return _fault_of_ours(words[1:])
    if program == "make":
        return None if set(words[1:]) <= TARGETS and words[1:] else f"no such target: {command}"
    return None if program in OTHERS or words[:2] == [".venv/bin/python", "-"] else f"unknown program: {command}"


def _fault_of_ours(words: list[str]) -> str | None:
    path = ""
    options = _options("")
    at = 0
    while at < len(words):
        word = words[at]
        if word.startswith("-") and word != "...":
            if word not in options:
                return f"nightwatt {path}: no option {word}"
            at += 1 if not options[word] else 2
            continue
        if f"{path} {word}".strip() not in COMMANDS:
            break
        path = f"{path} {word}".strip()
        options |= _options(path)
        at += 1
    return _fault_of_rest(path, words[at:], options)


def _fault_of_rest(path: str, rest: list[str], options: dict[str, bool]) -> str | None:
    if not path and rest:
        return f"nightwatt has no command {rest[0]}"
    unknown = [w for w in rest if w.startswith("--") and w not in options]
    if unknown:
        return f"nightwatt {path}: no option {unknown[0]}"
    if COMMANDS[path].is_group and rest and "|" not in rest[0]:
        return f"nightwatt {path} has no command {rest[0]}"
    return None


def _options(path: str) -> dict[str, bool]:
    """Return the options of a command and whether each takes a value."""
    found = {"--help": False}
    for parameter in COMMANDS[path].parameters:
        if parameter.is_option:
            found |= {name.strip(): bool(parameter.value) for name in parameter.name.split(",")}
    return found


def missing_imports(source: str) -> list[str]:
    """Return what a piece of Python imports from NightWatt and does not exist."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nightwatt"):
            module = importlib.import_module(node.module or "")
            for name in node.names:
                if not hasattr(module, name.name) and not _is_module(f"{node.module}.{name.name}"):
                    found.append(f"{node.module}.{name.name}")
    return found


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_commands_shown_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    found = [fault(command) for command in [*commands(text), *inline_commands(text)]]

    assert [f for f in found if f] == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_python_shown_imports_what_there_is(page: Path) -> None:
    assert [name for source in python(page.read_text("utf-8")) for name in missing_imports(source)] == []


def test_a_wrong_command_is_noticed() -> None:
    page = """
`nightwatt nonsense` and `make nothing` and `nightwatt load FEED --date`

```console
$ nightwatt load x --dat 2026-03-09
$ nightwatt rejects remove 3
$ .venv/bin/nightwatt --home /x status --date 2026-03-09 | grep x && frobnicate now
$ docker compose exec scheduler nightwatt nothing
$ nightwatt sql "select 1 -- a comment" > x.csv
```
"""

    assert [fault(c) for c in [*inline_commands(page), *commands(page)]] == [
        "nightwatt has no command nonsense",
        "no such target: make nothing",
        None,
        "nightwatt load: no option --dat",
        "nightwatt rejects has no command remove",
        None,
        "unknown program: grep x",
        "unknown program: frobnicate now",
        "nightwatt has no command nothing",
        None,
    ]


def test_a_name_that_is_gone_is_noticed() -> None:
    source = "from nightwatt.ledger import sendings, nothing_of_the_kind\nfrom nightwatt.stages import Platform"

    assert missing_imports(source) == ["nightwatt.ledger.nothing_of_the_kind"]
