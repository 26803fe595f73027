"""NightWatt: the night shift of a utility's data, from landed file to delivered file.

Everything that does not need Airflow lives in this package; the Airflow side is in `plugins/` and `dags/`.
"""

from __future__ import annotations

__version__ = "0.1.0"
