"""The reads store: the newest state of every interval read, as sorted, versioned Parquet.

Belongs here: merging lake files by the latest-wins rule, the store's versions, look-ups in them. Does not
belong here: making lake files (intake), summing reads (the dbt project) and who may see them (publication).

A caller needs four names:

* `ReadsStore`: merge, rebuild, look up, retain; one object per home.
* `StoreVersion`: one finished state, which never changes; what readers hold on to.
* `MergeResult`: what one merge did, and where the list of touched keys lies.
* `Read`: one row of a look-up.
"""

from __future__ import annotations

from nightwatt.reads.manifest import MergeResult, Partition, StoreVersion
from nightwatt.reads.store import Read, ReadsStore

__all__ = ["MergeResult", "Partition", "Read", "ReadsStore", "StoreVersion"]
