"""The tests' Bulk API: states, limits, headers, results and misbehaviour, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.bulk_api import BulkApi, Faults, Limits
from tests.support.bulk_client import Client, Refused
from tests.support.crm_schema import EXTERNAL_ID

ACCOUNTS = f"{EXTERNAL_ID},Name\nA1,Ann\nA2,Bea\nA3,Cid\n"


def names(client: Client) -> dict[str, str | None]:
    """Return the names of the accounts in the CRM."""
    return {key: row["Name"] for key, row in client.api.crm.table("Account").items()}


def many(count: int, prefix: str = "A") -> str:
    """Return a file of accounts."""
    return f"{EXTERNAL_ID},Name\n" + "".join(f"{prefix}{n},Name {n}\n" for n in range(count))


# ---- sessions and jobs ----------------------------------------------------------------------------------------


def test_a_job_goes_from_open_to_complete_and_its_rows_are_in(client: Client) -> None:
    job_id = client.create("Account")
    opened = client.look(job_id)
    assert opened["state"] == "Open"
    assert opened["contentUrl"] == f"services/data/v62.0/jobs/ingest/{job_id}/batches"
    assert client.upload(job_id, ACCOUNTS) == 201
    assert client.set_state(job_id, "UploadComplete")["state"] == "UploadComplete"
    assert names(client) == {}

    assert [client.look(job_id)["state"] for _ in range(3)] == ["InProgress", "JobComplete", "JobComplete"]
    assert names(client) == {"A1": "Ann", "A2": "Bea", "A3": "Cid"}


def test_a_complete_job_can_have_failed_rows(client: Client) -> None:
    """Mistake 6: `JobComplete` is not "all rows are in"."""
    done = client.load("Account", f"{EXTERNAL_ID},Name\nA1,Ann\nA2,\n")

    assert (done.state, done.processed, done.failed) == ("JobComplete", 2, 1)
    assert done.errors() == {"A2": "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"}
    assert names(client) == {"A1": "Ann"}


def test_results_come_in_another_order_with_the_uploaded_columns(client: Client) -> None:
    client.load("Account", f"{EXTERNAL_ID},Name\nA1,Ann\n")
    done = client.load("Account", ACCOUNTS)

    assert [row[EXTERNAL_ID] for row in done.taken] != ["A1", "A2", "A3"]
    assert {row[EXTERNAL_ID]: (row["sf__Created"], row["Name"]) for row in done.taken} == {
        "A1": ("false", "Ann"),
        "A2": ("true", "Bea"),
        "A3": ("true", "Cid"),
    }
    for row in done.taken:
        record = client.api.crm.record("Account", row["sf__Id"])
        assert record is not None
        assert record[EXTERNAL_ID] == row[EXTERNAL_ID]


@pytest.mark.parametrize("token", ["nobody's", ""])
def test_no_request_is_answered_without_a_session(api: BulkApi, client: Client, token: str) -> None:
    job_id = client.create("Account")
    with Client(api, token="x" + token) as stranger:
        for call in (
            lambda: stranger.create("Account"),
            lambda: stranger.look(job_id),
            lambda: stranger.upload(job_id, ACCOUNTS),
            lambda: stranger.set_state(job_id, "UploadComplete"),
            lambda: stranger.results(job_id, "failedResults"),
        ):
            with pytest.raises(Refused) as refused:
                call()
            assert (refused.value.status, refused.value.code) == (401, "INVALID_SESSION_ID")


def test_sessions_end(api: BulkApi, client: Client) -> None:
    client.create("Account")
    api.end_sessions()

    with pytest.raises(Refused, match="401 INVALID_SESSION_ID"):
        client.create("Account")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"object": "Meter"}, "400 INVALIDENTITY"),
        ({"object": "ServicePoint", "version": "61.0"}, "400 INVALIDENTITY"),
        ({"version": "69.0"}, "404 NOT_FOUND"),
        ({"operation": "merge"}, "400 INVALIDJOB"),
        ({"operation": "insert", "externalIdFieldName": EXTERNAL_ID}, "400 INVALIDJOB"),
        ({"contentType": "JSON"}, "400 INVALIDJOB"),
        ({"columnDelimiter": "COLON"}, "400 INVALIDJOB"),
        ({"lineEnding": "CR"}, "400 INVALIDJOB"),
        ({"externalIdFieldName": None}, "400 INVALIDJOB"),
        ({"externalIdFieldName": "Nothing__c"}, "400 INVALIDJOB"),
        ({"externalIdFieldName": "Name"}, "does not match an External ID, Salesforce Id, or indexed field for Account"),
    ],
)
def test_a_job_that_cannot_be_is_not_created(client: Client, asked: dict[str, Any], error: str) -> None:
    client.version = asked.pop("version", client.version)

    with pytest.raises(Refused, match=error):
        client.create(asked.pop("object", "Account"), asked.pop("operation", "upsert"), **asked)
    assert client.api.jobs == {}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("ServicePoint", "ExternalIdentifier"),
        ("BillingAccount", "ExtlReferenceIdentifier"),
        ("Location", "ExternalReference"),
    ],
)
def test_standard_external_identifiers_are_no_upsert_keys(client: Client, name: str, field: str) -> None:
    """Mistake 1: none of them is an External ID or idLookup."""
    with pytest.raises(Refused, match=f"InvalidJob : Field name provided, {field} does not match an External ID"):
        client.create(name, externalIdFieldName=field)


def test_an_open_job_takes_one_upload_of_csv(client: Client) -> None:
    job_id = client.create("Account")
    with pytest.raises(Refused, match="400 INVALIDJOBSTATE"):
        client.set_state(job_id, "UploadComplete")
    with pytest.raises(Refused, match="text/csv"):
        client.upload(job_id, ACCOUNTS, "application/json")
    client.upload(job_id, ACCOUNTS)
    with pytest.raises(Refused, match="400 INVALIDJOBSTATE"):
        client.upload(job_id, ACCOUNTS)
    with pytest.raises(Refused, match="400 INVALIDJOB: "):
        client.set_state(job_id, "JobComplete")
    with pytest.raises(Refused, match="400 INVALIDJOBSTATE"):
        client.results(job_id, "successfulResults")
    client.set_state(job_id, "UploadComplete")
    with pytest.raises(Refused, match="400 INVALIDJOBSTATE"):
        client.set_state(job_id, "UploadComplete")
    assert len(client.wait(job_id).taken) == 3
    with pytest.raises(Refused, match="400 INVALIDJOBSTATE"):
        client.set_state(job_id, "Aborted")


def test_unknown_jobs_and_paths_are_not_found(client: Client) -> None:
    with pytest.raises(Refused, match="404 NOT_FOUND"):
        client.look("750000000000099AAA")
    with pytest.raises(Refused, match="404 NOT_FOUND"):
        client.call("GET", "/a/b/c/d")


def test_a_job_that_is_over_can_be_deleted(client: Client) -> None:
    job_id = client.create("Account")
    with pytest.raises(Refused, match="400 INVALIDJOBSTATE"):
        client.call("DELETE", f"/{job_id}")
    client.set_state(job_id, "Aborted")

    assert client.call("DELETE", f"/{job_id}").status_code == 204
    assert client.call("GET", "").json()["records"] == []


# ---- the file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (f"{EXTERNAL_ID},Nothing__c\nA1,x\n", "InvalidBatch : Field name not found : Nothing__c"),
        (f"{EXTERNAL_ID},name\nA1,x\n", "InvalidBatch : Field name not found : name"),
        ("Name\nAnn\n", f"InvalidBatch : Field name not found : {EXTERNAL_ID}"),
        (f"{EXTERNAL_ID},Name,Name\nA1,x,y\n", "InvalidBatch : Duplicate field name : Name"),
        (f"{EXTERNAL_ID};Name\nA1;x\n", f"InvalidBatch : Field name not found : {EXTERNAL_ID}"),
        (f"\ufeff{EXTERNAL_ID},Name\nA1,x\n", f"InvalidBatch : Field name not found : {EXTERNAL_ID}"),
        (
            f"{EXTERNAL_ID},Name\r\nA1,x\r\n",
            "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            f"{EXTERNAL_ID},Name\nA1,x\r\nA2,y\n",
            "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (f"{EXTERNAL_ID},Name\nA1,".encode() + b"\xe9\n", "InvalidBatch : The file is not UTF-8"),
        ("", "InvalidBatch : Unable to find any headers"),
        (
            f"{EXTERNAL_ID},{'x' * 32_000}\nA1,x\n",
            "InvalidBatch : The header has more than 32000 characters",
        ),
        (
            f"{EXTERNAL_ID},{','.join(f'f{n}' for n in range(5000))}\n",
            "InvalidBatch : A record has more than 5000 fields",
        ),
    ],
)
def test_a_fault_of_the_file_fails_the_job_and_loads_nothing(client: Client, data: str | bytes, error: str) -> None:
    done = client.load("Account", data)

    assert (done.state, done.error, done.processed) == ("Failed", error, 0)
    assert done.taken == done.refused == []
    assert client.api.crm.count("Account") == 0


def test_rows_of_a_failed_job_are_unprocessed_as_they_came(client: Client) -> None:
    done = client.load("Account", f"{EXTERNAL_ID},Nothing__c\nA1,x\nA2,y\n")

    assert sorted(map(tuple, (row.items() for row in done.unprocessed))) == [
        ((EXTERNAL_ID, "A1"), ("Nothing__c", "x")),
        ((EXTERNAL_ID, "A2"), ("Nothing__c", "y")),
    ]


def test_the_job_says_how_columns_and_lines_end(client: Client) -> None:
    data = ACCOUNTS.replace(",", "|").replace("\n", "\r\n")

    done = client.load("Account", data, columnDelimiter="PIPE", lineEnding="CRLF")

    assert (done.state, len(done.taken)) == ("JobComplete", 3)
    raw = client.call("GET", f"/{done.id}/successfulResults/").content
    assert raw.startswith(f'"sf__Id"|"sf__Created"|{EXTERNAL_ID}|Name\r\n'.encode())


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ('A1, "Ann"', "CLIENT_ERROR:Failed to parse the row: a blank or text before or after a quote:--"),
        ('"A1" ,Ann', "CLIENT_ERROR:Failed to parse the row: a blank or text before or after a quote:--"),
        ("A1,Ann,surplus", "CLIENT_ERROR:Failed to parse the row: not as many values as the header has names:--"),
        ("A1", "CLIENT_ERROR:Failed to parse the row: not as many values as the header has names:--"),
        (f"A1,{'x' * 32_001}", "CLIENT_ERROR:a field has more than 32000 characters:--"),
    ],
)
def test_a_row_that_cannot_be_read_fails_and_the_others_are_taken(client: Client, row: str, error: str) -> None:
    done = client.load("Account", f"{EXTERNAL_ID},Name\n{row}\nA2,Bea\n")

    assert [r["sf__Error"] for r in done.refused] == [error]
    assert names(client) == {"A2": "Bea"}


def test_quoted_values_keep_commas_quotes_line_ends_and_blanks(client: Client) -> None:
    client.load("Account", f'{EXTERNAL_ID},Name\nA1,"Roe, ""R""\n & Sons "\n')

    assert names(client) == {"A1": 'Roe, "R"\n & Sons '}


def test_of_two_rows_of_one_record_the_second_fails(client: Client) -> None:
    done = client.load("Account", f"{EXTERNAL_ID},Name\nA1,Ann\nA1,Bea\n")

    assert names(client) == {"A1": "Ann"}
    assert [row["Name"] for row in done.refused] == ["Bea"]
    assert done.errors() == {"A1": f"DUPLICATE_VALUE:Duplicate external id specified: A1:{EXTERNAL_ID} --"}


def test_empty_is_left_alone_and_na_clears(client: Client) -> None:
    """Mistake 5, the Bulk API's half: an empty cell does not clear a field."""
    header = f"{EXTERNAL_ID},Name,Phone,BillingCity\n"
    client.load("Account", header + "A1,Ann,+12035550100,Stamford\n")
    client.load("Account", header + "A1,,,#N/A\n")

    shown = client.api.crm.table("Account")["A1"]
    assert (shown["Name"], shown["Phone"], shown["BillingCity"]) == ("Ann", "+12035550100", None)


def test_an_unknown_parent_fails_the_row_until_the_parent_is_there(client: Client) -> None:
    contacts = f"{EXTERNAL_ID},LastName,Account.{EXTERNAL_ID}\nC1,Roe,A1\n"
    early = client.load("Contact", contacts)
    client.load("Account", ACCOUNTS)
    late = client.load("Contact", contacts)

    assert early.errors() == {
        "C1": f"INVALID_FIELD:Foreign key external ID: A1 not found for field {EXTERNAL_ID} in entity Account:--"
    }
    assert [row[EXTERNAL_ID] for row in late.taken] == ["C1"]


def test_a_failed_row_of_a_record_that_is_there_names_it(client: Client) -> None:
    created = client.load("Account", ACCOUNTS)
    ids = {row[EXTERNAL_ID]: row["sf__Id"] for row in created.taken}

    done = client.load("Account", f"{EXTERNAL_ID},Name\nA1,#N/A\nA9,\n")

    assert {row[EXTERNAL_ID]: row["sf__Id"] for row in done.refused} == {"A1": ids["A1"], "A9": ""}


# ---- other operations -----------------------------------------------------------------------------------------


def test_insert_creates_and_never_updates(client: Client) -> None:
    client.load("Account", ACCOUNTS, "insert")
    again = client.load("Account", f"{EXTERNAL_ID},Name\nA1,Other\nA4,Dan\n", "insert")

    assert again.errors()["A1"].startswith(f"DUPLICATE_VALUE:duplicate value found: {EXTERNAL_ID} duplicates value")
    assert names(client) == {"A1": "Ann", "A2": "Bea", "A3": "Cid", "A4": "Dan"}


def test_update_and_delete_go_by_record_id(client: Client) -> None:
    ids = {row[EXTERNAL_ID]: row["sf__Id"] for row in client.load("Account", ACCOUNTS).taken}

    updated = client.load("Account", f"Id,Name\n{ids['A1']},Anna\n001000000000999AAA,x\n", "update")
    deleted = client.load("Account", f"Id\n{ids['A2']}\n{ids['A2']}\nA3\n", "delete")

    assert [row["sf__Created"] for row in updated.taken] == ["false"]
    assert updated.errors("Id") == {"001000000000999AAA": "ENTITY_IS_DELETED:entity is deleted:--"}
    assert [row["Id"] for row in deleted.taken] == [ids["A2"]]
    assert {key: said.partition(":")[0] for key, said in deleted.errors("Id").items()} == {
        ids["A2"]: "DUPLICATE_VALUE",
        "A3": "MALFORMED_ID",
    }
    assert names(client) == {"A1": "Anna", "A3": "Cid"}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (f"{EXTERNAL_ID}\nA1\n", "InvalidBatch : Field name not found : Id"),
        ("Id,Name\n001000000000001AAA,x\n", "InvalidBatch : The 'delete' batch must contain only ids"),
    ],
)
def test_a_delete_takes_ids_and_nothing_else(client: Client, data: str, error: str) -> None:
    assert client.load("Account", data, "delete").error == error


# ---- limits ---------------------------------------------------------------------------------------------------


def test_more_than_100_mb_is_not_taken(client: Client, tmp_path: Path) -> None:
    """Mistake 7: 150 MB is the limit after base64, which leaves 100 MB of file."""
    job_id = client.create("Account")
    big = tmp_path / "big.csv"
    with big.open("wb") as stream:
        stream.truncate(100_000_001)  # a sparse file: no disk, no memory

    with big.open("rb") as stream, pytest.raises(Refused) as refused:
        client.call("PUT", f"/{job_id}/batches", data=stream, headers={"Content-Type": "text/csv"})

    assert refused.value.code == "CLIENTINPUTERROR"
    assert "Exceeded max size limit of 100000000 with response size 100000001" in refused.value.message
    client.upload(job_id, ACCOUNTS)
    client.set_state(job_id, "UploadComplete")
    assert len(client.wait(job_id).taken) == 3


@pytest.fixture
def small() -> Iterator[Client]:
    limits = Limits(raw_bytes=len(many(25)), batch_rows=10, batches_per_day=4, record_characters=20)
    with BulkApi(limits=limits) as api, Client(api) as client:
        yield client


def test_exactly_the_limit_is_taken(small: Client) -> None:
    assert len(small.load("Account", many(25)).taken) == 25
    with pytest.raises(Refused, match="400 CLIENTINPUTERROR"):
        small.load("Account", many(26))


def test_every_look_does_one_batch(small: Client) -> None:
    job_id = small.create("Account")
    small.upload(job_id, many(25))
    small.set_state(job_id, "UploadComplete")

    seen = [(said["state"], said["numberRecordsProcessed"]) for said in (small.look(job_id) for _ in range(4))]

    assert seen == [("InProgress", 0), ("InProgress", 10), ("InProgress", 20), ("JobComplete", 25)]


def test_an_aborted_job_keeps_what_is_in_and_leaves_the_rest_unprocessed(small: Client) -> None:
    job_id = small.create("Account")
    small.upload(job_id, many(25))
    small.set_state(job_id, "UploadComplete")
    small.look(job_id)
    small.look(job_id)
    small.set_state(job_id, "Aborted")

    done = small.wait(job_id)

    assert (done.state, len(done.taken), len(done.unprocessed)) == ("Aborted", 10, 15)
    assert small.api.crm.count("Account") == 10


def test_a_day_has_so_many_batches(small: Client) -> None:
    small.load("Account", many(25))
    done = small.load("Account", many(25, "B"))

    assert (done.state, done.error) == ("Failed", "ExceededQuota : ApiBatchItems Limit exceeded.")
    assert (len(done.taken), len(done.unprocessed)) == (10, 15)


def test_a_record_has_so_many_characters(small: Client) -> None:
    done = small.load("Account", f"{EXTERNAL_ID},Name\nA1,{'x' * 19}\n")

    assert done.errors() == {"A1": "CLIENT_ERROR:a record has more than 20 characters:--"}


# ---- misbehaviour ---------------------------------------------------------------------------------------------


def test_every_nth_row_fails_and_succeeds_when_sent_again(api: BulkApi, client: Client) -> None:
    api.faults.fail_every = 4
    first = client.load("Account", many(10))
    second = client.load("Account", f"{EXTERNAL_ID},Name\nA3,x\nA7,y\n")

    assert {said.partition(":")[0] for said in first.errors().values()} == {"UNABLE_TO_LOCK_ROW"}
    assert sorted(first.errors()) == ["A3", "A7"]
    assert sorted(row[EXTERNAL_ID] for row in second.taken) == ["A3"]


def test_lost_results_are_lost_although_the_rows_are_in(api: BulkApi, client: Client) -> None:
    api.faults = Faults(lose_results_every=2)
    client.load("Account", many(3))

    with pytest.raises(Refused, match="500 UNKNOWN_EXCEPTION"):
        client.load("Account", many(3, "B"))

    assert api.crm.count("Account") == 6
    assert len(client.load("Account", many(3, "C")).taken) == 3


def test_a_job_that_breaks_leaves_half_its_rows_unprocessed(api: BulkApi, client: Client) -> None:
    api.faults = Faults(break_every=1)

    done = client.load("Account", many(5))

    assert done.state == "Failed"
    assert sorted(row[EXTERNAL_ID] for row in done.taken) == ["A0", "A1", "A2"]
    assert sorted(row[EXTERNAL_ID] for row in done.unprocessed) == ["A3", "A4"]
    assert api.crm.count("Account") == 3


# ---- log-in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 200), ({"client_secret": "wrong"}, 400), ({"client_id": "wrong"}, 400), ({"grant_type": "password"}, 400)],
)
def test_client_credentials_open_a_session(api: BulkApi, change: dict[str, str], status: int) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": api.consumer_key,
        "client_secret": api.consumer_secret,
    }

    said = requests.post(f"{api.url}/services/oauth2/token", data=form | change, timeout=10)

    assert said.status_code == status
    if status == 200:
        with Client(api, token=said.json()["access_token"]) as client:
            assert client.create("Account") in api.jobs
