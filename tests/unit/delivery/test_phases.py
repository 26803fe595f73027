"""What each phase takes: cut, carried on and started over, every stored row goes out once, and none is left behind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightwatt.delivery.parcels import PublicationFacts
from nightwatt.delivery.phases import Phase, PhaseKind, Sample, Standard, Window, is_covered, window_of
from nightwatt.errors import TerminalError
from nightwatt.ledger.models import Sending

NIGHT = date(2026, 3, 9)
CUT = date(2026, 1, 26)
AT = datetime(2026, 3, 9, 9, tzinfo=UTC)


def facts(through: int) -> PublicationFacts:
    """Return a publication with loads up to this one."""
    return PublicationFacts(sequence=through + 1, through_sequence=through, published_at=AT)


def sent(through: int, first_day: date | None = None, last_day: date | None = None) -> Sending:
    """Return what the ledger knows of a file that went out."""
    return Sending(through_sequence=through, first_day=first_day, last_day=last_day)


@pytest.mark.parametrize(
    ("standard", "night", "last_day", "first_day"),
    [
        ("billing", date(2016, 12, 1), None, date(2015, 1, 1)),  # the partner's own example
        ("billing", NIGHT, CUT, date(2025, 1, 1)),
        ("interval", NIGHT, None, date(2025, 2, 1)),
        ("interval", NIGHT, CUT, date(2024, 12, 1)),
        ("interval", date(2026, 1, 31), None, date(2024, 12, 1)),
    ],
)
def test_a_history_goes_back_as_far_as_the_partner_asks(
    standard: Standard, night: date, last_day: date | None, first_day: date
) -> None:
    window = window_of(Phase(PhaseKind.FULL, last_day), sent(5), facts(7), night, standard)

    assert window == Window(None, 7, first_day, last_day, None, None)


def test_a_sample_is_a_history_of_chosen_accounts() -> None:
    window = window_of(Phase(PhaseKind.SAMPLE, CUT, size=12_000, seed=4), None, facts(7), NIGHT, "billing")

    assert window == Window(None, 7, date(2025, 1, 1), CUT, None, Sample(12_000, 4))


def test_an_incremental_goes_on_where_the_last_file_ended_and_takes_what_it_was_cut_short_of() -> None:
    window = window_of(Phase(), sent(5, date(2025, 1, 1), CUT), facts(7), NIGHT, "billing")

    assert window == Window(5, 7, date(2025, 1, 1), None, CUT, None)


def test_an_incremental_before_anything_was_sent_takes_all_there_is() -> None:
    assert window_of(Phase(), None, facts(7), NIGHT, "interval") == Window(None, 7, None, None, None, None)


@pytest.mark.parametrize(
    "phase",
    [
        Phase(PhaseKind.FULL, NIGHT + timedelta(days=1)),
        Phase(PhaseKind.SAMPLE, date(2024, 12, 31)),
        Phase(PhaseKind.INCREMENTAL, CUT),
    ],
)
def test_a_cut_that_makes_no_sense_is_refused(phase: Phase) -> None:
    with pytest.raises(TerminalError, match=r"phase\.last_day"):
        window_of(phase, None, facts(7), NIGHT, "billing")


@pytest.mark.parametrize(
    ("last", "through", "covered"),
    [(sent(7), 7, True), (sent(7, None, CUT), 7, False), (sent(7), 8, False), (sent(7, None, CUT), 6, True)],
)
def test_the_same_publication_has_something_left_only_behind_a_cut(last: Sending, through: int, covered: bool) -> None:
    assert is_covered(last, facts(through)) is covered


# ---- every stored row once ------------------------------------------------------------------------------------------

FIRST = NIGHT - timedelta(days=20)  # days are few, so that loads meet: well inside both standards' history


@dataclass
class Store:
    """A store of the newest load of each day, and a partner that counts how often it got each version."""

    today: date = NIGHT
    through: int = 0
    rows: dict[date, int] = field(default_factory=dict)
    got: dict[tuple[date, int], int] = field(default_factory=dict)
    last: Sending | None = None

    def load(self, days: list[int]) -> None:
        """Store rows of some days, new ones and corrections, a day later."""
        self.through += 1
        self.today += timedelta(days=1)
        self.rows |= {FIRST + timedelta(days=n): self.through for n in days}

    def send(self, phase: Phase) -> None:
        """Send a file of a phase, if there is something for it, as `deliver` does."""
        publication = facts(self.through)
        if phase.kind is PhaseKind.INCREMENTAL and self.last is not None and is_covered(self.last, publication):
            return
        window = window_of(phase, self.last, publication, self.today, "interval")
        taken = [(day, load) for day, load in self.rows.items() if takes(window, load, day)]
        if not taken or phase.kind is PhaseKind.SAMPLE:
            return  # a sample never counts
        if phase.kind is PhaseKind.FULL:
            self.got = {}
        for version in taken:
            self.got[version] = self.got.get(version, 0) + 1
        self.last = sent(self.through, window.first_day, window.last_day)


def takes(window: Window, load: int, day: date) -> bool:
    """Say whether a row is in, in the words of the specification."""
    late = window.earlier_cut is not None and day > window.earlier_cut
    new = window.since_sequence is None or load > window.since_sequence or late
    begun = window.first_day is None or window.first_day <= day
    return new and begun and load <= window.through_sequence and (window.last_day is None or day <= window.last_day)


loads = st.lists(st.integers(0, 20), min_size=1, max_size=6)
cuts = st.none() | st.integers(0, 20)
steps = st.one_of(
    loads,
    st.tuples(st.just(PhaseKind.FULL), cuts),
    st.tuples(st.just(PhaseKind.SAMPLE), cuts),
    st.just((PhaseKind.INCREMENTAL, None)),
)


@given(st.lists(steps, max_size=25))
def test_after_a_full_every_stored_row_is_sent_once(history: list[list[int] | tuple[PhaseKind, int | None]]) -> None:
    store = Store()
    for step in history:
        if isinstance(step, list):
            store.load(step)
        else:
            kind, cut = step
            store.send(Phase(kind, None if cut is None else FIRST + timedelta(days=cut)))
        assert all(times == 1 for times in store.got.values())
    store.send(Phase())  # the next night finds what is left

    assert set(store.rows.items()) <= set(store.got)
    assert all(times == 1 for times in store.got.values())


windows = st.builds(
    Window,
    since_sequence=st.none() | st.integers(0, 9),
    through_sequence=st.integers(0, 9),
    first_day=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    last_day=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    earlier_cut=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    sample=st.none(),
)


@given(windows)
def test_the_condition_in_sql_is_the_rule(window: Window) -> None:
    grid = [(load, date(2026, 1, day)) for load in range(11) for day in range(1, 11)]
    taken = _CON.execute(f"select load, day from grid where {window.condition('load', 'day')}").fetchall()

    assert sorted(taken) == [row for row in grid if takes(window, *row)]


@given(windows)
def test_what_the_file_before_took_is_the_rest_of_the_days(window: Window) -> None:
    earlier = window.earlier("load", "day")
    if earlier is None:
        assert window.since_sequence is None
        return
    days = replace(window, since_sequence=None)
    taken, before, all_of_it = (
        set(_CON.execute(f"select load, day from grid where {condition}").fetchall())
        for condition in (window.condition("load", "day"), earlier, days.condition("load", "day"))
    )

    assert (taken | before, taken & before) == (all_of_it, set())


_CON = duckdb.connect(":memory:")
_CON.execute(
    "create table grid as select l as load, date '2026-01-01' + d::integer as day from range(11) a(l), range(10) b(d)"
)
