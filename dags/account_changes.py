"""Accounts and whatever else comes in near real time: taken in every five minutes and shown at once."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt.stages.refreshing import live_feeds
from nightwatt_airflow.defaults import dag_defaults, nightly, task_defaults
from nightwatt_airflow.stage_tasks import refresh_marts, take_changes
from nightwatt_airflow.tags import Tag

DOCS = """
### Changes within minutes

**Purpose.** What changes during the day in the feeds whose contract says `schedule.every_min` (accounts, say) is seen
by readers within a quarter of an hour.

**Owner.** Billing data. **Runs** every five minutes, all day; a feed is asked as often as its contract says.

**Inputs.** Feeds with `schedule.every_min`. `nightwatt calendar` shows them.

**Outputs.** Files received and loaded, a row in `extractions` for each pull, and a publication as of the date that
stands: it is never tonight's publication, and rings no delivery's doorbell.

**Deadline.** None of its own. A feed of which nothing is heard for `schedule.alert_after_min` is told of.

**If it fails.** Readers keep what they have, and the next run takes up what this one left; nothing has to be cleared.
It stands aside while the night is between its build and its publication, and after a publication was taken back by
hand.

**Runbook.** `docs/runbooks/extraction.md`.
"""

settings = Settings()
feeds = live_feeds(list(load_catalog(settings.catalog, settings.systems).feeds.values()))

if feeds:
    with DAG(
        dag_id="account_changes",
        description="feeds in near real time, every five minutes",
        schedule=nightly("*/5 * * * *"),
        doc_md=DOCS,
        tags=[Tag.TIER_2, Tag.BILLING],
        default_args=task_defaults(owner="billing-data") | {"retries": 1},
        **dag_defaults(owes={}) | {"dagrun_timeout": timedelta(hours=2)},
    ):
        for domain in sorted({feed.domain for feed in feeds}):
            taken = [
                take_changes.override(task_id=f"take_{feed.feed}")(feed.feed) for feed in feeds if feed.domain == domain
            ]
            taken >> refresh_marts.override(task_id=f"refresh_{domain}")(domain)
