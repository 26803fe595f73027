"""File name patterns: what a pattern writes it reads, and nothing else."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightwatt.contracts.names import MatchedName, PatternError, compile_pattern, example_name, match_name

literals = st.text(st.characters(codec="ascii", exclude_characters="{}/\\", exclude_categories=["Cc"]), max_size=8)
forms = st.sampled_from(["%Y%m%d", "%y%m%d", "%Y-%m-%d", "%d%b%Y", "%Y%j", "%Y%m%d_%H%M%S", "%m.%d.%y"])
days = st.dates(date(1970, 1, 1), date(2060, 12, 31))
parts = st.text("abcXYZ0123456789", min_size=1, max_size=6)


@given(first=literals, form=forms, middle=literals, last=literals, day=days, part=parts)
def test_a_name_written_by_a_pattern_is_read_by_it(
    first: str, form: str, middle: str, last: str, day: date, part: str
) -> None:
    pattern = f"{first}{{business_date:{form}}}{middle}_{{part}}.{last}"
    name = example_name(pattern, day, part)
    assert match_name(pattern, name) == MatchedName(day, part)
    assert match_name(pattern, name + "x") is None or last == ""
    assert match_name(pattern, "x" + name) is None


@given(part=parts)
def test_a_pattern_without_date_says_none(part: str) -> None:
    assert match_name("house_{part}_{any}.csv", f"house_{part}_a-b_c.csv") == MatchedName(None, part)


@pytest.mark.parametrize(
    "name",
    [
        "r_20260309_1.csvx",
        "r_20260309_1_csv",
        "r_2026039_1.csv",
        "r_20260230_1.csv",
        "r_20260309_.csv",
        "r_20260309_a/b.csv",
        "r_20260309_1.csv\n",
        "r_٢٠٢٦٠٣٠٩_1.csv",
        "",
    ],
)
def test_a_name_that_does_not_fit_is_not_read(name: str) -> None:
    assert match_name("r_{business_date:%Y%m%d}_{part}.csv", name) is None


@pytest.mark.parametrize(
    "pattern",
    ["a/b.csv", "a\\b.csv", "{nope}", "{business_date}", "{business_date:%Y%m%d}{business_date:%Y%m%d}", "{part}{part}",
     "{part", "part}", "{Part}", "{business_date:%Y}", "{business_date:%m%d}", "{business_date:%Y%m%d%Y}",
     "{business_date:%Y%m%d%Z}", "{business_date:x}"],
)  # fmt: skip
def test_a_pattern_that_cannot_be_understood_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)
