"""The examples of feeds that are fetched: their contracts, against servers of their kind."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.gis import SECRET, Gis, feature

from nightwatt import stages
from nightwatt.contracts.catalog import load_catalog
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.stages import Platform
from nightwatt.stages.sources import ask_source

EXAMPLES = PROJECT_ROOT / "examples"
SUNDAY = date(2026, 3, 8)
READS = (
    "SP_ID,DEVICE_ID,COMP_TYPE,MSRMT_LOCAL_DTTM,UTC_OFFSET,MSRMT_VAL,UOM,COND_CD,LAST_UPDATE_DTTM\n"
    "SP1,D1,E-KWH-15-DEL,2026-03-07 00:15:00,-05:00,0.25,KWH,501000,2026-03-08 01:00:00\n"
    "SP1,D1,E-KWH-15-DEL,2026-03-07 00:30:00,-05:00,0.50,KWH,501000,2026-03-08 01:00:00\n"
)


@contextmanager
def opened(root: Path, example: str) -> Iterator[Platform]:
    settings = Settings(home=root / "home", catalog=EXAMPLES / example / "catalog", memory_limit="300MB", threads=1)
    with Platform.open("test", settings, clock=lambda: datetime(2026, 3, 8, 8, tzinfo=UTC)) as platform:
        yield platform


def monday_of(platform: Platform) -> Platform:
    """Return the home a day later."""
    return replace(platform, clock=lambda: datetime(2026, 3, 9, 8, tzinfo=UTC))


def test_reads_are_fetched_by_the_manifest_and_moved_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "server" / "outgoing" / "interval"
    content = gzip.compress(READS.encode(), mtime=0)
    listed = {"name": "mdm_interval_e_20260308_001.csv.gz", "bytes": len(content), "rows": 2}
    listed["sha256"] = hashlib.sha256(content).hexdigest()
    with (
        LoopbackServer(tmp_path / "server", folders=("outgoing/interval/done",)) as server,
        opened(tmp_path, "mdm_sftp") as platform,
    ):
        for name, value in server.environment("mdm").items():
            monkeypatch.setenv(name, value)
        (folder / str(listed["name"])).write_bytes(content)
        manifest = folder / "mdm_interval_e_20260308.manifest.json"
        manifest.write_text(json.dumps({"business_date": "2026-03-08", "files": [listed]}))

        assert [a.is_well for a in ask_source(platform, "sftp:mdm")] == [True]
        seen = stages.expectation(platform, "mdm_interval_electric", SUNDAY)
        loaded = stages.load(platform, "mdm_interval_electric", SUNDAY)

    assert (seen.is_ready, seen.arrived) == (True, 1)
    assert (loaded.rows_in, loaded.rows_kept) == (2, 2)
    assert [p.name for p in (folder / "done").iterdir()] == [listed["name"]]
    assert manifest.exists()


def test_poles_are_pulled_as_edits_and_once_a_week_as_all_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    with Gis() as gis, opened(tmp_path, "gis_http") as platform:
        gis.features = [feature(number, POLE_TAG=f"P-{number}", HEIGHT_FT=40.5) for number in range(1, 9)]
        for name, value in {
            "URL": f"{gis.url}/services",
            "TOKEN_URL": f"{gis.url}/token",
            "CLIENT_ID": "nightwatt",
            "CLIENT_SECRET_FILE": str(tmp_path / "secret"),
            "CLIENT_AUTH": "client_secret_post",
        }.items():
            monkeypatch.setenv(f"NIGHTWATT_HTTP_GIS_{name}", value)

        assert [a.is_well for a in ask_source(platform, "http:gis")] == [True, True]
        ready = [stages.expectation(platform, feed, SUNDAY).is_ready for feed in ("gis_poles", "gis_poles_all")]
        loaded = [stages.load(platform, feed, SUNDAY) for feed in ("gis_poles", "gis_poles_all")]
        asked = len(gis.asked)
        monday = stages.expectation(monday_of(platform), "gis_poles_all", SUNDAY + timedelta(days=1))

    assert ready == [True, True]
    assert [(summary.rows_kept, summary.rows_rejected) for summary in loaded] == [(8, 0), (8, 0)]
    assert (monday.is_expected, monday.is_ready, len(gis.asked)) == (False, True, asked)


@pytest.mark.parametrize("example", ["mdm_sftp", "ccb_sql"])
def test_an_example_goes_over_the_packaged_feed_of_its_name(example: str) -> None:
    ours, packaged = load_catalog(EXAMPLES / example / "catalog"), load_catalog(None)

    for name, feed in ours.feeds.items():
        fields = {column.field for column in feed.columns}
        assert fields == {column.field for column in packaged.feed(name).columns if column.field in fields}
        assert feed.key == packaged.feed(name).key
