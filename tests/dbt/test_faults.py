"""What is wrong with a row: a list that is empty where nothing is, and codes that no list knows."""

from __future__ import annotations

from typing import Any

import duckdb
import jinja2
from tests.dbt.scratch import PROJECT

CHECKS = """[
    {'when': "name is null", 'code': 'party.name_missing', 'field': 'party_name'},
    {'when': "not mail like '%@%'", 'code': 'party.email_invalid', 'field': 'email',
     'detail': "'CELL'", 'blocks': false}
]"""
NAME_MISSING = {"code": "party.name_missing", "field": "party_name", "detail": None, "is_blocking": True}
MAIL_INVALID = {"code": "party.email_invalid", "field": "email", "detail": "CELL", "is_blocking": False}


def _value(call: str, row: str) -> Any:
    source = (PROJECT / "macros" / "faults.sql").read_text(encoding="utf-8")
    sql = jinja2.Environment(autoescape=False).from_string(f"{source}{{{{ {call} }}}}").render()
    with duckdb.connect() as con:
        return con.execute(f"select {sql.strip()} from (select {row})").fetchall()[0][0]


def test_only_what_is_wrong_is_listed() -> None:
    """A condition that is not known (a null) is no fault; a good row has an empty list, not a null."""
    assert _value(f"faults({CHECKS})", "null as name, 'x' as mail") == [NAME_MISSING, MAIL_INVALID]
    assert _value(f"faults({CHECKS})", "'Ada' as name, null as mail") == []
    assert _value("faults([])", "1 as one") == []


def test_codes_that_no_list_knows_are_faults_that_name_field_and_code() -> None:
    """A code may itself hold an equals sign."""
    found = _value("faults([], entity='bill')", "['bill_status=Z', 'currency_code=A=B'] as unknown_codes")
    assert found == [
        {"code": "bill.unknown_code", "field": "bill_status", "detail": "Z", "is_blocking": True},
        {"code": "bill.unknown_code", "field": "currency_code", "detail": "A=B", "is_blocking": True},
    ]
    mild = _value("faults([], entity='party', warns=['route'])", "['route=FAX', 'language=XX'] as unknown_codes")
    assert [(f["detail"], f["is_blocking"]) for f in mild] == [("FAX", False), ("XX", True)]
    both = _value(f"faults({CHECKS}, entity='party')", "null as name, 'a@b' as mail, []::varchar[] as unknown_codes")
    assert both == [NAME_MISSING]


def test_a_code_is_unknown_where_it_is_there_and_its_meaning_is_not() -> None:
    """No code at all is no unknown code."""
    call = "unknown_codes([{'field': 'language_code', 'code': 'raw', 'meaning': 'meaning'}])"
    assert _value(call, "'ENG' as raw, 'en' as meaning") == []
    assert _value(call, "null as raw, null as meaning") == []
    assert _value(call, "'XX' as raw, null as meaning") == ["language_code=XX"]
    assert _value("unknown_codes([])", "1 as one") == []


def test_a_row_is_good_while_no_fault_blocks_it() -> None:
    """Warnings go out with the row."""
    for row, good in (("null as name, 'a@b' as mail", False), ("'Ada' as name, 'x' as mail", True)):
        assert _value(f"is_good(faults({CHECKS}))", row) is good
