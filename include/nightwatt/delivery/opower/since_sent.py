"""What the partner has of a delivery, for the checker to begin with: new files are judged after everything sent.

Belongs here: handing coverage, record and stamps of sent files to the checker. Does not belong here: keeping them
(`sent_coverage`, `sent_index`), the check (`checker_files`), nor any code of the writer.
"""

from __future__ import annotations

import duckdb

from nightwatt.contracts.delivery import Delivery, OpowerBillingDelivery, OpowerIntervalDelivery
from nightwatt.delivery import sent_index
from nightwatt.delivery.opower.billing_profile import load_billing_profile
from nightwatt.delivery.opower.checker_files import Before, party_and_stamp
from nightwatt.delivery.opower.checker_history import put_on_record
from nightwatt.delivery.opower.checker_record import Record
from nightwatt.delivery.opower.findings import Level
from nightwatt.delivery.opower.profile import load_profile
from nightwatt.delivery.opower.sent_columns import columns_of
from nightwatt.delivery.opower.sent_coverage import SentCoverage
from nightwatt.ledger import Ledger, sendings
from nightwatt.settings import Settings


def before(
    settings: Settings, ledger: Ledger, delivery: Delivery, con: duckdb.DuckDBPyConnection, gap_level: Level
) -> Before:
    """Return what was sent since the delivery's history began.

    Args:
        con: the engine the check will run in.
        gap_level: how bad missing time is.

    Raises:
        TerminalError: `sent.not_searchable`, its files are no partner's this checker knows; an index is missing and
            cannot be made (`sent_index.ensure`).
    """
    columns_of(delivery)
    with ledger.read() as session:
        files = sendings.since_history(session, delivery.delivery)
    stamps: dict[str, str] = {}
    for file in files:
        party, stamp = party_and_stamp(file.file_name)
        stamps[party] = max(stamp, stamps.get(party, stamp))
    if isinstance(delivery, OpowerIntervalDelivery):
        profile = load_profile(delivery.profile)
        return Before(stamps, coverage=SentCoverage(settings, ledger, delivery, profile).load(con))
    record = Record(con, gap_level=gap_level, customers_come=True)
    if isinstance(delivery, OpowerBillingDelivery):
        indexes = sent_index.ensure(settings, ledger, delivery.delivery, only={file.id for file in files})
        put_on_record(record, con, load_billing_profile(delivery.profile), indexes, None)
    return Before(stamps, record=record)
