"""CSV as the Bulk API reads it: what is a value, what is an error of the row."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.crm_csv import BLANK_AT_QUOTE, OPEN_QUOTE, Record, records, written


@pytest.mark.parametrize(
    ("line", "cells", "problem"),
    [
        ("John,Smith", ("John", "Smith"), None),
        ("John, Smith ", ("John", " Smith "), None),
        ('"Smith, John",""', ("Smith, John", ""), None),
        ('"the ""gold"" one",a', ('the "gold" one', "a"), None),
        ('"two\nlines",a', ("two\nlines", "a"), None),
        ('"two\r\nlines",a', ("two\r\nlines", "a"), None),
        (",", ("", ""), None),
        ('a, "Smith"', ("a", ' "Smith"'), BLANK_AT_QUOTE),
        ('"John" ,a', ("John ", "a"), BLANK_AT_QUOTE),
        ('5" pipe,a', ('5" pipe', "a"), BLANK_AT_QUOTE),
        ('"John"\r,a', ("John\r", "a"), BLANK_AT_QUOTE),
        ('a,"open', ("a", "open"), OPEN_QUOTE),
    ],
)
def test_values_are_not_trimmed_and_quotes_stand_at_the_delimiter(
    line: str, cells: tuple[str, ...], problem: str | None
) -> None:
    assert list(records(line)) == [Record(cells, "", problem)]


def test_every_record_tells_its_line_end() -> None:
    assert [(r.cells, r.line_end) for r in records('a\n"b"\r\nc\r\n"d\r\n"\n"\r"\ne')] == [
        (("a",), "LF"),
        (("b",), "CRLF"),
        (("c",), "CRLF"),
        (("d\r\n",), "LF"),
        (("\r",), "LF"),
        (("e",), ""),
    ]


def test_other_delimiters_leave_commas_alone() -> None:
    assert [r.cells for r in records('a,b|"c|d"\n', "|")] == [("a,b", "c|d")]


def test_added_names_and_every_value_are_quoted() -> None:
    assert written([("1", 'a "b"'), ("2", "c\nd")], ("sf__Id", "Name")) == (
        '"sf__Id",Name\n"1","a ""b"""\n"2","c\nd"\n'
    )


CELLS = st.text(
    alphabet=st.one_of(st.sampled_from('",;\r\n |é漢'), st.characters(exclude_categories=["Cs"])), max_size=8
)


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=6),
    st.sampled_from([",", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_it_reads_what_the_standard_library_writes_and_the_other_way_round(
    rows: list[list[str]], delimiter: str, line_end: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)

    read = list(records(text.getvalue(), delimiter))
    said = written(rows, ("A", "B"), delimiter, line_end)

    assert [(list(r.cells), r.problem) for r in read] == [(row, None) for row in rows]
    assert {r.line_end for r in read} == {"LF" if line_end == "\n" else "CRLF"}
    assert list(csv.reader(io.StringIO(said, newline=""), delimiter=delimiter, strict=True)) == [["A", "B"], *rows]
