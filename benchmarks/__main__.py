"""`make bench`: every benchmark with its default size."""

from __future__ import annotations

from benchmarks import night

night.main([])
