"""Metrics of the night, as a collector gets them: Airflow's own set-up sends, a real OTLP receiver takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.otlp import Receiver, receiver

from nightwatt.errors import TerminalError
from nightwatt.ledger import loads, receipts
from nightwatt.ledger.book import Ledger
from nightwatt.ledger.models import LoadState, Receipt, ReceiptState
from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.stages import DeliverSummary, Platform, PublishSummary
from nightwatt.stages.delivering import SentFile
from nightwatt_airflow import metrics

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
DAY = NOW.date()
PAGE = PROJECT_ROOT / "docs" / "reference" / "metrics.md"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Airflow's metrics switched on by its settings, towards a receiver of this test."""
    from airflow.sdk._shared.observability.metrics import otel_logger
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics.stats_utils import get_stats_factory
    from opentelemetry import metrics as telemetry

    with receiver() as found:
        monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
        monkeypatch.setattr(otel_logger, "atexit_register_metrics_flush", lambda: None)
        stats.initialize(factory=get_stats_factory(), export_legacy_names=False)
        yield found
        monkeypatch.undo()
        telemetry.get_meter_provider().shutdown()
        stats.initialize(factory=get_stats_factory(), export_legacy_names=True)


@pytest.fixture
def sent(collector: Receiver) -> Callable[[], Receiver]:
    """Return what sends what was counted so far, as a task does at its end."""
    from opentelemetry import metrics as telemetry

    def flush() -> Receiver:
        telemetry.get_meter_provider().force_flush()
        return collector

    return flush


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform.open("test", Settings(home=tmp_path), clock=lambda: NOW) as opened:
        yield opened


def load(ledger: Ledger, feed: str, content: str, state: LoadState, rows: tuple[int, int, int]) -> None:
    """Enter a file and one reading of it."""
    rows_in, kept, rejected = rows
    with ledger.write() as session:
        receipt = Receipt(
            feed=feed,
            business_date=DAY,
            file_name=f"{content}.csv",
            content_sha256=content * 64,
            size_bytes=1,
            unpacked_bytes=1,
            line_count=rows_in,
            sent_at=NOW,
            arrived_at=NOW,
            state=ReceiptState.LANDED,
            rows_in=rows_in,
            rows_kept=kept,
            rows_rejected=rejected,
        )
        entered = loads.begin(session, receipts.add(session, receipt).id, "intake", "lake/{sequence}", NOW)
        loads.finish(session, entered, state, NOW, kept, None)


def test_rows_are_counted_by_feed_and_once(platform: Platform, sent: Callable[[], Receiver]) -> None:
    load(platform.ledger, "reads", "a", LoadState.DONE, (1000, 1000, 0))  # an earlier night's
    with metrics.loading(platform, "reads"):
        load(platform.ledger, "reads", "b", LoadState.DONE, (100, 97, 3))
        load(platform.ledger, "reads", "c", LoadState.DONE, (10, 10, 0))
        load(platform.ledger, "gas", "d", LoadState.DONE, (5, 5, 0))  # another task's, at the same time
    with metrics.loading(platform, "reads"):
        pass

    found = sent()

    assert {name: found.total(f"airflow.nightwatt.{name}", feed="reads") for name in ("rows_in", "rows_kept")} == {
        "rows_in": 110,
        "rows_kept": 107,
    }
    assert found.total("airflow.nightwatt.rows_rejected", feed="reads") == 3
    assert found.total("airflow.nightwatt.files_loaded", feed="reads") == 2
    assert found.total("airflow.nightwatt.rows_in", feed="gas") is None


def test_what_was_loaded_counts_although_another_file_failed(platform: Platform, sent: Callable[[], Receiver]) -> None:
    with pytest.raises(TerminalError), metrics.loading(platform, "reads"):
        load(platform.ledger, "reads", "a", LoadState.DONE, (100, 100, 0))
        load(platform.ledger, "reads", "b", LoadState.FAILED, (7, 0, 7))
        raise TerminalError("load.held", "a file is on hold", "look")

    found = sent()

    assert found.total("airflow.nightwatt.rows_in", feed="reads") == 100
    assert found.total("airflow.nightwatt.rows_rejected", feed="reads") == 0
    assert found.total("airflow.nightwatt.files_refused", feed="reads") == 1
    failures = {"stage": "load", "subject": "reads", "code": "load.held"}
    assert found.total("airflow.nightwatt.stage_failures", **failures) == 1


def test_a_stage_is_timed_however_it_ends(sent: Callable[[], Receiver]) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    for error in (AirflowSkipException(), ValueError("a row's value")):
        with pytest.raises(type(error)), metrics.stage("build", "usage"):
            raise error
    with metrics.stage("build", "usage"):
        pass

    found = sent()
    (duration,) = [p for p in found.points if p.name == "airflow.nightwatt.stage_duration"]
    failures = [dict(p.tags) for p in found.points if p.name == "airflow.nightwatt.stage_failures"]

    assert (duration.count, duration.unit, duration.tags) == (3, "ms", {"stage": "build", "subject": "usage"})
    assert 0 <= duration.value < 60_000
    assert failures == [{"stage": "build", "subject": "usage", "code": "task.crashed"}]  # nothing of the message


def test_publications_and_files_sent_are_counted_when_they_are_new(sent: Callable[[], Receiver]) -> None:
    file = SentFile("a.gz", 7, 100, "0" * 64, "/a.gz")
    for is_new in (True, False):
        metrics.published(PublishSummary("usage", 3, DAY, is_new, {}))
        outcome = "sent" if is_new else "already"
        metrics.delivered(DeliverSummary("opower", outcome, "", (file, file)))

    found = sent()

    assert found.total("airflow.nightwatt.publications", domain="usage") == 1
    assert [found.total(f"airflow.nightwatt.{n}_sent", delivery="opower") for n in ("files", "rows", "bytes")] == [
        2,
        14,
        200,
    ]


def test_alerts_are_said_to_be_gone_when_they_are(sent: Callable[[], Receiver]) -> None:
    metrics.looked({"critical": 2})
    found = sent()
    first = {p.tags["severity"]: p.value for p in found.points if p.name == "airflow.nightwatt.alerts_open"}
    found.requests.clear()
    metrics.looked({})
    second = {p.tags["severity"]: p.value for p in sent().points if p.name == "airflow.nightwatt.alerts_open"}

    assert (first, second) == ({"critical": 2, "warning": 0}, {"critical": 0, "warning": 0})


def test_values_are_those_since_the_last_time(sent: Callable[[], Receiver]) -> None:
    """Each task is a process of its own: a collector that expects running totals would see them start over."""
    for _ in range(2):
        metrics.delivered(DeliverSummary("opower", "sent", "", ()))
        sent()

    counters = [p for p in sent().points if p.name == "airflow.nightwatt.files_sent"]
    assert {p.is_delta for p in counters} == {True}


def test_the_page_names_every_metric() -> None:
    rows = [line.split("|") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `airflow.nightwatt")]
    found = {tuple(cell.strip().strip("`") for cell in row[1:5]) for row in rows}

    assert found == {(f"airflow.{m.name}", m.kind.value, m.unit, ", ".join(m.tags)) for m in metrics.METRICS}
