"""Paging: every row once by every way of paging, and rows that move between two pages are never lost without a word.

The service is a list in memory that answers as services do; what a pull must hold is worked out from the list alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightwatt.arrival.http import Pages
from nightwatt.arrival.json_rows import at, instant_of, parse, text_of
from nightwatt.arrival.transport import PlaceRefused
from nightwatt.contracts.feed import Column
from nightwatt.contracts.sources import HttpSource
from nightwatt.errors import TransientError

WAYS: dict[str, dict[str, Any]] = {
    "by number, told of more": {"page_parameter": "offset", "more_at": "more"},
    "by number, to an empty page": {"page_parameter": "offset"},
    "by token": {"page_parameter": "cursor", "next_at": "cursor"},
    "by address": {"next_at": "next"},
}


@dataclass
class Service:
    """Answers from a list of numbered rows, sorted by their number."""

    numbers: list[int]
    size: int
    before_page: Callable[[int], None] = lambda page: None
    pages: int = field(default=0, init=False)

    def ask(self, address: str, parameters: Mapping[str, str]) -> Any:
        self.pages += 1
        self.before_page(self.pages)
        start = int(address.partition("?from=")[2] or parameters.get("offset") or parameters.get("cursor") or 0)
        end = start + self.size
        following = str(end) if end < len(self.numbers) else None
        return {
            "rows": [{"number": number} for number in self.numbers[start:end]],
            "more": following is not None,
            "cursor": following,
            "next": f"/rows?from={following}" if following else None,
        }


def pull(service: Service, way: str) -> list[int]:
    source = HttpSource(kind="http", connection="gis", path="rows", rows_at="rows", **WAYS[way])
    return [row["number"] for page in Pages(service, source, "https://gis.example", None).all() for row in page]


@pytest.mark.parametrize("way", WAYS)
@given(count=st.integers(0, 12), size=st.integers(2, 5))
def test_every_row_comes_once_and_in_order(way: str, count: int, size: int) -> None:
    assert pull(Service(list(range(count)), size), way) == list(range(count))


@pytest.mark.parametrize("way", [way for way in WAYS if "number" in way])
def test_pages_of_one_row_are_told_and_not_taken_for_the_end(way: str) -> None:
    assert pull(Service([7], 1), way) == [7]
    with pytest.raises(PlaceRefused, match=r"source\.paging"):
        pull(Service([7, 8], 1), way)


@given(
    numbers=st.lists(st.integers(0, 60), min_size=1, max_size=20, unique=True).map(sorted),
    size=st.integers(2, 5),
    changes=st.dictionaries(st.integers(2, 6), st.tuples(st.booleans(), st.integers(0, 60)), min_size=1, max_size=3),
)
def test_a_row_that_was_there_all_the_time_is_never_passed_over(
    numbers: list[int], size: int, changes: dict[int, tuple[bool, int]]
) -> None:
    service, stayed = Service(list(numbers), size), set(numbers)

    def change(page: int) -> None:
        comes, number = changes.get(page, (True, -1))
        if number < 0:
            return
        if comes:
            service.numbers = sorted({*service.numbers, number})
        else:
            stayed.discard(number)
            service.numbers = [n for n in service.numbers if n != number]

    service.before_page = change
    try:
        pulled = pull(service, "by number, told of more")
    except TransientError as e:
        assert e.code == "source.moved"
        return

    assert stayed <= set(pulled)
    assert len(pulled) == len(set(pulled))


# ---- values -----------------------------------------------------------------------------------------------------

TEXT = Column(name="x")
STAMP = Column(name="x", field="x", type="timestamp")


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("12.50", "12.50"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1.5e3", "1500"),
        ("-1E-7", "-0.0000001"),
        ("1e400", "1e400"),
        ("true", "true"),
        ("null", None),
        ('""', ""),
        ('[1.0, {"a": null}]', '["1.0",{"a":null}]'),
    ],
)
def test_values_come_out_as_they_were_sent(sent: str, text: str | None) -> None:
    assert text_of(parse(sent.encode()), TEXT) == text


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("1773014400123", "2026-03-09 00:00:00.123000"),
        ('"2026-03-08T20:00:00-04:00"', "2026-03-09 00:00:00"),
        ('"2026-03-09T00:00:00.5Z"', "2026-03-09 00:00:00.500000"),
        ('"2026-03-09T00:00:00"', "2026-03-09T00:00:00"),
        ('"tomorrow"', "tomorrow"),
        ("12", "12"),
    ],
)
def test_instants_in_a_timestamp_column_come_out_in_utc_and_other_texts_as_they_are(sent: str, text: str) -> None:
    assert text_of(parse(sent.encode()), STAMP) == text


def test_a_column_with_a_form_or_a_zone_of_its_own_is_left_as_it_was_sent() -> None:
    sent = "2026-03-08T20:00:00-04:00"

    assert text_of(sent, STAMP.model_copy(update={"zone": "America/New_York"})) == sent
    assert text_of(sent, STAMP.model_copy(update={"format": "%Y-%m-%dT%H:%M:%S%z"})) == sent


def test_a_wall_time_that_comes_twice_means_the_first_for_a_mark() -> None:
    new_york = ZoneInfo("America/New_York")

    assert instant_of("2026-11-01 01:30:00", new_york) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert instant_of("2026-11-01 01:30:00", None) is None


def test_a_place_is_a_path_and_a_name_with_dots_comes_first() -> None:
    row = {"a": {"b": 1, "c": None}, "a.b": 2}

    assert [at(row, place) for place in ("a.b", "a.c", "a.d", "b", "a.b.c", "")] == [2, None, None, None, None, row]
