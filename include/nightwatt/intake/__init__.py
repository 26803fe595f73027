"""Reading a landed file by its feed's contract: typed rows into the lake, bad lines into the reject store.

Belongs here: one receipt in, Parquet and counts out, in an engine that shares no file with any other, so
that intakes run side by side. Does not belong here: finding files (arrival), keeping the latest version
of a read (reads), or anything across receipts (warehouse).
"""

from nightwatt.intake.replaying import replay
from nightwatt.intake.run import LoadResult, intake

__all__ = ["LoadResult", "intake", "replay"]
