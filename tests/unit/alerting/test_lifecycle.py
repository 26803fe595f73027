"""What becomes of alerts when what is wrong changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.conditions import NIGHT, condition, worse

from nightwatt.alerting.lifecycle import Settlement, settle
from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import Severity

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
KEY = f"arrival:ccb_bill:{NIGHT}"


@pytest.mark.parametrize(
    ("standing", "now", "expected"),
    [
        ({}, [], Settlement()),
        ({}, [condition()], Settlement(opens=(condition(),))),
        ({KEY: WARNING}, [condition()], Settlement(stays=(condition(),))),
        ({KEY: WARNING}, [worse()], Settlement(worsens=(worse(),))),
        ({KEY: CRITICAL}, [worse()], Settlement(stays=(worse(),))),
        ({KEY: CRITICAL}, [condition()], Settlement(stays=(condition(),))),  # released: late, and no longer missing
        ({KEY: CRITICAL}, [], Settlement(closes=(KEY,))),
        ({KEY: WARNING}, [condition("ccb_pay")], Settlement(opens=(condition("ccb_pay"),), closes=(KEY,))),
        # the loudest of one key counts, and the first of those
        ({}, [condition(), worse(), worse(message="again")], Settlement(opens=(worse(),))),
        # another night, another topic: another alert
        (
            {KEY: WARNING},
            [condition(), condition(business_date=NIGHT + timedelta(days=1)), condition(topic="rejects")],
            Settlement(
                opens=(condition(business_date=NIGHT + timedelta(days=1)), condition(topic="rejects")),
                stays=(condition(),),
            ),
        ),
    ],
)
def test_what_opens_worsens_stays_and_closes(
    standing: dict[str, Severity], now: list[Condition], expected: Settlement
) -> None:
    assert settle(standing, now) == expected


def test_a_condition_of_no_night_has_a_key_too() -> None:
    assert condition("scheduler", topic="service", business_date=None).key == "service:scheduler:-"
