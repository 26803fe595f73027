"""Whatever rows say, and however the CRM misbehaves: every row comes back once, and what was taken is what was sent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.bulk_api import BulkApi, Faults
from tests.support.bulk_client import Client, Loaded
from tests.support.crm_schema import EXTERNAL_ID
from tests.support.crm_store import Crm

from nightwatt.delivery.salesforce.results import BulkResults, Outcome, read_results, result_rows, settle

PLACES = ("successful", "failed", "unprocessed")
KINDS = ("successfulResults", "failedResults", "unprocessedrecords")

# Text that CSV readers stumble over is drawn far more often than chance would.
TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("\",\r\n\t |;#'\\\ufeff"), st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    ),
    max_size=12,
)


@dataclass(frozen=True)
class Row:
    """One account as it is sent."""

    key: str
    name: str
    phone: str

    @property
    def is_good(self) -> bool:
        """Whether an empty CRM takes it: by the two rules that these values can break."""
        return self.name not in {"", "#N/A"} and len(self.phone) <= 40


ROWS = st.lists(
    st.builds(
        Row,
        key=TEXT.filter(lambda text: text not in {"", "#N/A"}),
        name=st.one_of(TEXT, st.sampled_from(["", "#N/A", " ", '"'])),
        phone=st.one_of(TEXT, st.just("5" * 41)),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row.key,
)
FAULTS = st.builds(Faults, fail_every=st.sampled_from([0, 1, 3]), break_every=st.sampled_from([0, 1]))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with BulkApi() as api, Client(api) as found:
        yield found


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as engine:
        yield engine


def sent(rows: list[Row], *, is_all_quoted: bool) -> str:
    """Write rows as a file; values with a line end are in quotes either way."""
    stream = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if is_all_quoted else csv.QUOTE_MINIMAL
    # A writer that ends lines with \r\n knows that a lone \r needs quotes too; the lines themselves end with \n.
    writer = csv.writer(stream, lineterminator="\r\n", quoting=quoting)
    lines = []
    for cells in [(EXTERNAL_ID, "Name", "Phone"), *((row.key, row.name, row.phone) for row in rows)]:
        stream.seek(0)
        stream.truncate()
        writer.writerow(cells)
        lines.append(stream.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def expected(rows: list[Row], faults: Faults) -> dict[str, Outcome]:
    """Say what becomes of each row, from the documentation's words alone."""
    reached = (len(rows) + 1) // 2 if faults.break_every else len(rows)
    said = {}
    for number, row in enumerate(rows, 1):
        is_locked = faults.fail_every > 0 and number % faults.fail_every == 0
        if number > reached:
            said[row.key] = Outcome.UNPROCESSED
        else:
            said[row.key] = Outcome.ACCEPTED if row.is_good and not is_locked else Outcome.REFUSED
    return said


def answers(client: Client, loaded: Loaded, folder: Path) -> BulkResults:
    """Fetch the results as files."""
    paths = []
    for place, kind in zip(PLACES, KINDS, strict=True):
        path = folder / f"{place}.csv"
        path.write_bytes(client.call("GET", f"/{loaded.id}/{kind}/").content)
        paths.append(path)
    return BulkResults(*((path,) for path in paths))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, faults=FAULTS, is_all_quoted=st.booleans())
@example(rows=[Row("\ufeff1", "\ufeff", "'")], faults=Faults(), is_all_quoted=False)
@example(rows=[Row(" ", ' "quoted" ', "\r"), Row("\n", "\r\n", "")], faults=Faults(), is_all_quoted=False)
def test_every_row_comes_back_once_and_what_was_taken_is_what_was_sent(
    client: Client,
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    rows: list[Row],
    faults: Faults,
    is_all_quoted: bool,
) -> None:
    client.api.crm = Crm()
    client.api.faults = faults
    client.api.rows_seen = 0

    loaded = client.load("Account", sent(rows, is_all_quoted=is_all_quoted))

    outcomes = expected(rows, faults)
    con.execute(
        "create or replace table sent as select unnest($keys::varchar[]) as external_id", {"keys": list(outcomes)}
    )
    read_results(con, answers(client, loaded, tmp_path), key=EXTERNAL_ID, into="answers")
    settlement = settle(con, uploaded="sent", results="answers", into="settled")
    settled = {row.external_id: row for row in result_rows(con, "settled")}

    assert settlement.is_complete
    assert settlement.uploaded == len(rows)
    assert {key: row.outcome for key, row in settled.items()} == outcomes
    taken = {row.key: (row.name, row.phone or None) for row in rows if outcomes[row.key] is Outcome.ACCEPTED}
    shown = client.api.crm.table("Account")
    assert {key: (row["Name"], row["Phone"]) for key, row in shown.items()} == {
        key: (name, None if phone == "#N/A" else phone) for key, (name, phone) in taken.items()
    }
    assert all(settled[key].remote_id and settled[key].is_created for key in taken)
