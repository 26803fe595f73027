"""The CRM of the tests as data: objects, fields and their rules, as the utility's administrator would set them up.

Belongs here: standard fields as Salesforce documents them (Energy and Utilities Cloud, API v62 and later), the custom
fields the utility adds, and the data-source objects of its Data Cloud. Does not belong here: what the platform sends
(its delivery profiles); this page is the other side, and shares nothing with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

EXTERNAL_ID = "CIS_External_Id__c"


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    EMAIL = "email"
    PICKLIST = "picklist"
    CHECKBOX = "checkbox"
    DATE = "date"
    DATETIME = "dateTime"
    NUMBER = "number"
    REFERENCE = "reference"


@dataclass(frozen=True)
class Field:
    """One field of an object."""

    name: str
    kind: Kind
    length: int = 0
    """Most characters of a text; most digits before the point of a number."""
    scale: int = 0
    is_required: bool = False
    is_create_only: bool = False
    is_read_only: bool = False
    is_indexed: bool = False
    """Flagged External ID, or a standard field with idLookup: a record may be found by it."""
    values: tuple[str, ...] = ()
    is_restricted: bool = False
    default: str | None = None
    parents: str = ""
    """The object a reference points to."""
    relationship: str = ""
    """Name of the reference in a header, before the point."""


@dataclass(frozen=True)
class SObject:
    """One object."""

    name: str
    prefix: str
    """First three characters of its record ids."""
    fields: tuple[Field, ...]
    since: int = 0
    """First API version that has it."""
    needs_one_of: tuple[str, ...] = ()
    auto_number: str = ""

    def field(self, name: str) -> Field | None:
        """Return a field by its API name."""
        return next((f for f in self.fields if f.name == name), None)

    def reference(self, relationship: str) -> Field | None:
        """Return a reference by the name of its relationship."""
        return next((f for f in self.fields if f.relationship == relationship), None)


def text(name: str, length: int = 255) -> Field:
    """Return a text field."""
    return Field(name, Kind.TEXT, length)


def picklist(name: str, *values: str, restricted: bool = True, default: str | None = None) -> Field:
    """Return a picklist; one without values takes any text."""
    return Field(name, Kind.PICKLIST, 255, values=values, is_restricted=restricted and bool(values), default=default)


def checkbox(name: str) -> Field:
    """Return a checkbox, which is never null."""
    return Field(name, Kind.CHECKBOX, default="false")


def date(name: str) -> Field:
    """Return a date."""
    return Field(name, Kind.DATE)


def instant(name: str) -> Field:
    """Return a date and time."""
    return Field(name, Kind.DATETIME)


def number(name: str, digits: int = 16, scale: int = 2) -> Field:
    """Return a number with so many digits before the point and decimals after it."""
    return Field(name, Kind.NUMBER, digits, scale)


def lookup(name: str, to: str, relationship: str = "") -> Field:
    """Return a lookup. Standard ones are called by the name without Id, custom ones by `__r`."""
    named = relationship or (name[:-3] + "__r" if name.endswith("__c") else name.removesuffix("Id"))
    return Field(name, Kind.REFERENCE, parents=to, relationship=named)


def master(name: str, to: str) -> Field:
    """Return a master-detail that cannot be given another parent: set on create only."""
    return replace(lookup(name, to), is_required=True, is_create_only=True)


def required(field: Field) -> Field:
    """Return a field that a record cannot be without."""
    return replace(field, is_required=True)


def external_id(name: str = EXTERNAL_ID, length: int = 80) -> Field:
    """Return a custom text field flagged External ID, unique and case-sensitive."""
    return Field(name, Kind.TEXT, length, is_indexed=True)


COMMODITIES = ("Electricity", "Gas", "Water")

_OBJECTS: tuple[SObject, ...] = (
    SObject(
        "Product2",
        "01t",
        (
            external_id(),
            required(text("Name")),
            text("ProductCode"),
            picklist("Family"),
            checkbox("IsActive"),
            text("Description", 4000),
        ),
    ),
    SObject(
        "Account",
        "001",
        (
            external_id(),
            required(text("Name")),
            picklist("Type"),
            text("Phone", 40),
            text("BillingStreet"),
            text("BillingCity", 40),
            text("BillingState", 80),
            text("BillingPostalCode", 20),
            text("BillingCountry", 80),
        ),
    ),
    SObject(
        "Contact",
        "003",
        (
            external_id(),
            lookup("AccountId", "Account"),
            text("FirstName", 40),
            required(text("LastName", 80)),
            Field("Email", Kind.EMAIL, 80, is_indexed=True),
            text("Phone", 40),
            text("MobilePhone", 40),
        ),
    ),
    SObject(
        "BillingAccount",
        "0bA",
        (
            external_id(),
            required(text("Name")),
            text("ExtlReferenceIdentifier"),
            picklist("Status", "Active", "Inactive", "Suspended", default="Active"),
            picklist("CustomerClass", "Commercial", "Industrial", "Retail", "Small Scale"),
            picklist("ExtlBillCycle", "Annual", "Monthly", "Quarterly"),
            picklist("ExtlBillDeliveryMethod", "EBill", "Paper", "SMS"),
            picklist("ExtlBillFormat"),
            picklist("ExtlBillFrequency", "Monthly", "Quarterly", "Weekly"),
            checkbox("IsAutopayEnabled"),
            checkbox("IsBillingHold"),
            Field("BillingEmailAddress", Kind.EMAIL, 80),
            text("CreditRating"),
        ),
        since=62,
    ),
    SObject(
        "AccountBillingAccount",
        "0bB",
        (
            external_id(),
            master("AccountId", "Account"),
            required(lookup("BillingAccountId", "BillingAccount")),
            picklist(
                "RelationshipType",
                "Financially Responsible Party",
                "Authorised",
                "Interested",
                default="Financially Responsible Party",
            ),
            date("StartDate"),
            date("EndDate"),
        ),
        since=62,
        auto_number="ABA",
    ),
    SObject(
        "BillingAccountContact",
        "0bC",
        (
            external_id(),
            required(lookup("ContactId", "Contact")),
            required(lookup("BillingAccountId", "BillingAccount")),
            picklist("RelationshipType", "Financially Responsible Party", "Authorised", "Interested"),
            date("RelationshipStartDate"),
            required(date("RelationshipEndDate")),
        ),
        since=62,
        auto_number="BAC",
    ),
    SObject(
        "Location",
        "131",
        (
            external_id(),
            required(text("Name")),
            # The list is shipped without values: these are the utility's.
            required(picklist("LocationType", "Building", "Commercial", "Residential")),
            text("ExternalReference"),
            lookup("ParentLocationId", "Location"),
            number("Latitude", 3, 15),
            number("Longitude", 3, 15),
        ),
    ),
    SObject(
        "ServicePoint",
        "0sP",
        (
            external_id(),
            required(lookup("PremisesId", "Location")),
            text("ExternalIdentifier"),
            picklist("ServiceType", *COMMODITIES),
            picklist("Status", "Active", "Disconnected", "Abolished"),
            picklist("InstallationType", "High Voltage", "Multi Meter", "Smart Meter"),
            text("MarketIdentifier"),
            date("ActivationDate"),
            date("DisconnectDate"),
            picklist("DisconnectReason"),
            date("ReconnectDate"),
            text("LoadProfile"),
            text("MeterReadInstructions"),
            text("VoltageLevel"),
            text("UtilityProvider"),
            text("Distributor"),
            picklist("FieldServiceClass", "Lines", "Meter", "Transformer"),
            checkbox("IsOkToEnter"),
            checkbox("IsPremisesInfoOverridden"),
            number("AverageMonthlyUsage", 9, 0),
            external_id("MDM_Service_Point_Id__c", 30),
        ),
        since=62,
        auto_number="SP",
    ),
    SObject(
        "Asset",
        "02i",
        (
            external_id(),
            required(text("Name")),
            lookup("AccountId", "Account"),
            lookup("ContactId", "Contact"),
            text("SerialNumber", 80),
            picklist("Status", "Purchased", "Shipped", "Installed", "Registered", "Obsolete"),
            date("InstallDate"),
            date("UsageEndDate"),
            lookup("LocationId", "Location"),
            lookup("Product2Id", "Product2"),
            lookup("ParentId", "Asset"),
        ),
        needs_one_of=("AccountId", "ContactId"),
    ),
    SObject(
        "EnergyServiceAgreement",
        "0eA",
        (
            external_id(),
            required(lookup("AccountId", "Account")),
            required(lookup("Product2Id", "Product2")),
            required(date("StartDate")),
            date("EndDate"),
            date("ActivationDate"),
            picklist("Status", "Active", "Suspended", "Terminated"),
            text("StatusReason"),
            date("StatusChangeDate"),
            picklist("Type", *COMMODITIES),
            picklist("BillingSchedule", "Monthly", "Quarterly", "Weekly"),
            text("ExternalContractIdentifier"),
        ),
        since=62,
        auto_number="ESA",
    ),
    SObject(
        "EnergyServiceAgreementItem",
        "0eB",
        (
            external_id(),
            master("EnergyServiceAgreementId", "EnergyServiceAgreement"),
            required(lookup("Product2Id", "Product2")),
            required(date("StartDate")),
            date("EndDate"),
            lookup("ServicePointId", "ServicePoint"),
            lookup("LocationId", "Location"),
            lookup("AssetId", "Asset"),
            lookup("BillingAccountId", "BillingAccount"),
            number("UsageQuantity", 12, 6),
            # Shipped with the first three; the utility added the others.
            picklist("UsageUnitOfMeasure", "Days", "Therms", "kWH", "CCF", "M3"),
            picklist("UsagePeriod"),
            number("UsagePrice"),
            number("RecurringPrice"),
        ),
        since=62,
        auto_number="ESI",
    ),
    SObject(
        "Bill_Summary__c",
        "a0A",
        (external_id(), required(lookup("Billing_Account__c", "BillingAccount"))),
        auto_number="BILL",
    ),
    SObject(
        "Bill_Service__c",
        "a0B",
        (external_id(), required(lookup("Bill_Summary__c", "Bill_Summary__c"))),
        auto_number="BSRV",
    ),
    SObject(
        "Payment_Summary__c",
        "a0C",
        (external_id(), required(lookup("Billing_Account__c", "BillingAccount"))),
        auto_number="PAY",
    ),
)

CUSTOM: dict[str, tuple[Field, ...]] = {
    "Product2": (picklist("Service_Type__c", *COMMODITIES), checkbox("Is_Default__c")),
    "Account": (
        picklist("Party_Type__c", "Person", "Organisation"),
        picklist("CIS_Status__c", "Active", "Archived"),
        # No checkbox: that would say false where nobody knows.
        picklist("Life_Support__c", "true", "false"),
        text("Language__c", 10),
        instant("CIS_Last_Change__c"),
    ),
    "Contact": (text("Language__c", 10), instant("CIS_Last_Change__c")),
    "BillingAccount": (
        text("Bill_Cycle_Code__c", 20),
        date("Set_Up_Date__c"),
        number("Current_Balance__c"),
        number("Payoff_Balance__c"),
        number("Overdue_Amount__c"),
        date("Balance_As_Of__c"),
        date("Last_Payment_Date__c"),
        number("Last_Payment_Amount__c"),
        checkbox("Is_Electric__c"),
        checkbox("Is_Gas__c"),
        checkbox("Is_Renewables__c"),
        text("Business_Units__c"),
        instant("CIS_Last_Change__c"),
    ),
    "AccountBillingAccount": (checkbox("Is_Main_Customer__c"),),
    "Location": (
        text("Street__c"),
        text("Unit__c", 80),
        text("City__c", 80),
        text("State__c", 80),
        text("Postal_Code__c", 20),
        text("Country__c", 80),
        text("Time_Zone__c", 80),
    ),
    "ServicePoint": (
        date("Abolish_Date__c"),
        picklist("Business_Unit__c", "Electric", "Gas", "Renewables"),
        text("Substation__c", 80),
        text("Feeder__c", 80),
        text("Node__c", 80),
        text("Meter_Read_Warning__c"),
        text("Service_Point_Type__c", 80),
        checkbox("Is_Solar__c"),
        lookup("Current_Account__c", "Account"),
        lookup("Current_Billing_Account__c", "BillingAccount"),
        instant("CIS_Last_Change__c"),
    ),
    "Asset": (
        text("Meter_Number__c", 80),
        text("Device_Id__c", 80),
        text("Asset_Type__c", 80),
        text("Manufacturer_Code__c", 80),
        text("Model_Code__c", 80),
        lookup("Service_Point__c", "ServicePoint"),
        number("Register_Factor__c", 12, 6),
        instant("CIS_Last_Change__c"),
    ),
    "EnergyServiceAgreement": (text("Legacy_Number__c", 80),),
    "EnergyServiceAgreementItem": (number("Use_Percent__c", 3, 2), text("Usage_Sign__c", 20)),
    "Bill_Summary__c": (
        required(text("Bill_Number__c", 80)),
        required(date("Bill_Date__c")),
        date("Due_Date__c"),
        date("Period_Start_Date__c"),
        date("Period_End_Date__c"),
        number("Current_Charges__c"),
        number("Amount_Due__c"),
        required(picklist("Status__c", "Issued", "Reversed")),
        checkbox("Is_Estimated__c"),
        checkbox("Is_Rebill__c"),
        instant("Completed_At__c"),
    ),
    "Bill_Service__c": (
        required(lookup("Billing_Account__c", "BillingAccount")),
        lookup("Service_Agreement__c", "EnergyServiceAgreement"),
        picklist("Service_Type__c", *COMMODITIES),
        number("Usage__c", 12, 6),
        text("Unit__c", 20),
        number("Days__c", 5, 0),
        number("Amount__c"),
        date("Period_Start_Date__c"),
        date("Period_End_Date__c"),
        checkbox("Is_Estimated__c"),
    ),
    "Payment_Summary__c": (
        required(text("Payment_Number__c", 80)),
        required(date("Payment_Date__c")),
        required(number("Amount__c")),
        required(picklist("Status__c", "Posted", "Cancelled")),
    ),
}
"""Fields the utility's administrator added to standard objects, and those of its own objects."""

OBJECTS: dict[str, SObject] = {o.name: replace(o, fields=(*o.fields, *CUSTOM.get(o.name, ()))) for o in _OBJECTS}


@dataclass(frozen=True)
class DataSource:
    """One data-source object of Data Cloud."""

    name: str
    key: str
    fields: tuple[Field, ...]


def _data_source(name: str, key: str, *fields: Field) -> DataSource:
    return DataSource(name, key, (text(key, 120), *fields))


def data_sources(*sources: DataSource) -> dict[str, DataSource]:
    """Return data sources by name."""
    return {source.name: source for source in sources}


_READS: Sequence[Field] = tuple(
    number(f"reads_{kind}", 9, 0) for kind in ("expected", "received", "estimated", "missing")
)
DATA_SOURCES = data_sources(
    _data_source(
        "Usage_Day",
        "usage_day_key",
        text("service_point_key", 80),
        text("service_point_id", 30),
        text("channel", 20),
        date("usage_date"),
        text("unit", 10),
        number("usage_quantity", 20, 8),
        number("peak_interval_quantity", 10, 8),
        instant("peak_interval_at"),
        *_READS,
        text("quality_class", 20),
        instant("first_read_at"),
        instant("last_read_at"),
        instant("last_updated_at"),
    ),
    _data_source(
        "Usage_Month",
        "usage_month_key",
        text("service_point_key", 80),
        text("service_point_id", 30),
        text("channel", 20),
        date("usage_month"),
        text("unit", 10),
        number("usage_quantity", 20, 8),
        number("days_present", 3, 0),
        number("days_expected", 3, 0),
        checkbox("is_partial"),
        *_READS,
        instant("last_updated_at"),
    ),
)
