"""Every code of the checker is found when its fault is put into an otherwise clean file, and nothing else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.support.opower_files import (
    ZONE,
    account_row,
    check,
    hour,
    interval_row,
    month,
    name_of,
    segment_row,
    text_of,
    usage_row,
)

from nightwatt.delivery.opower.checker import Agreed
from nightwatt.delivery.opower.checker_files import Question
from nightwatt.delivery.opower.findings import RULES, Level

POINTS = [f"SP{n:03}" for n in range(12)]
CUSTOMERS = [account_row(point, f"C{n}", f"A{n}") for n, point in enumerate(POINTS)]
USAGE = [usage_row(point, month(n), month(n + 1)) for point in POINTS for n in range(12)]
HOURS = [interval_row(point, hour(n)) for point in POINTS for n in range(36)]
MOVED = text_of("customer", [account_row("SP003", "C3", "A3", "20230402")])
LATER = text_of("interval60", [interval_row("SP000", hour(37))])
SEGMENTS = [segment_row(f"SA{p}", month(n), month(n + 1)) for p in range(4) for n in range(12)]
FULL = [f"{row}\t{usage.partition(chr(9))[2]}" for row, usage in zip(CUSTOMERS, USAGE[::12], strict=True)]


@dataclass(frozen=True)
class Case:
    """Files and what is asked of them; the fault is in the last."""

    files: list[tuple[str, str | bytes]]
    question: Question = field(default_factory=lambda: Question([ZONE]))


def clean() -> Case:
    """Return a sequence without a fault, of every kind of file."""
    return Case(
        [
            (name_of("customer"), text_of("customer", CUSTOMERS)),
            (name_of("usage"), text_of("usage", USAGE)),
            (name_of("full", population="nonres"), text_of("full", FULL)),
            (name_of("billing_billsegment"), text_of("billing_billsegment", SEGMENTS)),
            (name_of("interval60"), text_of("interval60", HOURS)),
        ]
    )


def usage(change: Callable[[list[str]], object] | None = None, **changes: object) -> Case:
    """Return customers, and usage changed in place."""
    rows = list(USAGE)
    if change:
        change(rows)
    return Case([clean().files[0], (name_of("usage"), text_of("usage", rows))], Question([ZONE], **changes))


def cell(number: int, old: str, new: str) -> Case:
    """Return usage with one text in one row changed."""
    assert old in USAGE[number]
    return usage(lambda rows: rows.__setitem__(number, USAGE[number].replace(old, new, 1)))


def accounts(number: int, row: str) -> Case:
    """Return customers with one row changed."""
    rows = [*CUSTOMERS[:number], row, *CUSTOMERS[number + 1 :]]
    return Case([(name_of("customer"), text_of("customer", rows))])


def hours(number: int, old: str, new: str) -> Case:
    """Return an interval file with one text in one row changed."""
    assert old in HOURS[number]
    rows = [*HOURS[:number], HOURS[number].replace(old, new, 1), *HOURS[number + 1 :]]
    return Case([(name_of("interval60"), text_of("interval60", rows))])


def named(name: str) -> Case:
    """Return clean usage under another name."""
    return Case([(name, text_of("usage", USAGE))])


def zipped(*members: str) -> bytes:
    """Return a zip with these members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for member in members:
            archive.writestr(member, text_of("usage", USAGE))
    return made.getvalue()


def again(*rows: str) -> Case:
    """Return clean customers and usage, and a usage file the day after."""
    return Case([*clean().files[:2], (name_of("usage", "20260312060000"), text_of("usage", rows))])


def segments(number: int, old: str, new: str) -> Case:
    """Return a segment file with one text in one row changed."""
    assert old in SEGMENTS[number]
    rows = [*SEGMENTS[:number], SEGMENTS[number].replace(old, new, 1), *SEGMENTS[number + 1 :]]
    return Case([(name_of("billing_billsegment"), text_of("billing_billsegment", rows))])


INJECTED: dict[str, list[Case]] = {
    "NAME_PATTERN": [named("opwr_gec_res_v1-18-0_usage_20260311060000.gz"), named("usage_20260311.txt")],
    "NAME_STAMP_ORDER": [
        usage(agreed=Agreed(after_stamp="20260311060000")),
        Case([*clean().files[1:2], (name_of("usage", "20260310060000"), text_of("usage", USAGE[:1]))]),
    ],
    "ZIP_MEMBERS": [
        Case([(name_of("usage", extension="zip"), zipped("a.txt", "b.txt"))]),
        Case([(name_of("usage", extension="zip"), zipped("in/a.txt"))]),
    ],
    "UNREADABLE": [Case([(name_of("usage"), b"not packed at all")])],
    "ENCODING": [cell(3, "SP000", "SP\x0000"), Case([(name_of("usage"), "\ufeff" + text_of("usage", USAGE))])],
    "HEADER_MISMATCH": [
        Case([(name_of("usage"), text_of("usage", USAGE).replace("duration", "days", 1))]),
        Case([(name_of("usage"), text_of("customer", []))]),
    ],
    "INT_RETIRED_COLUMN": [
        Case([(name_of("interval60"), text_of("interval60", HOURS).replace("service_type", "register_id", 1))])
    ],
    "TAB_COUNT": [cell(7, "\t91.86", ""), cell(7, "\t91.86", "\t91.86\t")],
    "SIZE_LIMIT": [usage(agreed=Agreed(size_limit_mb=0))],
    "ROW_ORDER": [
        usage(lambda rows: rows.__setitem__(slice(10, 12), rows[11:9:-1])),
        Case([(name_of("interval60"), text_of("interval60", [HOURS[1], HOURS[0], *HOURS[2:]]))]),
        accounts(1, account_row("SP000", "C0", "A00", "20220101", "20230401")),
    ],
    "WRONG_FOLDER": [
        usage(folder="/uploads"),
        usage(folder="/home/gec/Uploads"),
        usage(folder="/shared_files", state="approved"),
        usage(folder="/uploads", state="approved"),  # the profile is incomplete
    ],
    "INT_LENGTH_MIXED": [
        hours(5, "00\tKWH", "15\tKWH"),
        Case([(name_of("interval15"), text_of("interval15", HOURS))]),
    ],
    "REQUIRED_EMPTY": [
        cell(4, "SP000", ""),
        cell(4, "\t612.4", "\t"),
        accounts(3, account_row("SP003", "", "A3")),
        hours(4, "-0500", ""),
    ],
    "NULL_WORD": [cell(4, "\t612.4", "\tNA"), accounts(3, account_row("SP003", "C3", "null"))],
    "ENUM": [cell(4, "\tA\t", "\tY\t"), hours(4, "KWH", "kWh")],
    "USAGE_FORMAT": [
        cell(4, "\t612.4", "\t1,612"),
        cell(4, "\t612.4", "\t+612"),
        cell(4, "\t612.4", "\t6e2"),
        cell(4, "\t91.86", "\t91.865"),
    ],
    "USAGE_NEGATIVE": [cell(4, "\t612.4", "\t-612.4"), hours(4, "\t1.5", "\t-1.5")],
    "USAGE_TOO_LARGE": [cell(4, "\t612.4", "\t999999999.1")],
    "DATE_INVALID": [cell(11, "20250101", "20250230"), cell(11, "20250101", "2025-01-01")],
    "DATETIME_INVALID": [
        segments(11, "2025-01-01", "2025-02-30"),
        segments(11, "2025-01-01", "20250101"),
        segments(11, "2025-01-01", "2024-11-01"),
    ],
    "DURATION_RANGE": [cell(11, "\t31\t", "\t0\t"), cell(11, "\t31\t", "\t3.5\t"), cell(11, "\t31\t", "\t\u00b3\t")],
    "ACTIVE_DATE_CHANGED": [
        Case(
            [
                clean().files[0],
                (name_of("customer", "20260312060000"), MOVED),
            ]
        )
    ],
    "INACTIVE_BEFORE_ACTIVE": [accounts(3, account_row("SP003", "C3", "A3", ended="20230331"))],
    "DELETE_NOT_ENABLED": [accounts(3, CUSTOMERS[3].replace("\t\t07", "\ttrue\t07"))],
    "OVERLAP_BAD": [
        again(usage_row("SP005", month(3), month(5))),
        again(usage_row("SP005", month(10), month(12))),
        cell(11, "\t31\t", "\t32\t"),
    ],
    "ORPHAN_USAGE": [again(usage_row("SP999", month(12), month(13)))],
    "PREMISE_SHARED": [
        Case(
            [
                clean().files[0],
                (
                    name_of("customer", "20260312060000"),
                    text_of("customer", [account_row("SP003", "C77", "A77", "20260301")]),
                ),
            ]
        )
    ],
    "INT_GRID": [hours(4, "00\tKWH", "07\tKWH"), hours(4, "00\tKWH", "\tKWH")],
    "INT_DST_LABEL": [hours(4, "-0500", "-0400"), hours(4, "-0500", "-05:00")],
    "INT_DUP": [
        Case([(name_of("interval60"), text_of("interval60", [HOURS[0], *HOURS]))]),
        Case([*clean().files[4:], (name_of("interval60", "20260312060000"), text_of("interval60", HOURS[34:36]))]),
    ],
    "ENTITY_DUP": [
        usage(lambda rows: rows.insert(12, rows[11])),
        accounts(4, CUSTOMERS[3]),
    ],
    "TEXT_FORM": [
        accounts(3, CUSTOMERS[3].replace("12203", "1220")),
        accounts(3, CUSTOMERS[3].replace("Albany", "A" * 91)),
    ],
    "MODE_MIXED": [Case([*clean().files[:2], (name_of("full", "20260312060000"), text_of("full", []))])],
    "ESTIMATE_DEFAULTED": [cell(4, "\tA\t", "\t\t"), hours(4, "\tA\t", "\t\t")],
    "USAGE_ZERO": [cell(4, "\t612.4", "\t0"), hours(4, "\t1.5", "\t0.000")],
    "GAP": [
        usage(lambda rows: rows.pop(5)),
        segments(5, "2024-07-01", "2024-06-30"),
        again(usage_row("SP005", month(13), month(14))),
        Case([(name_of("interval60"), text_of("interval60", [*HOURS[:9], *HOURS[10:]]))]),
        Case([*clean().files[4:], (name_of("interval60", "20260312060000"), LATER)]),
    ],
}  # fmt: skip
ALONG = {
    "ROW_ORDER": {"GAP"},
    "ENUM": {"GAP"},  # another unit is another channel
    "INT_LENGTH_MIXED": {"INT_GRID", "GAP"},
    "INT_GRID": {"INT_LENGTH_MIXED", "GAP", "REQUIRED_EMPTY"},
    "INT_DST_LABEL": {"GAP", "REQUIRED_EMPTY"},
    "DATE_INVALID": {"GAP"},
    "REQUIRED_EMPTY": {"GAP"},
    "TAB_COUNT": {"GAP"},
    "ENCODING": {"GAP", "ORPHAN_USAGE"},
}
"""Codes that come with the one injected, because the fault is one in two ways."""


def test_a_clean_sequence_of_every_kind_has_no_finding(tmp_path: Path) -> None:
    reports = check(tmp_path, clean().files)

    assert [(r.kind, r.codes, r.rows, r.service_points) for r in reports] == [
        ("customer", {}, 12, 12),
        ("usage", {}, 144, 12),
        ("full", {}, 12, 12),
        ("billing_billsegment", {}, 48, 0),
        ("interval60", {}, 432, 12),
    ]


def test_every_code_can_be_injected() -> None:
    assert set(INJECTED) == set(RULES)


@pytest.mark.parametrize(("code", "number"), [(code, n) for code, cases in INJECTED.items() for n in range(len(cases))])
def test_finds_a_code_put_into_a_clean_file(code: str, number: int, tmp_path: Path) -> None:
    case = INJECTED[code][number]
    kind = "usage" if case.files[-1][0].startswith("usage_") else None

    *before, last = check(tmp_path, case.files, replace(case.question, kind=kind) if kind else case.question)

    assert code in last.codes
    assert set(last.codes) - {code} <= ALONG.get(code, set())
    found = next(f for f in last.findings if f.code == code)
    assert found.level is RULES[code].level
    assert (found.remedy, found.samples) == (RULES[code].remedy, ())
    assert all(set(r.codes) <= {"WRONG_FOLDER", "SIZE_LIMIT", "NAME_STAMP_ORDER"} for r in before)


def test_missing_time_refuses_the_first_incremental_file(tmp_path: Path) -> None:
    case = INJECTED["GAP"][2]

    last = check(tmp_path, case.files, Question([ZONE], first_incremental=True))[-1]

    assert [(f.code, f.level) for f in last.findings] == [("GAP", Level.FILE)]


def test_a_period_over_a_year_is_only_warned_of(tmp_path: Path) -> None:
    report = check(tmp_path, [(name_of("usage"), text_of("usage", [usage_row("SP1", month(0), month(14))]))])[0]

    assert [(f.code, f.level, f.lines) for f in report.findings] == [("DURATION_RANGE", Level.WARNING, (2,))]


def test_a_state_of_three_letters_is_refused_because_the_limit_is_confirmed(tmp_path: Path) -> None:
    case = accounts(3, CUSTOMERS[3].replace("\tNY\t", "\tNYS\t"))

    report = check(tmp_path, case.files)[0]

    assert [(f.code, f.level, f.lines) for f in report.findings] == [("TEXT_FORM", Level.ROW, (5,))]


def test_without_a_customer_file_nothing_is_called_an_orphan_and_the_report_says_so(tmp_path: Path) -> None:
    report = check(tmp_path, clean().files[1:2])[0]

    assert report.codes == {}
    assert "no customer file was given" in report.notes[0]
