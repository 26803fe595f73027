"""A small population and its partner: a home, a real SFTP server, and a published warehouse of a few reads.

Belongs here: the world, and what happens in it. Does not belong here: expectations.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result
from tests.support.delivery import Read, add_reads, contract, local, published, rows
from typer.testing import CliRunner

from nightwatt.cli.app import app
from nightwatt.contracts.catalog import PACKAGED
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.errors import NightWattError
from nightwatt.ledger.models import Approval, Sending
from nightwatt.stages import Platform, delivering

NAME = "opower_interval_electric"
FIRST_NIGHT = date(2026, 3, 9)
POINTS = ("SP1", "SP2", "SP3", "SP4")


@dataclass
class World:
    """A home, its partner, and a published warehouse that grows."""

    home: Path
    partner: Path
    con: duckdb.DuckDBPyConnection
    sequence: int = 0
    night: date = FIRST_NIGHT

    def load(self, day: date, *points: str, value: str = "1") -> None:
        """Store an hourly read at noon of a day for some points, newest wins, and publish the night after."""
        self.sequence += 1
        start = local(f"{day} 12:00 -0500")
        read = Read(start, value, load_sequence=self.sequence)
        at = start.astimezone(UTC).replace(tzinfo=None)
        self.con.execute(
            "delete from fct_interval_reads where interval_start_at = ? and list_contains(?, service_point_id)",
            [at, list(points)],
        )
        add_reads(self.con, [replace(read, service_point_id=point) for point in points])
        self._publish()

    def _publish(self) -> None:
        self.night += timedelta(days=1)
        at = datetime(self.night.year, self.night.month, self.night.day, 9, tzinfo=UTC)
        self.con.execute("create or replace table publication (domain text, sequence int, through_sequence int, "
                         "published_at timestamptz)")  # fmt: skip
        for domain in ("usage", "billing"):
            self.con.execute(
                "insert into publication values (?, ?, ?, ?)", [domain, self.sequence * 2, self.sequence, at]
            )

    def agree(
        self,
        point: str,
        account: str,
        customer_class: str = "residential",
        *,
        since: date = date(2020, 1, 1),
        until: date | None = None,
    ) -> None:
        """Let a point serve an account; the agreement comes with a load of its own."""
        self.sequence += 1
        key = f"{point}-{account}"
        self.con.execute(
            "insert into dim_service_agreement values (?, ?, ?, ?, ?, ?, ?, false)",
            [key, account, f"SA-{key}", point, customer_class, since, until],
        )
        self.con.execute("insert into hist_service_agreement values (?, ?)", [key, self.sequence])

    def call(self, *arguments: str, answer: str | None = None) -> Result:
        """Run a command of the group and return what came of it."""
        dated = ["--date", str(self.night)] if arguments[0] in {"sample", "full", "incremental"} else []
        words = ["opower", arguments[0], NAME, *arguments[1:], *dated]
        return CliRunner().invoke(app, words, input=answer)

    def says(self, *arguments: str, answer: str | None = None) -> str:
        """Run a command that must succeed."""
        result = self.call(*arguments, answer=answer)
        assert result.exit_code == 0, f"{result.output}{result.exception}"
        return result.output

    def refuses(self, *arguments: str) -> NightWattError:
        """Run a command that must end with one of our errors."""
        result = self.call(*arguments, answer="y\n")
        assert isinstance(result.exception, NightWattError), result.output
        return result.exception

    @contextmanager
    def platform(self) -> Iterator[Platform]:
        with Platform.open("test") as platform:
            yield platform

    @property
    def sent(self) -> list[Sending]:
        """Every sending, oldest first."""
        with self.platform() as platform, platform.ledger.read() as session:
            return list(session.query(Sending).order_by(Sending.id))

    @property
    def decisions(self) -> list[Approval]:
        with self.platform() as platform, platform.ledger.read() as session:
            return list(session.query(Approval).order_by(Approval.id))

    @property
    def folders(self) -> list[tuple[str, str]]:
        """Which folder each file went to, by phase, in sending order; the partner really has it there."""
        found = []
        for s in self.sent:
            assert (self.partner / s.remote_path.lstrip("/")).is_file()
            found.append((s.phase, s.remote_path.rsplit("/", 1)[0]))
        return found

    def rows_of(self, number: int) -> list[tuple[str, str, str]]:
        """Return point, end date and value of each row of a sending, from the partner's copy."""
        path = self.partner / self.sent[number].remote_path.lstrip("/")
        return [(row[0], row[2], row[1]) for row in rows(path)]

    def points_of(self, number: int) -> set[str]:
        return {point for point, _, _ in self.rows_of(number)}


@contextmanager
def population_world(folder: Path, keys: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
    """Make a home with one hourly delivery whose operator lets an incomplete profile go to production."""
    catalog = folder / "catalog"
    shutil.copytree(PACKAGED, catalog)
    write_contract(catalog, allow_incomplete_profile=True)
    patch.setenv("NIGHTWATT_HOME", str(folder / "home"))
    patch.setenv("NIGHTWATT_CATALOG", str(catalog))
    server = LoopbackServer(folder / "partner", keys=keys).start()
    for name, value in server.environment("opower").items():
        patch.setenv(name, value)
    try:
        with published([]) as con:
            con.execute(
                "create table dim_service_agreement (service_agreement_key text, billing_account_id text, "
                "service_agreement_id text, "
                "service_point_id text, customer_class text, active_date date, inactive_date date, "
                "is_cancelled boolean)"
            )

            con.execute("create table hist_service_agreement (service_agreement_key text, through_sequence int)")

            @contextmanager
            def opened(_settings: object) -> Iterator[duckdb.DuckDBPyConnection]:
                yield con

            patch.setattr(delivering, "published", opened)
            yield World(folder / "home", server.root, con)
    finally:
        server.stop()


def write_contract(catalog: Path, **changes: Any) -> None:
    """Put the tests' contract into a catalog."""
    told = contract(**changes).model_dump(mode="json")
    (catalog / "deliveries" / f"{NAME}.yaml").write_text(json.dumps(told), "utf-8")  # JSON is YAML


def three_days(world: World) -> None:
    """Three days of reads of four points, loaded night by night."""
    for number in (1, 2, 3):
        world.load(date(2026, 3, number), *POINTS)


def to_review(world: World) -> None:
    """Send a history and an incremental."""
    three_days(world)
    world.says("full")
    world.load(date(2026, 3, 4), *POINTS)
    world.says("incremental")
