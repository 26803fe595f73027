"""Sequences of files against models of the receiver that know nothing of SQL: what is missing, doubled, corrected.

Each seed is a world of its own; the models hold a set of periods or hours and take the rows one by one, as they arrive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from tests.support.opower_files import check, hour, interval_row, name_of, text_of, usage_row

DAY_ZERO = date(2024, 1, 1)
Period = tuple[int, int]
Row = tuple[str, Period]


def day(number: int) -> date:
    """Return a date by its number."""
    return DAY_ZERO + timedelta(days=number)


def usage_files(files: Iterable[list[Row]]) -> list[tuple[str, str | bytes]]:
    """Return usage files with rising stamps."""
    return [
        (
            name_of("usage", f"202603{n + 1:02}060000"),
            text_of("usage", [usage_row(p, day(a), day(b)) for p, (a, b) in rows]),
        )
        for n, rows in enumerate(files)
    ]


# ---- billing ------------------------------------------------------------------------------------------------------


class Receiver:
    """Periods on record, and what happens to the next row: section by section as the partner's rules read."""

    def __init__(self) -> None:
        self.record: dict[str, set[Period]] = {}

    def take(self, point: str, period: Period) -> str:
        """Take a row; say what it was."""
        known = self.record.setdefault(point, set())
        word = self._judge(known, period)
        if word == "replaces":
            known -= {p for p in known if p[0] >= period[0]}
        if word != "bad":
            known.add(period)
        return word

    @staticmethod
    def _judge(known: set[Period], period: Period) -> str:
        start, end = period
        if not known or period in known:
            return "again" if known else "first"
        newest = max(known, key=lambda p: p[1])
        if start >= newest[1]:
            return "gap" if start > newest[1] else "next"
        if all(end <= a or start >= b for a, b in known):
            return "late"
        longer = end > newest[1] and end - start > newest[1] - newest[0]
        return "replaces" if longer and any(a == start for a, _ in known) else "bad"


def valid_world(random: Random, points: int = 6, files: int = 5) -> list[list[Row]]:
    """Return files as a utility without a fault sends them: reads in turn, corrections, longer re-bills."""
    made: list[list[Row]] = [[] for _ in range(files)]
    for n in range(points):
        periods: list[Period] = []
        at = random.randrange(30)
        for file in made:
            if periods and random.random() < 0.4:  # a correction of something older, which comes first
                file.append((f"SP{n}", random.choice(periods)))
            for _ in range(random.randrange(4)):
                length = random.randrange(27, 34)
                if periods and random.random() < 0.25:  # the newest read is billed again together with what follows
                    newest = periods.pop()
                    at = newest[0]
                    length += newest[1] - newest[0]
                periods.append((at, at + length))
                at += length
                file.append((f"SP{n}", periods[-1]))
    return made


@pytest.mark.parametrize("seed", range(12))
def test_a_valid_sequence_of_usage_files_has_no_finding(seed: int, tmp_path: Path) -> None:
    files = valid_world(Random(seed))

    reports = check(tmp_path, usage_files(files))

    receiver = Receiver()
    words = [Counter(receiver.take(*row) for row in rows) for rows in files]
    assert [r.codes for r in reports] == [{}] * len(files)
    assert [r.corrections for r in reports] == [w["again"] + w["replaces"] for w in words]
    assert not any(w["gap"] or w["bad"] or w["late"] for w in words)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_rows_gaps_overlaps_and_corrections_are_those_of_the_model(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    files = [
        [
            (f"SP{random.randrange(4)}", (start, start + random.choice([10, 20, 20, 30])))
            for start in random.choices(range(0, 90, 10), k=9)
        ]
        for _ in range(5)
    ]

    reports = check(tmp_path, usage_files(files))

    receiver = Receiver()
    words = [Counter(receiver.take(*row) for row in rows) for rows in files]
    said = [(r.gaps, r.overlaps, r.corrections) for r in reports]
    assert said == [(w["gap"], w["bad"], w["again"] + w["replaces"]) for w in words]
    assert [(r.codes.get("GAP", 0), r.codes.get("OVERLAP_BAD", 0)) for r in reports] == [s[:2] for s in said]


@pytest.mark.parametrize("seed", range(6))
def test_a_missing_and_a_doubled_period_are_found_in_their_file(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    files: list[list[Row]] = [
        [(f"SP{n}", (30 * m, 30 * m + 30)) for n in range(5) for m in (3 * f, 3 * f + 1, 3 * f + 2)] for f in range(4)
    ]
    hit, other = random.sample(range(1, 4), 2)
    missing = random.randrange(5)
    del files[hit][3 * missing + 1]
    files[other].append((f"SP{random.randrange(5)}", (90 * other + 45, 90 * other + 90)))

    codes = [r.codes for r in check(tmp_path, usage_files(files))]

    assert codes == [{"GAP": 1} if n == hit else {"OVERLAP_BAD": 1} if n == other else {} for n in range(4)]


# ---- intervals ----------------------------------------------------------------------------------------------------


def interval_files(files: Iterable[Iterable[tuple[str, int]]]) -> list[tuple[str, str | bytes]]:
    """Return hourly files with rising stamps, each sorted by service point and instant."""
    return [
        (
            name_of("interval60", f"202603{n + 1:02}060000"),
            text_of("interval60", [interval_row(point, hour(h)) for point, h in sorted(rows)]),
        )
        for n, rows in enumerate(files)
    ]


def holes(known: set[int], news: set[int]) -> int:
    """Count the holes these hours bring: between two hours, not inside what was spanned before."""
    ends = sorted(known | news)
    pairs = [(a, b) for a, b in pairwise(ends) if b - a > 1]
    return len(pairs) if not known else sum(b > max(known) or a < min(known) for a, b in pairs)


@pytest.mark.parametrize("seed", range(6))
def test_hours_cut_anywhere_into_files_have_no_finding_over_both_clocks(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    files: list[set[tuple[str, int]]] = [set() for _ in range(4)]
    for point in ("SP1", "SP2", "SP3"):
        cuts = sorted(random.choices(range(96), k=3))
        for h in range(96):
            files[sum(h >= cut for cut in cuts)].add((point, h))

    reports = check(tmp_path, interval_files(files))

    assert [r.codes for r in reports] == [{}] * 4
    assert sum(r.rows for r in reports) == 3 * 96


@pytest.mark.parametrize("seed", range(10))
def test_holes_and_repeated_hours_are_those_of_the_model(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    points = ("SP1", "SP2")
    files = [
        {(point, h) for point in points for h in random.sample(range(20 * f, 20 * f + 40), random.randrange(20, 38))}
        for f in range(4)
    ]

    reports = check(tmp_path, interval_files(files))

    known: dict[str, set[int]] = {point: set() for point in points}
    for report, rows in zip(reports, files, strict=True):
        news = {point: {h for p, h in rows if p == point} for point in points}
        assert report.gaps == sum(holes(known[p], news[p]) for p in points)
        assert report.corrections == sum(len(known[p] & news[p]) for p in points)
        assert report.codes.get("INT_DUP", 0) == report.corrections
        for p in points:
            known[p] |= news[p]
