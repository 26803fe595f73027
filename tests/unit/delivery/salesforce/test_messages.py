"""A CRM's message says what is wrong with a row, and nothing the row says."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightwatt.delivery.salesforce.messages import GAP, error_code, error_code_sql, message_class, message_class_sql


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
            "REQUIRED_FIELD_MISSING: Required fields are missing: … (LastName)",
        ),
        (
            "INVALID_FIELD:Foreign key external ID: ccb|per|0012345678 not found for field CIS_External_Id__c"
            " in entity Account:--",
            "INVALID_FIELD: Foreign key external ID … not found for field CIS_External_Id__c in entity Account",
        ),
        (
            "STRING_TOO_LONG:Last Name: data value too large: Wolfeschlegelsteinhausen (max length=80):LastName --",
            "STRING_TOO_LONG: Last Name: data value too large: … (LastName)",
        ),
        (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Status: bad value for restricted picklist field: Jane:Status --",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: Status: bad value for restricted picklist field: … (Status)",
        ),
        (
            "DUPLICATE_VALUE:Duplicate external id specified: CCB|PER|0012345678:CIS_External_Id__c --",
            "DUPLICATE_VALUE: Duplicate external id specified: … (CIS_External_Id__c)",
        ),
        (
            "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: 0015g00000XyZabAAB:--",
            "UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record or … records: …",
        ),
        (
            "INVALID_EMAIL_ADDRESS:Email: invalid email address: jane.roe@example:Email --",
            "INVALID_EMAIL_ADDRESS: Email: invalid email address: … (Email)",
        ),
        (
            "FIELD_CUSTOM_VALIDATION_EXCEPTION:Ask 'Jane Roe' on +1 203 555 0100 first:Name, Phone --",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION: Ask … on +… first (Name, Phone)",
        ),
        (
            "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
            "INVALID_CROSS_REFERENCE_KEY: invalid cross reference id",
        ),
        ("InvalidBatch : Field name not found : Phone2", "InvalidBatch: Field name not found : …"),
        ("something new happened", "UNKNOWN: something new happened"),
        ("ROE: is no code", "UNKNOWN: ROE: …"),
        ("", "UNKNOWN: "),
    ],
)
def test_what_the_crm_says_is_kept_without_the_values(said: str, expected: str) -> None:
    assert message_class(said) == expected


def test_the_rows_own_values_go_wherever_they_stand_longest_first() -> None:
    said = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:trigger: Roe Farms is known as Roe already, ask Ann first:Name --"

    assert message_class(said, ["Roe", "Roe Farms", "Ann", "", "a"]) == (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY: trigger: … (Name)"
    )
    assert message_class("APEX_ERROR:Roe Farms is Roe already, ask Ann first:--", ["Roe", "Roe Farms", "Ann"]) == (
        "APEX_ERROR: … is … already, ask … first"
    )


TEMPLATES = (
    "STRING_TOO_LONG:Name: data value too large: {} (max length=255):Name --",
    "INVALID_FIELD:Foreign key external ID: {} not found for field CIS_External_Id__c in entity Account:--",
    "DUPLICATE_VALUE:duplicate value found: CIS_External_Id__c duplicates value on record with id: {}:--",
    "INVALID_TYPE_ON_FIELD_IN_RECORD:Birthdate: value not of required type: {}:Birthdate --",
    "Le nom {} est inconnu",
    "{}",
)
VALUES = st.text(min_size=4).filter(lambda v: v.strip())


@given(st.sampled_from(TEMPLATES), VALUES)
@example(
    "INVALID_FIELD:Foreign key external ID: {} not found for field CIS_External_Id__c in entity Account:--", "o no"
)
def test_no_value_of_the_row_is_left_whatever_it_looks_like(template: str, value: str) -> None:
    frame = template.replace("{}", "")
    kept = message_class(template.format(value), [value])

    assert value not in kept or value in message_class(frame) + frame


# Few letters, so that values are parts of one another, and every sign the patterns know.
LIKELY = st.one_of(st.sampled_from("ab Z9:'\"@|()[].-…\n"), st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as engine:
        yield engine


@settings(max_examples=60)
@given(template=st.sampled_from(TEMPLATES), values=st.lists(st.text(alphabet=LIKELY, max_size=12), max_size=5))
@example(template="Le nom {} est inconnu", values=["Roe", "Roe Farms"])
def test_millions_in_sql_get_the_class_that_one_in_python_gets(
    con: duckdb.DuckDBPyConnection, template: str, values: list[str]
) -> None:
    said = template.format(" ".join(values)).replace("\x00", "")
    cells = {f"c{n}": v.replace("\x00", "") for n, v in enumerate(values)}
    listed = ", ".join(f"${name}::varchar as {name}" for name in cells) or "1 as nothing"

    found = con.execute(
        f"select {message_class_sql('said', list(cells))}, {error_code_sql('said')}"
        f" from (select $said::varchar as said, {listed})",
        {"said": said, **cells},
    ).fetchone()

    assert found == (message_class(said, cells.values()), error_code(said))


def test_a_gap_is_one_mark_however_many_values_it_held() -> None:
    assert message_class("APEX_ERROR:from Ann Roe, 12 34:--", ["Ann", "Roe,"]).count(GAP) == 1
