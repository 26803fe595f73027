"""The independent checker: a clean file has no finding, and each code is found when put into it."""

from __future__ import annotations

import gzip
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.delivery import NEW_YORK, profile

from nightwatt.delivery.opower import checker_lines
from nightwatt.delivery.opower.checker import Agreed, check_interval_file
from nightwatt.delivery.opower.findings import RULES, SHOWN_LINES, CheckReport

NAME = "opwr_gec_res_v2-0-5_interval60_20250116060000.gz"
HEADER = profile().header_line
ROWS = [
    f"SP{point}\t1.5\t20250115\t{hour:02d}00\tKWH\tA\t-0500\tELECTRIC\tCONSUMED"
    for point in (1, 2)
    for hour in (1, 2, 3)
]


def check(folder: Path, text: str | bytes, name: str = NAME, **options: object) -> CheckReport:
    """Check a file of this text."""
    path = folder / name
    path.write_bytes(gzip.compress(text if isinstance(text, bytes) else text.encode()))
    return check_interval_file(path, profile(), [NEW_YORK], Agreed(**options))


def lines(*rows: str, header: str = HEADER) -> str:
    """Return a file's text."""
    return "".join(f"{row}\n" for row in (header, *rows))


def changed(number: int, old: str, new: str) -> str:
    """Return the clean file with one row changed."""
    rows = list(ROWS)
    assert old in rows[number]
    rows[number] = rows[number].replace(old, new, 1)
    return lines(*rows)


def test_a_clean_file_has_no_finding_and_its_totals_are_told(tmp_path: Path) -> None:
    report = check(tmp_path, lines(*ROWS))

    assert report.findings == ()
    assert (report.rows, report.service_points, report.estimated_rows) == (6, 2, 0)
    assert report.sums == {"KWH/CONSUMED": Decimal("9.0")}
    assert (str(report.first_end_at), str(report.last_end_at)) == (
        "2025-01-15 06:00:00+00:00",
        "2025-01-15 08:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("number", "old", "new", "code"),
    [
        (1, "SP1", "", "REQUIRED_EMPTY"),
        (1, "\t1.5", "\t", "REQUIRED_EMPTY"),
        (1, "\tKWH", "\tNULL", "NULL_WORD"),
        (1, "\t1.5", "\tNA", "NULL_WORD"),
        (1, "\tKWH", "\tkWh", "ENUM"),
        (1, "\tA\t", "\tY\t", "ENUM"),
        (1, "CONSUMED", "GEN", "ENUM"),
        (1, "\t1.5", "\t1,5", "USAGE_FORMAT"),
        (1, "\t1.5", "\t1e3", "USAGE_FORMAT"),
        (1, "\t1.5", "\t+1.5", "USAGE_FORMAT"),
        (1, "\t1.5", "\t1.5.1", "USAGE_FORMAT"),
        (1, "\t1.5", "\t1.123456789", "USAGE_FORMAT"),
        (1, "\t1.5", "\t-1.5", "USAGE_NEGATIVE"),
        (1, "\t1.5", "\t1000000000", "USAGE_TOO_LARGE"),
        (1, "\t1.5", "\t0.000", "USAGE_ZERO"),
        (0, "20250115", "20250230", "DATE_INVALID"),
        (0, "20250115", "2025-1-1", "DATE_INVALID"),
        (2, "0300", "3:00", "INT_GRID"),
        (0, "-0500", "-05:00", "INT_DST_LABEL"),
        (0, "-0500", "-0400", "INT_DST_LABEL"),
        (1, "\tA\t", "\t\t", "ESTIMATE_DEFAULTED"),
        (1, "0200", "0100", "INT_DUP"),
        (1, "\t1.5", "", "TAB_COUNT"),
        (1, "KWH", "KWH\t", "TAB_COUNT"),
    ],
)
def test_finds_a_fault_put_into_a_clean_file(tmp_path: Path, number: int, old: str, new: str, code: str) -> None:
    report = check(tmp_path, changed(number, old, new))

    found = next(f for f in report.findings if f.code == code)
    assert found.lines == (number + 2,)
    assert (found.count, found.level, found.remedy) == (1, RULES[code].level, RULES[code].remedy)
    assert set(report.codes) - {code} <= {"GAP"}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", {"HEADER_MISMATCH": 1}),
        (lines(), {}),
        (lines(*ROWS, header=HEADER.replace("UTC_offset", "utc_offset")), {"HEADER_MISMATCH": 1}),
        (lines(*ROWS, header=HEADER + "\tdevice_label"), {"INT_RETIRED_COLUMN": 1}),
        ("\ufeff" + lines(*ROWS), {"ENCODING": 1}),
        (lines(*ROWS).replace("SP2", "S\0P2"), {"ENCODING": 1}),
        (lines(*ROWS).replace("SP2", "S\rP2"), {"ENCODING": 1}),
        (lines(*ROWS).replace("\n", "\r\n"), {}),
        (lines(*ROWS).encode().replace(b"SP2", b"SP\xe9"), {"ENCODING": 1}),
        (lines(*ROWS[::-1]), {"ROW_ORDER": 4}),
        (lines(*ROWS[:2], *ROWS[3:], ROWS[2]), {}),
        (lines(ROWS[1], ROWS[3], ROWS[0]), {"ROW_ORDER": 1}),
        (lines(ROWS[0], ROWS[2]), {"GAP": 1}),
        (lines(*ROWS[:2], "too\tfew", *ROWS[2:], "a\t" * 14), {"TAB_COUNT": 2}),
        (lines(*ROWS[:2], "", *ROWS[2:]), {"TAB_COUNT": 1}),
        (lines(*ROWS)[:-1], {}),
    ],
    ids=[
        "empty", "header only", "header differs", "retired column", "byte order mark", "NUL", "stray CR", "CRLF",
        "latin-1", "backwards", "service points in turns", "older row later", "gap", "ragged, same number of TABs",
        "blank line", "no last line end",
    ],
)  # fmt: skip
def test_finds_faults_of_the_whole_file(tmp_path: Path, text: str | bytes, codes: dict[str, int]) -> None:
    assert check(tmp_path, text).codes == codes


def test_blocks_do_not_change_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = lines(*ROWS[:2], "too\tfew", ROWS[2], ROWS[3], ROWS[5], ROWS[5])
    whole = check(tmp_path, text)

    for size in (7, 64, 65, 200):
        monkeypatch.setattr(checker_lines, "BLOCK", size)
        assert check(tmp_path, text) == whole
    assert whole.codes == {"TAB_COUNT": 1, "GAP": 1, "INT_DUP": 1}


def test_lines_shown_are_capped_and_all_are_counted(tmp_path: Path) -> None:
    rows = [ROWS[0].replace("SP1", f"SP{n:04d}").replace("\t1.5", "\t0") for n in range(500)]

    found = check(tmp_path, lines(*rows)).findings[0]

    assert (found.code, found.count, len(found.lines)) == ("USAGE_ZERO", 500, SHOWN_LINES)


@pytest.mark.parametrize("cut", [20, 60])
def test_a_truncated_file_is_unreadable(tmp_path: Path, cut: int) -> None:
    path = tmp_path / NAME
    path.write_bytes(gzip.compress(lines(*ROWS).encode())[:-cut])

    assert "UNREADABLE" in check_interval_file(path, profile(), [NEW_YORK]).codes


def test_a_wrong_checksum_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / NAME
    packed = bytearray(gzip.compress(lines(*ROWS).encode()))
    packed[-8] ^= 1
    path.write_bytes(packed)

    assert check_interval_file(path, profile(), [NEW_YORK]).codes == {"UNREADABLE": 1}


@pytest.mark.parametrize(
    ("members", "codes"),
    [({"a.txt": 1}, {}), ({"a.txt": 1, "b.txt": 1}, {"ZIP_MEMBERS": 1}), ({"in/a.txt": 1}, {"ZIP_MEMBERS": 1})],
)
def test_a_zip_holds_one_file_and_no_folder(tmp_path: Path, members: dict[str, int], codes: dict[str, int]) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in members:
            archive.writestr(name, lines(*ROWS))
    path = tmp_path / NAME.replace(".gz", ".zip")
    path.write_bytes(made.getvalue())

    assert check_interval_file(path, profile(), [NEW_YORK]).codes == codes


def test_name_order_size_and_parties_are_checked_as_agreed(tmp_path: Path) -> None:
    text = lines(*ROWS)

    assert check(tmp_path, text, after_stamp="20250116060000").codes == {"NAME_STAMP_ORDER": 1}
    assert check(tmp_path, text, after_stamp="20250116055959").codes == {}
    assert check(tmp_path, text, size_limit_mb=0).codes == {"SIZE_LIMIT": 1}
    assert check(tmp_path, text, utility="nwu").codes == {"NAME_PATTERN": 1}
    assert check(tmp_path, text, population="nonres").codes == {"NAME_PATTERN": 1}
    assert "INT_LENGTH_MIXED" in check(tmp_path, text, length_min=15).codes


def test_no_value_of_a_row_reaches_a_finding(tmp_path: Path) -> None:
    text = lines(*(row.replace("SP1", "CANARY").replace("1.5", "-31337") for row in ROWS))

    said = "".join(map(str, check(tmp_path, text).findings))

    assert "USAGE_NEGATIVE" in said
    assert "CANARY" not in said
    assert "31337" not in said
