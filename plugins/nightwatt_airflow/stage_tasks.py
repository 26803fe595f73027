"""The stages of the night as Airflow tasks: each one thin call of the function the command line calls too.

Belongs here: handing a run's business date and name to a stage, and its summary (counts and ids) to XCom.
Does not belong here: what a stage does (`nightwatt.stages`) and in which order (the DAG files).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, TaskGroup, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from nightwatt.contracts.feed import Feed
from nightwatt.errors import TerminalError
from nightwatt_airflow import lineage, metrics
from nightwatt_airflow.business_date import business_date_in
from nightwatt_airflow.defaults import WRITER_POOL
from nightwatt_airflow.feed_arrived_sensor import FeedArrivedSensor
from nightwatt_airflow.run_of import started_by

PUBLISHED = {domain: Asset(f"published_{domain}") for domain in ("billing", "usage")}
"""Rung when a domain is published. A doorbell only: who hears it asks the ledger what there is."""


WITHOUT_SKIPPED = "none_failed"
"""A feed that its contract lets be skipped does not keep the others from being built."""

WHATEVER_CAME = "all_done"
"""A feed that fails does not keep the changes of others back."""


def take_in(feed: Feed) -> TaskGroup:
    """Wait for a feed's files, then load them."""
    with TaskGroup(group_id=feed.feed, tooltip=feed.title, add_suffix_on_collision=False) as group:
        arrived = FeedArrivedSensor(task_id="wait_for_files", feed=feed.feed, execution_timeout=timedelta(minutes=30))
        arrived >> load_files(feed.feed)
    return group


@task(execution_timeout=timedelta(hours=2))
def load_files(feed: str) -> dict[str, Any]:
    """Read every receipt of the feed that waits into the lake."""
    from nightwatt.stages import Platform, load

    context = get_current_context()
    with Platform.open(started_by=started_by(context)) as platform, metrics.loading(platform, feed):
        summary = load(platform, feed, business_date_in(context))
        lineage.loaded(platform, feed)
    return summary.to_dict()


@task(execution_timeout=timedelta(hours=1))
def take_changes(feed: str) -> dict[str, Any]:
    """Take in and load what a feed in near real time brought since the last run."""
    from nightwatt.stages import Platform
    from nightwatt.stages import take_changes as take

    with Platform.open(started_by=started_by(get_current_context())) as platform, metrics.loading(platform, feed):
        taken = take(platform, feed)
        lineage.loaded(platform, feed)
    return taken.to_dict()


@task(pool=WRITER_POOL, trigger_rule=WHATEVER_CAME, execution_timeout=timedelta(hours=1))
def refresh_marts(domain: str) -> dict[str, Any]:
    """Let readers see what came between two nights; the pool keeps it apart from the night's own build."""
    from nightwatt.stages import Platform, refresh

    with Platform.open(started_by=started_by(get_current_context())) as platform, metrics.stage("refresh", domain):
        refreshed = refresh(platform, domain)
        lineage.built(platform, domain)
    return refreshed.to_dict()


@task(pool=WRITER_POOL, trigger_rule=WITHOUT_SKIPPED, execution_timeout=timedelta(hours=2))
def merge_reads() -> dict[str, Any]:
    """Bring the night's interval reads into the reads store, newest source update first."""
    from nightwatt.stages import Platform
    from nightwatt.stages import merge_reads as merge

    with Platform.open(started_by=started_by(get_current_context())) as platform, metrics.stage("merge", "reads"):
        summary = merge(platform)
        lineage.merged(platform)
    return summary.to_dict()


@task(pool=WRITER_POOL, trigger_rule=WITHOUT_SKIPPED, execution_timeout=timedelta(hours=2))
def build_marts(domain: str) -> dict[str, Any]:
    """Recompute with dbt what tonight's files touch, and test it."""
    from nightwatt.stages import Platform, build

    context = get_current_context()
    with Platform.open(started_by=started_by(context)) as platform, metrics.stage("build", domain):
        summary = build(platform, domain, business_date_in(context))
        lineage.built(platform, domain)
    return summary.to_dict()


def publish_marts(domain: str) -> Any:
    """Publish a domain and ring its doorbell."""
    return _publish.override(outlets=[PUBLISHED[domain]])(domain)


@task(task_id="publish_marts", pool=WRITER_POOL, execution_timeout=timedelta(hours=1))
def _publish(domain: str) -> dict[str, Any]:
    """Swap the checked marts in for readers, as of the business date."""
    from nightwatt.stages import Platform, publish

    context = get_current_context()
    with Platform.open(started_by=started_by(context)) as platform, metrics.stage("publish", domain):
        summary = publish(platform, domain, business_date_in(context))
        lineage.published(platform, summary)
    metrics.published(summary)
    return summary.to_dict()


@task(execution_timeout=timedelta(minutes=10))
def write_data_dictionary() -> bool:
    """Write the page about the models, if the project changed; true if it did."""
    from nightwatt.settings import Settings
    from nightwatt.warehouse import write_model_docs

    return write_model_docs(Settings())


@task(execution_timeout=timedelta(minutes=10))
def check_published(domain: str, delivery: str) -> dict[str, Any]:
    """Go on only if the domain is published for the business date.

    Not there: nothing to do yet (skipped; the doorbell or the next sweep comes back), unless the
    delivery's deadline has passed, which fails the run.
    """
    from nightwatt.alerting.verdict import State, verdict_on
    from nightwatt.stages import Platform

    context = get_current_context()
    day = business_date_in(context)
    with Platform.open(started_by=started_by(context)) as platform:
        published, owed = (
            verdict_on(platform.ledger, platform.catalog, subject, day, platform.settings.tz)
            for subject in (domain, delivery)
        )
    if published.done_at is not None:
        return published.to_dict()
    if owed.verdict.state is State.MISSED:
        raise TerminalError(
            "delivery.nothing_published",
            f"{delivery} for {day} cannot be made: {domain} is not published ({published.verdict.reason})",
            f"see the {domain} run of the night; once it has published, clear this task",
        )
    raise AirflowSkipException(f"{domain} is not published for {day} yet")


@task(execution_timeout=timedelta(hours=1))
def take_answers(delivery: str) -> dict[str, Any]:
    """Take in what the partner answered since the last time, and move what it has acknowledged."""
    from nightwatt.stages import Platform, acknowledge

    context = get_current_context()
    with Platform.open(started_by=started_by(context)) as platform, metrics.stage("acknowledge", delivery):
        return acknowledge(platform, delivery, business_date_in(context)).to_dict()


@task(execution_timeout=timedelta(hours=2))
def deliver_file(delivery: str) -> dict[str, Any]:
    """Write the partner's file from the published warehouse and send it; the second time, do nothing."""
    from nightwatt.stages import Platform, deliver

    context = get_current_context()
    with Platform.open(started_by=started_by(context)) as platform, metrics.stage("deliver", delivery):
        summary = deliver(platform, delivery, business_date_in(context))
        lineage.delivered(platform, summary)
    metrics.delivered(summary)
    return summary.to_dict()


@task(execution_timeout=timedelta(minutes=10))
def watch_sendings() -> dict[str, Any]:
    """Write down which files to Opower are missing, or unusually small, as far as nobody has yet."""
    from nightwatt.stages import Platform
    from nightwatt.stages import watch_sendings as watch

    with Platform.open(started_by=started_by(get_current_context())) as platform:
        return watch(platform).to_dict()
