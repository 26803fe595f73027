"""The board for a terminal: the verdict first, then alerts, what is owed, and feeds in trouble.

Belongs here: layout of a `Board`. Does not belong here: any figure that is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nightwatt.stages.board import Board
from nightwatt.stages.board_feeds import Tone
from nightwatt.stages.board_words import clock_time, counted

LOOKS: Mapping[Tone, tuple[str, str]] = {
    Tone.BAD: ("✖", "red"),
    Tone.WARN: ("▲", "yellow"),
    Tone.BUSY: ("◐", "cyan"),
    Tone.WAIT: ("○", "dim"),
    Tone.GOOD: ("✔", "green"),
    Tone.OFF: ("–", "dim"),
}
"""Shape and colour of a state; a word stands beside them always."""


def first_lines(board: Board) -> RenderableType:
    """Return the verdict and the open alerts."""
    return Group(*_first_lines(board))


def screen(board: Board) -> RenderableType:
    """Return what an operator keeps an eye on: verdict, alerts, what is owed, feeds that are not as they should be."""
    zone = ZoneInfo(board.zone)
    day = board.business_date
    seen = Text(f"night of {day:%A %d %B %Y}, seen {clock_time(board.now, zone, day)} {board.zone}", "dim")
    return Group(*_first_lines(board), seen, Text(), _owed(board, zone), Text(), *_feeds(board, zone))


def _first_lines(board: Board) -> Iterator[RenderableType]:
    zone = ZoneInfo(board.zone)
    yield Text.assemble(_shape(board.headline.tone), (board.headline.text, "bold"))
    if board.headline.more:
        yield Text(f"  {board.headline.more}")
    for alert in sorted(board.alerts, key=lambda a: (a.tone, a.id)):
        who = f" ({alert.acknowledged_by} has it)" if alert.acknowledged_by else ""
        since = clock_time(alert.opened_at, zone, board.business_date)
        what = f"alert {alert.id}, {alert.severity} since {since}: {alert.message}{who}"
        yield Text.assemble("  ", _shape(alert.tone), what)
        yield Text(f"      {alert.remedy}", "dim")


def _shape(tone: Tone) -> tuple[str, str]:
    shape, colour = LOOKS[tone]
    return f"{shape} ", colour


def _state(tone: Tone, word: str) -> Text:
    shape, colour = LOOKS[tone]
    return Text(f"{shape} {word}", colour)


def _owed(board: Board, zone: ZoneInfo) -> Table:
    table = Table("owed", "state", box=None, pad_edge=False, header_style="dim")
    for heading in ("due", "done", "expected"):
        table.add_column(heading, justify="right")
    for o in board.owed:
        times = (
            o.deadline,
            o.done_at,
            o.forecast_at if o.is_forecast else None,
        )
        shown = [clock_time(t, zone, board.business_date) if t else "" for t in times]
        table.add_row(f"{o.title} published" if o.kind == "publication" else o.title, _state(o.tone, o.state), *shown)
    return table


def _feeds(board: Board, zone: ZoneInfo) -> Iterator[RenderableType]:
    shown = [f for f in board.feeds if f.tone <= Tone.BUSY]
    rest = len(board.feeds) - len(shown)
    if shown:
        table = Table("feed", "state", "", box=None, pad_edge=False, header_style="dim")
        for f in shown:
            table.add_row(f.feed, _state(f.tone, f.state), f.detail)
        yield table
    waiting = [f for f in board.feeds if f.tone is Tone.WAIT]
    loaded = [f for f in board.feeds if f.tone is Tone.GOOD]
    last = max((f.arrived_at for f in loaded if f.arrived_at), default=None)
    came = f", the last at {clock_time(last, zone, board.business_date)}" if last else ""
    if rest:
        to_come = f"; {len(waiting)} to come" if waiting else ""
        yield Text(f"{counted(len(loaded), 'feed')} loaded{came}{to_come}", "dim")
