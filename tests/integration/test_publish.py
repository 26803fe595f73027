"""Publishing from a hand-made warehouse: readers, interruptions, refusals, going back, collecting.

The warehouse here is written by `made_by_hand` instead of dbt, so that every table is small and literal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import select
from tests.support.processes import killed
from tests.support.stages_once import USAGE, publish_and_die

from nightwatt import warehouse
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Check, Publication
from nightwatt.settings import Settings
from nightwatt.warehouse import PublishedTable, Terms, duck_file, meta, publish, versions
from nightwatt.warehouse.publish import STEPS

NIGHT = date(2026, 3, 9)
BILLING = [PublishedTable("dim_customer", "billing", "marts", ("customer_id",), description="One row per customer.")]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", memory_limit="500MB", threads=2)


@pytest.fixture
def ledger(settings: Settings) -> Any:
    book = Ledger.open(settings.ledger_address)
    yield book
    book.close()


def made_by_hand(settings: Settings, through: int, usage: str, customers: int = 3) -> None:
    """Write a warehouse as a build would leave it: `usage` gives (service_point_id, usage_date, usage_quantity)."""
    with duck_file.writer(settings, "test") as con:
        meta.prepare(con)
        con.execute("create schema if not exists marts")
        con.execute(
            "create or replace table marts.fct_usage_daily as select sp::varchar as service_point_id, d::date as "
            f"usage_date, q::decimal(28,8) as usage_quantity, 'kWh' as unit from ({usage}) t(sp, d, q)"
        )
        con.execute(
            f"create or replace table marts.dim_customer as select 'C' || i as customer_id from range({customers}) t(i)"
        )
        con.execute(f"create or replace table marts.ops_receipts as select i::bigint as id from range({through}) t(i)")
        for domain in ("usage", "billing"):
            at = datetime(2026, 3, 9, 8, tzinfo=UTC)
            meta.record(con, meta.LastBuild(domain, through, None, at, "dbt", f"in{through}", "p", False))


TWO_MONTHS = "values ('S1', '2026-02-28', 1.5), ('S1', '2026-03-01', 2), ('S2', '2026-03-01', 0.00000001)"
CORRECTED = "values ('S1', '2026-02-28', 1.5), ('S1', '2026-03-01', 2.25), ('S2', '2026-03-01', 0.00000001)"


def seen(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with warehouse.published(settings) as con:
        return con.execute(query).fetchall()


def data_files(settings: Settings) -> set[str]:
    return {p.relative_to(settings.published).as_posix() for p in settings.published.glob("data/*/*")}


def test_publishes_views_and_says_what_they_are(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    result = publish("usage", NIGHT, USAGE, settings, ledger)
    assert (result.sequence, result.is_new, result.files_written) == (1, True, 3)
    assert result.tables == {"fct_usage_daily": 3, "ops_receipts": 7}
    assert seen(settings, "from fct_usage_daily order by all") == [
        ("S1", date(2026, 2, 28), Decimal("1.50000000"), "kWh"),
        ("S1", date(2026, 3, 1), Decimal("2.00000000"), "kWh"),
        ("S2", date(2026, 3, 1), Decimal("0.00000001"), "kWh"),
    ]
    assert seen(settings, "select domain, sequence, as_of, through_sequence, store_version from publication") == [
        ("usage", 1, NIGHT, 7, None)
    ]
    with ledger.read() as session:
        row = session.scalars(select(Publication)).one()
    assert (row.state, row.tables) == ("published", {"fct_usage_daily": 3, "ops_receipts": 7})
    assert seen(settings, "select published_at from publication") == [(row.published_at.replace(tzinfo=None),)]


def test_the_same_content_is_published_once(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    first = publish("usage", NIGHT, USAGE, settings, ledger)
    again = publish("usage", NIGHT, USAGE, settings, ledger)
    earlier_night = publish("usage", NIGHT - timedelta(days=3), USAGE, settings, ledger)
    assert (again.is_new, again.sequence) == (False, first.sequence)
    assert (earlier_night.is_new, earlier_night.as_of) == (False, NIGHT)
    next_night = publish("usage", NIGHT + timedelta(days=1), USAGE, settings, ledger)
    assert (next_night.is_new, next_night.files_written) == (True, 0)


def test_only_months_that_changed_are_written(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    before = data_files(settings)
    made_by_hand(settings, 8, CORRECTED)
    result = publish("usage", NIGHT, USAGE, settings, ledger)
    new = data_files(settings) - before
    assert result.files_written == 2
    assert sorted(n.rsplit("-", 1)[0] for n in new) == ["data/fct_usage_daily/2026-03", "data/ops_receipts/all"]
    assert seen(settings, "select sum(usage_quantity) from fct_usage_daily") == [(Decimal("3.75000001"),)]


def test_other_domains_stay_as_they_are(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    made_by_hand(settings, 8, CORRECTED)
    publish("billing", NIGHT, BILLING, settings, ledger)
    assert seen(settings, "select sum(usage_quantity) from fct_usage_daily") == [(Decimal("3.50000001"),)]
    assert seen(settings, "select count(*) from dim_customer") == [(3,)]
    assert seen(settings, "select domain, sequence, through_sequence from publication order by 1") == [
        ("billing", 2, 8),
        ("usage", 1, 7),
    ]


def test_a_table_both_domains_build_makes_no_second_number(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    shared = PublishedTable("dim_customer", "usage", "marts", ("customer_id",))
    publish("billing", NIGHT, [replace(shared, domain="billing")], settings, ledger)
    publish("usage", NIGHT, [*USAGE, shared], settings, ledger)
    assert not publish("billing", NIGHT, [replace(shared, domain="billing")], settings, ledger).is_new
    assert not publish("usage", NIGHT, [*USAGE, shared], settings, ledger).is_new


def test_a_failed_check_leaves_the_last_publication_and_says_its_age(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    made_by_hand(settings, 8, "values ('S1', '2026-03-01', 2)")
    for _ in range(2):  # the second attempt goes on under the first one's number
        with pytest.raises(TerminalError, match="readers keep publication 1 as of 2026-03-09") as refused:
            publish("usage", NIGHT, USAGE, settings, ledger)
        assert refused.value.code == "publish.refused"
        assert "publish.shrunk" in refused.value.message
    assert seen(settings, "select count(*) from fct_usage_daily") == [(3,)]
    with ledger.read() as session:
        rows = session.execute(select(Publication.sequence, Publication.state)).all()
        failed = session.scalars(select(Check.code).where(Check.passed.is_(False)).distinct()).all()
    assert rows == [(1, "published"), (2, "refused")]
    assert set(failed) == {"publish.shrunk", "publish.verdict"}
    accepted = publish("usage", NIGHT, USAGE, settings, ledger, terms=Terms(accept={"publish.shrunk"}))
    assert (accepted.sequence, [c.code for c in accepted.checks]) == (2, ["publish.shrunk"])
    assert seen(settings, "select count(*) from fct_usage_daily") == [(1,)]


@pytest.mark.parametrize(
    ("usage", "code"),
    [
        ("values ('S1', '2026-02-28', 1.5), ('S1', '2026-02-28', 1.5)", "publish.primary_key"),
        ("values ('S1', null, 1.5), ('S1', '2026-02-28', 1.5)", "publish.primary_key"),
        ("select 'S', '2026-01-01', 1 where false", "publish.empty"),
    ],
)
def test_refuses_what_readers_could_not_trust(settings: Settings, ledger: Ledger, usage: str, code: str) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    made_by_hand(settings, 8, usage)
    for _ in range(2):
        with pytest.raises(TerminalError, match=code):
            publish("usage", NIGHT, USAGE, settings, ledger)


def test_a_list_of_what_is_wrong_may_be_empty_in_a_night(settings: Settings, ledger: Ledger) -> None:
    wrong = [replace(table, max_shrink_pct=100) for table in USAGE if table.name == "fct_usage_daily"]
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, wrong, settings, ledger)
    made_by_hand(settings, 8, "select 'S', '2026-01-01', 1 where false")
    assert publish("usage", NIGHT, wrong, settings, ledger).is_new
    assert seen(settings, "select count(*) from fct_usage_daily") == [(0,)]


def test_refuses_to_lose_a_table(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    with pytest.raises(TerminalError, match=r"publish\.table_gone"):
        publish("usage", NIGHT, USAGE[1:], settings, ledger)


def test_does_not_publish_a_build_that_did_not_finish(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    with duck_file.writer(settings, "test") as con:
        meta.begin(con, "usage", is_full=False)
    with pytest.raises(TerminalError, match=r"publish\.unfinished_build"):
        publish("usage", NIGHT, USAGE, settings, ledger)
    assert publish("billing", NIGHT, BILLING, settings, ledger).is_new


def test_says_when_nothing_is_published(settings: Settings, ledger: Ledger) -> None:
    with pytest.raises(TerminalError, match=r"publish\.none"), warehouse.published(settings):
        pass
    with pytest.raises(TerminalError, match=r"publish\.not_built"):
        publish("usage", NIGHT, USAGE, settings, ledger)


# --- interruptions -------------------------------------------------------------------------------------


def state(settings: Settings, ledger: Ledger) -> dict[str, Any]:
    """Everything a publication leaves behind, without clock times."""
    with ledger.read() as session:
        rows = session.execute(
            select(
                Publication.sequence,
                Publication.domain,
                Publication.as_of,
                Publication.state,
                Publication.through_sequence,
                Publication.tables,
                Publication.message,
            ).order_by(Publication.sequence)
        ).all()
    return {
        "ledger": [tuple(r) for r in rows],
        "files": {p.relative_to(settings.published).as_posix() for p in settings.published.rglob("*") if p.is_file()},
        "usage": seen(settings, "from fct_usage_daily order by all"),
        "ops": seen(settings, "from ops_receipts order by all"),
        "publication": seen(settings, "select domain, sequence, as_of, through_sequence from publication order by 1"),
        "tables": seen(settings, "from publication_tables order by 1"),
    }


def two_nights(home: Path, killed_at: str | None) -> dict[str, Any]:
    """Publish a night, then the next one, killed at a step and run again; return what is left behind."""
    settings = Settings(home=home, memory_limit="500MB", threads=2)
    ledger = Ledger.open(settings.ledger_address)
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    made_by_hand(settings, 8, CORRECTED)
    if killed_at:
        killed(publish_and_die, home, killed_at)
        assert seen(settings, "select count(*) from fct_usage_daily") == [(3,)]
    again = publish("usage", NIGHT + timedelta(days=1), USAGE, settings, ledger, terms=Terms(grace=timedelta(0)))
    assert again.sequence == 2
    assert publish("usage", NIGHT + timedelta(days=1), USAGE, settings, ledger).is_new is False
    left = state(settings, ledger)
    ledger.close()
    return left


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return two_nights(tmp_path_factory.mktemp("never"), None)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_run_again_gives_the_same_state(
    tmp_path: Path, step: str, never_killed: dict[str, Any]
) -> None:
    assert two_nights(tmp_path, step) == never_killed


def test_an_interrupted_number_that_was_overtaken_is_closed(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)

    class Stopped(Exception):
        pass

    def at(step: str) -> None:
        if step == "publish.checked":
            raise Stopped

    with pytest.raises(Stopped):
        publish("usage", NIGHT, USAGE, settings, ledger, at=at)
    assert publish("billing", NIGHT, BILLING, settings, ledger).sequence == 2
    assert publish("usage", NIGHT, USAGE, settings, ledger).sequence == 3
    with ledger.read() as session:
        rows = session.execute(select(Publication.sequence, Publication.state).order_by(Publication.sequence)).all()
    assert rows == [(1, "refused"), (2, "published"), (3, "published")]


READING = textwrap.dedent(
    """
    import json, os, sys, time
    from pathlib import Path
    sys.path[:0] = sys.argv[1].split(os.pathsep)
    from nightwatt.settings import Settings
    from nightwatt.warehouse import published
    settings = Settings(home=Path(sys.argv[2]), memory_limit="200MB", threads=1)
    stop = Path(sys.argv[3])
    seen, longest = [], 0.0
    print("ready", flush=True)
    while not stop.exists():
        started = time.monotonic()
        with published(settings) as con:
            found = con.execute(
                "select (select count(*) from fct_usage_daily), (select through_sequence from publication)"
            ).fetchone()
        longest = max(longest, time.monotonic() - started)
        seen.append(found)
    print(json.dumps({"seen": seen, "longest": longest}))
    """
)


@pytest.mark.long
def test_readers_are_never_blocked_and_never_see_a_mixture(settings: Settings, ledger: Ledger, tmp_path: Path) -> None:
    def night(n: int) -> None:
        made_by_hand(settings, n, f"select 'S' || i, date '2026-03-01', i from range({n}) t(i)")
        publish("usage", NIGHT, USAGE, settings, ledger, terms=Terms(grace=timedelta(0), keep=3))

    night(100)
    stop = tmp_path / "stop"
    with subprocess.Popen(
        [sys.executable, "-c", READING, os.pathsep.join(sys.path), str(settings.home), str(stop)],
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for n in range(101, 121):
            night(n)
        stop.touch()
        answer = json.loads(reader.stdout.readline())
    assert reader.returncode == 0
    assert all(rows == through for rows, through in answer["seen"])  # one version, never a mixture
    counts = [rows for rows, _ in answer["seen"]]
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    assert answer["longest"] < 10


def test_an_open_reader_keeps_its_version_and_a_new_one_sees_the_next(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    with warehouse.published(settings) as old:
        assert old.execute("select sum(usage_quantity) from fct_usage_daily").fetchone() == (Decimal("3.50000001"),)
        made_by_hand(settings, 8, CORRECTED)
        publish("usage", NIGHT, USAGE, settings, ledger)
        assert old.execute("select sum(usage_quantity) from fct_usage_daily").fetchone() == (Decimal("3.50000001"),)
        assert seen(settings, "select sum(usage_quantity) from fct_usage_daily") == [(Decimal("3.75000001"),)]


# --- retention -----------------------------------------------------------------------------------------


def test_keeps_the_last_versions_and_deletes_what_they_do_not_need(settings: Settings, ledger: Ledger) -> None:
    for n in range(1, 6):
        made_by_hand(settings, n, f"values ('S1', '2026-02-28', 1.5), ('S1', '2026-03-01', {n})")
        publish("usage", NIGHT, USAGE, settings, ledger, terms=Terms(grace=timedelta(0), keep=2))
    assert warehouse.kept_versions(settings) == [4, 5]
    kept = data_files(settings)
    assert sum("fct_usage_daily/2026-02" in f for f in kept) == 1
    assert sum("fct_usage_daily/2026-03" in f for f in kept) == 2
    assert sum("ops_receipts" in f for f in kept) == 2


def test_a_young_file_is_not_collected(settings: Settings, ledger: Ledger) -> None:
    for n in range(1, 4):
        made_by_hand(settings, n, f"values ('S1', '2026-03-01', {n})")
        publish("usage", NIGHT, USAGE, settings, ledger, terms=Terms(keep=1))
    assert len(data_files(settings)) == 6
    later = datetime.now(UTC) + timedelta(hours=2)
    collected = warehouse.collect(settings, keep=1, now=later)
    assert (collected.files, len(data_files(settings))) == (4, 2)


def test_goes_back_to_an_earlier_version(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    made_by_hand(settings, 8, CORRECTED)
    publish("usage", NIGHT, USAGE, settings, ledger)
    assert warehouse.roll_back(settings, ledger).sequence == 1
    assert seen(settings, "select sum(usage_quantity) from fct_usage_daily") == [(Decimal("3.50000001"),)]
    with ledger.read() as session:
        row = session.get(Publication, 2)
    assert row is not None and row.message == "withdrawn: readers were taken back to 1"
    again = publish("usage", NIGHT, USAGE, settings, ledger)
    assert (again.sequence, again.is_new, again.files_written) == (3, True, 0)
    with pytest.raises(TerminalError, match=r"publish\.no_version"):
        warehouse.roll_back(settings, ledger, 99)


def test_a_missing_file_stops_the_publication_and_the_way_back(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    made_by_hand(settings, 8, CORRECTED)
    publish("billing", NIGHT, BILLING, settings, ledger)
    next(iter(settings.published.glob("data/fct_usage_daily/2026-02*"))).unlink()
    with pytest.raises(TerminalError, match=r"publish\.file_missing"):
        publish("billing", NIGHT + timedelta(days=1), BILLING, settings, ledger)
    with pytest.raises(TerminalError, match=r"publish\.damaged"):
        warehouse.roll_back(settings, ledger)


# --- the reads view --------------------------------------------------------------------------------------


def _store(settings: Settings, value: str) -> list[Path]:
    folder = settings.reads / "data" / "read_date=2026-03-01"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"r0-v{value}.parquet"
    duckdb.sql(
        f"""
        copy (
            select 'S1' as service_point_id, 'delivered' as channel,
                timestamp '2026-03-01 05:00' as interval_start_at, 15::smallint as interval_min,
                {value}::decimal(18,8) as value, 'kWh' as unit, 'actual' as quality, 'M1' as meter_id,
                null::timestamp as last_updated_at, date '2026-03-01' as read_date,
                'America/New_York' as zone, 'electricity' as commodity,
                1::integer as receipt_id, 1::bigint as load_sequence
        ) to '{path}' (format parquet)
        """
    )
    return [path]


def test_reads_are_a_view_on_the_pinned_files_and_must_add_up(settings: Settings, ledger: Ledger) -> None:
    pinned = {4: _store(settings, "2.5"), 5: _store(settings, "9")}

    def night(version: int, quantity: str) -> None:
        made_by_hand(settings, version, f"values ('S1', '2026-03-01', {quantity})")
        with duck_file.writer(settings, "test") as con:
            at = datetime(2026, 3, 9, 8, tzinfo=UTC)
            meta.record(con, meta.LastBuild("usage", version, version, at, "dbt", "in", "p", False))

    night(4, "2.5")
    result = publish("usage", NIGHT, USAGE, settings, ledger, pin_reads=pinned.__getitem__)
    assert (result.store_version, result.tables["fct_interval_reads"]) == (4, 1)
    assert warehouse.kept_store_versions(settings) == {4}
    night(5, "8")
    with pytest.raises(TerminalError, match=r"publish\.usage_differs"):
        publish("usage", NIGHT, USAGE, settings, ledger, pin_reads=pinned.__getitem__)
    assert seen(settings, "select value from fct_interval_reads") == [(Decimal("2.50000000"),)]
    night(5, "9")
    publish("usage", NIGHT, USAGE, settings, ledger, pin_reads=pinned.__getitem__)
    assert seen(settings, "select value, read_date from fct_interval_reads") == [
        (Decimal("9.00000000"), date(2026, 3, 1))
    ]
    assert warehouse.kept_store_versions(settings) == {4, 5}


def test_manifest_reads_back_as_written(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings, 7, TWO_MONTHS)
    publish("usage", NIGHT, USAGE, settings, ledger)
    publish("billing", NIGHT, BILLING, settings, ledger)
    version = versions.current_version(settings)
    assert version is not None
    assert versions.Version.from_json(version.to_json()) == version
    assert versions.manifest_file(settings, 2).read_text("utf-8") == version.to_json()
    assert version.tables["fct_usage_daily"].sums == {"usage_quantity": "3.50000001"}


# --- reconciliation ------------------------------------------------------------------------------------

RECONCILED = [*BILLING, PublishedTable("rpt_billing_reconciliation", "billing", "marts")]


def reconciled_by_hand(settings: Settings, source: int, published: int, quarantined: int) -> None:
    """Write a billing build whose reconciliation says these row counts of parties, and an amount that agrees."""
    made_by_hand(settings, 7, TWO_MONTHS)
    with duck_file.writer(settings, "test") as con:
        con.execute(
            "create or replace table marts.rpt_billing_reconciliation as "
            "select *, source_value - published_value - quarantined_value as difference_value, "
            "(100 * abs(source_value - published_value - quarantined_value) / abs(source_value))::decimal(18, 6) "
            "as variance_pct from ("
            "select 'CCB' as source_system, 'party' as entity, 'rows' as measure, $1::decimal(28, 2) as source_value, "
            "$2::decimal(28, 2) as published_value, $3::decimal(28, 2) as quarantined_value "
            "union all select 'CCB', 'balance', 'usd', -12.34, -12.34, 0)",
            [source, published, quarantined],
        )
        con.execute(
            "create or replace table marts.rpt_billing_reconciliation_accounts as select 'CCB' as source_system, "
            "'party' as entity, 'rows' as measure, 'P' || i as native_id, 1::decimal(28, 2) as source_value, "
            "0::decimal(28, 2) as published_value, 0::decimal(28, 2) as quarantined_value from range($1) t(i)",
            [source - published - quarantined],
        )


def test_publishes_when_every_row_is_published_or_quarantined(settings: Settings, ledger: Ledger) -> None:
    reconciled_by_hand(settings, 10_000, 9_000, 1_000)
    assert publish("billing", NIGHT, RECONCILED, settings, ledger).checks == ()


def test_warns_of_a_difference_within_the_tolerance(settings: Settings, ledger: Ledger) -> None:
    reconciled_by_hand(settings, 10_000, 9_994, 1)  # 0.05 %, which is not over
    warned = publish("billing", NIGHT, RECONCILED, settings, ledger).checks
    assert [(c.code, c.subject, c.blocks) for c in warned] == [("reconcile.rows", "CCB party", False)]


def test_keeps_the_night_before_when_too_much_is_missing(settings: Settings, ledger: Ledger) -> None:
    reconciled_by_hand(settings, 10_000, 9_999, 1)
    publish("billing", NIGHT, RECONCILED, settings, ledger)
    reconciled_by_hand(settings, 10_000, 9_993, 1)
    with pytest.raises(TerminalError, match=r"reconcile\.rows: party of CCB.*0\.0600 %") as refused:
        publish("billing", date(2026, 3, 10), RECONCILED, settings, ledger)
    assert "P0" not in refused.value.message  # ids of accounts are for the terminal, not for the ledger
    assert seen(
        settings, "select source_value - published_value from rpt_billing_reconciliation where entity = 'party'"
    )
    named = warehouse.reconciliation.accounts(settings, "billing", "party", limit=100)
    assert [a.native_id for a in named] == [f"P{n}" for n in range(6)]
    assert [c.difference for c in warehouse.reconciliation.comparisons(settings, "billing")] == [0, 6]
