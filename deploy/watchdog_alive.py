"""The health check of the watchdog's service: its last look, which the ledger knows, is not long ago."""

from __future__ import annotations

import sys
from datetime import timedelta

from nightwatt.calendar import utc_now
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Heartbeat
from nightwatt.settings import Settings

SILENT_AFTER = timedelta(minutes=5)

ledger = Ledger.open(Settings().ledger_address)
with ledger.read() as session:
    beat = session.get(Heartbeat, "watchdog")
ledger.close()
if beat is None or utc_now() - beat.at > SILENT_AFTER:
    sys.exit(f"the watchdog last looked at {beat.at:%Y-%m-%d %H:%M:%S} UTC" if beat else "the watchdog never looked")
