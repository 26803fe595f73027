"""Nights in a row, from the sample to incrementals: the partner ends with exactly what the utility knows.

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
from tests.support.billing import contract as billing_contract
from tests.support.delivery import contract
from tests.support.opower_receiver import Amount, Period, ReadKey, Receiver
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
SAMPLED = 9  # of a dozen or more accounts: some of them active ones with reads, whatever the seed
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

    def __init__(self, folder: Path, seed: int, first_day: date, mode: str = "two_files") -> None:
        self.billing = billing_contract(mode=mode)
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

    @property
    def has_one_file(self) -> bool:
        """Whether customers and usage come in one file, every row with both."""
        return self.billing.mode == "full"

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


@dataclass(frozen=True)
class History:
    """What a history left out, because the partner wants none of it: older reads of points that nobody was at."""

    points: frozenset[str]
    load: int
    cut: date

    def has(self, point: str, start: datetime, load: int) -> bool:
        """Whether a read is known to the partner from the history on."""
        is_older = load <= self.load and start.astimezone(ZONE).date() <= self.cut
        return not (is_older and point in self.points)


def known_reads(utility: Utility, history: History | None = None) -> dict[ReadKey, Amount]:
    """Return what the partner must have of the utility's reads."""
    return {
        ReadKey(point, start + HOUR, "ELECTRIC", channel.upper(), "KWH"): Amount(
            value.amount, value.quality != "actual"
        )
        for (point, channel, start), value in utility.reads.items()
        if value.amount is not None and (history is None or history.has(point, start, value.load))
    }


def known_periods(utility: Utility) -> dict[str, dict[Period, Amount]]:
    """Return what the partner must have of the utility's bills."""
    found: dict[str, dict[Period, Amount]] = {}
    for (_, begins, ends), bill in utility.bills.items():
        if not bill.is_cancelled:
            of_point = found.setdefault(utility.stays[bill.stay - 1].point.name, {})
            of_point[Period(begins, ends)] = Amount(bill.amount, bill.is_estimated, bill.charge)
    return found


def known_accounts(world: World) -> dict[tuple[str, str], tuple[str, str, str, str]]:
    """Return what the partner must have of the utility's agreements: customer, premise, first and last day.

    In one file an agreement comes with its first bill, and not before.
    """
    billed = {bill.stay for bill in world.utility.bills.values()}
    return {
        (stay.agreement, stay.point.name): (
            stay.account,
            stay.point.premise,
            f"{stay.active:%Y%m%d}",
            f"{stay.inactive:%Y%m%d}" if stay.inactive else "",
        )
        for stay in world.utility.stays
        if stay.number in billed or not world.has_one_file
    }


def accounts_of(receiver: Receiver) -> dict[tuple[str, str], tuple[str, str, str, str]]:
    """Return the same of what the partner has."""
    return {
        key: (row["customer_id"], row["premise_id"], row["active_date"], row["inactive_date"])
        for key, row in receiver.accounts.items()
    }


def send_samples(world: World, day: date) -> None:
    """Send samples, which tell of some accounts and count for nothing."""
    review = Receiver()
    for delivery in (world.billing, INTERVAL):
        world.deliver(delivery, day, kind=PhaseKind.SAMPLE, size=SAMPLED, seed=world.utility.seed)
    assert world.take(review) == (2 if world.has_one_file else 3)
    reads, periods = known_reads(world.utility), known_periods(world.utility)
    points = {key.service_point_id for key in review.reads}
    assert points
    assert points <= {point for _, point in review.accounts}  # the same accounts in either kind of file
    assert review.reads == {key: reads[key] for key in reads if key.service_point_id in points}
    assert len(review.accounts) == SAMPLED or world.has_one_file
    assert review.rejected == []
    for point, found in review.periods.items():
        assert found.items() <= periods[point].items()


def send_histories(world: World, day: date) -> History:
    """Send all accounts and their bills, and the reads of the active ones, cut six weeks back."""
    cut = day - SIX_WEEKS
    for delivery in (world.billing, INTERVAL):
        world.deliver(delivery, day, kind=PhaseKind.FULL, last_day=cut)
    assert world.take() == (2 if world.has_one_file else 3)
    empty = frozenset(p.name for p in world.utility.points if world.utility.stay_on(p, day) is None)
    last = max(key.end_at for key in world.receiver.reads)
    assert last <= datetime.combine(cut + DAY, datetime.min.time(), ZONE)
    assert max(period.end for record in world.receiver.periods.values() for period in record) <= cut + DAY
    return History(empty, world.utility.load, cut)


def play(world: World, full_on: date, nights: int) -> History:
    """Let the partner take samples and histories, then what each night brings."""
    for n in range((full_on - world.utility.first_day).days):
        world.utility.night(world.utility.first_day + (n + 1) * DAY)
    send_samples(world, full_on)
    history = send_histories(world, full_on)
    for n in range(nights):
        day = full_on + (n + 1) * DAY
        world.utility.night(day)
        for delivery in (world.billing, INTERVAL):
            play_night(world, delivery, day, world.random.random() if n < nights - 1 else 0.5)
        world.take()
    return history


def play_night(world: World, delivery: Delivery, day: date, chance: float) -> None:
    """Deliver a night: or miss it, find the partner away, or deliver twice."""
    if chance < 0.1:
        return
    world.deliver(delivery, day, is_away=chance < 0.2)
    if chance > 0.85:
        again = world.deliver(delivery, day)
        assert again is not None
        assert again.outcome is not Outcome.SENT


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(tmp_path, *request.param)
    with made.partner.serving() as server:
        for name, value in server.environment("opower").items():
            monkeypatch.setenv(name, value)
        yield made
    made.close()


def check_world(world: World) -> None:
    """Look whether what is tried here happened at all."""
    utility, receiver = world.utility, world.receiver
    assert any(stay.inactive for stay in utility.stays)
    assert len({stay.point for stay in utility.stays}) < len(utility.stays)
    assert receiver.replaced > 100
    assert receiver.widened
    assert {v.quality for v in utility.reads.values()} == {"actual", "estimated", "missing", "substituted"}
    assert any(len(set(hours)) < len(hours) for hours in _labels(utility).values())


def _labels(utility: Utility) -> dict[str, list[str]]:
    """Return the wall-clock hours of each channel; one comes twice when clocks go back."""
    found: dict[str, list[str]] = {}
    for point, channel, start in utility.reads:
        found.setdefault(f"{point} {channel}", []).append(f"{start.astimezone(ZONE):%Y%m%d%H}")
    return found


def check_end(world: World, history: History) -> None:
    """Look for what the partner lacks, has wrong, has too much, or got twice for nothing."""
    assert world.receiver.rejected == []
    assert world.receiver.reads == known_reads(world.utility, history)
    assert world.receiver.periods == known_periods(world.utility)
    assert accounts_of(world.receiver) == known_accounts(world)
    if not world.has_one_file:  # where a bill of somebody who left brings them up again, and usage goes with an account
        assert world.receiver.repeated == 0
        assert world.receiver.occupant == {stay.point.name: stay.agreement for stay in world.utility.stays}


@pytest.mark.parametrize("world", [(1, date(2025, 10, 20))], indirect=True)
def test_a_month_of_nights_ends_in_what_the_utility_knows(world: World) -> None:
    history = play(world, date(2026, 2, 20), 30)  # history over the autumn change, nights over the one in spring

    check_world(world)
    check_end(world, history)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "world",
    [(2, date(2024, 10, 20)), (3, date(2024, 10, 20), "full")],
    indirect=True,
    ids=["seed 2", "seed 3, billing in one file"],
)
def test_a_year_of_nights_ends_in_what_the_utility_knows(world: World) -> None:
    history = play(world, date(2025, 9, 20), 365)

    check_world(world)
    check_end(world, history)
