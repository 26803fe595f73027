"""Rows of an HTTP service: page after page, what changed since the last mark.

Belongs here: paging, seeing that no row slips between two pages, and the mark. Does not belong here: asking
(`http_session.py`), values as text (`json_rows.py`), and what becomes of the rows (`extract.py`).

Why no change is lost, as long as changes show within the look-back:

    changed while pages are read      its time is later than what was read: the next pull has it
    shows late                        its time is before the mark, within the look-back: the next pull has it
    rows moved between two pages      each page by number begins with the last row of the one before, or the pull ends
    stamped in the future             the mark stays at the present

Deletions are not among the rows of most services. Where they count, a second feed of `mode: full` says what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa

from nightwatt.arrival.http_session import HttpSession
from nightwatt.arrival.json_rows import at, instant_of, text_of
from nightwatt.arrival.retries import Patience
from nightwatt.arrival.text_rows import batches_of
from nightwatt.arrival.transport import PlaceRefused
from nightwatt.calendar import Clock
from nightwatt.connections.http import HttpSettings
from nightwatt.contracts.feed import Column, Feed
from nightwatt.contracts.sources import HttpSource
from nightwatt.errors import TransientError

Page = Sequence[Any]


@dataclass(frozen=True)
class HttpRows:
    """The rows of one feed's service.

    Args:
        feed: the contract.
        source: its source.
        settings: the connection.
        clock: the present instant; no mark runs ahead of it.
        patience: how often a service that does not answer is asked.
    """

    feed: Feed
    source: HttpSource
    settings: HttpSettings
    clock: Clock
    patience: Patience

    def since(self, mark: str | None) -> str | None:
        """Return the time, in UTC, from which on changes are asked for."""
        if mark is None or self.source.changed_at is None:
            return None
        return _mark(datetime.fromisoformat(mark).replace(tzinfo=UTC) - timedelta(minutes=self.source.look_back_min))

    @contextmanager
    def read(self, since: str | None) -> Iterator[HttpPull]:
        """Open one reading: log in, and have the first page."""
        with HttpSession(self.settings, self.patience) as session:
            pages = Pages(session, self.source, self.settings.url, since).all()
            first = next(pages)
            yield HttpPull(self.feed, self.source, first, pages, _mark(self.clock()))


@dataclass
class HttpPull:
    """One reading of a service."""

    feed: Feed
    source: HttpSource
    first: Page
    rest: Iterator[Page]
    present: str
    newest: str | None = field(default=None, init=False)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as text."""
        names = self.feed.file_columns
        yield from batches_of(names, self._rows(self.first))
        for page in self.rest:
            yield from batches_of(names, self._rows(page))

    def _rows(self, page: Page) -> Iterator[list[str | None]]:
        names = iter(self.feed.file_columns)
        columns = [(next(names), column) for column in self.feed.columns for _ in range(column.slots or 1)]
        stamp = self._stamp
        for row in page:
            if stamp:
                self._note(at(row, stamp.name), ZoneInfo(stamp.zone))
            yield [text_of(at(row, name), column) for name, column in columns]

    def _note(self, stamp: Any, zone: ZoneInfo) -> None:
        instant = instant_of(stamp, zone) if isinstance(stamp, str) else None
        if instant and (mark := _mark(instant)) <= self.present:
            self.newest = max(self.newest or "", mark)

    @property
    def _stamp(self) -> Column | None:
        name = (self.source.changed_at or "").lower()
        return next((c for c in self.feed.columns if c.name.lower() == name), None)


class Service(Protocol):
    """What answers."""

    def ask(self, address: str, parameters: Mapping[str, str]) -> Any:
        """Return an answer's JSON; see `HttpSession.ask`."""


class Pages:
    """The pages of one reading, by the paging of the contract."""

    def __init__(self, session: Service, source: HttpSource, url: str, since: str | None) -> None:
        self._session = session
        self._source = source
        self._address = f"{url.rstrip('/')}/{source.path.lstrip('/')}"
        self._parameters = dict(source.parameters)
        if since and source.changed_since_parameter:
            asked = source.since_text(datetime.fromisoformat(since).replace(tzinfo=UTC))
            self._parameters[source.changed_since_parameter] = asked

    def all(self) -> Iterator[Page]:
        """Yield the rows of each page.

        Raises:
            PlaceRefused: `source.not_rows`, `source.paging`; what asking raises.
            TransientError: `source.moved`.
        """
        if self._source.next_at:
            return self._by_what_comes_next()
        return self._by_number() if self._source.page_parameter else iter([self._page(self._address, {})[1]])

    def _by_what_comes_next(self) -> Iterator[Page]:
        """Follow the address or the token that each page gives for the next."""
        address, extra, seen = self._address, dict[str, str](), set[bytes]()
        while True:
            answer, rows = self._page(address, extra)
            yield rows
            following = at(answer, self._source.next_at or "")
            if following in (None, "", False):
                return
            if not isinstance(following, str) or _is_again(following, seen):
                raise _paging("its pages do not lead to an end")
            if self._source.page_parameter:
                extra = {self._source.page_parameter: following}
            else:
                address, extra = self._same_service(urljoin(address, following)), {}
                self._parameters.clear()  # the address holds them

    def _by_number(self) -> Iterator[Page]:
        """Ask by the number of rows read so far, beginning with the last of them: it tells whether rows have moved."""
        assert self._source.page_parameter  # noqa: S101  (the caller looked)
        count, last = 0, None
        while True:
            overlap = 1 if count else 0
            answer, rows = self._page(self._address, {self._source.page_parameter: str(count - overlap)})
            if overlap and (not rows or rows[0] != last):
                raise TransientError(
                    "source.moved",
                    f"rows moved while they were read: row {count:,} is another one by now",
                    "it is pulled again by itself; if it goes on, have the service sort by a key that never changes",
                )
            new = rows[overlap:]
            yield new
            if not self._is_more(answer, new, count):
                return
            if not new:
                raise _paging("its pages are of one row, which cannot begin with the last row of the one before")
            count, last = count + len(new), new[-1]

    def _is_more(self, answer: Any, new: Page, count: int) -> bool:
        if self._source.more_at:
            return at(answer, self._source.more_at) in (True, "true")
        # One row in all, or pages of one row? That page looks the same; the row after it does not.
        return bool(new) or (
            count == 1 and bool(self._page(self._address, {self._source.page_parameter or "": "1"})[1])
        )

    def _page(self, address: str, extra: dict[str, str]) -> tuple[Any, Page]:
        answer = self._session.ask(address, self._parameters | extra)
        rows = at(answer, self._source.rows_at)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            place = self._source.rows_at or "its top"
            raise PlaceRefused(
                "source.not_rows",
                f"the answer has no list of rows at {place}",
                "correct `arrival.source.rows_at`, or what is asked for",
            )
        return answer, rows

    def _same_service(self, address: str) -> str:
        here, there = urlsplit(self._address), urlsplit(address)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise _paging("its next page is on another host, which our token is not for")
        return address


def _is_again(following: str, seen: set[bytes]) -> bool:
    digest = hashlib.sha256(following.encode()).digest()
    is_again = digest in seen
    seen.add(digest)
    return is_again


def _paging(what: str) -> PlaceRefused:
    return PlaceRefused("source.paging", what, "correct `next_at` and `page_parameter`, or ask the service's owner")


def _mark(instant: datetime) -> str:
    """Write an instant in the one form of marks, which sort as text."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
