"""What one row does to the tests' CRM: the rules of Salesforce's fields, one by one."""

from __future__ import annotations

import pytest
from tests.support.crm_schema import EXTERNAL_ID, OBJECTS, Kind
from tests.support.crm_store import Crm, RowError, Written

ACCOUNT = {EXTERNAL_ID: "CCB|PER|1", "Name": "Roe"}
BILLING = {EXTERNAL_ID: "CCB|ACCT|1", "Name": "1 Roe"}
ROLE = {
    EXTERNAL_ID: "CCB|AP|1|1",
    "Account.CIS_External_Id__c": "CCB|PER|1",
    "BillingAccount.CIS_External_Id__c": "CCB|ACCT|1",
}


@pytest.fixture
def crm() -> Crm:
    crm = Crm()
    put(crm, "Account", ACCOUNT)
    put(crm, "BillingAccount", BILLING)
    return crm


def put(crm: Crm, name: str, row: dict[str, str], job: int = 1) -> Written:
    """Upsert one row by its external id."""
    described = crm.objects[name]
    cells = []
    for header, value in row.items():
        cell = crm.cell(described, header)
        assert cell is not None, header
        cells.append((cell, value))
    return crm.upsert(described, EXTERNAL_ID, row[EXTERNAL_ID], cells, job)


def refused(crm: Crm, name: str, row: dict[str, str], job: int = 1) -> str:
    """Upsert one row that must be refused and change nothing; returns the error."""
    before = crm.tables()
    with pytest.raises(RowError) as error:
        put(crm, name, row, job)
    assert crm.tables() == before
    return str(error.value)


def test_an_external_id_creates_once_and_then_updates(crm: Crm) -> None:
    first = put(crm, "Account", {EXTERNAL_ID: "CCB|PER|2", "Name": "Moe"})
    second = put(crm, "Account", {EXTERNAL_ID: "CCB|PER|2", "Name": "Moe Senior"})
    other_case = put(crm, "Account", {EXTERNAL_ID: "ccb|per|2", "Name": "Other"})

    assert first.is_created
    assert second == Written(first.id, is_created=False)
    assert other_case.is_created
    assert len(first.id) == 18
    assert crm.table("Account")["CCB|PER|2"]["Name"] == "Moe Senior"
    assert crm.count("Account") == 3


def test_an_empty_cell_is_left_alone_and_na_clears(crm: Crm) -> None:
    put(crm, "Account", ACCOUNT | {"Phone": "+12035550100", "BillingCity": "Stamford"})
    put(crm, "Account", ACCOUNT | {"Phone": "", "BillingCity": "#N/A"})

    assert crm.table("Account")["CCB|PER|1"]["Phone"] == "+12035550100"
    assert crm.table("Account")["CCB|PER|1"]["BillingCity"] is None


def test_a_column_that_is_not_there_is_left_alone(crm: Crm) -> None:
    put(crm, "Account", ACCOUNT | {"Phone": "+12035550100"})
    put(crm, "Account", ACCOUNT)

    assert crm.table("Account")["CCB|PER|1"]["Phone"] == "+12035550100"


def test_a_create_takes_defaults_and_false_for_checkboxes(crm: Crm) -> None:
    shown = crm.table("BillingAccount")["CCB|ACCT|1"]

    assert (shown["Status"], shown["IsAutopayEnabled"], shown["CustomerClass"]) == ("Active", "false", None)


def test_required_fields_cannot_be_left_out_of_a_create_nor_cleared(crm: Crm) -> None:
    missing = "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"

    assert refused(crm, "Account", {EXTERNAL_ID: "CCB|PER|2"}) == missing
    assert refused(crm, "Account", {EXTERNAL_ID: "CCB|PER|2", "Name": ""}) == missing
    assert refused(crm, "Account", ACCOUNT | {"Name": "#N/A"}) == missing
    put(crm, "Account", ACCOUNT | {"Name": ""})
    assert crm.table("Account")["CCB|PER|1"]["Name"] == "Roe"


BASE: dict[str, dict[str, str]] = {
    "Account": ACCOUNT,
    "BillingAccount": BILLING,
    "Contact": {EXTERNAL_ID: "CCB|PERC|1", "LastName": "Roe"},
    "Asset": {EXTERNAL_ID: "CCB|MTR|1", "Name": "1", "Account.CIS_External_Id__c": "CCB|PER|1"},
}


@pytest.mark.parametrize(
    ("name", "field", "said", "code"),
    [
        ("Account", EXTERNAL_ID, "", "MISSING_ARGUMENT"),
        ("Account", EXTERNAL_ID, "#N/A", "MISSING_ARGUMENT"),
        ("Account", EXTERNAL_ID, "k" * 81, "STRING_TOO_LONG"),
        ("Account", "Name", "x" * 256, "STRING_TOO_LONG"),
        ("Contact", "LastName", "x" * 81, "STRING_TOO_LONG"),
        ("Contact", "Email", "jane@roe", "INVALID_EMAIL_ADDRESS"),
        ("Contact", "Email", "jane roe@example.org", "INVALID_EMAIL_ADDRESS"),
        ("BillingAccount", "CustomerClass", "Residential", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("BillingAccount", "CustomerClass", "retail", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("BillingAccount", "IsAutopayEnabled", "yes", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("BillingAccount", "IsAutopayEnabled", "#N/A", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("BillingAccount", "Set_Up_Date__c", "20250116", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("BillingAccount", "Set_Up_Date__c", "2025-02-30", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("BillingAccount", "Set_Up_Date__c", "9999-12-31", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("Account", "CIS_Last_Change__c", "2025-01-16T06:00:00", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("Account", "CIS_Last_Change__c", "2025-01-16 06:00:00Z", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("BillingAccount", "Current_Balance__c", "1,5", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("BillingAccount", "Current_Balance__c", "NaN", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("BillingAccount", "Current_Balance__c", "1" + "0" * 16, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Asset", "Account.CIS_External_Id__c", "", "FIELD_INTEGRITY_EXCEPTION"),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_refused(crm: Crm, name: str, field: str, said: str, code: str) -> None:
    error = refused(crm, name, BASE[name] | {field: said})

    assert error.partition(":")[0] == code
    assert field.removesuffix(f".{EXTERNAL_ID}") in error.rpartition(":")[2]


def test_a_whole_number_has_no_decimals(crm: Crm) -> None:
    put(crm, "Location", {EXTERNAL_ID: "l", "Name": "L", "LocationType": "Building"})
    point = {EXTERNAL_ID: "1", "Premises.CIS_External_Id__c": "l"}
    put(crm, "ServicePoint", point | {"AverageMonthlyUsage": "12.0"}, job=2)

    assert crm.table("ServicePoint")["1"]["AverageMonthlyUsage"] == "12"
    error = refused(crm, "ServicePoint", point | {"AverageMonthlyUsage": "12.5"}, job=2)
    assert error.startswith("INVALID_TYPE_ON_FIELD_IN_RECORD:AverageMonthlyUsage")


@pytest.mark.parametrize(
    ("name", "field", "said", "kept"),
    [
        ("BillingAccount", "IsAutopayEnabled", "1", "true"),
        ("BillingAccount", "IsAutopayEnabled", "TRUE", "true"),
        ("BillingAccount", "IsAutopayEnabled", "0", "false"),
        ("BillingAccount", "Set_Up_Date__c", "4000-12-31", "4000-12-31"),
        ("BillingAccount", "Current_Balance__c", "-12.50", "-12.5"),
        ("BillingAccount", "Current_Balance__c", "1.5e2", "150"),
        ("BillingAccount", "Current_Balance__c", "0.005", "0.01"),
        ("BillingAccount", "Current_Balance__c", "-0.00", "0"),
        ("Account", "CIS_Last_Change__c", "2025-01-16T06:00:00Z", "2025-01-16T06:00:00.000Z"),
        ("Account", "CIS_Last_Change__c", "2025-01-16T01:00:00.000-05:00", "2025-01-16T06:00:00.000Z"),
        ("Account", "Name", "  two  blanks ", "  two  blanks "),
        ("Account", "Type", "any text", "any text"),
    ],
)
def test_a_value_is_kept_in_one_form(crm: Crm, name: str, field: str, said: str, kept: str) -> None:
    base = BASE[name]
    put(crm, name, base | {field: said})

    assert crm.table(name)[base[EXTERNAL_ID]][field] == kept


def test_a_parent_is_found_by_its_external_id_and_an_unknown_one_is_refused(crm: Crm) -> None:
    put(crm, "AccountBillingAccount", ROLE)

    shown = crm.table("AccountBillingAccount")["CCB|AP|1|1"]
    assert shown["Account.CIS_External_Id__c"] == "CCB|PER|1"
    assert shown["RelationshipType"] == "Financially Responsible Party"
    unknown = ROLE | {EXTERNAL_ID: "CCB|AP|1|9", "Account.CIS_External_Id__c": "CCB|PER|9"}
    assert refused(crm, "AccountBillingAccount", unknown) == (
        "INVALID_FIELD:Foreign key external ID: CCB|PER|9 not found for field CIS_External_Id__c in entity Account:--"
    )


def test_a_record_id_is_a_parent_too(crm: Crm) -> None:
    account = put(crm, "Account", ACCOUNT).id
    put(crm, "Contact", {EXTERNAL_ID: "c", "LastName": "Roe", "AccountId": account})

    assert crm.table("Contact")["c"]["Account.CIS_External_Id__c"] == "CCB|PER|1"
    assert refused(crm, "Contact", {EXTERNAL_ID: "d", "LastName": "x", "AccountId": "CCB|PER|1"}).startswith(
        "MALFORMED_ID"
    )


def test_na_empties_a_lookup_but_no_required_one(crm: Crm) -> None:
    put(crm, "Contact", {EXTERNAL_ID: "c", "LastName": "Roe", "Account.CIS_External_Id__c": "CCB|PER|1"})
    put(crm, "Contact", {EXTERNAL_ID: "c", "Account.CIS_External_Id__c": "#N/A"})
    put(crm, "AccountBillingAccount", ROLE)

    assert crm.table("Contact")["c"]["Account.CIS_External_Id__c"] is None
    cleared = {EXTERNAL_ID: "CCB|AP|1|1", "BillingAccount.CIS_External_Id__c": "#N/A"}
    assert refused(crm, "AccountBillingAccount", cleared).startswith("REQUIRED_FIELD_MISSING:")


def test_a_master_is_given_once_even_the_same_one(crm: Crm) -> None:
    put(crm, "AccountBillingAccount", ROLE)

    assert refused(crm, "AccountBillingAccount", ROLE).startswith(
        "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: AccountId."
    )
    put(crm, "AccountBillingAccount", ROLE | {"Account.CIS_External_Id__c": "", "EndDate": "2025-01-31"})
    assert crm.table("AccountBillingAccount")["CCB|AP|1|1"]["EndDate"] == "2025-01-31"


@pytest.mark.parametrize(
    "change",
    [{}, {"Account.CIS_External_Id__c": "", "StartDate": "x"}, {"Account.CIS_External_Id__c": "", "StartDate": "#N/A"}],
)
def test_an_error_names_the_record_that_is_there_already(crm: Crm, change: dict[str, str]) -> None:
    role = put(crm, "AccountBillingAccount", ROLE)

    with pytest.raises(RowError) as again:
        put(crm, "AccountBillingAccount", ROLE | change | {"BillingAccount.CIS_External_Id__c": "#N/A"})

    assert again.value.record_id == role.id


def test_a_parent_of_the_same_object_must_come_in_an_earlier_job(crm: Crm) -> None:
    building = {EXTERNAL_ID: "b", "Name": "B", "LocationType": "Building"}
    flat = {EXTERNAL_ID: "f", "Name": "F", "LocationType": "Residential", "ParentLocation.CIS_External_Id__c": "b"}
    put(crm, "Location", building, job=2)

    assert refused(crm, "Location", flat, job=2).startswith("INVALID_FIELD:Foreign key external ID: b not found")
    put(crm, "Location", flat, job=3)
    assert crm.table("Location")["f"]["ParentLocation.CIS_External_Id__c"] == "b"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("ServicePoint", "Account.CIS_External_Id__c"),
        ("ServicePoint", "Premises.ExternalReference"),
        ("ServicePoint", "Premises.ParentLocation.CIS_External_Id__c"),
        ("ServicePoint", "PremisesId.CIS_External_Id__c"),
        ("Contact", "Account.Name"),
        ("Bill_Summary__c", "Billing_Account__c.CIS_External_Id__c"),
        ("Account", "Nothing__c"),
        ("Account", "name"),
        ("Account", ""),
    ],
)
def test_a_header_is_a_field_or_one_level_to_an_indexed_field(crm: Crm, name: str, header: str) -> None:
    assert crm.cell(OBJECTS[name], header) is None


def test_an_email_is_an_idlookup_but_not_unique(crm: Crm) -> None:
    row = {"LastName": "Roe", "Email": "jane@example.org"}
    put(crm, "Contact", row | {EXTERNAL_ID: "c"})
    put(crm, "Contact", row | {EXTERNAL_ID: "d"})

    assert crm.count("Contact") == 2
    assert crm.is_key(OBJECTS["Contact"], "Email")


def test_another_records_unique_value_is_refused(crm: Crm) -> None:
    put(crm, "Location", {EXTERNAL_ID: "l", "Name": "L", "LocationType": "Building"})
    point = {"Premises.CIS_External_Id__c": "l", "MDM_Service_Point_Id__c": "77"}
    put(crm, "ServicePoint", point | {EXTERNAL_ID: "1"}, job=2)

    assert refused(crm, "ServicePoint", point | {EXTERNAL_ID: "2"}, job=2).startswith(
        "DUPLICATE_VALUE:duplicate value found: MDM_Service_Point_Id__c duplicates value on record with id: 0sP"
    )
    put(crm, "ServicePoint", point | {EXTERNAL_ID: "1"}, job=2)


def test_a_changed_unique_value_frees_the_old_one(crm: Crm) -> None:
    put(crm, "Location", {EXTERNAL_ID: "l", "Name": "L", "LocationType": "Building"})
    put(
        crm,
        "ServicePoint",
        {EXTERNAL_ID: "1", "Premises.CIS_External_Id__c": "l", "MDM_Service_Point_Id__c": "7"},
        job=2,
    )
    put(crm, "ServicePoint", {EXTERNAL_ID: "1", "MDM_Service_Point_Id__c": "8"}, job=2)

    put(
        crm,
        "ServicePoint",
        {EXTERNAL_ID: "2", "Premises.CIS_External_Id__c": "l", "MDM_Service_Point_Id__c": "7"},
        job=2,
    )
    assert crm.count("ServicePoint") == 2


def test_a_delete_takes_details_along_empties_lookups_and_stops_at_required_ones(crm: Crm) -> None:
    role = put(crm, "AccountBillingAccount", ROLE)
    put(crm, "Contact", {EXTERNAL_ID: "c", "LastName": "Roe", "Account.CIS_External_Id__c": "CCB|PER|1"})
    account, billing = put(crm, "Account", ACCOUNT), put(crm, "BillingAccount", BILLING)

    with pytest.raises(RowError, match="DELETE_FAILED"):
        crm.delete(OBJECTS["BillingAccount"], billing.id)
    crm.delete(OBJECTS["Account"], account.id[:15])

    assert crm.record("AccountBillingAccount", role.id) is None
    assert crm.table("Contact")["c"]["Account.CIS_External_Id__c"] is None
    with pytest.raises(RowError, match="ENTITY_IS_DELETED"):
        crm.delete(OBJECTS["Account"], account.id)
    with pytest.raises(RowError, match="MALFORMED_ID"):
        crm.delete(OBJECTS["Account"], "CCB|PER|1")
    assert put(crm, "Account", ACCOUNT).is_created


def test_the_id_of_18_characters_ends_in_the_capitals_of_the_first_15() -> None:
    crm = Crm()
    made = crm.insert(OBJECTS["BillingAccount"], [(crm.cell(OBJECTS["BillingAccount"], "Name"), "x")], 1)

    # 0bA: the third of the first five is a capital, 2 ** 2 = 4, the letter E.
    assert made.id == "0bA000000000001EAA"


def test_the_schema_is_of_one_piece() -> None:
    prefixes = [o.prefix for o in OBJECTS.values()]
    assert len(set(prefixes)) == len(prefixes)
    for described in OBJECTS.values():
        names = [f.name for f in described.fields]
        assert len(set(names)) == len(names), described.name
        assert described.field(EXTERNAL_ID) is not None, described.name
        for f in described.fields:
            assert (f.kind is Kind.REFERENCE) == bool(f.parents) == bool(f.relationship), f.name
            assert not f.parents or f.parents in OBJECTS, f.name
            assert f.kind not in {Kind.TEXT, Kind.EMAIL, Kind.NUMBER} or f.length > 0, f.name


def test_the_standard_external_identifiers_are_no_keys(crm: Crm) -> None:
    for name, field in (
        ("ServicePoint", "ExternalIdentifier"),
        ("BillingAccount", "ExtlReferenceIdentifier"),
        ("Location", "ExternalReference"),
        ("EnergyServiceAgreement", "ExternalContractIdentifier"),
    ):
        assert OBJECTS[name].field(field) is not None
        assert not crm.is_key(OBJECTS[name], field)
        assert crm.is_key(OBJECTS[name], EXTERNAL_ID)
