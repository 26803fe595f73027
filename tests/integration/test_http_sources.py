"""Rows pulled from an HTTP service over a real socket: pages, tokens, changes since the last pull, and faults.

The service filters and pages by itself; what arrives is compared with its own list of features.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.support.certificates import self_signed
from tests.support.gis import SECRET, Gis, feature
from tests.support.http_server import Reply
from tests.support.platforms import NIGHT, House, accounts, house

from nightwatt import stages
from nightwatt.contracts.feed import Feed
from nightwatt.ledger import breakers, extractions
from nightwatt.ledger.models import BreakerState
from nightwatt.stages import fetching

QUERY = {
    "kind": "http",
    "connection": "gis",
    "path": "arcgis/rest/services/network/FeatureServer/0/query",
    "parameters": {"f": "json", "where": "1=1", "orderByFields": "OBJECTID"},
    "rows_at": "features",
    "page_parameter": "resultOffset",
    "more_at": "exceededTransferLimit",
    "changed_at": "attributes.last_edited_date",
    "changed_since_parameter": "where",
    "changed_since": "last_edited_date >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S}'",
}
COLUMNS = [
    {"name": "attributes.GLOBALID", "field": "global_id", "required": True},
    {"name": "attributes.HEIGHT_M", "field": "height_m", "type": "decimal"},
    {"name": "geometry.x", "field": "longitude", "type": "decimal", "scale": 14},
    {"name": "attributes.last_edited_date", "field": "edited_at", "type": "timestamp"},
    {"name": "attributes.NOTE", "field": "note"},
]


def contract(**changes: Any) -> dict[str, Any]:
    made = accounts(feed="poles", key=["global_id"], mode="delta", absence="keep", columns=COLUMNS)
    made |= {"format": {"kind": "parquet"}, "completeness": {"min_rows": 0}}
    made["arrival"] = {
        "folder": "gis",
        "pattern": "poles_{business_date:%Y%m%d}_{part}.parquet",
        "wholeness": {"rule": "manifest", "pattern": "poles_{business_date:%Y%m%d}_{part}.json"},
        "source": QUERY | changes.pop("source", {}),
    }
    return made | changes


@pytest.fixture
def gis() -> Iterator[Gis]:
    with Gis() as server:
        server.features = [feature(number) for number in range(1, 9)]
        yield server


@pytest.fixture
def slept(gis: Gis, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Connect the home to the service; return what is slept between tries."""
    paused: list[float] = []
    monkeypatch.setattr(fetching.time, "sleep", paused.append)
    for name, value in {
        "URL": gis.url, "TOKEN_URL": f"{gis.url}/token", "CLIENT_ID": "nightwatt", "CLIENT_SECRET": SECRET,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"NIGHTWATT_HTTP_GIS_{name}", value)
    return paused


@pytest.fixture
def home(tmp_path: Path, slept: list[float]) -> Iterator[House]:
    with house(tmp_path, contract()) as opened:
        yield opened


def look(home: House) -> stages.Expected:
    return stages.expectation(home.platform, "poles", NIGHT)


def files(home: House) -> list[list[dict[str, Any]]]:
    """Return the rows of every file that arrived, in their order."""
    return [pq.read_table(path).to_pylist() for path in sorted(home.platform.settings.inbound.rglob("*.parquet"))]


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [int(row["attributes.GLOBALID"][-13:-1]) for row in rows]


def test_every_row_of_every_page_arrives_once_as_exact_text(home: House, gis: Gis) -> None:
    gis.features[2]["attributes"] |= {"HEIGHT_M": 0.1234567890123456, "NOTE": ""}
    gis.features[3]["attributes"] |= {"HEIGHT_M": None}

    seen = look(home)

    assert (seen.is_ready, seen.arrived) == (True, 1)
    (rows,) = files(home)
    assert ids(rows) == list(range(1, 9))
    assert rows[2] == {
        "attributes.GLOBALID": "{00000000-0000-0000-0000-000000000003}",
        "attributes.HEIGHT_M": "0.1234567890123456",
        "geometry.x": json.dumps(-73.9 - 3 / 1000),
        "attributes.last_edited_date": "2026-03-08 12:00:00",
        "attributes.NOTE": "",
    }
    assert (rows[3]["attributes.HEIGHT_M"], rows[3]["attributes.NOTE"]) == (None, None)
    assert [asked["resultOffset"] for asked in gis.asked if "resultOffset" in asked] == ["0", "2", "4", "6"]


def test_the_rows_load_like_those_of_any_other_feed(home: House) -> None:
    look(home)

    loaded = stages.load(home.platform, "poles", NIGHT)

    assert (loaded.rows_kept, loaded.rows_rejected) == (8, 0)


def test_a_second_look_asks_for_nothing(home: House, gis: Gis) -> None:
    look(home)
    asked = len(gis.asked)

    assert look(home).is_ready
    assert len(gis.asked) == asked


def test_the_next_night_asks_for_what_changed_since_with_the_look_back(home: House, gis: Gis) -> None:
    gis.features[4]["attributes"] |= feature(5, "2026-03-09 06:00:00.123")["attributes"]
    look(home)
    home.clock.now += timedelta(days=1)
    gis.features[0] = feature(1, "2026-03-09 05:01")  # showed late: before the mark, within the look-back
    gis.features[1] = feature(2, "2026-03-09 04:59")  # too late for it
    gis.features.append(feature(9, "2026-03-10 01:00"))

    stages.expectation(home.platform, "poles", NIGHT + timedelta(days=1))

    assert gis.asked[-1]["where"] == "last_edited_date >= TIMESTAMP '2026-03-09 05:00:00'"
    assert ids(files(home)[-1]) == [1, 5, 9]


def test_an_edit_time_in_the_future_does_not_carry_the_mark_with_it(home: House, gis: Gis) -> None:
    gis.features[0] = feature(1, "2031-01-01 00:00")

    look(home)

    with home.platform.ledger.read() as session:
        assert extractions.last_mark(session, "poles") == "2026-03-08 12:00:00.000000"


@pytest.mark.parametrize("how", ["a row is deleted", "a row comes in before"])
def test_rows_that_move_between_two_pages_end_the_pull_and_the_next_has_them_all(
    home: House, gis: Gis, how: str
) -> None:
    def move(number: int) -> None:
        if number == 2:
            if how == "a row is deleted":
                gis.features.pop(0)
            else:
                gis.features.insert(0, feature(10))

    gis.before_page = move
    assert "source.moved" in look(home).reason
    assert files(home) == []
    gis.before_page = lambda number: None

    assert look(home).is_ready
    assert sorted(ids(files(home)[0])) == sorted(f["attributes"]["OBJECTID"] for f in gis.features)
    with home.platform.ledger.read() as session:
        assert breakers.all_of(session) == []


def test_a_token_that_ends_in_the_middle_is_renewed(home: House, gis: Gis) -> None:
    gis.before_page = lambda number: gis.accepted.clear() if number == 2 else None

    look(home)

    assert ids(files(home)[0]) == list(range(1, 9))
    assert gis.tokens == 2


def test_a_token_near_its_end_is_renewed_before_it_is_refused(home: House, gis: Gis) -> None:
    gis.token_seconds = 30

    look(home)

    assert gis.tokens == len(gis.asked) + 1


PAGED: dict[str, dict[str, Any]] = {
    "by address": {"next_at": "links.next"},
    "by token": {"next_at": "cursor", "page_parameter": "cursor"},
}


@pytest.mark.parametrize("how", PAGED)
def test_pages_are_followed_by_address_and_by_token(tmp_path: Path, gis: Gis, slept: list[float], how: str) -> None:
    source = {"kind": "http", "connection": "gis", "path": "api/poles", "rows_at": "data.rows", **PAGED[how]}
    columns = [{"name": "GLOBALID", "field": "global_id"}]
    made = contract(mode="full", columns=columns)
    made["arrival"]["source"] = source
    with house(tmp_path, made) as home:
        look(home)
        (rows,) = files(home)

    assert [row["GLOBALID"] for row in rows] == [f["attributes"]["GLOBALID"] for f in gis.features]
    assert len(gis.asked) == 3


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"data": {"rows": []}, "links": {"next": "http://elsewhere.invalid/api/poles"}}, "source.paging"),
        ({"data": {"rows": []}, "links": {"next": ["no", "address"]}}, "source.paging"),
        ({"data": {"rows": {}}}, "source.not_rows"),
        ({"data": {"rows": [1]}}, "source.not_rows"),
        ([], "source.not_rows"),
    ],
)
def test_answers_of_another_form_are_told_apart_and_nothing_is_written(
    tmp_path: Path, gis: Gis, slept: list[float], said: Any, code: str
) -> None:
    made = contract(mode="full", columns=[{"name": "GLOBALID", "field": "global_id"}])
    made["arrival"]["source"] = {
        "kind": "http", "connection": "gis", "path": "api/poles", "rows_at": "data.rows", "next_at": "links.next",
    }  # fmt: skip
    gis.instead = [Reply.of(said)]
    with house(tmp_path, made) as home:
        assert code in look(home).reason
        assert files(home) == []


def test_a_paging_that_turns_in_a_circle_ends(tmp_path: Path, gis: Gis, slept: list[float]) -> None:
    made = contract(mode="full", columns=[{"name": "GLOBALID", "field": "global_id"}])
    made["arrival"]["source"] = {
        "kind": "http", "connection": "gis", "path": "api/poles", "rows_at": "data.rows", "next_at": "links.next",
    }  # fmt: skip
    gis.instead = [Reply.of({"data": {"rows": []}, "links": {"next": "/api/poles?from=0"}}) for _ in range(9)]
    with house(tmp_path, made) as home:
        assert "source.paging" in look(home).reason


AWAY = Reply(503, b"busy")
FAULTS: dict[str, tuple[Reply, str, int]] = {
    "is down": (AWAY, "source.unreachable", 1),
    "says so in its answer": (Reply.of({"error": {"code": 500, "message": "SP1 broke"}}), "source.unreachable", 1),
    "has too much to do": (Reply(429, b""), "source.unreachable", 1),
    "lets us read nothing": (Reply(403, b""), "source.permission", 0),
    "does not know the path": (Reply(404, b""), "source.not_found", 0),
    "does not understand": (Reply.of({"error": {"code": 400, "message": "SP1?"}}), "source.refused", 0),
    "answers with a page": (Reply(200, b"<html>SP1</html>", "text/html"), "source.not_json", 0),
    "sends us elsewhere": (Reply(302, b""), "source.refused", 0),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_service_that_is_said_by_its_code_and_in_our_words(
    home: House, gis: Gis, slept: list[float], what: str
) -> None:
    reply, code, counted = FAULTS[what]
    gis.instead = [reply] * 4

    reason = look(home).reason

    assert code in reason
    assert "SP1" not in reason
    assert slept == ([1.0, 5.0, 30.0] if counted else [])
    assert files(home) == []
    with home.platform.ledger.read() as session:
        assert [(row.source, row.failures) for row in breakers.all_of(session)] == [("http:gis", 1)] * counted


def test_a_page_that_fails_is_asked_for_again_and_not_all_of_them(home: House, gis: Gis, slept: list[float]) -> None:
    def fail(number: int) -> None:
        if number == 2:
            gis.instead = [AWAY, AWAY]

    gis.before_page = fail

    look(home)

    assert ids(files(home)[0]) == list(range(1, 9))
    assert slept == [1.0, 5.0]
    with home.platform.ledger.read() as session:
        assert breakers.all_of(session) == []


def test_a_wrong_secret_is_refused_and_said_without_it(
    home: House, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTWATT_HTTP_GIS_CLIENT_SECRET", "wrong-secret")

    reason = look(home).reason

    assert "[source.login]" in reason
    assert "invalid_client" in reason
    assert "wrong-secret" not in reason
    assert slept == []


def test_the_secret_may_stand_in_a_file_and_go_into_the_body(
    home: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.delenv("NIGHTWATT_HTTP_GIS_CLIENT_SECRET")
    monkeypatch.setenv("NIGHTWATT_HTTP_GIS_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("NIGHTWATT_HTTP_GIS_CLIENT_AUTH", "client_secret_post")

    assert look(home).is_ready


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("URL", "http://gis.example/arcgis", "must begin with https://"),
        ("URL", "https://me:pw@gis.example/arcgis", "name or password in it"),
        ("CLIENT_ID", "", "TOKEN_URL needs CLIENT_ID"),
        ("CA_FILE", "/nowhere/ca.pem", "CA_FILE names no file"),
    ],
)
def test_settings_that_are_not_safe_or_not_whole_are_refused(
    home: House, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"NIGHTWATT_HTTP_GIS_{variable}", value)

    with pytest.raises(Exception, match=words) as caught:
        look(home)

    assert "pw@" not in str(caught.value)


def test_a_service_whose_certificate_nobody_vouches_for_is_asked_nothing(
    home: House, gis: Gis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    with Gis(features=gis.features, certificate=certificate) as safe:
        monkeypatch.setenv("NIGHTWATT_HTTP_GIS_URL", safe.url)
        monkeypatch.setenv("NIGHTWATT_HTTP_GIS_TOKEN_URL", f"{safe.url}/token")

        assert "source.certificate" in look(home).reason
        assert safe.served == []

        monkeypatch.setenv("NIGHTWATT_HTTP_GIS_CA_FILE", str(certificate[0]))
        assert look(home).is_ready


def test_a_service_that_stays_away_is_left_alone_and_tried_once(home: House, gis: Gis, slept: list[float]) -> None:
    gis.instead = [AWAY] * 12
    for _ in range(3):
        look(home)
    asked = len(gis.asked)

    assert "source.left_alone" in look(home).reason
    assert len(gis.asked) == asked
    home.clock.now += timedelta(minutes=5)
    assert look(home).is_ready

    with home.platform.ledger.read() as session:
        assert [(row.state, row.failures) for row in breakers.all_of(session)] == [(BreakerState.CLOSED, 0)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"more_at": "more", "page_parameter": None}, "more_at belongs to paging by the number of rows"),
        ({"changed_since_parameter": None}, "changed_at and changed_since_parameter go together"),
        ({"changed_since": "{when}"}, "changed_since may hold"),
        ({"changed_at": "attributes.NOTE"}, "must be one of the columns, of type timestamp"),
        ({"path": "https://elsewhere.example/rows"}, "should match pattern"),
    ],
)
def test_contracts_that_do_not_hang_together_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Feed.model_validate(contract(source=changes))
