"""Drawings of the ops page: the right shapes at the right places, fit for the page's own policy and colours."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from tests.support.nights import TONIGHT, ZONE, at

from nightwatt.stages.board_feeds import Tone
from nightwatt.stages.board_timeline import Bar, Lane, Mark, Timeline
from nightwatt.stages.histories import FeedNightLine
from nightwatt_airflow.ops_page.night_charts import feed_charts
from nightwatt_airflow.ops_page.picture import picture


def night(day: date, arrived_at: datetime | None, rows: int = 100, rejected: int = 0) -> FeedNightLine:
    return FeedNightLine(
        business_date=day, expected_by=at(day, "02:30"), late_at=at(day, "04:00"), deadline=at(day, "06:00"),
        arrived_at=arrived_at, files=1 if arrived_at else 0, held=0, rows_in=rows, rows_kept=rows - rejected,
        rows_rejected=rejected, is_complete=True, load_seconds=12.0 if arrived_at else None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    days = [TONIGHT - timedelta(days=n) for n in (3, 2, 1, 0)]
    came = [at(days[0], "01:30"), at(days[1], "04:30"), None, at(days[3], "06:30")]
    return feed_charts([night(d, c, rejected=7 * n) for n, (d, c) in enumerate(zip(days, came, strict=True))], ZONE)


def said(chart: str) -> list[str]:
    return re.findall(r"<title>([^<]*)</title>", chart)


def test_each_night_says_when_its_file_came(drawn: dict[str, str]) -> None:
    assert said(drawn["arrivals"]) == ["9 Mar: came 01:30", "10 Mar: came 04:30", "12 Mar: came 06:30"]
    assert said(drawn["arrivals_narrow"]) == said(drawn["arrivals"])


def test_a_night_on_which_nothing_came_is_a_gap(drawn: dict[str, str]) -> None:
    assert "a discrete scale with 4 values: 9 Mar, 10 Mar, 11 Mar, 12 Mar" in drawn["arrivals"]


def test_small_figures_are_written_out() -> None:
    short = feed_charts([replace(night(TONIGHT, at(TONIGHT, "01:00")), load_seconds=0.31)], ZONE)["reading"]

    assert re.findall(r">(0\.\d+)<", short)
    assert not re.findall(r">\d+m<", short)


def test_late_and_missed_nights_differ_by_colour_and_by_shape(drawn: dict[str, str]) -> None:
    marks = re.findall(r'<path aria-label="[^"]*came[^"]*"[^>]*? d="([^"]*)"[^>]*?fill="([^"]*)"', drawn["arrivals"])

    shapes = ["circle" if "A" in path else "triangle" for path, _ in marks]
    assert (shapes, [colour for _, colour in marks]) == (
        ["circle", "triangle", "triangle"],
        ["var(--good)", "var(--warn)", "var(--bad)"],
    )


def test_bars_say_their_figures(drawn: dict[str, str]) -> None:
    assert said(drawn["rows"])[-1] == "12 Mar: 79 rows"
    assert said(drawn["rejects"])[-1] == "12 Mar: 21 lines put aside"
    assert drawn["unit"] == "Seconds"
    assert said(drawn["reading"])[0] == "9 Mar: read in 12 s"


def test_a_drawing_keeps_to_the_policy_of_the_page(drawn: dict[str, str]) -> None:
    for name in ("arrivals", "rows", "rejects", "reading"):
        assert re.findall(r"style=|<script|<style|href=", drawn[name]) == []
        assert set(re.findall(r"#[0-9a-fA-F]{3,6}", drawn[name])) <= {"#000"}, name


def test_no_file_no_chart_and_no_reject_no_empty_axis() -> None:
    assert feed_charts([night(TONIGHT, None)], ZONE) == {}
    assert feed_charts([night(TONIGHT, at(TONIGHT, "01:00"))], ZONE)["rejects"] == ""


def lanes(*marks: Mark) -> Timeline:
    bar = Bar(at(TONIGHT, "01:00"), at(TONIGHT, "02:00"), Tone.GOOD, "build billing: succeeded")
    hours = tuple(at(TONIGHT, f"{h:02d}:00") for h in range(11))
    lane = Lane("billing", "build and publish", (bar,), marks)
    return Timeline(hours[0], hours[-1], at(TONIGHT, "05:00"), hours, (lane,))


def deadline(wall: str, kind: str = "deadline") -> Mark:
    return Mark(at(TONIGHT, wall), kind, Tone.WARN, f"{kind} {wall}")


def test_instants_become_shares_of_the_width() -> None:
    shown = picture(lanes(deadline("06:00")), ZONE)
    ((_, (lane,)),) = shown.groups

    assert (lane.bars[0].x, lane.bars[0].width) == (10.0, 10.0)
    assert (lane.marks[0].x, lane.marks[0].text) == (60.0, "06:00")
    assert (shown.now, shown.now_label) == (50.0, "now, 05:00")
    assert [(t.label, t.is_minor) for t in shown.ticks[:3]] == [("00:00", False), ("01:00", True), ("02:00", False)]
    assert [what for _, what in shown.events] == [
        "billing, build and publish: build billing: succeeded",
        "billing, build and publish: deadline 06:00",
    ]


@pytest.mark.parametrize(
    ("due", "expected", "to_the_left"),
    [
        ("06:00", "06:10", [True, False]),  # they would lie over each other
        ("06:00", "05:50", [False, True]),
        ("06:00", "03:00", [False, False]),
        ("09:30", "08:10", [True, True]),  # the text of the one at the edge goes to the left, too
    ],
)
def test_texts_side_by_side_do_not_lie_over_each_other(due: str, expected: str, to_the_left: list[bool]) -> None:
    ((_, (lane,)),) = picture(lanes(deadline(due), deadline(expected, "forecast")), ZONE).groups

    assert [m.is_at_edge for m in lane.marks] == to_the_left
