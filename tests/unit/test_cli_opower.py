"""`nightwatt opower check`: exit status, forms of the report, what it shows and what it does not log."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import Result
from tests.support.opower_files import account_row, month, name_of, segment_row, text_of, usage_row
from typer.testing import CliRunner

from nightwatt.cli.app import app
from nightwatt.delivery.opower import checker_lines

CLEAN = text_of("usage", [usage_row("SP-1", month(n), month(n + 1)) for n in range(6)])
BAD = CLEAN.replace("\t612.4", "\t-31337", 1)


def run(folder: Path, *arguments: str | Path) -> Result:
    """Check in a home of its own."""
    return CliRunner().invoke(app, ["--home", str(folder / "home"), "opower", "check", *map(str, arguments)])


def put(folder: Path, text: str, name: str | None = None) -> Path:
    """Write a packed file."""
    path = folder / (name or name_of("usage"))
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_a_clean_file_is_told_and_exits_with_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, put(tmp_path, CLEAN))

    assert result.exit_code == 0, result.output
    assert "accepted, nothing found" in result.output
    for fact in ("rows            6", "service points  1", "2024-01-01 to 2024-07-01", "estimated       0 (0.00 %)"):
        assert fact in result.output


def test_a_refused_file_says_line_value_and_remedy(tmp_path: Path) -> None:
    result = run(tmp_path, put(tmp_path, BAD))

    assert result.exit_code == 1
    assert "USAGE_NEGATIVE [R, refuses the row] x1" in result.output
    assert "line 2, service point SP-1, '-31337'" in result.output
    assert "-> have the partner enable negative amounts" in result.output
    assert "REJECTED: USAGE_NEGATIVE" in result.output


def test_a_warning_alone_does_not_fail(tmp_path: Path) -> None:
    result = run(tmp_path, put(tmp_path, CLEAN.replace("\tA\t", "\t\t", 1)))

    assert result.exit_code == 0
    assert "accepted, with 1 warning(s)" in result.output


@pytest.mark.parametrize(
    ("form", "extension"), [("gz", "gz"), ("zip", "zip"), ("plain", "txt"), ("gz", "txt"), ("zip", "txt")]
)
def test_reads_packed_and_plain_files(form: str, extension: str, tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("usage.txt", CLEAN)
    data = {"gz": gzip.compress(CLEAN.encode()), "zip": made.getvalue(), "plain": CLEAN.encode()}[form]
    path = tmp_path / name_of("usage", extension=extension)
    path.write_bytes(data)

    (report,) = json.loads(run(tmp_path, path, "--format", "json").output)["files"]

    assert (report["rows"], report["kind"]) == (6, "usage")
    assert [f["code"] for f in report["findings"]] == (["NAME_PATTERN"] if extension == "txt" else [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.gz"], "delivery.check_unreadable"),
        (["empty"], "an empty folder"),
        (["odd.gz"], "delivery.check_kind"),
        ([name_of("usage"), "--billing-profile", "opower/none"], "delivery.profile_unknown"),
        ([name_of("usage"), "--zone", "America/Gotham"], "America/Gotham"),
    ],
)
def test_what_cannot_be_read_exits_with_two(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path, CLEAN, "odd.gz")
    put(tmp_path, CLEAN)

    result = run(tmp_path, tmp_path / arguments[0], *arguments[1:])

    assert result.exit_code == 2
    assert says in result.stderr


def test_a_damaged_file_exits_with_two_and_is_told(tmp_path: Path) -> None:
    path = put(tmp_path, CLEAN)
    path.write_bytes(path.read_bytes()[:-9])

    result = run(tmp_path, path)

    assert result.exit_code == 2
    assert "UNREADABLE" in result.output


@pytest.mark.parametrize(
    ("local", "central", "flag"), [(6, 8, b"\x01\x00"), (8, 10, b"\x63\x00")], ids=["encrypted", "unknown packing"]
)
def test_a_zip_nobody_here_can_open_is_unread(local: int, central: int, flag: bytes, tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("usage.txt", CLEAN)
    data = bytearray(made.getvalue())
    for start, at in ((0, local), (data.index(b"PK\x01\x02"), central)):
        data[start + at : start + at + 2] = flag
    path = tmp_path / name_of("usage", extension="zip")
    path.write_bytes(data)

    result = run(tmp_path, path)

    assert result.exit_code == 2
    assert "UNREADABLE" in result.output


def test_the_kind_can_be_said_where_the_name_does_not(tmp_path: Path) -> None:
    result = run(tmp_path, put(tmp_path, CLEAN, "odd.gz"), "--kind", "usage", "--format", "json")

    (report,) = json.loads(result.output)["files"]
    assert (report["kind"], report["rows"], [f["code"] for f in report["findings"]]) == ("usage", 6, ["NAME_PATTERN"])


def test_a_length_the_partner_does_not_take_is_a_fault_of_the_name(tmp_path: Path) -> None:
    result = run(tmp_path, put(tmp_path, CLEAN, name_of("interval45")))

    assert result.exit_code == 1
    assert "NAME_PATTERN" in result.output
    assert "the type must be one of interval5, interval15" in result.output


def test_what_is_no_text_is_unread_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker_lines, "BLOCK", 1000)
    monkeypatch.setattr(checker_lines, "LONGEST_LINE", 5000)

    result = run(tmp_path, put(tmp_path, "x" * 20_000))

    assert result.exit_code == 2
    assert "a line without end" in result.output


def test_a_folder_is_read_by_stamp_customers_first(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    put(inbox, text_of("usage", [usage_row("SP-1", month(6), month(7))]), name_of("usage", "20260312060000"))
    put(inbox, CLEAN)
    put(inbox, text_of("customer", [account_row("SP-1")]), name_of("customer"))

    result = run(tmp_path, inbox, "--format", "json")

    told = [(f["kind"], f["findings"], f["not_checked"]) for f in json.loads(result.output)["files"]]
    assert (result.exit_code, told) == (0, [("customer", [], []), ("usage", [], []), ("usage", [], [])])


@pytest.mark.parametrize(("order", "codes"), [("given", {"NAME_STAMP_ORDER"}), ("stamp", set())])
def test_files_are_taken_in_the_order_asked_for(order: str, codes: set[str], tmp_path: Path) -> None:
    late = put(tmp_path, CLEAN.replace("612.4", "613"), name_of("usage", "20260312060000"))

    result = run(tmp_path, late, put(tmp_path, CLEAN), "--order", order, "--format", "json")

    assert {f["code"] for file in json.loads(result.output)["files"] for f in file["findings"]} == codes


def test_the_page_is_whole_and_shows_text_from_a_file_as_text(tmp_path: Path) -> None:
    point = "<script>alert(1)</script>"
    path = put(tmp_path, text_of("usage", [usage_row(point, month(0), month(1), "-1")]))

    page = run(tmp_path, path, "--format", "html").output

    seen = _Tags()
    seen.feed(page)
    assert seen.open == []
    assert "script" not in seen.met
    assert "&lt;script&gt;" in page
    assert "1 file(s) checked, 1 would be refused" in page


def test_no_value_of_a_file_is_logged(tmp_path: Path) -> None:
    text = BAD.replace("SP-1", "CANARY")
    path = put(tmp_path, text)

    result = CliRunner().invoke(app, ["--home", str(tmp_path / "home"), "--verbose", "opower", "check", str(path)])

    assert "CANARY" in result.stdout
    assert "CANARY" not in result.stderr
    assert "31337" not in result.stderr


class _Tags(HTMLParser):
    """Which tags a page has, and which it leaves open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.add(tag)
        if tag not in {"br", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_billing_v2_files_are_checked_by_their_names_or_by_what_is_said(tmp_path: Path) -> None:
    rows = [segment_row("SA-1", month(0), month(1)), segment_row("SA-1", month(2), month(3))]
    text = text_of("billing_billsegment", rows)

    named = run(tmp_path, put(tmp_path, text, name_of("billing_billsegment")))
    told = run(tmp_path, put(tmp_path, text, "segments.gz"), "--kind", "billing_billsegment")

    assert (named.exit_code, told.exit_code) == (0, 1)
    for result in (named, told):
        assert "GAP [W, warning] x1: time missing between two reads or segments" in result.output
        assert "SA-1: 2024-02-01T05:00:00Z to 2024-03-01T05:00:00Z" in result.output
    assert "accepted, with 1 warning(s)" in named.output
    assert "REJECTED: NAME_PATTERN" in told.output
