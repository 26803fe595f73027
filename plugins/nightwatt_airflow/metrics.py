"""What the night's tasks count and time, sent through Airflow's own metrics (`[metrics]` of its settings).

Belongs here: the names, and what a task adds to them. Does not belong here: where metrics go (Airflow's settings and
OpenTelemetry's environment variables), and anything about single rows or customers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.observability import stats

from nightwatt.errors import NightWattError

if TYPE_CHECKING:  # every DAG file loads this module; the stages take seconds
    from nightwatt.stages import DeliverSummary, Platform, PublishSummary


class Kind(StrEnum):
    """How a metric's values add up."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True)
class Metric:
    """One metric; Airflow puts its prefix (`airflow.`) before the name."""

    name: str
    kind: Kind
    unit: str
    tags: tuple[str, ...]
    meaning: str


ROWS_IN = Metric("nightwatt.rows_in", Kind.COUNTER, "rows", ("feed",), "data rows found in the files loaded")
ROWS_KEPT = Metric("nightwatt.rows_kept", Kind.COUNTER, "rows", ("feed",), "of these, rows that went into the lake")
ROWS_REJECTED = Metric("nightwatt.rows_rejected", Kind.COUNTER, "rows", ("feed",), "of these, rows put aside")
FILES_LOADED = Metric("nightwatt.files_loaded", Kind.COUNTER, "files", ("feed",), "files read into the lake")
FILES_REFUSED = Metric(
    "nightwatt.files_refused", Kind.COUNTER, "files", ("feed",), "readings that failed: the file is on hold"
)
STAGE_DURATION = Metric(
    "nightwatt.stage_duration", Kind.HISTOGRAM, "ms", ("stage", "subject"), "how long a stage ran, however it ended"
)
STAGE_FAILURES = Metric(
    "nightwatt.stage_failures", Kind.COUNTER, "runs", ("stage", "subject", "code"), "stages that failed, by error code"
)
PUBLICATIONS = Metric("nightwatt.publications", Kind.COUNTER, "publications", ("domain",), "publications readers got")
FILES_SENT = Metric("nightwatt.files_sent", Kind.COUNTER, "files", ("delivery",), "files partners got")
ROWS_SENT = Metric("nightwatt.rows_sent", Kind.COUNTER, "rows", ("delivery",), "rows in these files")
BYTES_SENT = Metric("nightwatt.bytes_sent", Kind.COUNTER, "bytes", ("delivery",), "bytes of these files")
ALERTS_OPEN = Metric(
    "nightwatt.alerts_open", Kind.GAUGE, "alerts", ("severity",), "alerts that are open or acknowledged, at each look"
)

METRICS = (
    ROWS_IN,
    ROWS_KEPT,
    ROWS_REJECTED,
    FILES_LOADED,
    FILES_REFUSED,
    STAGE_DURATION,
    STAGE_FAILURES,
    PUBLICATIONS,
    FILES_SENT,
    ROWS_SENT,
    BYTES_SENT,
    ALERTS_OPEN,
)


@contextmanager
def stage(name: str, subject: str) -> Iterator[None]:
    """Time a stage, and count it if it fails. A task that is skipped has not failed."""
    tags = {"stage": name, "subject": subject}
    began = time.monotonic()
    try:
        yield
    except AirflowSkipException:
        raise
    except BaseException as e:
        code = e.code if isinstance(e, NightWattError) else "task.crashed"
        _count(STAGE_FAILURES, 1, **tags, code=code)
        raise
    finally:
        stats.timing(STAGE_DURATION.name, timedelta(seconds=time.monotonic() - began), tags=tags)


@contextmanager
def loading(platform: Platform, feed: str) -> Iterator[None]:
    """Time loading a feed, and count what the ledger says was loaded meanwhile, also where one of the files failed."""
    from nightwatt.ledger import loads
    from nightwatt.ledger.book import last_sequence

    with platform.ledger.read() as session:
        before = last_sequence(session)
    try:
        with stage("load", feed):
            yield
    finally:
        with platform.ledger.read() as session:
            found = loads.counted_since(session, feed, before)
        for metric, number in (
            (ROWS_IN, found.rows_in),
            (ROWS_KEPT, found.rows_kept),
            (ROWS_REJECTED, found.rows_rejected),
            (FILES_LOADED, found.files),
            (FILES_REFUSED, found.failed),
        ):
            _count(metric, number, feed=feed)


def published(summary: PublishSummary) -> None:
    """Count a publication, if it is a new one."""
    _count(PUBLICATIONS, int(summary.is_new), domain=summary.domain)


def delivered(summary: DeliverSummary) -> None:
    """Count what a partner got by this call."""
    if summary.is_new:
        _count(FILES_SENT, len(summary.files), delivery=summary.delivery)
        _count(ROWS_SENT, sum(f.rows for f in summary.files), delivery=summary.delivery)
        _count(BYTES_SENT, sum(f.size_bytes for f in summary.files), delivery=summary.delivery)


def looked(open_by_severity: Mapping[str, int]) -> None:
    """Say how many alerts are open; a severity without any is said to have none."""
    from nightwatt.ledger.models import Severity

    for severity in Severity:
        tags = {"severity": severity.value}
        stats.gauge(ALERTS_OPEN.name, open_by_severity.get(severity.value, 0), tags=tags)


def _count(metric: Metric, number: int, **tags: str) -> None:
    """Add to a counter; a zero is worth saying, since a counter nobody has seen cannot be watched."""
    stats.incr(metric.name, number, tags=tags)
