"""Audiences: what each sees, what it must not, and that its files are its own, made all or not at all.

The warehouse is written by hand, so that every value is literal. Values no audience may see are canaries: they must be
in the full publication, or their absence elsewhere would mean nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from structlog.testing import capture_logs
from tests.support.audiences import (
    ANALYSTS,
    KEY,
    NIGHT,
    PARTNER,
    TABLES,
    audiences,
    made_by_hand,
    publish_all,
    victim,
)
from tests.support.processes import killed

from nightwatt import warehouse
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings
from nightwatt.warehouse import MaskKey, Terms, duck_file, mask_key, publish, roll_back

CANARIES = {
    "analysts": ["CANARYNAME", "canary@mail", "CANARYSTREET", "CCB|PER|CANARY", "CCB|ACCT|CANARY", "P|CANARY"],
    "partner": ["canary@mail", "GREYNAME", "GREYSTREET", "CCB|ACCT|GREY", "P|GREY"],
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", memory_limit="500MB", threads=2)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    book = Ledger.open(settings.ledger_address)
    yield book
    book.close()


def seen(settings: Settings, audience: str | None, query: str) -> list[tuple[Any, ...]]:
    with warehouse.published(settings, audience) as con:
        return con.execute(query).fetchall()


def files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


def everything(folder: Path) -> str:
    """Return every byte of a folder as text, and every value of its Parquet, which is packed."""
    texts = [p.read_bytes().decode("latin-1") for p in files(folder)]
    for path in folder.rglob("*.parquet"):
        rows = duckdb.sql(f"select * from read_parquet('{path}', hive_partitioning = false)").fetchall()
        footer = duckdb.sql(f"select * from parquet_metadata('{path}')").fetchall()
        texts.append(repr(rows) + repr(footer))
    return "\n".join(texts)


def hashed(value: str) -> str:
    return hmac.new(KEY.encode(), value.encode(), hashlib.sha256).hexdigest()[:32]


def test_what_an_audience_may_not_see_is_in_none_of_its_bytes(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    with capture_logs() as logs:
        publish_all(settings, ledger, ANALYSTS, PARTNER)
    full = everything(settings.published)
    told = json.dumps(logs, default=str) + everything(settings.root / "ledger")
    for audience, canaries in CANARIES.items():
        theirs = everything(settings.audiences / audience)
        for canary in canaries:
            assert canary in full, "the canary was never there"
            assert canary not in theirs, audience
            assert canary not in told
    assert "77712.34" in full
    assert "77712.34" in everything(settings.audiences / "analysts")  # money is what analysts look at
    assert "77712.34" not in everything(settings.audiences / "partner")
    assert "66601.50" not in everything(settings.audiences / "partner")
    assert KEY not in everything(settings.root) + told


def test_masked_columns_join_across_tables_and_are_hmac(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS)
    joined = "select p.name, a.balance from crm_party p join crm_account a using (party_key) order by a.balance"
    assert [(n, str(b)) for n, b in seen(settings, "analysts", joined)] == [
        (hashed("GREYNAME"), "1.00"),
        (hashed("CANARYNAME"), "77712.34"),
    ]
    assert seen(settings, "analysts", "select party_key from crm_account where balance = 2") == [(None,)]
    assert {r[0] for r in seen(settings, "analysts", "select account_key from crm_payment")} == {
        hashed("CCB|ACCT|CANARY"),
        hashed("CCB|ACCT|GREY"),
    }
    assert [r[0] for r in seen(settings, "analysts", "describe crm_party")] == ["party_key", "name", "email"]


@pytest.mark.parametrize("length", [1, 32, 64, 65, 200])
def test_a_key_of_any_length_gives_hmac_sha256(length: int) -> None:
    from nightwatt.warehouse.mask_key import masked

    word = "k" * length
    parameters = dict(MaskKey(word).parameters)
    found = duckdb.execute(
        f"select {masked('v')} from (values ('Zoë'), (null)) t(v) order by all", parameters
    ).fetchall()
    assert found == [(hmac.new(word.encode(), "Zoë".encode(), hashlib.sha256).hexdigest()[:32],), (None,)]


def test_rows_hang_on_the_rows_the_audience_sees(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, PARTNER)
    assert seen(settings, "partner", "from crm_account") == [("CCB|ACCT|CANARY", "CCB|PER|CANARY")]
    assert seen(settings, "partner", "from crm_party") == [("CCB|PER|CANARY", "CANARYNAME", "1 CANARYSTREET")]
    assert seen(settings, "partner", "from crm_payment") == [("P|CANARY", date(2026, 2, 1))]
    assert seen(settings, "partner", "select domain, sequence, as_of from publication") == [("billing", 1, NIGHT)]


def test_the_order_of_rows_tells_nothing_of_hidden_keys(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS)
    keys = [r[0] for r in seen(settings, "analysts", "select account_key from crm_account")]
    assert keys == sorted(keys)
    assert keys != [hashed(k) for k in ("CCB|ACCT|CANARY", "CCB|ACCT|GREY", "CCB|ACCT|NULL")]


def test_no_file_is_shared_and_nobody_else_may_read(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    everybody = {**ANALYSTS, "audience": "everybody", "classes": dict.fromkeys(
        ["identifier", "identity", "location", "financial", "sensitive"], "show")}  # fmt: skip
    publish_all(settings, ledger, ANALYSTS, PARTNER, everybody)
    folders = [settings.published, *(settings.audiences / n for n in ("analysts", "partner", "everybody"))]
    parquet = [p for f in folders for p in f.rglob("*.parquet")]
    assert len(parquet) == 16  # three tables, one of them in two months, for four
    assert len({p.stat().st_ino for p in parquet}) == len(parquet)
    assert len({p.name for p in parquet}) == len(parquet)
    assert {p.stat().st_nlink for p in parquet} == {1}
    for path in [settings.audiences, *settings.audiences.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o750 if path.is_dir() else 0o640), path
    for name in ("analysts", "partner", "everybody"):
        with duckdb.connect(str(settings.audiences / name / "nightwatt.duckdb"), read_only=True) as con:
            views = con.execute("select sql from duckdb_views() where not internal").fetchall()
        assert views
        assert all(f"{settings.audiences / name}/data/" in v[0] for v in views)
        assert not any(str(settings.published) in v[0] for v in views)


def test_an_audience_asks_its_own_files_only(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS, PARTNER)
    assert warehouse.run_sql(settings, "select count(*) as n from crm_party", "partner").to_pylist() == [{"n": 1}]
    for folder in (settings.published / "data", settings.audiences / "analysts" / "data"):
        path = next(folder.rglob("*.parquet"))
        with pytest.raises(TerminalError, match=r"sql\.failed"):
            warehouse.run_sql(settings, f"select * from read_parquet('{path}')", "partner")
    with pytest.raises(TerminalError, match=r"audience\.unknown.*analysts, partner"):
        warehouse.run_sql(settings, "select 1", "field")


# --- numbered and whole with the publication -------------------------------------------------------------


def test_what_did_not_change_is_not_written_again(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS, PARTNER)
    before = {p.name: p.stat().st_mtime_ns for p in settings.audiences.rglob("*.parquet")}
    made_by_hand(settings, 8, balance="5")
    publish_all(settings, ledger, ANALYSTS, PARTNER)
    now = {p.name: p.stat().st_mtime_ns for p in settings.audiences.rglob("*.parquet")}
    assert before.items() <= now.items()
    new = sorted(
        (p.parents[2].name, p.parent.name) for p in settings.audiences.rglob("*.parquet") if p.name not in before
    )
    # the account's balance changed; the partner's other tables hang on the file of accounts
    assert new == [("analysts", "crm_account"), ("partner", "crm_account"), ("partner", "crm_party"),
                   ("partner", "crm_payment"), ("partner", "crm_payment")]  # fmt: skip
    assert seen(settings, "analysts", "select sequence, through_sequence from publication") == [(2, 8)]


def test_a_new_declaration_counts_at_once_and_leaves_nothing_of_the_old(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, {**PARTNER, "tables": [{"table": "crm_party", "all_but": []}]})
    assert "canary@mail" in everything(settings.audiences / "partner")
    result = publish_all(settings, ledger, PARTNER)
    assert not result.is_new
    theirs = everything(settings.audiences / "partner")
    assert not any(canary in theirs for canary in CANARIES["partner"])


def test_an_audience_that_is_declared_no_more_sees_nothing(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS, PARTNER)
    publish_all(settings, ledger, ANALYSTS)
    assert [p.name for p in settings.audiences.iterdir()] == ["analysts"]


def test_another_key_gives_other_hashes_everywhere(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS)
    publish("billing", NIGHT, TABLES, settings, ledger, audiences=audiences(ANALYSTS, key=KEY[::-1]))
    assert hashed("CANARYNAME") not in everything(settings.audiences)
    joined = "select count(*) from crm_party join crm_account using (party_key)"
    assert seen(settings, "analysts", joined) == [(2,)]


def test_each_audience_keeps_as_many_publications_as_it_says(settings: Settings, ledger: Ledger) -> None:
    for night in range(4):
        made_by_hand(settings, 7 + night, balance=str(night))
        publish_all(settings, ledger, {**ANALYSTS, "keep": 3}, PARTNER, terms=Terms(grace=timedelta(0)))
    kept = {a: len(list((settings.audiences / a / "versions").iterdir())) for a in ("analysts", "partner")}
    assert kept == {"analysts": 3, "partner": 2}
    assert len(list((settings.audiences / "analysts" / "data" / "crm_account").iterdir())) == 3


def test_audiences_go_back_with_the_publication(settings: Settings, ledger: Ledger) -> None:
    for night in range(3):
        made_by_hand(settings, 7 + night, balance=str(10 + night))
        publish_all(settings, ledger, {**ANALYSTS, "keep": 1})
    roll_back(settings, ledger, 1, audiences=audiences({**ANALYSTS, "keep": 1}))
    query = "select max(balance)::int from crm_account"
    assert seen(settings, "analysts", query) == seen(settings, None, query) == [(10,)]
    assert seen(settings, "analysts", "select sequence from publication") == [(1,)]


def test_a_refused_publication_changes_no_audience(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS)
    made_by_hand(settings, 8)
    with duck_file.writer(settings, "test") as con:
        con.execute("delete from marts.crm_party")
    with pytest.raises(TerminalError, match=r"publish\.empty"):
        publish_all(settings, ledger, ANALYSTS)
    assert seen(settings, "analysts", "select count(*) from crm_party") == [(2,)]


@pytest.mark.parametrize(
    ("step", "nth"),
    [("publish.audience_table", 2), ("publish.audience_made", 1), ("publish.audience_made", 2), ("publish.swapped", 1),
     ("publish.audience_shown", 1), ("publish.audience_shown", 2)],
)  # fmt: skip
def test_a_killed_publication_is_completed_by_the_next_attempt(
    settings: Settings, ledger: Ledger, step: str, nth: int
) -> None:
    made_by_hand(settings)
    publish_all(settings, ledger, ANALYSTS, PARTNER)
    made_by_hand(settings, 8, balance="5")
    killed(victim, settings.home, step, nth)
    query = "select max(balance)::int from crm_account"
    seen_now = {a: seen(settings, a, query)[0][0] for a in (None, "analysts")}
    assert seen_now["analysts"] in {77712, seen_now[None]}, "an audience is ahead of the full publication"
    publish_all(settings, ledger, ANALYSTS, PARTNER)
    assert seen(settings, "analysts", query) == seen(settings, None, query) == [(5,)]
    numbers = {a: seen(settings, a, "select sequence from publication") for a in (None, "analysts", "partner")}
    assert len(set(map(tuple, numbers.values()))) == 1
    leftovers = [p for p in settings.audiences.rglob("*") if p.is_file() and p.suffix not in {".duckdb", ".parquet"}]
    assert leftovers == []


# --- declarations that do not fit ------------------------------------------------------------------------


def changed(table: dict[str, Any], **classes: str) -> dict[str, Any]:
    return {**PARTNER, "classes": {**PARTNER["classes"], **classes}, "tables": [table]}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            {"table": "crm_bills", "all_but": []},
            r"audience\.unknown_table.*table crm_bills is not published.*crm_party",
        ),
        (
            {"table": "crm_party", "columns": ["nam"]},
            r"audience\.unknown_column.*crm_party has no column nam.*name, email",
        ),
        ({"table": "crm_party", "all_but": ["emial"]}, r"audience\.unknown_column.*emial"),
        (
            {"table": "crm_party", "columns": ["has_life_support"]},
            r"audience\.hidden_column.*class, sensitive, is dropped",
        ),
        ({"table": "crm_party", "all_but": [], "rows": {"where": "name"}}, r"audience\.not_boolean.*VARCHAR"),
        (
            {"table": "crm_party", "all_but": [], "rows": {"table": "crm_accounts", "through": "party_key"}},
            r"audience\.unknown_table.*crm_accounts",
        ),
        (
            {"table": "crm_party", "all_but": [], "rows": {"table": "crm_account", "through": "party"}},
            r"audience\.unknown_column.*crm_party has no column party",
        ),
        (
            {"table": "crm_party", "all_but": [], "rows": {"table": "crm_account", "through": "name", "their": "nam"}},
            r"audience\.unknown_column.*crm_account has no column nam",
        ),
    ],
)
def test_a_declaration_that_does_not_fit_stops_before_anything_is_written(
    settings: Settings, ledger: Ledger, table: dict[str, Any], told: str
) -> None:
    made_by_hand(settings)
    with pytest.raises(TerminalError, match=told):
        publish_all(settings, ledger, changed(table))
    assert not settings.published.exists()
    assert files(settings.audiences) == []


def test_a_table_still_to_be_published_is_left_out_with_what_hangs_on_it(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    tables = [
        {"table": "crm_later", "all_but": []},
        {"table": "crm_party", "all_but": [], "rows": {"table": "crm_later", "through": "party_key"}},
        {"table": "crm_account", "all_but": []},
    ]
    publish_all(settings, ledger, {**PARTNER, "tables": tables})
    assert [r[0] for r in seen(settings, "partner", "show tables")] == [
        "crm_account",
        "publication",
        "publication_tables",
    ]


def test_a_column_without_a_class_is_not_there(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    with duck_file.writer(settings, "test") as con:
        con.execute("alter table marts.crm_party add column nickname varchar default 'CANARYNICK'")
    publish_all(settings, ledger, PARTNER)
    assert "CANARYNICK" in everything(settings.published)
    assert "CANARYNICK" not in everything(settings.audiences)


def test_a_column_can_be_shown_against_its_class(settings: Settings, ledger: Ledger) -> None:
    made_by_hand(settings)
    table = {"table": "crm_payment", "columns": ["payment_date", "amount"], "show": ["amount"]}
    publish_all(settings, ledger, changed(table))
    assert [str(r[0]) for r in seen(settings, "partner", "select amount from crm_payment order by 1")] == [
        "2.00",
        "66601.50",
    ]


# --- the key ---------------------------------------------------------------------------------------------


def test_a_home_makes_its_key_once_and_keeps_it_to_itself(settings: Settings) -> None:
    first = mask_key(settings)
    path = settings.root / "secrets" / "mask.key"
    assert mask_key(settings).fingerprint == first.fingerprint
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert path.read_text().strip() not in repr(first) + str(first.fingerprint)
    assert [p.name for p in path.parent.iterdir()] == ["mask.key"]


def test_a_key_can_be_given_by_word_or_file(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTWATT_MASK_KEY", KEY)
    given = Settings(home=settings.home)
    assert mask_key(given).fingerprint == MaskKey(KEY).fingerprint
    assert KEY not in repr(given)
    monkeypatch.delenv("NIGHTWATT_MASK_KEY")
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    assert mask_key(Settings(home=settings.home, mask_key_file=file)).fingerprint == MaskKey(KEY).fingerprint
    file.write_text("short")
    with pytest.raises(TerminalError, match=r"audience\.mask_key.*shorter than 32") as caught:
        mask_key(Settings(home=settings.home, mask_key_file=file))
    assert "short\n" not in str(caught.value)
    with pytest.raises(TerminalError, match=r"audience\.mask_key.*cannot be read"):
        mask_key(Settings(home=settings.home, mask_key_file=tmp_path / "gone"))
