"""Checks on what came in: pure functions over facts of the ledger, giving typed results.

Belongs here: completeness of a feed's night, of the meters behind it, and of what was sent. Does not belong
here: looking facts up (the caller does), recording results (`nightwatt.ledger.checks`) and the checks a
room makes of its own work (a publication's).
"""

from nightwatt.checks.completeness import COMPLETENESS_CODES, CountedFile, check_completeness, is_complete
from nightwatt.checks.meters import check_meters
from nightwatt.checks.sendings import Owed, check_sendings
from nightwatt.ledger.checks import CheckResult

__all__ = [
    "COMPLETENESS_CODES",
    "CheckResult",
    "CountedFile",
    "Owed",
    "check_completeness",
    "check_meters",
    "check_sendings",
    "is_complete",
]
