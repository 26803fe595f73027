"""The open rejects of a loaded receipt, read again: as they came, or as somebody corrected them.

Belongs here: which lines are read, and what must be so for a replay to be allowed. Does not belong here: reading them
into the lake, which is the same as the first time (`run`).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from nightwatt.contracts.feed import Feed
from nightwatt.contracts.formats import IdocFormat, ParquetFormat
from nightwatt.errors import TerminalError
from nightwatt.intake.formats import idoc
from nightwatt.intake.formats.idoc import Known, Open
from nightwatt.intake.formats.parquet import write_rows
from nightwatt.intake.rejects import Reject, read_rejects, reject_path
from nightwatt.intake.run import Input, LoadResult, known_idocs, load
from nightwatt.ledger import Ledger, loads
from nightwatt.ledger.models import Receipt, ReceiptState
from nightwatt.settings import Settings


def replay(
    receipt: Receipt, feed: Feed, settings: Settings, ledger: Ledger, landed: Path, fixed: Path | None = None
) -> LoadResult:
    """Read the open rejects of a receipt again, by the contract as it is now.

    Lines of IDocs mean nothing without their control record and the segments above them, so for those the whole
    landed file is read again and only its open lines count.

    Args:
        receipt: a loaded or held receipt with open rejects.
        feed: its contract.
        settings: the home.
        ledger: the book.
        landed: the file the receipt is of.
        fixed: a file with corrected lines (with header, if the feed has one; of IDocs with the control record and
            the segments above) that replace the open rejects; without it the lines are taken as they came.

    Raises:
        TerminalError: `rejects.none`, if nothing is open that a replay could help; `rejects.held`, if the file
            itself is not loaded; `rejects.superseded`; `rejects.count_differs`, if the corrected lines are not as
            many as the open rejects; `rejects.still_bad`, if a corrected IDoc that was put aside whole is not good
            now. A replay that fails leaves the receipt as it was.
    """
    if receipt.state != ReceiptState.LOADED:
        raise TerminalError(
            "rejects.held",
            f"receipt {receipt.id} is not loaded, so replaying its rejects would load only those",
            f"correct the contract, then `nightwatt load {feed.feed} --retry-held` reads the whole file again",
        )
    if receipt.superseded_by_id is not None:
        raise TerminalError(
            "rejects.superseded",
            f"receipt {receipt.id} was superseded by receipt {receipt.superseded_by_id}",
            "replay the rejects of the newer one; the older file has nothing to add",
        )
    with ledger.read() as session:
        last = loads.latest(session, receipt.id)
    open_rejects = list(read_rejects(reject_path(settings, feed.feed, last.sequence))) if last else []
    if last is None or not open_rejects:
        raise TerminalError("rejects.none", f"receipt {receipt.id} has no open rejects", "see `nightwatt rejects list`")
    scratch = settings.scratch / f"replay-{receipt.id}"
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "lines"
    try:
        if isinstance(feed.format, ParquetFormat):
            source = _rows_again(path, feed, open_rejects, fixed)
        elif not isinstance(feed.format, IdocFormat):
            source = _replay_input(path, feed, open_rejects, fixed)
        elif fixed:
            source = _corrected_idocs(path, feed, open_rejects, fixed)
        else:
            source = _landed_again(landed, receipt, open_rejects, known_idocs(receipt, feed, settings, ledger))
        return load(receipt, feed, settings, ledger, source, "replay")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _replay_input(path: Path, feed: Feed, rejects: list[Reject], fixed: Path | None) -> Input:
    form = feed.format.model_copy(update={"compression": "plain", "encoding": "utf-8"})
    header = int(form.header)
    if fixed:
        lines = [line for line in fixed.read_text(feed.format.encoding).splitlines() if line]
        _same_count(len(lines) - header, rejects, fixed)
        path.write_text("\n".join(lines) + "\n", "utf-8", newline="")
        return Input(path, len(lines), needs_cleaning=True, has_trailer=False, form=form, open_lines=len(rejects))
    # The bytes of these lines are not text; reading them as some other encoding would make up ids.
    carried = [r for r in rejects if r.code == "row.bad_encoding"]
    helped = [r for r in rejects if r.code != "row.bad_encoding"]
    if not helped:
        raise TerminalError(
            "rejects.none",
            "the open rejects are not text in the contract's encoding",
            "give corrected lines with --file",
        )
    quote = form.quote or ""
    names = form.delimiter.join(f"{quote}{c}{quote}" for c in feed.file_columns)
    lines = [names][:header] + [r.raw for r in helped]
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="")
    numbers = [0][:header] + [r.line for r in helped]
    return Input(path, len(lines), True, numbers, carried, has_trailer=False, form=form, open_lines=len(rejects))


def _rows_again(path: Path, feed: Feed, rejects: Sequence[Reject], fixed: Path | None) -> Input:
    """Rows of a Parquet file, or what somebody corrected in their place, one object a line."""
    lines = [r.raw for r in rejects]
    if fixed:
        lines = [line for line in fixed.read_text("utf-8").split("\n") if line.strip()]
        _same_count(len(lines), rejects, fixed)
    write_rows(path, feed, lines, fixed.name if fixed else "the reject store")
    return Input(path, len(lines), False, [r.line for r in rejects], has_trailer=False, open_lines=len(rejects))


def _landed_again(landed: Path, receipt: Receipt, rejects: Sequence[Reject], known: Known) -> Input:
    """The landed file, of which only the open lines count."""
    wanted = Open([r.line for r in rejects])
    return Input(landed, 0, bool(receipt.needs_cleaning), open=wanted, open_lines=len(rejects), known=known)


def _corrected_idocs(path: Path, feed: Feed, rejects: Sequence[Reject], fixed: Path) -> Input:
    """Corrected IDocs: an operator's word, so they are held against no earlier file."""
    path.write_text(fixed.read_text(feed.format.encoding), "utf-8", newline="")
    form = feed.format.model_copy(update={"compression": "plain", "encoding": "utf-8"})
    wanted = Open([], idoc.open_idocs_of([(r.line, r.raw) for r in rejects]))
    return Input(path, 0, True, has_trailer=False, form=form, open=wanted, open_lines=len(rejects))


def _same_count(found: int, rejects: Sequence[Reject], fixed: Path) -> None:
    """Corrected lines stand for the rejects one by one; fewer would lose rows, more would make some up."""
    if found != len(rejects):
        raise TerminalError(
            "rejects.count_differs",
            f"{fixed.name} has {found} line(s) after the header, {len(rejects)} reject(s) are open",
            "give one corrected line for each open reject; keep lines you cannot correct as they are",
        )
