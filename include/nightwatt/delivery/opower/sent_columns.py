"""What columns of sent files mean to somebody who searches them: whose row, of when, and what tells rows apart.

Belongs here: names of columns, from the profile of a delivery. Does not belong here: searching (`nightwatt.delivery`
does, by these names), what is right or wrong in a row (`checker`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nightwatt.contracts.delivery import Delivery
from nightwatt.delivery.opower.billing_profile import JOIN, BillingProfile, load_billing_profile
from nightwatt.delivery.opower.profile import FieldName, IntervalProfile, load_profile
from nightwatt.errors import TerminalError

_TELL_READS_APART: tuple[FieldName, ...] = (
    "service_point_id", "end_date", "end_time", "utc_offset", "unit", "commodity", "channel",
)  # fmt: skip
_ACCOUNT, _ACCOUNT_OF_CCB = "account_id", "ccb_account_id"
_PERIOD = ("date_to", "duration")


@dataclass(frozen=True)
class SentColumns:
    """Names of columns in the files of one delivery.

    Attributes:
        service_point: whose row it is.
        accounts: columns an account is searched in; none in files without accounts.
        key: what tells rows apart; of two rows with one key the later one counts. Files may lack some of them.
        ends: date and time at which a read ends, local; of interval files.
        period: end date and days of a billed period.
        date_to: whether that end is the day after the last one, or the last one.
    """

    service_point: str
    key: tuple[str, ...]
    accounts: tuple[str, ...] = ()
    ends: tuple[str, str] | None = None
    period: tuple[str, str] | None = None
    date_to: Literal["boundary", "last_day"] = "boundary"


def columns_of(contract: Delivery) -> SentColumns:
    """Return what the columns of a delivery's files mean.

    Raises:
        TerminalError: `sent.not_searchable`, its files are of a kind nobody indexes.
    """
    found = _of_kind(contract.kind, contract.profile)
    if found is None:
        raise TerminalError(
            "sent.not_searchable",
            f"files of {contract.delivery} have no index",
            "look into its copies in the outbox; rows for the CRM are found by `nightwatt sql`",
        )
    return found


def is_searchable(contract: Delivery) -> bool:
    """Whether a delivery's files are of a kind that is indexed."""
    return _of_kind(contract.kind, contract.profile) is not None


def _of_kind(kind: str, profile: str) -> SentColumns | None:
    if kind == "opower_interval":
        return _of_interval(load_profile(profile))
    if kind == "opower_billing":
        return _of_billing(load_billing_profile(profile))
    return None


def _of_billing(profile: BillingProfile) -> SentColumns:
    key = (_ACCOUNT, JOIN, *_PERIOD)
    accounts = (_ACCOUNT, _ACCOUNT_OF_CCB)
    return SentColumns(JOIN, key, accounts=accounts, period=_PERIOD, date_to=profile.period.date_to)


def _of_interval(profile: IntervalProfile) -> SentColumns:
    names = {c.field: c.name for c in profile.columns}
    key = tuple(names[field] for field in _TELL_READS_APART if field in names)
    return SentColumns(names["service_point_id"], key, ends=(names["end_date"], names["end_time"]))
