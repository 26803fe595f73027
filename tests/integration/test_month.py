"""A month of nights that go wrong, each in its own way, and what is said of them: when, how loud, and how often.

The clock is set by hand; files, arrival, loading, the look and its messages are real, the rest of the night is played
(`tests.support.month`). Two watchers look every five minutes. The page `docs/simulated_month.md` is what this test saw.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path

import pytest
from tests.support import month_page
from tests.support.month import DELIVERIES, ZONE, Night, Shift, write_catalog

from nightwatt import stages
from nightwatt.alerting.plan import night_plan
from nightwatt.calendar import wall_instant
from nightwatt.contracts.catalog import PACKAGED
from nightwatt.ledger import alerts, checks
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import NightChoice

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulated_month.md"
REWRITE = "REWRITE_PAGES"
"""Set, the page is written instead of compared."""


@dataclass(frozen=True)
class Scenario:
    """One night: what happens, and what must be said of it."""

    day: date
    title: str
    happens: Callable[[Shift, Night], None]
    said: list[str] = field(default_factory=list)


def ordinary(_shift: Shift, _night: Night) -> None:
    """Nothing is out of the ordinary."""


def file_missing(shift: Shift, night: Night) -> None:
    """The file comes at 10:40; the failed wait is cleared then."""
    night.silent.add("electric_reads")
    shift.at("10:40", lambda: shift.drop("electric_reads"))
    shift.at("10:45", lambda: shift.clear("usage"))


def file_late(shift: Shift, night: Night) -> None:
    """It comes after it counts as late and before the deadline."""
    night.silent.add("electric_reads")
    shift.at("05:25", lambda: shift.drop("electric_reads"))


def half_written(shift: Shift, night: Night) -> None:
    """It lies there for an hour before its done marker comes."""
    night.silent.add("electric_reads")
    shift.at("04:40", lambda: shift.begin_file("electric_reads"))
    shift.at("05:40", lambda: shift.finish_file("electric_reads"))


def no_bytes(shift: Shift, night: Night) -> None:
    """The file has no byte; the sender sends it again."""
    night.silent.add("accounts")
    shift.at("01:40", lambda: shift.drop("accounts", text=""))
    shift.at("03:00", lambda: shift.drop("accounts"))


def no_rows(shift: Shift, night: Night) -> None:
    """The file has a header and nothing else; the sender sends it again and it is loaded by hand."""
    night.silent.add("gas_reads")
    shift.at("02:30", lambda: shift.drop("gas_reads", rows=0))
    shift.at("04:30", lambda: shift.drop("gas_reads"))
    shift.at("04:35", lambda: load_by_hand(shift, "gas_reads"))


def short(shift: Shift, night: Night) -> None:
    """Four rows in ten are missing; the sender says that this is right, and a person takes his word."""
    night.silent.add("bills")
    shift.at("02:00", lambda: shift.drop("bills", rows=36))
    shift.at("04:30", lambda: decide(shift, "bills", NightChoice.ACCEPT))


def doubled(shift: Shift, night: Night) -> None:
    """Every row twice over; the sender sends it again, and it is loaded by hand."""
    night.silent.add("gas_reads")
    shift.at("02:30", lambda: shift.drop("gas_reads", rows=160))
    shift.at("05:10", lambda: shift.drop("gas_reads"))
    shift.at("05:15", lambda: load_by_hand(shift, "gas_reads"))


def named_wrongly(shift: Shift, night: Night) -> None:
    """The file comes under a name no contract knows; the sender renames it."""
    night.silent.add("bills")
    wrong = f"bills-{night.day}.csv"
    shift.at("02:00", lambda: shift.drop("bills", name=wrong))
    shift.at("04:20", lambda: shift.remove("bills", wrong))
    shift.at("04:20", lambda: shift.drop("bills"))


def partner_away(shift: Shift, night: Night) -> None:
    """The partners' servers answer again at half past nine."""
    night.is_partner_away = True

    def back() -> None:
        night.is_partner_away = False

    shift.at("09:20", back)


def paused(shift: Shift, night: Night) -> None:
    """Somebody switched the usage DAG off; it is switched on at 05:20."""
    night.paused.add("usage")
    shift.at("05:20", lambda: night.paused.discard("usage"))


def dead(name: str, since: str, until: str) -> Callable[[Shift, Night], None]:
    """Stop a service for some hours."""

    def happens(shift: Shift, _night: Night) -> None:
        shift.at(since, lambda: shift.alive.discard(name))
        shift.at(until, lambda: shift.alive.add(name))

    happens.__doc__ = f"The {name} is dead from {since} to {until}."
    return happens


def slow(step: str, times: float) -> Callable[[Shift, Night], None]:
    """Let a step take longer."""

    def happens(_shift: Shift, night: Night) -> None:
        night.pace[step] = times

    happens.__doc__ = f"Each {step} takes {times:g} times as long as usual."
    return happens


def storm(shift: Shift, night: Night) -> None:
    """A whole source is away until 04:50."""
    for feed in ("accounts", "agreements", "bills"):
        night.silent.add(feed)
        shift.at("04:50", lambda feed=feed: shift.drop(feed))


def rejected(shift: Shift, night: Night) -> None:
    """One row in twelve cannot be read; a corrected file comes and the load is cleared."""
    night.silent.add("bills")
    shift.at("02:00", lambda: shift.drop("bills", bad=5))
    shift.at("04:10", lambda: shift.drop("bills"))
    shift.at("04:15", lambda: shift.clear("billing"))


def publication_fails(shift: Shift, night: Night) -> None:
    """Publishing fails; the reason is removed and the task cleared at five."""
    night.fails["publish:usage"] = "TerminalError: [publish.files_gone] a file of the standing publication is gone"

    def mend() -> None:
        night.fails.clear()
        shift.clear("usage")

    shift.at("05:00", mend)


def money_differs(shift: Shift, night: Night) -> None:
    """The bills' amounts differ by 0.08 % from the source's; after a correction they do not."""
    shift.at("03:00", lambda: reconcile(shift, night.day, 0.08))
    shift.at("05:30", lambda: reconcile(shift, night.day, 0.0))


def skipped(shift: Shift, night: Night) -> None:
    """A person lets the night go on without the file."""
    night.silent.add("gas_reads")
    shift.at("05:30", lambda: decide(shift, "gas_reads", NightChoice.SKIP))


def released(shift: Shift, night: Night) -> None:
    """A person lets the night wait for the file until eight; it comes at 07:30."""
    night.silent.add("accounts")
    shift.at("05:40", lambda: decide(shift, "accounts", NightChoice.RELEASE, until="08:00"))
    shift.at("07:30", lambda: shift.drop("accounts"))


def just_in_time(shift: Shift, night: Night) -> None:
    """The file comes so late that everything must go well."""
    night.silent.add("electric_reads")
    shift.at("06:15", lambda: shift.drop("electric_reads"))


def load_by_hand(shift: Shift, feed: str) -> None:
    """Take a file in and load it, as `nightwatt load` does."""
    stages.arrive(shift.airflow, feed, wait=True)
    stages.load(shift.airflow, feed, shift.night.day)


def decide(shift: Shift, feed: str, choice: NightChoice, until: str | None = None) -> None:
    """Decide as an operator does."""
    day = shift.night.day
    instant = wall_instant(day, time.fromisoformat(until), ZONE) if until else None
    stages.decide(shift.airflow, feed, day, choice, "ops", "agreed with the sender", until=instant)


def reconcile(shift: Shift, day: date, pct: float) -> None:
    """Enter what comparing the bills with their source found."""
    result = CheckResult(
        "reconcile.amount",
        "billing",
        passed=pct <= 0.05,
        blocks=True,
        message=f"amounts differ by {pct:g} %",
        evidence={"variance_pct": pct},
        business_date=day,
    )
    with shift.airflow.ledger.write() as session:
        checks.record(session, [result], day, shift.clock())


def march(day: int) -> date:
    """Return a day of March 2026."""
    return date(2026, 3, day)


NIGHTS = [
    Scenario(march(1), "an ordinary night", ordinary),
    Scenario(
        march(2),
        "a file is missing",
        file_missing,
        [
            "05:00 opened warning: feed.late electric_reads",
            "06:30 opened warning: deadline.at_risk usage",
            "07:00 escalated critical: deadline.missed usage, feed.missing electric_reads",
            "07:25 opened warning: deadline.at_risk opower_interval_electric",
            "08:00 escalated critical: deadline.missed opower_interval_electric",
            "11:30 closed: deadline.missed opower_interval_electric, deadline.missed usage, "
            "feed.missing electric_reads",
        ],
    ),
    Scenario(
        march(3),
        "a file is late",
        file_late,
        [
            "05:00 opened warning: feed.late electric_reads",
            "05:25 closed: feed.late electric_reads",
        ],
    ),
    Scenario(
        march(4),
        "a file is half written for an hour",
        half_written,
        [
            "05:00 opened warning: feed.late electric_reads",
            "05:40 closed: feed.late electric_reads",
        ],
    ),
    Scenario(
        march(5),
        "a file without a byte",
        no_bytes,
        [
            "01:40 opened critical: feed.unreadable accounts",
            "03:00 closed: feed.unreadable accounts",
        ],
    ),
    Scenario(
        march(6),
        "a file without a row",
        no_rows,
        [
            "02:40 opened critical: feed.incomplete gas_reads",
            "04:35 closed: feed.incomplete gas_reads",
        ],
    ),
    Scenario(
        march(7),
        "a file 40 % short",
        short,
        [
            "02:10 opened warning: feed.incomplete bills",
            "04:30 closed: feed.incomplete bills",
        ],
    ),
    Scenario(
        march(8),
        "clocks go forward, and a file is late",
        file_late,
        [
            "05:00 opened warning: feed.late electric_reads",
            "05:25 closed: feed.late electric_reads",
        ],
    ),
    Scenario(
        march(9),
        "a file with every row doubled",
        doubled,
        [
            "02:40 opened critical: feed.incomplete gas_reads",
            "05:15 closed: feed.incomplete gas_reads",
        ],
    ),
    Scenario(
        march(10),
        "a file named wrongly",
        named_wrongly,
        [
            "02:00 opened warning: feed.unknown_file bills",
            "04:00 opened warning: feed.late bills",
            "04:20 closed: feed.unknown_file bills",
            "04:20 closed: feed.late bills",
        ],
    ),
    Scenario(
        march(11),
        "the partners are away",
        partner_away,
        [
            "02:55 opened warning: delivery.failed crm_core",
            "03:25 opened warning: delivery.failed opower_interval_electric",
            "05:40 escalated critical: delivery.failed crm_core",
            "05:40 escalated critical: delivery.failed opower_interval_electric",
            "07:00 opened critical: deadline.missed crm_core",
            "07:55 opened warning: deadline.at_risk opower_interval_electric",
            "08:00 escalated critical: deadline.missed opower_interval_electric",
            "09:35 closed: deadline.missed crm_core, delivery.failed crm_core",
            "09:40 closed: deadline.missed opower_interval_electric, delivery.failed opower_interval_electric",
        ],
    ),
    Scenario(
        march(12),
        "a DAG is paused",
        paused,
        [
            "01:15 opened critical: night.not_started usage",
            "05:20 closed: night.not_started usage",
        ],
    ),
    Scenario(
        march(13),
        "the scheduler is dead",
        dead("scheduler", "00:30", "03:30"),
        [
            "00:40 opened critical: service.silent scheduler",
            "03:30 closed: service.silent scheduler",
        ],
    ),
    Scenario(
        march(14),
        "the triggerer is dead",
        dead("triggerer", "01:30", "04:30"),
        [
            "01:35 opened critical: service.silent triggerer",
            "04:30 closed: service.silent triggerer",
        ],
    ),
    Scenario(
        march(15),
        "the watchdog is dead",
        dead("watchdog", "02:00", "08:00"),
        [
            "02:05 opened critical: service.silent watchdog",
            "08:00 closed: service.silent watchdog",
        ],
    ),
    Scenario(
        march(16),
        "builds take very long",
        slow("build", 16),
        [
            "04:40 opened warning: deadline.at_risk billing",
            "05:15 opened warning: deadline.at_risk crm_core",
            "06:00 escalated critical: deadline.missed billing",
            "06:20 closed: deadline.at_risk crm_core, deadline.missed billing",
            "06:40 opened warning: deadline.at_risk usage",
            "07:00 escalated critical: deadline.missed usage",
            "07:35 opened warning: deadline.at_risk opower_interval_electric",
            "08:00 escalated critical: deadline.missed opower_interval_electric",
            "08:10 closed: deadline.missed opower_interval_electric, deadline.missed usage",
        ],
    ),
    Scenario(
        march(17),
        "a whole source is away",
        storm,
        [
            "04:00 opened warning: feed.late accounts, feed.late agreements, feed.late bills",
            "04:50 closed: feed.late accounts, feed.late agreements, feed.late bills",
        ],
    ),
    Scenario(
        march(18),
        "too many rows are rejected",
        rejected,
        [
            "02:10 opened critical: feed.rejects_over_tolerance bills",
            "04:15 closed: feed.rejects_over_tolerance bills",
        ],
    ),
    Scenario(
        march(19),
        "a step fails for good",
        publication_fails,
        [
            "03:10 opened critical: stage.failed publish usage",
            "05:05 closed: stage.failed publish usage",
        ],
    ),
    Scenario(
        march(20),
        "the money does not reconcile",
        money_differs,
        [
            "03:00 opened critical: reconcile.over_tolerance billing",
            "05:30 closed: reconcile.over_tolerance billing",
        ],
    ),
    Scenario(
        march(21),
        "a file is skipped by hand",
        skipped,
        [
            "05:00 opened warning: feed.late gas_reads",
            "05:30 closed: feed.late gas_reads",
        ],
    ),
    Scenario(
        march(22),
        "a file is released to come late",
        released,
        [
            "04:00 opened warning: feed.late accounts",
            "05:30 opened warning: deadline.at_risk billing",
            "06:00 escalated critical: deadline.missed billing",
            "06:25 opened warning: deadline.at_risk crm_core",
            "07:00 escalated critical: deadline.missed crm_core",
            "08:15 closed: deadline.missed billing, deadline.missed crm_core, feed.late accounts",
        ],
    ),
    Scenario(
        march(23),
        "a file comes just in time",
        just_in_time,
        [
            "05:00 opened warning: feed.late electric_reads",
            "06:15 closed: feed.late electric_reads",
            "06:40 opened warning: deadline.at_risk usage",
            "06:50 closed: deadline.at_risk usage",
        ],
    ),
    Scenario(march(24), "an ordinary night", ordinary),
    Scenario(march(25), "loads take long", slow("load", 8)),
    Scenario(march(26), "builds take long", slow("build", 7)),
    Scenario(
        march(27),
        "sending takes very long",
        slow("deliver", 45),
        [
            "05:35 opened warning: deadline.at_risk crm_core",
            "06:30 opened warning: deadline.at_risk opower_interval_electric",
            "07:00 escalated critical: deadline.missed crm_core",
            "07:50 closed: deadline.missed crm_core",
            "08:00 escalated critical: deadline.missed opower_interval_electric",
            "08:25 closed: deadline.missed opower_interval_electric",
        ],
    ),
    Scenario(
        march(28),
        "publishing takes very long",
        slow("publish", 60),
        [
            "04:55 opened warning: deadline.at_risk billing",
            "05:30 opened warning: deadline.at_risk crm_core",
            "06:00 escalated critical: deadline.missed billing",
            "06:40 opened warning: deadline.at_risk usage",
            "06:45 closed: deadline.at_risk crm_core, deadline.missed billing",
            "06:45 closed: deadline.at_risk usage",
        ],
    ),
    Scenario(march(29), "an ordinary night", ordinary),
    Scenario(
        march(30),
        "builds take very long, again",
        slow("build", 11),
        [
            "04:45 opened warning: deadline.at_risk billing",
            "05:20 opened warning: deadline.at_risk crm_core",
            "06:00 escalated critical: deadline.missed billing",
            "06:20 closed: deadline.at_risk crm_core, deadline.missed billing",
        ],
    ),
    Scenario(march(31), "an ordinary night", ordinary),
    Scenario(
        date(2026, 11, 1),
        "clocks go back, and a file is late",
        file_late,
        [
            "05:00 opened warning: feed.late electric_reads",
            "05:25 closed: feed.late electric_reads",
        ],
    ),
]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shift]:
    """Play every night."""
    folder = tmp_path_factory.mktemp("month")
    packaged = {n: (PACKAGED / "deliveries" / f"{n}.yaml").read_text("utf-8") for n in DELIVERIES}
    write_catalog(folder / "catalog", packaged)
    shift = Shift(folder, folder / "catalog", NIGHTS[0].day)
    with shift.open():
        for previous, scenario in zip([None, *NIGHTS], NIGHTS, strict=False):
            if previous is None or (scenario.day - previous.day).days > 1:
                shift.remember(scenario.day)
            night = Night(scenario.day)
            shift.begin(night)
            scenario.happens(shift, night)
            shift.run()
        yield shift


@pytest.mark.parametrize("scenario", NIGHTS, ids=lambda s: f"{s.day}-{s.title.replace(' ', '_')}")
def test_each_night_says_what_it_must_when_it_must(month: Shift, scenario: Scenario) -> None:
    assert [str(m) for m in month.messages() if m.night == scenario.day] == scenario.said


def test_nothing_is_said_twice_and_nothing_stays_open(month: Shift) -> None:
    said = [(m.night, m.kind, m.severity, m.about) for m in month.messages()]

    assert len(said) == len(set(said))
    with month.watchdog.ledger.read() as session:
        assert alerts.standing(session) == []


def test_the_words_say_what_was_seen(month: Shift) -> None:
    first = {m.night: m.text for m in reversed(month.messages())}

    assert "electric_reads_20260304.csv.done has not come" in first[march(4)]
    assert "bills-2026-03-10.csv" in first[march(10)]
    assert "[file.empty]" not in first[march(5)]
    assert "has no bytes" in first[march(5)] or "is empty" in first[march(5)]


def test_the_page_is_what_was_seen(month: Shift) -> None:
    nights = [(s.day, s.title, s.happens.__doc__ or "", s.said) for s in NIGHTS]
    text = month_page.page(nights, promises(month))
    if os.environ.get(REWRITE):
        PAGE.write_text(text, "utf-8")

    assert PAGE.read_text("utf-8") == text


def promises(shift: Shift) -> list[month_page.Told]:
    """Return how everything owed in the month went."""
    with shift.watchdog.ledger.read() as session:
        rows = {(a.business_date, a.subject): a for a in alerts.newest(session, 1000) if a.topic == "progress"}
    told = []
    for scenario in NIGHTS:
        for owed in night_plan(shift.catalog, scenario.day, ZONE).owed:
            if owed.kind != "report":
                row = rows.get((scenario.day, owed.subject))
                missed = row is not None and row.code == "deadline.missed"
                at = row.opened_at if row else None
                told.append(month_page.told(owed.subject, scenario.day, owed.deadline, missed=missed, opened_at=at))
    return told
