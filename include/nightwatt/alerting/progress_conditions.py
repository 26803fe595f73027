"""What can be wrong with the work of a night: a step fails, a publication is refused, a promise is at risk or broken.

Belongs here: pure judgements about steps, publications and what is owed. Does not belong here: files coming in
(`feed_conditions.py`) and files going out (`sending_conditions.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nightwatt.alerting.feed_conditions import NIGHT, feed_cause, system_cause
from nightwatt.alerting.forecast import Forecast
from nightwatt.alerting.night import (
    Known,
    Night,
    Told,
    affected,
    is_delivered,
    is_done,
    is_owed,
    is_published_since,
    is_waived,
    listed,
    published_at,
    told,
    wall,
)
from nightwatt.alerting.plan import Owed
from nightwatt.alerting.verdict import State, verdict
from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import Publication, PublicationState, Run, RunState, Severity

START_GRACE = timedelta(minutes=15)
"""How long after its time a chain may begin before somebody is told."""
RETRIES = 3
"""How often Airflow tries a task again; a failure after those is left to a person."""
MENDS_WITHIN = timedelta(minutes=10)
"""How long a failure that may mend itself is left alone."""
RELIEF = timedelta(minutes=10)
"""How much before its deadline something must be expected again before it is no longer at risk: no to and fro."""

STEPS = ("load", "merge", "build", "publish", "acknowledge")
SAID_OTHERWISE = frozenset({"load.held", "publish.refused"})
"""Failures that have a condition of their own."""

CHAINS: Mapping[str, str] = {"billing": "billing_nightly", "usage": "usage_daily"}
"""The DAG of each domain's chain."""


@dataclass(frozen=True)
class Blame:
    """What something waits for: the cause it shares, and the words."""

    cause: str
    words: str


# --- nothing ran ---------------------------------------------------------------------------------------


def not_started(night: Night, known: Known, now: datetime) -> Iterator[Condition]:
    """Yield the domains whose chain should have begun, and of which nothing is to be seen."""
    for owed in night.plan.owed:
        begun = owed.kind != "publication" or now < owed.start_at + START_GRACE or _has_begun(night, owed.domain)
        if begun or not night.plan.expected(owed.domain):
            continue
        start = wall(owed.start_at, known.zone, night.day)
        chain = CHAINS.get(owed.domain, owed.domain)
        yield Condition(
            topic="night",
            code="night.not_started",
            subject=owed.domain,
            business_date=night.day,
            cause=NIGHT,
            severity=Severity.CRITICAL,
            message=f"{owed.domain}: the night should have begun at {start}, and nothing of it is to be seen: nobody "
            "looked for a file, no step ran",
            remedy=f"see in Airflow whether the DAG {chain} is paused or broken and the scheduler runs; then trigger "
            f"{chain} with business_date {night.day}",
            runbook="night_not_started",
            domain=owed.domain,
            evidence={"start": owed.start_at.isoformat(), "affects": affected(night, known, owed.domain)},
        )


def _has_begun(night: Night, domain: str) -> bool:
    feeds = {f.feed for f in night.plan.feeds if f.domain == domain}
    book = night.book
    ran = any(r.subject in feeds or (r.stage, r.subject) == ("build", domain) for r in book.runs)
    return ran or bool(feeds & (set(book.looks) | set(book.receipts))) or published_at(book, domain) is not None


# --- steps ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failing:
    """A step that failed and has not succeeded since."""

    stage: str
    subject: str
    since: datetime
    times: int
    error: Told

    @property
    def is_final(self) -> bool:
        """Whether nothing tries it again by itself."""
        return self.error.is_terminal or self.times > RETRIES

    def is_telling(self, now: datetime) -> bool:
        """Whether somebody should know: it is final, or has not mended itself for a while."""
        return self.is_final or self.times > 1 or now >= self.since + MENDS_WITHIN


def failing(night: Night, stage: str, subject: str) -> Failing | None:
    """Return how a step fails; None if its newest end was good, or a condition of its own says so."""
    streak: list[Run] = []
    for run in night.book.runs:
        if (run.stage, run.subject) == (stage, subject) and run.state != RunState.RUNNING:
            streak = [] if run.state == RunState.SUCCEEDED else [*streak, run]
    if not streak:
        return None
    error = told(streak[-1].message)
    if error.code in SAID_OTHERWISE:
        return None
    first = streak[0]
    return Failing(stage, subject, first.ended_at or first.started_at, len(streak), error)


def of_steps(night: Night, known: Known, now: datetime) -> Iterator[Condition]:
    """Yield the steps that failed and nothing has mended."""
    for stage, subject in dict.fromkeys((r.stage, r.subject) for r in night.book.runs if r.stage in STEPS):
        found = failing(night, stage, subject)
        domain = _domain_of(known, stage, subject)
        if found is None or not found.is_telling(now) or _is_past(found, night, known, domain):
            continue
        again = "" if found.is_final else "; it is tried again by itself"
        yield Condition(
            topic="stage",
            code="stage.failed",
            subject=f"{stage} {subject}",
            business_date=night.day,
            cause=_step_cause(known, subject, domain),
            severity=Severity.CRITICAL if found.is_final else Severity.WARNING,
            message=f"{stage} of {subject} failed at {wall(found.since, known.zone, night.day)}: "
            f"{found.error.message}{again}",
            remedy=f"{found.error.remedy or 'read the log of the task'}; then clear the task in Airflow",
            runbook="stage_failed",
            domain=domain,
            evidence={
                "code": found.error.code,
                "times": found.times,
                "affects": affected(night, known, domain) if domain else [],
            },
        )


def _is_past(found: Failing, night: Night, known: Known, domain: str | None) -> bool:
    """Whether a step need not succeed any more: a person goes on without its feed, or what it was for is done."""
    if found.subject in known.catalog.deliveries:
        return is_delivered(night.book, found.subject)
    waived = found.subject in known.catalog.feeds and is_waived(night.book, found.subject)
    return waived or (domain is not None and is_published_since(night.book, domain, found.since))


def _domain_of(known: Known, stage: str, subject: str) -> str | None:
    if stage in {"build", "publish"}:
        return subject
    if stage == "merge":
        return "usage"
    contract = known.catalog.feeds.get(subject) or known.catalog.deliveries.get(subject)
    return contract.domain if contract else None


def _step_cause(known: Known, subject: str, domain: str | None) -> str:
    if subject in known.catalog.feeds:
        return feed_cause(subject)
    if subject in known.catalog.deliveries:
        return f"partner:{known.catalog.deliveries[subject].partner}"
    return publication_cause(domain or subject)


def publication_cause(domain: str) -> str:
    """Name what is behind readers and partners waiting for a domain that nothing else explains."""
    return f"publication:{domain}"


# --- publications --------------------------------------------------------------------------------------


def of_publications(night: Night, known: Known) -> Iterator[Condition]:
    """Yield publications of a night that were refused, and what the checks of it found."""
    for domain in CHAINS:
        if refused := _refused(night, domain):
            yield _refusal(night, known, domain, refused)
    for check in night.book.failed:
        domain = str(check.evidence.get("domain", "billing"))
        differs = check.code.startswith("reconcile.") and check.blocks
        if differs and not _has_followed(night, domain):
            yield Condition(
                topic="reconciliation",
                code="reconcile.over_tolerance",
                subject=check.subject,
                business_date=night.day,
                cause=publication_cause(domain),
                severity=Severity.CRITICAL,
                message=check.message,
                remedy=f"`nightwatt reconcile {domain}` names the accounts; correct the cause and build again",
                runbook="publication_refused",
                domain=domain,
                evidence=dict(check.evidence),
            )
        elif check.code == "usage.missing_meters" and not _has_followed(night, "usage"):
            yield Condition(
                topic="meters",
                code=check.code,
                subject=check.subject,
                business_date=night.day,
                cause=f"meters:{check.subject}",
                severity=Severity.WARNING,
                message=check.message,
                remedy="ask the owner of the meter data whether a collector or a district is out",
                runbook="incomplete_night",
                domain="usage",
                evidence=dict(check.evidence),
            )


def _has_followed(night: Night, domain: str) -> bool:
    """Whether a later night is published: its own publication is looked at now."""
    return any(
        p.domain == domain and p.as_of > night.day and p.state == PublicationState.PUBLISHED
        for p in night.book.publications
    )


def _refused(night: Night, domain: str) -> Publication | None:
    """Return the newest attempt of a night, if it was refused and nothing was published since."""
    attempts = [p for p in night.book.publications if p.domain == domain and p.state != PublicationState.BUILDING]
    newest = max(attempts, key=lambda p: p.sequence, default=None)
    return newest if newest and newest.state == PublicationState.REFUSED else None


def _refusal(night: Night, known: Known, domain: str, refused: Publication) -> Condition:
    return Condition(
        topic="publication",
        code="publication.refused",
        subject=domain,
        business_date=night.day,
        cause=publication_cause(domain),
        severity=Severity.CRITICAL,
        message=f"{domain}: {refused.message or 'its checks failed'}",
        remedy="correct the cause, then clear the build in Airflow; readers keep what they have until then",
        runbook="publication_refused",
        domain=domain,
        evidence={"publication": refused.sequence, "affects": affected(night, known, domain)},
    )


def of_readers(nights: Sequence[Night], known: Known) -> Iterator[Condition]:
    """Yield the domains of which readers see something older than yesterday."""
    yesterday = known.tonight - timedelta(days=1)
    for domain, standing in sorted(known.house.standing.items()):
        is_owed_then = any(n.day == yesterday and n.plan.owes("publication", domain) for n in nights)
        if standing.as_of < yesterday and is_owed_then:
            yield Condition(
                topic="publication",
                code="publication.stale",
                subject=domain,
                business_date=None,
                cause=publication_cause(domain),
                severity=Severity.WARNING,
                message=f"{domain}: readers see it as of {standing.as_of} (publication {standing.sequence})",
                remedy="tell the analysts; see why the nights since were not published",
                runbook="publication_refused",
                domain=domain,
                evidence={"publication": standing.sequence, "as_of": str(standing.as_of)},
            )


# --- promises ------------------------------------------------------------------------------------------


def of_promises(
    night: Night, known: Known, now: datetime, found: Sequence[Condition], idle: frozenset[str] = frozenset()
) -> Iterator[Condition]:
    """Yield what is owed and is at risk, or was not done in time and is not done yet.

    Args:
        night: the night.
        known: what is the same for all nights.
        now: the clock.
        found: what else is wrong with this night: what a promise waits for is its cause.
        idle: domains of which nothing runs.
    """
    for owed in night.plan.owed:
        if not is_owed(owed, night, known) or is_done(owed, night.book):
            continue
        forecast = night.forecasts.get((owed.kind, owed.subject))
        blame = Blame(NIGHT, "nothing runs") if owed.domain in idle else blamed(owed, night, known, found, forecast)
        judged = verdict(
            deadline=owed.deadline,
            now=now,
            done_at=None,
            forecast=_cautious(forecast, owed, night, known) if forecast else None,
            late_at=owed.late_at,
        )
        words = _words(judged.state, owed, forecast, night, known)
        if judged.state is State.MISSED:
            yield _promise(night, known, owed, "deadline.missed", f"{words}; {blame.words}", blame)
        elif judged.is_bad:
            yield _promise(night, known, owed, "deadline.at_risk", f"{words}; {blame.words}", blame)


def _cautious(forecast: Forecast, owed: Owed, night: Night, known: Known) -> datetime:
    """Return when something is expected; what was at risk has to be clear of its deadline again."""
    is_told = f"progress:{owed.subject}:{night.day}" in known.house.open_keys
    return forecast.at + RELIEF if is_told else forecast.at


def _words(state: State, owed: Owed, forecast: Forecast | None, night: Night, known: Known) -> str:
    """Say how a promise stands that is not kept."""
    if state is State.MISSED:
        return "not done"
    if state is State.AT_RISK and forecast is not None:
        return f"expected only at about {wall(forecast.at, known.zone, night.day)}"
    agreed = f" by {wall(owed.late_at, known.zone, night.day)}" if owed.late_at else ""
    return f"agreed{agreed} and not done"


def _promise(night: Night, known: Known, owed: Owed, code: str, words: str, blame: Blame) -> Condition:
    is_broken = code == "deadline.missed"
    others = [text for text in affected(night, known, owed.domain) if not text.startswith(owed.title)]
    return Condition(
        topic="progress",
        code=code,
        subject=owed.subject,
        business_date=night.day,
        cause=blame.cause,
        severity=Severity.CRITICAL if is_broken else Severity.WARNING,
        message=f"{owed.title} by {wall(owed.deadline, known.zone, night.day)}: {words}",
        remedy=_what_to_do(owed, night),
        runbook="deadline",
        domain=owed.domain,
        evidence={
            "deadline": owed.deadline.isoformat(),
            "affects": others if owed.kind == "publication" else [],
        },
    )


def _what_to_do(owed: Owed, night: Night) -> str:
    look = f"`nightwatt status --date {night.day}` says where it hangs"
    if owed.kind == "publication":
        return f"{look}; tell analysts that they see yesterday's, and partners that files come later"
    return f"{look}; tell the partner that the file comes later, and when"


def blamed(owed: Owed, night: Night, known: Known, found: Sequence[Condition], forecast: Forecast | None) -> Blame:
    """Say what something owed waits for: nothing runs, files that do not come, files on hold, a step that fails."""
    mine = [c for c in found if c.domain == owed.domain and c.business_date == night.day]
    if owed.kind == "delivery" and published_at(night.book, owed.domain) is not None:
        return _delivery_blame(owed, known, found, forecast)
    for cause in ("system:", "feed:"):
        waits = [c for c in mine if c.cause.startswith(cause) and c.topic in {"arrival", "unreadable", "rejects"}]
        if waits:
            return Blame(waits[0].cause, f"waits for {listed([c.subject for c in waits])}")
    broken = [c for c in mine if c.topic in {"stage", "publication"}]
    if broken:
        return Blame(publication_cause(owed.domain), broken[0].message)
    return _by_forecast(owed, night, forecast)


def _delivery_blame(owed: Owed, known: Known, found: Sequence[Condition], forecast: Forecast | None) -> Blame:
    """A delivery whose domain is published waits for its partner, or for its own DAG."""
    contract = known.catalog.deliveries.get(owed.subject)
    cause = f"partner:{contract.partner}" if contract else f"delivery:{owed.subject}"
    mine = [c for c in found if c.topic == "sending" and c.subject == owed.subject]
    reason = mine[0].message if mine else (forecast.reason if forecast else "nothing tried to send it")
    return Blame(cause, reason)


def _by_forecast(owed: Owed, night: Night, forecast: Forecast | None) -> Blame:
    if forecast is None:
        return Blame(publication_cause(owed.domain), "it is not there yet, and nothing failed")
    waits = [f for f in night.plan.feeds if f"arrival:{f.feed}" in forecast.waits_for]
    cause = system_cause(waits[0]) if waits else publication_cause(owed.domain)
    return Blame(cause, forecast.reason)
