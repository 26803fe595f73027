"""The book: every receipt, load, check, publication, delivery and run is a row of a small database.

Belongs here: the models, their migrations, and the questions others ask of them. Does not belong here:
deciding anything; source text (rejected lines lie in the reject store).
"""

from nightwatt.ledger.book import Ledger

__all__ = ["Ledger"]
