"""What the profiles would send, a CRM that knows its own rules would take: names, lists, lengths, what is required."""

from __future__ import annotations

import pytest
from tests.support.crm_schema import DATA_SOURCES, EXTERNAL_ID, OBJECTS, Field, Kind
from tests.support.crm_store import Crm

from nightwatt.delivery.salesforce.profile import Column, CrmObject, Special, load_profile

CORE = load_profile("salesforce/core_v62")
CLOUD = load_profile("salesforce/data_cloud")
BY_NAME = {o.name: o for o in CORE.objects}
COLUMNS = [(o, c) for o in CORE.objects for c in o.enabled]
KINDS = {
    "date": {Kind.DATE},
    "datetime": {Kind.DATETIME},
    "integer": {Kind.NUMBER},
    "decimal": {Kind.NUMBER},
    "boolean": {Kind.CHECKBOX, Kind.PICKLIST},
    "text": {Kind.TEXT, Kind.EMAIL, Kind.PICKLIST, Kind.REFERENCE},
}


def field_of(thing: CrmObject, column: Column) -> Field:
    """Return the CRM's field a column fills; fails if it has none."""
    cell = Crm().cell(OBJECTS[thing.object], column.header)
    assert cell is not None, f"{thing.object}.{column.header}"
    return cell.field


@pytest.mark.parametrize("thing", CORE.objects, ids=lambda o: o.name)
def test_every_header_is_a_field_or_a_parents_external_id(thing: CrmObject) -> None:
    for column in thing.enabled:
        found = field_of(thing, column)
        assert column.constant is not None or found.kind in KINDS[column.type], column.header
        if column.parent:
            assert column.header.endswith(f".{EXTERNAL_ID}")
            assert {BY_NAME[name].object for name in column.parent} == {found.parents}


@pytest.mark.parametrize("thing", CORE.objects, ids=lambda o: o.name)
def test_rows_are_matched_by_the_custom_external_id_and_nothing_else(thing: CrmObject) -> None:
    """Mistake 1: the standard external identifiers are for people, not for matching."""
    assert thing.id_header == EXTERNAL_ID


def test_every_value_a_map_can_give_is_in_the_crms_list() -> None:
    sent = {
        (thing.object, column.header): {
            value.value if isinstance(value, Special) else value for value in (column.map or {}).values()
        }
        | {column.when_null}
        for thing, column in COLUMNS
        if column.map
    }
    unknown = {
        place: values - {None} - set(known.values)
        for place, values in sent.items()
        if (known := field_of_place(place)).is_restricted
    }

    assert {place: values for place, values in unknown.items() if values} == {}
    assert len(unknown) > 10


def field_of_place(place: tuple[str, str]) -> Field:
    """Return a field by object and header."""
    found = OBJECTS[place[0]].field(place[1])
    assert found is not None
    return found


def test_no_text_is_longer_than_its_field() -> None:
    too_long = [
        f"{thing.object}.{column.header}"
        for thing, column in COLUMNS
        if column.length and column.length > field_of(thing, column).length and not column.parent
    ]

    assert too_long == []


def test_no_decimals_are_lost() -> None:
    assert [
        f"{thing.object}.{column.header}"
        for thing, column in COLUMNS
        if column.type == "decimal" and (column.decimals or 0) > field_of(thing, column).scale
    ] == []


@pytest.mark.parametrize("thing", CORE.objects, ids=lambda o: o.name)
def test_what_the_crm_requires_is_required_and_never_cleared(thing: CrmObject) -> None:
    columns = {field_of(thing, column).name: column for column in thing.enabled}
    for known in OBJECTS[thing.object].fields:
        if known.is_required:
            column = columns[known.name]
            assert column.required or column.constant or column.when_null, known.name
            assert not column.clears
        if known.is_create_only:
            assert columns[known.name].create_only
        if known.kind is Kind.CHECKBOX and known.name in columns:
            assert not columns[known.name].clears, f"{known.name}: a checkbox has no null"


def test_an_unknown_that_must_not_become_false_is_no_checkbox() -> None:
    (life_support,) = [c for o, c in COLUMNS if c.column == "has_life_support"]

    assert field_of(BY_NAME["party"], life_support).kind is Kind.PICKLIST


@pytest.mark.parametrize("thing", CLOUD.objects, ids=lambda o: o.name)
def test_data_cloud_gets_every_field_of_its_sources_and_drops_none(thing: CrmObject) -> None:
    source = DATA_SOURCES[thing.object]

    assert [c.header for c in thing.enabled] == [f.name for f in source.fields]
    assert thing.id_header == source.key


def test_only_objects_of_the_profiles_api_version_are_used() -> None:
    assert CORE.api_version is not None
    newest = max(OBJECTS[thing.object].since for thing in CORE.objects)

    assert newest <= float(CORE.api_version)
