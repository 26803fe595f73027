"""Nights in a row, from the history to incrementals: the partner ends with exactly what the utility knows.

The utility and the partner are models of their own; between them stand the real deliveries, over SFTP. Reads come late,
are corrected, estimated, missing; people move; meters are exchanged; clocks change. Nights are missed, run twice, or
end before the partner was reached.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import asyncssh
import duckdb
import pytest
from tests.support.delivery import contract
from tests.support.opower_receiver import Amount, ReadKey, Receiver
from tests.support.opower_utility import DAY, HOUR, ZONE, Utility, create_tables

from nightwatt.contracts.delivery import Delivery
from nightwatt.delivery.deliver import Delivered, Outcome, PublicationFacts, deliver
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.delivery.phases import Phase, PhaseKind
from nightwatt.delivery.sftp import Remote, connection_settings, open_remote
from nightwatt.errors import TransientError
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings

SIX_WEEKS = timedelta(days=42)
INTERVAL = contract()


@dataclass
class Partner:
    """The partner's server, and the files in the order in which they got their final names."""

    root: Path
    arrived: list[tuple[str, bytes]] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[LoopbackServer]:
        """Serve for the length of a block."""
        arrived = self.arrived

        class Server(asyncssh.SFTPServer):
            def rename(self, oldpath: bytes, newpath: bytes) -> Any:
                result = super().rename(oldpath, newpath)
                path = Path(os.fsdecode(self.map_path(newpath)))
                arrived.append((path.name, path.read_bytes()))
                return result

        with LoopbackServer(self.root, factory=lambda channel, chroot: Server(channel, chroot=chroot)) as server:
            yield server


class World:
    """A utility, its home, and its partner."""

    def __init__(self, folder: Path, seed: int, first_day: date) -> None:
        self.random = Random(seed)
        self.utility = Utility(seed, first_day)
        self.partner = Partner(folder / "partner")
        self.now = datetime.combine(first_day, datetime.min.time(), UTC)
        self.settings = Settings(home=folder / "home")
        self.ledger = Ledger.open(self.settings.ledger_address, lambda: self.now)
        self.receiver = Receiver()
        self.con = duckdb.connect(":memory:")
        create_tables(self.con)
        self._publications = 0
        self._taken = 0

    def close(self) -> None:
        self.con.close()
        self.ledger.close()

    def deliver(self, delivery: Delivery, day: date, *, is_away: bool = False, **phase: Any) -> Delivered | None:
        """Publish what the utility knows, and deliver; nothing comes of it where the partner is away."""
        self.now = max(self.now, datetime.combine(day, datetime.min.time(), UTC)) + timedelta(hours=1)
        through = self.utility.publish(self.con)
        self._publications += 1
        facts = PublicationFacts(self._publications, through, self.now)
        connect = _nobody if is_away else partial(open_remote, connection_settings("opower"))
        try:
            return deliver(
                delivery, self.settings, self.ledger, self.con, facts, day, phase=Phase(**phase), connect=connect
            )
        except TransientError:
            assert is_away
            return None

    def take(self, receiver: Receiver | None = None) -> int:
        """Let the partner load what has arrived since; return how many files."""
        files = self.partner.arrived[self._taken :]
        for name, data in files:
            (receiver or self.receiver).take(name, data)
        self._taken += len(files)
        return len(files)


@contextmanager
def _nobody() -> Iterator[Remote]:
    raise TransientError("delivery.unreachable", "nobody answers")
    yield


def known_reads(utility: Utility) -> dict[ReadKey, Amount]:
    """Return what the partner must have of the utility's reads."""
    return {
        ReadKey(point, start + HOUR, "ELECTRIC", channel.upper(), "KWH"): Amount(
            value.amount, value.quality != "actual"
        )
        for (point, channel, start), value in utility.reads.items()
        if value.amount is not None
    }


def play(world: World, full_on: date, nights: int) -> None:
    """Let the partner take a history that is cut six weeks back, then what each night brings."""
    for n in range((full_on - world.utility.first_day).days):
        world.utility.night(world.utility.first_day + (n + 1) * DAY)
    cut = full_on - SIX_WEEKS
    world.deliver(INTERVAL, full_on, kind=PhaseKind.FULL, last_day=cut)
    assert world.take() == 1
    assert max(key.end_at for key in world.receiver.reads) <= datetime.combine(cut + DAY, datetime.min.time(), ZONE)
    for n in range(nights):
        day = full_on + (n + 1) * DAY
        world.utility.night(day)
        chance = world.random.random()
        if chance < 0.1 and n < nights - 1:
            continue  # nobody ran it
        away = chance < 0.2 and n < nights - 1
        world.deliver(INTERVAL, day, is_away=away)
        if chance > 0.85:
            again = world.deliver(INTERVAL, day)
            assert again is not None
            assert again.outcome is not Outcome.SENT
        world.take()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[World]:
    seed, first_day = request.param
    made = World(tmp_path, seed, first_day)
    with made.partner.serving() as server:
        for name, value in server.environment("opower").items():
            monkeypatch.setenv(name, value)
        yield made
    made.close()


@pytest.mark.parametrize("world", [(1, date(2025, 10, 20))], indirect=True)
def test_a_month_of_nights_ends_in_what_the_utility_knows(world: World) -> None:
    play(world, date(2026, 2, 20), 30)  # history over the autumn change, nights over the one in spring

    assert world.receiver.rejected == []
    assert world.receiver.reads == known_reads(world.utility)
    assert world.receiver.repeated == 0
