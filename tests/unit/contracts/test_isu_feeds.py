"""What all feeds of SAP tables promise alike, so that the models can rely on it."""

from __future__ import annotations

import re

import pytest

from nightwatt.contracts.catalog import load_catalog
from nightwatt.contracts.feed import Feed

FEEDS = [f for f in load_catalog().feeds.values() if f.system == "isu" and f.format.kind == "delimited"]
DATE = re.compile(r"AB|BIS|\w*DAT|DATE(FROM|TO)|DATE_FROM|\w+BRPE|VBEGINN|VENDE|FAEDN|AUGDT")

pytestmark = pytest.mark.parametrize("feed", FEEDS, ids=lambda f: f.feed)


def test_the_client_is_part_of_every_key(feed: Feed) -> None:
    """Four clients in one lake may use the same number."""
    assert feed.columns[0].name == "MANDT"
    assert feed.key[0] == "mandt"


def test_a_row_says_what_happened_to_it_and_when(feed: Feed) -> None:
    operation, extracted = feed.columns[-2:]
    assert (operation.name, operation.field) == ("DI_OPERATION_TYPE", "di_operation_type")
    assert (extracted.field, extracted.type, extracted.format) == ("extracted_at", "timestamp", "%Y%m%d%H%M%S")
    assert extracted.required
    assert extracted.zone == "UTC"


def test_dates_land_as_text(feed: Feed) -> None:
    """00000000 and 99991231 mean something, and a slice's last day is part of its key."""
    assert {c.type for c in feed.columns if DATE.fullmatch(c.name)} <= {"text"}
    assert not [c.name for c in feed.columns if c.type == "date"]


def test_personal_fields_are_marked_and_birth_dates_never_land(feed: Feed) -> None:
    personal = re.compile(
        r"NAME_\w+|STREET|HOUSE_NUM\d|CITY1|POST_CODE1|TEL_\w+|SMTP_ADDR|ZZLIFESUPP|VKBEZ|PLTXT|LGZUSATZ"
    )
    assert [c.name for c in feed.columns if c.personal] == [c.name for c in feed.columns if personal.fullmatch(c.name)]
    assert [c.field for c in feed.columns if c.name == "BIRTHDT"] in ([], [None])
