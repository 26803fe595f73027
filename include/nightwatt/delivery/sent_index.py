"""What was sent, searchable: one Parquet index for every delivered file, made from the file's own bytes.

Belongs here: making the indexes, and handing them out in the order in which the files arrived. Does not belong here:
questions to them (`sent_search`), what a row means (the partner's folder), or the copies themselves (`outbox`).

An index has every column of the file's header as text, empty where the file says nothing, and `_line`, `_file` and
`_sending_id`. It is sorted by service point (by account where there is none), then line, so that one service point is
found in years of files by reading a sliver of each. Indexes are made of tab-separated files, packed as gzip or zip;
other deliveries (the CRM's CSV files, manifests) have none. All of them can be deleted and are made again, as long as
the copies in the outbox are there.
"""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from nightwatt import duck, durable, locks
from nightwatt.delivery import outbox
from nightwatt.duck import ident, text
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.models import Sending
from nightwatt.settings import Settings

LINE, FILE, SENDING = "_line", "_file", "_sending_id"
OWN_COLUMNS = (LINE, FILE, SENDING)

_PACKED = (".gz", ".zip")
_SORTED_BY = ("service_point_id", "account_id")
_ROW_GROUP = 30_000
"""Rows that are read to find one service point; smaller groups would cost more footers than they save rows."""
_WAIT_S = 3600.0


@dataclass(frozen=True)
class SentFile:
    """A delivered file and where its index lies."""

    sending_id: int
    delivery: str
    file_name: str
    delivered_at: datetime  # of a file that waits: since when
    rows: int
    content_sha256: str
    copy: Path
    index: Path


def sent_files(settings: Settings, ledger: Ledger, delivery: str, *, waiting: bool = False) -> list[SentFile]:
    """Return the delivered files of a delivery that have an index or can get one, in order of arrival.

    Args:
        waiting: also those that wait in the outbox; they will arrive in this order.
    """
    with ledger.read() as session:
        delivered = (sendings.arriving if waiting else sendings.delivered)(session, delivery)
    return [_sent_file(settings, row) for row in delivered if row.file_name.endswith(_PACKED) and not row.pruned_at]


def index_of(settings: Settings, row: Sending) -> Path:
    """Return where the index of a file lies, if it has one."""
    # The hash is in the name: after a restore of the ledger a number may belong to another file.
    place = settings.sent / row.delivery / row.business_date.isoformat()
    return place / f"{row.id:08d}-{row.content_sha256[:12]}.parquet"


def ensure(
    settings: Settings, ledger: Ledger, delivery: str, only: Collection[int] | None = None, *, waiting: bool = False
) -> list[Path]:
    """Make the indexes that are missing and return all of them, in order of arrival.

    Args:
        only: numbers of sendings; those of all files otherwise.
        waiting: also of files that wait in the outbox.

    Raises:
        TerminalError: `sent.copy_missing` or `sent.copy_changed`, an index is missing and cannot be made;
            `sent.rows_differ`, a file does not hold the rows the ledger says.
        TransientError: `sent.busy`, another process has been making indexes for an hour.
    """
    files = [f for f in sent_files(settings, ledger, delivery, waiting=waiting) if only is None or f.sending_id in only]
    _make_missing(settings, delivery, files)
    return [f.index for f in files]


def _make_missing(settings: Settings, delivery: str, files: Sequence[SentFile]) -> None:
    if all(f.index.exists() for f in files):
        return
    folder = settings.sent / delivery
    purpose = f"index what {delivery} sent"
    with locks.hold(folder / ".lock", purpose, code="sent.busy", timeout_s=_WAIT_S, what=f"the index of {delivery}"):
        missing = [f for f in files if not f.index.exists()]
        with duck.memory_engine(settings) as con:
            for file in missing:
                _make(con, settings, file)


def _sent_file(settings: Settings, row: Sending) -> SentFile:
    return SentFile(
        row.id,
        row.delivery,
        row.file_name,
        row.delivered_at or row.intended_at,
        row.rows,
        row.content_sha256,
        outbox.folder_of(settings.outbox, row.delivery, row.business_date) / row.file_name,
        index_of(settings, row),
    )


def _make(con: duckdb.DuckDBPyConnection, settings: Settings, file: SentFile) -> None:
    _check_copy(file)
    file.index.parent.mkdir(parents=True, exist_ok=True)
    aside = durable.aside_of(file.index)
    with _as_gzip_or_plain(settings, file.copy) as readable:
        # Without rows to hold in order the window streams; the sort behind it spills.
        con.execute(
            f"copy ({_rows(readable, file)}) to {text(aside)} "
            f"(format parquet, compression zstd, row_group_size {_ROW_GROUP})"
        )
    found = con.execute("select count(*) from read_parquet(?)", [str(aside)]).fetchall()[0][0]
    if found != file.rows:
        raise TerminalError(
            "sent.rows_differ",
            f"{file.file_name}: its copy has {found} rows, the ledger says {file.rows}",
            "the copy has lines that are none of ours, or the ledger is another home's; compare both before going on",
        )
    durable.put_in_place(aside, file.index)


def _rows(readable: Path, file: SentFile) -> str:
    """Return the query for a file's rows, with their line numbers, as the index has them."""
    names = _unique(_header(readable))
    first = next((name for name in _SORTED_BY if name in names), names[0])
    columns = ", ".join(f"{text(name)}: 'varchar'" for name in names)
    cells = ", ".join(f"coalesce({ident(name)}, '') as {ident(name)}" for name in names)
    return (
        f"select {cells}, row_number() over () + 1 as {LINE}, {text(file.file_name)} as {FILE}, "
        f"{file.sending_id}::bigint as {SENDING} "
        f"from read_csv({text(readable)}, auto_detect = false, columns = {{{columns}}}, header = true, "
        f"delim = '\t', quote = '', escape = '', compression = {text('gzip' if _is_gzip(readable) else 'none')}) "
        f"order by {ident(first)}, {LINE}"
    )


def _check_copy(file: SentFile) -> None:
    remedy = "restore the outbox from a backup; until then nothing that needs what was sent can be answered"
    if not file.copy.is_file():
        raise TerminalError("sent.copy_missing", f"{file.copy} is not there, nor is an index of it", remedy)
    if outbox.sha256_of(file.copy) != file.content_sha256:
        raise TerminalError("sent.copy_changed", f"{file.copy} is not the file that was sent", remedy)


@contextmanager
def _as_gzip_or_plain(settings: Settings, path: Path) -> Iterator[Path]:
    """Yield a file the engine can read; what is in a zip is unpacked for the length of the block."""
    if path.suffix != ".zip":
        yield path
        return
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.scratch, prefix="sent-") as folder:
        plain = Path(folder) / path.stem
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as packed, plain.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
        yield plain


def _header(path: Path) -> list[str]:
    with gzip.open(path, "rb") if _is_gzip(path) else path.open("rb") as stream:
        return stream.readline().decode("utf-8").rstrip("\r\n").split("\t")


def _unique(names: Sequence[str]) -> list[str]:
    """Number names that come twice: a file of one block a row may repeat its join column."""
    return [f"{name}_{names[:n].count(name) + 1}" if name in names[:n] else name for n, name in enumerate(names)]


def _is_gzip(path: Path) -> bool:
    return path.suffix == ".gz"
