"""A real client library loads files of both dialects over HTTP, and every row is accounted for in the results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceBulkV2LoadError,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceOperationError,
)
from tests.support.bulk_api import BulkApi, Faults, Limits
from tests.support.crm_loader import LoadedFile, load_delivery, manifests_in, salesforce
from tests.support.crm_schema import EXTERNAL_ID
from tests.support.data_cloud import DataCloud

from nightwatt.delivery.salesforce.acknowledgements import read_acknowledgements
from nightwatt.delivery.salesforce.results import BulkResults, Settlement, read_results, result_rows, settle

E = EXTERNAL_ID
STAMP = "20250116060000"

# One customer with two premises in one building, by hand: header and rows of each file, in load order.
CORE: list[tuple[str, int, str]] = [
    ("Product2", 1, f"{E},Name,IsActive\nCCB|RS|E-RES-1,Residential,true\n"),
    ("Account", 2, f'{E},Name,Phone\nCCB|PER|0000000001,"Roe, Jane ""JR""",+12035550100\nSYS|ACCT|UTILITY,Utility,\n'),
    ("Contact", 3, f"{E},Account.{E},LastName,FirstName\nCCB|PERC|0000000001,CCB|PER|0000000001,Roé,Jane\n"),
    (
        "BillingAccount",
        4,
        f"{E},Name,Status,CustomerClass,ExtlReferenceIdentifier,IsAutopayEnabled,Current_Balance__c\n"
        "CCB|ACCT|0000000007,0000000007 Roe,Active,Retail,0000000007,false,12.50\n",
    ),
    (
        "AccountBillingAccount",
        5,
        f"{E},Account.{E},BillingAccount.{E},RelationshipType,StartDate\n"
        "CCB|AP|0000000007|0000000001,CCB|PER|0000000001,CCB|ACCT|0000000007,"
        "Financially Responsible Party,2020-01-01\n",
    ),
    (
        "BillingAccountContact",
        5,
        f"{E},Contact.{E},BillingAccount.{E},RelationshipEndDate\n"
        "CCB|AP|0000000007|0000000001,CCB|PERC|0000000001,CCB|ACCT|0000000007,4000-12-31\n",
    ),
    ("Location", 6, f"{E},Name,LocationType\nCCB|PREM|B,12 Main St,Building\n"),
    (
        "Location",
        7,
        f"{E},Name,LocationType,ParentLocation.{E}\n"
        "CCB|PREM|1,12 Main St 1,Residential,CCB|PREM|B\nCCB|PREM|2,12 Main St 2,Residential,CCB|PREM|B\n",
    ),
    (
        "ServicePoint",
        8,
        f"{E},Premises.{E},ServiceType,Status,ExternalIdentifier\n"
        "CCB|SP|1,CCB|PREM|1,Electricity,Active,0000000001\nCCB|SP|2,CCB|PREM|2,Gas,Active,0000000002\n",
    ),
    (
        "Asset",
        9,
        f"{E},Name,SerialNumber,Status,InstallDate,Account.{E},Location.{E},Service_Point__r.{E}\n"
        "CCB|MTR|1,M1,000123,Installed,2020-01-01,CCB|PER|0000000001,CCB|PREM|1,CCB|SP|1\n"
        "CCB|MTR|2,M2,000124,Purchased,,SYS|ACCT|UTILITY,,\n",
    ),
    (
        "EnergyServiceAgreement",
        10,
        f"{E},Account.{E},Product2.{E},Type,Status,StartDate,EndDate\n"
        "CCB|SA|1,CCB|PER|0000000001,CCB|RS|E-RES-1,Electricity,Active,2020-01-01,\n",
    ),
    (
        "EnergyServiceAgreementItem",
        11,
        f"{E},EnergyServiceAgreement.{E},ServicePoint.{E},Asset.{E},BillingAccount.{E},Product2.{E},StartDate\n"
        "CCB|SASP|1,CCB|SA|1,CCB|SP|1,CCB|MTR|1,CCB|ACCT|0000000007,CCB|RS|E-RES-1,2020-01-01\n",
    ),
    (
        "Bill_Summary__c",
        12,
        f"{E},Billing_Account__r.{E},Bill_Number__c,Bill_Date__c,Status__c,Current_Charges__c\n"
        "CCB|BILL|1,CCB|ACCT|0000000007,1,2025-01-10,Issued,99.90\n",
    ),
    (
        "Bill_Service__c",
        13,
        f"{E},Bill_Summary__r.{E},Billing_Account__r.{E},Amount__c\nCCB|BSA|1|1,CCB|BILL|1,CCB|ACCT|0000000007,99.90\n",
    ),
    (
        "Payment_Summary__c",
        13,
        f"{E},Billing_Account__r.{E},Payment_Number__c,Payment_Date__c,Amount__c,Status__c\n"
        "CCB|PAY|1,CCB|ACCT|0000000007,1,2025-01-12,50,Posted\n",
    ),
]
USAGE = (
    "usage_day_key,service_point_key,channel,usage_date,unit,usage_quantity,quality_class\n"
    "MDM|UD|1|delivered|20250115,CCB|SP|1,delivered,2025-01-15,kWh,12.50000000,Actual\n"
    "MDM|UD|2|delivered|20250115,CCB|SP|2,delivered,2025-01-15,therm,,Missing\n"
)


@pytest.fixture
def api() -> Iterator[BulkApi]:
    with BulkApi() as server:
        yield server


@pytest.fixture
def client(api: BulkApi) -> Iterator[Salesforce]:
    with salesforce(api) as found:
        yield found


Files = list[tuple[str, int, str]]


def delivered(folder: Path, files: Files, dialect: str = "bulk", operation: str = "upsert") -> Path:
    """Write files and their manifest as a delivery does; returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for number, (name, load, text) in enumerate(files, 1):
        path = folder / f"crm_core_{number:03d}_{name.removesuffix('__c')}_{STAMP}.csv"
        path.write_bytes(text.encode())
        listed.append(
            {
                "file": path.name,
                "object": name,
                "operation": operation,
                "external_id": text.partition(",")[0] if operation == "upsert" else "Id",
                "load": load,
                "rows": text.count("\n") - 1,
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )
    manifest = folder / f"crm_core_{len(files) + 1:03d}_manifest_{STAMP}.json"
    # The files are listed the wrong way round: the order that counts is `load`.
    manifest.write_text(json.dumps({"dialect": dialect, "api_version": "62.0", "files": listed[::-1]}))
    return manifest


def settled(folder: Path, loaded: LoadedFile, answers: Path) -> tuple[Settlement, dict[str, str]]:
    """Read a file's results, joined back to the keys that were uploaded; returns the sums and outcomes by key."""
    stem = loaded.file.removesuffix(".csv")
    results = BulkResults(
        *(tuple(answers.glob(f"{stem}.{kind}.csv")) for kind in ("successful", "failed", "unprocessed"))
    )
    with duckdb.connect(":memory:") as con:
        con.execute(
            f"create table sent as select {E} as external_id"
            f" from read_csv('{folder / loaded.file}', all_varchar = true)"
        )
        read_results(con, results, key=E, into="answers")
        settlement = settle(con, uploaded="sent", results="answers", into="settled")
        return settlement, {row.external_id: row.outcome.value for row in result_rows(con, "settled")}


def test_every_object_goes_in_parents_first_and_every_row_is_accounted_for(api: BulkApi, tmp_path: Path) -> None:
    manifest = delivered(tmp_path / "out", CORE)

    loaded = load_delivery(manifest, tmp_path / "answers", api=api)

    assert [f.object for f in loaded] == [name for name, _, _ in CORE]
    for f in loaded:
        settlement, _ = settled(manifest.parent, f, tmp_path / "answers")
        assert settlement == Settlement(f.rows, f.rows, 0, 0, 0, 0), f.file
    assert {name: len(rows) for name, rows in api.crm.tables().items()} == {
        "Product2": 1, "Account": 2, "Contact": 1, "BillingAccount": 1, "AccountBillingAccount": 1,
        "BillingAccountContact": 1, "Location": 3, "ServicePoint": 2, "Asset": 2, "EnergyServiceAgreement": 1,
        "EnergyServiceAgreementItem": 1, "Bill_Summary__c": 1, "Bill_Service__c": 1, "Payment_Summary__c": 1,
    }  # fmt: skip
    assert api.crm.table("Account")["CCB|PER|0000000001"]["Name"] == 'Roe, Jane "JR"'
    item = api.crm.table("EnergyServiceAgreementItem")["CCB|SASP|1"]
    assert item[f"Asset.{E}"] == "CCB|MTR|1"
    assert manifests_in(manifest.parent) == [manifest]


def test_complete_jobs_with_failed_rows_and_broken_jobs_add_up(api: BulkApi, tmp_path: Path) -> None:
    """Mistake 6: success + failed + unprocessed = uploaded, whatever the job's state says."""
    rows = "".join(f"CCB|PER|{n:010d},{'' if n == 3 else f'Name {n}'}\n" for n in range(10))
    manifest = delivered(tmp_path / "out", [("Account", 1, f"{E},Name\n{rows}"), ("Account", 2, f"{E},Name\n{rows}")])
    api.faults = Faults(break_every=2, fail_every=6)

    whole, broken = load_delivery(manifest, tmp_path / "answers", api=api)

    first, outcomes = settled(manifest.parent, whole, tmp_path / "answers")
    second, broken_outcomes = settled(manifest.parent, broken, tmp_path / "answers")
    assert (whole.state, first) == ("JobComplete", Settlement(10, 8, 2, 0, 0, 0))
    assert [key for key, outcome in outcomes.items() if outcome == "refused"] == [
        "CCB|PER|0000000003",
        "CCB|PER|0000000005",
    ]
    # Again without a name: the third was never created. The twelfth row of the server's life is the second here.
    assert (broken.state, second) == ("Failed", Settlement(10, 3, 2, 5, 0, 0))
    assert [key[-1] for key, outcome in broken_outcomes.items() if outcome == "unprocessed"] == list("56789")


def test_an_answer_that_is_lost_leaves_every_row_missing(api: BulkApi, tmp_path: Path) -> None:
    manifest = delivered(tmp_path / "out", CORE[1:2])
    api.faults = Faults(lose_results_every=1)

    (loaded,) = load_delivery(manifest, tmp_path / "answers", api=api)

    assert (loaded.state, loaded.answers) == ("JobComplete", ())
    assert list((tmp_path / "answers").iterdir()) == []
    assert settled(manifest.parent, loaded, tmp_path / "answers")[0] == Settlement(2, 0, 0, 0, 2, 0)
    assert api.crm.count("Account") == 2


def test_the_same_file_twice_changes_nothing_but_masters_are_given_once(api: BulkApi, tmp_path: Path) -> None:
    manifest = delivered(tmp_path / "out", CORE)
    load_delivery(manifest, tmp_path / "first", api=api)
    before = api.crm.tables()

    again = load_delivery(manifest, tmp_path / "second", api=api)

    refused = {f.object for f in again if settled(manifest.parent, f, tmp_path / "second")[0].refused}
    assert refused == {"AccountBillingAccount", "EnergyServiceAgreementItem"}
    assert api.crm.tables() == before


def test_a_file_that_is_not_the_one_listed_is_not_loaded(api: BulkApi, tmp_path: Path) -> None:
    manifest = delivered(tmp_path / "out", CORE[:1])
    next(manifest.parent.glob("*.csv")).write_text(f"{E},Name\nCCB|RS|X,Other\n")

    with pytest.raises(AssertionError, match="crm_core_001_Product2"):
        load_delivery(manifest, tmp_path / "answers", api=api)
    assert api.jobs == {}


def test_expired_records_are_deleted_by_the_id_the_results_gave(
    api: BulkApi, client: Salesforce, tmp_path: Path
) -> None:
    path = written(tmp_path, f"{E},Name\nA,Ann\nB,Bea\n")
    rows = client.bulk2.Account.upsert(csv_file=path, external_id_field=E, wait=0)
    said = client.bulk2.Account.get_all_ingest_records(rows[0]["job_id"])["successfulRecords"]
    ids = {row[E]: row["sf__Id"] for row in said}
    manifest = delivered(tmp_path / "out", [("Account", 1, f"Id\n{ids['A']}\n")], operation="delete")

    (loaded,) = load_delivery(manifest, tmp_path / "answers", api=api)

    assert loaded.state == "JobComplete"
    assert list(api.crm.table("Account")) == ["B"]


# ---- the library's own way ------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> str:
    """Write a file; returns its path as the library wants it."""
    path = folder / "upload.csv"
    path.write_bytes(text.encode())
    return str(path)


def test_the_librarys_upsert_counts_and_fetches_results(api: BulkApi, client: Salesforce, tmp_path: Path) -> None:
    text = f"{E},Name\n" + "".join(f"A{n},{'' if n == 2 else 'x'}\n" for n in range(5))

    (first, second) = client.bulk2.Account.upsert(
        csv_file=written(tmp_path, text), external_id_field=E, batch_size=3, wait=0
    )

    assert (first["numberRecordsTotal"], first["numberRecordsProcessed"], first["numberRecordsFailed"]) == (3, 3, 1)
    assert (second["numberRecordsTotal"], second["numberRecordsProcessed"], second["numberRecordsFailed"]) == (2, 2, 0)
    failed = client.bulk2.Account.get_failed_records(first["job_id"])
    assert failed.splitlines() == [
        f'"sf__Id","sf__Error",{E},Name',
        '"","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --","A2",""',
    ]
    assert client.bulk2.Account.get_unprocessed_records(first["job_id"]) == f"{E},Name\n"
    assert sorted(api.crm.table("Account")) == ["A0", "A1", "A3", "A4"]


def test_mistake_1_a_standard_external_identifier_is_no_key(client: Salesforce, tmp_path: Path) -> None:
    path = written(tmp_path, "ExternalIdentifier,Status\n1,Active\n")

    with pytest.raises(SalesforceMalformedRequest, match="ExternalIdentifier does not match an External ID"):
        client.bulk2.ServicePoint.upsert(csv_file=path, external_id_field="ExternalIdentifier", wait=0)


def test_mistake_5_empty_leaves_alone_in_the_crm_and_clears_in_data_cloud(api: BulkApi, tmp_path: Path) -> None:
    core = [("Account", 1, f"{E},Name,Phone,BillingCity\nA,Ann,+12035550100,Stamford\n")]
    core_again = [("Account", 1, f"{E},Name,Phone,BillingCity\nA,Ann,,#N/A\n")]
    header = "usage_day_key,unit,usage_quantity\n"
    cloud_files = [[("Usage_Day", 1, f"{header}D,kWh,1.5\n")], [("Usage_Day", 1, f"{header}D,kWh,\n")]]
    with DataCloud(core_tokens={api.new_session()}) as cloud:
        for number, files in enumerate((core, core_again)):
            load_delivery(delivered(tmp_path / f"core{number}", files), tmp_path / "answers", api=api)
        for number, files in enumerate(cloud_files):
            manifest = delivered(tmp_path / f"cloud{number}", files, "data_cloud")
            load_delivery(manifest, tmp_path / "answers", cloud=cloud)

        account = api.crm.table("Account")["A"]
        assert (account["Phone"], account["BillingCity"]) == ("+12035550100", None)
        assert cloud.tables["Usage_Day"]["D"]["usage_quantity"] is None


def test_mistake_7_the_limit_is_100_mb_of_file(client: Salesforce) -> None:
    job_id = client.bulk2.Account._client.create_job("upsert", external_id_field=E)["id"]
    head = f"{E},Name\n"

    with pytest.raises(SalesforceMalformedRequest, match="Exceeded max size limit of 100000000"):
        client.bulk2.Account._client.upload_job_data(job_id, head + "x" * (100_000_001 - len(head)))
    with pytest.raises(SalesforceBulkV2LoadError, match="exceeds the max file size"):
        client.bulk2.Account._client.upload_job_data(job_id, "x" * (100 * 1024 * 1024 + 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{E},Meter_Id__c\nA,1\n", "Field name not found : Meter_Id__c"),
        (f"{E},Account.Name\nA,1\n", "Field name not found : Account.Name"),
        ("Name\nA\n", f"Field name not found : {E}"),
        (f"{E},Name\nA,{'x' * 10}\n", "ApiBatchItems Limit exceeded"),
    ],
)
def test_a_job_that_fails_is_an_error_of_the_library(tmp_path: Path, text: str, said: str) -> None:
    with BulkApi(limits=Limits(batches_per_day=0)) as api, salesforce(api) as client:
        path = written(tmp_path, text)
        with pytest.raises(SalesforceOperationError, match=said):
            client.bulk2.Account.upsert(csv_file=path, external_id_field=E, wait=0)
        assert [job.state.value for job in api.jobs.values()] == ["Failed"]


@pytest.mark.parametrize(("line_ending", "state"), [("LF", "JobComplete"), ("CRLF", "Failed")])
def test_the_line_end_must_be_the_one_of_the_job(
    api: BulkApi, client: Salesforce, line_ending: str, state: str
) -> None:
    speaker = client.bulk2.Account._client
    job_id = speaker.create_job("upsert", line_ending=line_ending, external_id_field=E)["id"]
    speaker.upload_job_data(job_id, f"{E},Name\nA,Ann\n")
    speaker.close_job(job_id)
    if state == "Failed":
        with pytest.raises(SalesforceOperationError, match="LineEnding is invalid on user data"):
            speaker.wait_for_job(job_id, is_query=False, wait=0)
    else:
        speaker.wait_for_job(job_id, is_query=False, wait=0)

    assert api.jobs[job_id].state.value == state


def test_an_object_of_a_later_version_is_unknown_to_an_earlier_one(api: BulkApi, tmp_path: Path) -> None:
    path = written(tmp_path, f"{E}\nA\n")
    with salesforce(api, "59.0") as client, pytest.raises(SalesforceMalformedRequest, match="INVALIDENTITY"):
        client.bulk2.ServicePoint.upsert(csv_file=path, external_id_field=E, wait=0)


def test_wrong_credentials_and_old_sessions_are_told_apart(api: BulkApi, client: Salesforce, tmp_path: Path) -> None:
    path = written(tmp_path, f"{E},Name\nA,Ann\n")
    api.end_sessions()
    with pytest.raises(SalesforceExpiredSession):
        client.bulk2.Account.upsert(csv_file=path, external_id_field=E, wait=0)

    with salesforce(api) as again:
        again.bulk2.Account.upsert(csv_file=path, external_id_field=E, wait=0)
    assert list(api.crm.table("Account")) == ["A"]
    with pytest.raises(SalesforceAuthenticationFailed), salesforce(api, secret="wrong"):
        pass


# ---- Data Cloud -----------------------------------------------------------------------------------------------


def test_data_cloud_answers_by_file(api: BulkApi, tmp_path: Path) -> None:
    bad = USAGE.replace("2025-01-15", "15.01.2025")
    manifest = delivered(tmp_path / "out", [("Usage_Day", 1, USAGE), ("Usage_Day", 2, bad)], "data_cloud")
    with DataCloud(core_tokens={api.new_session()}) as cloud:
        loaded = load_delivery(manifest, tmp_path / "answers", cloud=cloud)
        rows = cloud.tables["Usage_Day"]

    (document,) = {answer for f in loaded for answer in f.answers}
    good, refused = read_acknowledgements(document)
    assert (good.file, good.is_accepted, good.rows) == (loaded[0].file, True, 2)
    assert good.sha256 == hashlib.sha256(USAGE.encode()).hexdigest()
    assert (refused.file, refused.is_accepted) == (loaded[1].file, False)
    assert refused.message == "INVALID_TYPE_ON_FIELD_IN_RECORD: usage_date: value not of required type: … (usage_date)"
    assert sorted(rows) == ["MDM|UD|1|delivered|20250115", "MDM|UD|2|delivered|20250115"]
    assert rows["MDM|UD|2|delivered|20250115"]["usage_quantity"] is None
