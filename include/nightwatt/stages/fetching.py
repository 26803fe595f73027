"""Fetching: before a look at a feed's files, bring what is not a file yet, and reach the folder where files are.

Belongs here: which room's code serves which kind of `arrival.source`, and when a pull of rows is due. Does not belong
here: pulling (arrival), and what is done with the files (`arriving`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from nightwatt.arrival import breaker
from nightwatt.arrival.extract import Extracted, RowSource, alone, extract, tidy
from nightwatt.arrival.http import HttpRows
from nightwatt.arrival.kept import KeptFolder
from nightwatt.arrival.partials import Partials, partials_path
from nightwatt.arrival.retries import WAITS, Patience
from nightwatt.arrival.sftp import SftpFolder
from nightwatt.arrival.sql import SqlRows
from nightwatt.arrival.transport import SOURCE_TROUBLE, Transport
from nightwatt.connections.http import http_settings
from nightwatt.connections.sftp import sftp_settings
from nightwatt.connections.sql import sql_settings
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import HttpSource, SftpSource, SqlSource
from nightwatt.errors import TerminalError, TransientError
from nightwatt.ledger import extractions
from nightwatt.stages.platform import Platform

_WAIT_SECONDS = 600.0
"""How long a person's pull waits for one that is under way."""

_SLACK = timedelta(seconds=30)
"""A sweep that comes a moment early counts as on time; it would otherwise leave out every second pull."""


@contextmanager
def reach(platform: Platform, feed: Feed) -> Iterator[Transport | None]:
    """Reach the folder a feed's files lie in, for the length of a block; None stands for its inbound folder.

    Raises:
        TransientError: the source is away, or left alone for a while (`source.left_alone`).
        TerminalError: it refuses us, or its connection is not set up.
    """
    source = feed.arrival.source
    if not isinstance(source, SftpSource):
        yield None
        return
    settings = sftp_settings(source.connection, code="source.connection_settings")
    partials = _partials(platform, feed)
    with (
        breaker.visit(platform.ledger, source.name, platform.settings) as going,
        SftpFolder(source, settings, partials, _patience(going)) as folder,
    ):
        going.answered()
        yield folder


def out_of_reach(platform: Platform, feed: Feed) -> Transport:
    """Return what stands for a feed's folder while nobody can look into it: what earlier looks kept."""
    return KeptFolder(_partials(platform, feed))


def _partials(platform: Platform, feed: Feed) -> Partials:
    return Partials(partials_path(platform.settings.landing, feed.feed))


def pull_rows(platform: Platform, feed: Feed, business_date: date) -> str | None:
    """Pull the rows of a feed that has no files of its own into one, if a pull is due.

    Returns:
        Why nothing could be pulled, where a later look may have more luck; None where all is well.

    Raises:
        TerminalError: it will fail again until a contract or a setting changes.
    """
    source = feed.arrival.source
    if not isinstance(source, SqlSource | HttpSource) or not is_due(platform, feed, business_date):
        return None
    try:
        with alone(feed, platform.settings):
            if is_due(platform, feed, business_date):  # whoever held it may just have done it
                _pull(platform, feed, source, business_date)
            tidy(feed, platform.business_date(), platform.settings, platform.ledger)
    except (TransientError, *SOURCE_TROUBLE) as e:
        return str(e)
    return None


def pull_now(platform: Platform, feed_name: str, business_date: date, *, everything: bool = False) -> Extracted:
    """Pull the rows of a feed into a file at once, due or not; all rows, whatever the mark, if asked for.

    Raises:
        TerminalError: `arrival.source_unknown`, for a feed that has files of its own; what the source raises.
        TransientError: `extract.busy`, `source.left_alone`; the source is away.
    """
    feed = platform.catalog.feed(feed_name)
    source = feed.arrival.source
    if not isinstance(source, SqlSource | HttpSource):
        raise _no_rows(feed)
    with alone(feed, platform.settings, _WAIT_SECONDS):
        return _pull(platform, feed, source, business_date, everything=everything)


def _pull(
    platform: Platform, feed: Feed, source: SqlSource | HttpSource, business_date: date, *, everything: bool = False
) -> Extracted:
    with breaker.visit(platform.ledger, source.name, platform.settings) as going:
        patience = _patience(going)
        rows = breaker.Watched(rows_of(platform, feed, patience), going)
        # A service is asked again for the page that failed; of a database, all is read again, in a new view of it.
        whole = patience if isinstance(source, SqlSource) else Patience(time.sleep, ())
        return whole.with_(
            lambda: extract(feed, business_date, rows, platform.settings, platform.ledger, everything=everything)
        )


def _patience(going: breaker.Visit) -> Patience:
    return Patience(time.sleep, () if going.is_try else WAITS)


def is_due(platform: Platform, feed: Feed, business_date: date) -> bool:
    """Return whether rows are to be pulled for a night: once, or each so many minutes of it in near real time.

    On a date without files of the feed none are, nor for a night that has not come.
    """
    word = feed.schedule.word_on(business_date, platform.catalog.holidays)
    if business_date > platform.business_date() or not word.is_expected:
        return False
    with platform.ledger.read() as session:
        last = extractions.latest(session, feed.feed, business_date)
    if last is None:
        return True
    every = feed.schedule.every_min
    is_tonight = business_date == platform.business_date()
    return every is not None and is_tonight and platform.clock() - last.started_at >= timedelta(minutes=every) - _SLACK


def rows_of(platform: Platform, feed: Feed, patience: Patience | None = None) -> RowSource:
    """Return what a feed's rows are pulled out of.

    Args:
        platform: the home.
        feed: the contract.
        patience: how often a service that does not answer is asked for a page.

    Raises:
        TerminalError: `arrival.source_unknown`, `source.connection_settings`.
    """
    source, code = feed.arrival.source, "source.connection_settings"
    if isinstance(source, SqlSource):
        return SqlRows(feed, source, sql_settings(source.connection, code=code), platform.clock)
    if isinstance(source, HttpSource):
        settings = http_settings(source.connection, code=code)
        return HttpRows(feed, source, settings, platform.clock, patience or Patience(time.sleep))
    raise _no_rows(feed)


def _no_rows(feed: Feed) -> TerminalError:
    return TerminalError(
        "arrival.source_unknown",
        f"feed {feed.feed}: no rows are pulled out of a source of kind {feed.arrival.source.kind}, it has files",
        f"`nightwatt load {feed.feed}` takes its files in",
    )
