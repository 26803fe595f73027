"""Every code the code can say has one line in codes.md, and the page named there speaks of it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs import codes

RUNBOOKS = codes.REPOSITORY / "docs" / "runbooks"
ROW = re.compile(r"^\| `([\w.]+)` \| ([^|]+) \| \[([^\]]+)\]\(([\w./]+)\) \|$", re.MULTILINE)


def lines(page: str) -> list[tuple[str, str, str, str]]:
    """Return code, meaning, title and page of every line."""
    return ROW.findall(page)


def faults(page: str, known: set[str], folder: Path = RUNBOOKS) -> list[str]:
    """Return what is wrong with a page of codes."""
    rows = lines(page)
    listed = [code for code, *_ in rows]
    found = [f"{code} has no line" for code in sorted(known - set(listed))]
    found += [f"{code} is no code any more" for code in sorted(set(listed) - known)]
    found += [f"{code} has {listed.count(code)} lines" for code in sorted(set(listed)) if listed.count(code) > 1]
    for code, _, title, name in rows:
        text = (folder / name).read_text("utf-8") if (folder / name).is_file() else ""
        if f"`{code}`" not in text:
            found.append(f"{name} does not speak of {code}")
        elif text.partition("\n")[0] != f"# {title}":
            found.append(f"{name} is not called {title}")
    return found


def test_every_code_has_one_line_and_a_page() -> None:
    assert faults((RUNBOOKS / "codes.md").read_text("utf-8"), codes.codes()) == []


def test_a_new_a_stale_a_doubled_and_an_unexplained_code_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\n`file.old` `file.twice`\n")
    row = "| `{}` | something | [A](a.md) |\n"
    page = row.format("file.old") + row.format("file.twice") * 2 + row.format("file.unexplained")

    assert faults(page, {"file.new", "file.twice", "file.unexplained"}, tmp_path) == [
        "file.new has no line",
        "file.old is no code any more",
        "file.twice has 2 lines",
        "a.md does not speak of file.unexplained",
    ]


def test_the_scan_finds_codes_however_they_are_said() -> None:
    source = """
raise TerminalError("file.one", "message")
errors.TransientError(code="file.two", message="m")
CheckResult("feed.three" if x else "feed.four", "subject", False, True, "m")
Fault("a IS NULL", "row.five", "column")
sql = "CASE WHEN x THEN 'y'"
text("row.six|stamp")
class Changed(TransientError):
    def __init__(self): super().__init__("file.seven", "m")
logger.error("failed", code=known.code if known else "task.eight")
"""

    found = codes.codes_in(source)

    assert found == {
        "file.one", "file.two", "feed.three", "feed.four", "row.five", "row.six", "file.seven", "task.eight",
    }  # fmt: skip


def test_the_scan_finds_the_faults_of_models() -> None:
    source = """{{ faults([
        {'when': "a is null", 'code': 'bill.orphan', 'field': 'a', 'detail': 'bills.a'},
        {'when': 'b', 'code': 'bill.required_missing', 'field': 'b'}
    ], entity='bill') }}"""

    assert codes.codes_in_sql(source) == {"bill.orphan", "bill.required_missing", "bill.unknown_code"}


def test_nothing_that_looks_like_a_code_is_overlooked() -> None:
    assert codes.suspects() == set(), "a new code that the scan does not see, or a new text for NO_CODES"


def test_every_runbook_has_the_five_parts_and_is_found_by_its_symptom() -> None:
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    for page in sorted(RUNBOOKS.glob("*.md")):
        if page.name in {"README.md", "codes.md"}:
            continue
        text = page.read_text("utf-8")
        assert f"[{text.splitlines()[0].removeprefix('# ')}]({page.name})" in index
        assert re.search(r"^## What you see", text, re.MULTILINE), page.name
        assert "what it means" in text.lower(), page.name
        for part in ("## What to do", "## What not to do", "## Safe to rerun?"):
            assert f"\n{part}\n" in text, f"{page.name}: {part}"
