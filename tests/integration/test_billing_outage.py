"""Billing files of nights on which the partner is away: the same bytes as if it never had been, in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest
from tests.support.billing import Agreement, Billed, contract, published

from nightwatt.delivery.deliver import Delivered, PublicationFacts, deliver
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.delivery.sftp import Remote, connection_settings, open_remote
from nightwatt.errors import TransientError
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings

JANUARY, FEBRUARY, MARCH, APRIL = (date(2025, month, 1) for month in (1, 2, 3, 4))
NIGHTS = (
    ([Agreement()], [Billed(JANUARY, FEBRUARY, estimated=True)]),
    # January is read after all, which is legal only for a period the partner has or will have got by then ...
    ([Agreement()], [Billed(JANUARY, FEBRUARY, "655.5", sequence=2)]),
    # ... and so is billing it together with February, of which it must know the beginning.
    ([Agreement()], [Billed(JANUARY, MARCH, "1301", sequence=3)]),
    (
        [Agreement(inactive=APRIL, sequence=4)],
        [Billed(JANUARY, MARCH, "1301", sequence=3), Billed(MARCH, APRIL, sequence=4)],
    ),
)
"""What is published on four nights, one load each."""


@contextmanager
def nobody() -> Iterator[Remote]:
    raise TransientError("delivery.unreachable", "nobody answers")
    yield


def night(home: Path, number: int, *, is_away: bool) -> Delivered | None:
    """Publish and deliver one night; nothing comes of it where the partner is away."""
    settings = Settings(home=home)
    ledger = Ledger.open(settings.ledger_address)
    at = datetime(2025, 4, 2 + number, 6, tzinfo=UTC)
    connect = nobody if is_away else partial(open_remote, connection_settings("opower"))
    try:
        with published(*NIGHTS[number]) as con:
            facts = PublicationFacts(number + 1, number + 1, at)
            return deliver(contract(), settings, ledger, con, facts, at.date(), connect=connect)
    except TransientError:
        assert is_away
        return None
    finally:
        ledger.close()


def test_a_billing_file_that_waits_counts_as_what_the_partner_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = {}
    for name, away in (("well", ()), ("away", (0, 1, 2))):
        with LoopbackServer(tmp_path / name / "partner") as server:
            for key, value in server.environment("opower").items():
                monkeypatch.setenv(key, value)
            results = [night(tmp_path / name / "home", n, is_away=n in away) for n in range(len(NIGHTS))]
            folder = server.root / "shared_files"
            arrived[name] = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    assert arrived["away"] == arrived["well"]
    assert [name.split("_")[4] for name in arrived["well"]] == ["customer"] * 2 + ["usage"] * 4
    last = results[-1]
    assert last is not None
    assert [r.delivered_at for r in last.receipts] == sorted(r.delivered_at for r in last.receipts)
    assert "had waited since 2025-04-02" in last.message
