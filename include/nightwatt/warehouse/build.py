"""Building one domain's models: attach what they read, run dbt over what changed, remember it.

Belongs here: the order of those steps, and whether a build is needed and whether it is full or partial.
Does not belong here: choosing a night's files (the caller) and publishing (`publish.py`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nightwatt import log
from nightwatt.ledger import Ledger
from nightwatt.locks import HeldLock
from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file, inputs, meta
from nightwatt.warehouse.dbt import DbtResult, manifest_path, project_hash, run_dbt
from nightwatt.warehouse.inputs import BuildInputs

_log = log.get("warehouse")

At = Callable[[str], None]
"""Called with the name of a step just done; tests kill the process there."""

STEPS = ("build.inputs_attached", "build.dbt_done", "build.recorded")


@dataclass(frozen=True)
class BuildResult:
    """What a build did."""

    domain: str
    is_skipped: bool  # nothing changed since the last build
    is_full: bool
    through_sequence: int
    store_version: int | None
    touched_keys: int
    seconds: float
    dbt: DbtResult | None
    reason: str  # why skipped, full or partial, in words


@dataclass(frozen=True)
class _Plan:
    is_needed: bool
    scope: inputs.Scope
    through_sequence: int
    store_version: int | None
    inputs_hash: str
    project_hash: str
    reason: str


def build(
    domain: str,
    from_inputs: BuildInputs,
    settings: Settings,
    ledger: Ledger,
    *,
    select: Sequence[str] | None = None,
    full_refresh: bool = False,
    lock_timeout_s: float = 600,
    at: At = lambda _: None,
) -> BuildResult:
    """Bring a domain's models up to date with its inputs. Safe to run again after any interruption.

    Args:
        domain: `billing` or `usage`.
        from_inputs: what to read, pinned by the caller.
        settings: the home.
        ledger: the book, for its sequence numbers and the `ops_` models.
        select: dbt selection; `tag:<domain>` and `tag:ops` otherwise.
        full_refresh: rebuild everything, whatever the last build saw.
        lock_timeout_s: how long to wait for another writer.
        at: told each step of `STEPS` as it is done.

    Raises:
        TerminalError: `dbt.failed`; the published warehouse is not affected.
        TransientError: `warehouse.locked`.
    """
    started = time.monotonic()
    with duck_file.writer_lock(settings, f"build {domain}", lock_timeout_s) as held:
        with duck_file.writer(settings, f"build {domain}", held) as con:
            meta.prepare(con)
            plan = _plan(domain, from_inputs, settings, meta.last_build(con, domain), full_refresh)
            if not plan.is_needed:
                return _skipped(domain, plan, time.monotonic() - started)
            meta.begin(con, domain, is_full=plan.scope.is_full)
            inputs.attach_inputs(con, from_inputs, plan.scope, ledger)
            touched = con.execute("select count(*) from lake.touched_reads").fetchone()
        at("build.inputs_attached")
        result = _run(domain, settings, held, plan, select)
        at("build.dbt_done")
        _record(domain, settings, held, plan, result, ledger)
        at("build.recorded")
    seconds = round(time.monotonic() - started, 3)
    _log.info("built", domain=domain, full=plan.scope.is_full, nodes=len(result.nodes), seconds=seconds)
    return BuildResult(
        domain=domain,
        is_skipped=False,
        is_full=plan.scope.is_full,
        through_sequence=plan.through_sequence,
        store_version=plan.store_version,
        touched_keys=touched[0] if touched else 0,
        seconds=seconds,
        dbt=result,
        reason=plan.reason,
    )


def through_sequence_of(domain: str, from_inputs: BuildInputs) -> int:
    """Return the newest load a domain's inputs contain (0: none)."""
    numbers = [t.through_sequence for t in from_inputs.table_feeds.values() if t.domain == domain]
    if domain == "usage" and from_inputs.reads:
        numbers.append(from_inputs.reads.through_sequence)
    return max(numbers, default=0)


def _plan(
    domain: str, from_inputs: BuildInputs, settings: Settings, last: meta.LastBuild | None, full_refresh: bool
) -> _Plan:
    project = project_hash(settings.dbt_project)
    reads = from_inputs.reads if domain == "usage" else None
    inputs_hash = _inputs_hash(domain, from_inputs)
    version = reads.version if reads else None
    through = through_sequence_of(domain, from_inputs)
    is_full, reason = _is_full(last, project, full_refresh)
    scope = inputs.scope_since(reads, last.store_version if last else None, is_full=is_full)
    if scope.is_full and not is_full:
        reason = "full: what changed in the reads store since the last build is not known"
    is_needed = is_full or last is None or last.is_unfinished or last.inputs_hash != inputs_hash
    if not is_needed and manifest_path(settings).exists():  # without it nobody knows what to publish
        return _Plan(False, scope, through, version, inputs_hash, project, "nothing changed since the last build")
    return _Plan(True, scope, through, version, inputs_hash, project, reason)


def _is_full(last: meta.LastBuild | None, project: str, full_refresh: bool) -> tuple[bool, str]:
    if full_refresh:
        return True, "full: asked for"
    if last is None:
        return True, "full: the warehouse has no finished build of this domain"
    if last.project_hash != project:
        return True, "full: the dbt project changed since the last build"
    if last.is_unfinished:
        return False, "partial: the build before did not finish"
    return False, "partial: only what changed since the last build"


def _inputs_hash(domain: str, from_inputs: BuildInputs) -> str:
    """Return a hash of what the domain's models will see: business date, sequence, version, columns and files."""
    tables = {
        name: {"columns": dict(t.columns), "files": [f.as_posix() for f in t.files], "absence": t.absence}
        for name, t in sorted(from_inputs.table_feeds.items())
        if t.domain == domain
    }
    reads = from_inputs.reads if domain == "usage" else None
    content = {
        "format": inputs.INPUTS_FORMAT,
        "as_of": from_inputs.as_of.isoformat(),  # windows and balances move with it, whether or not a file came
        "through": through_sequence_of(domain, from_inputs),
        "tables": tables,
        "reads": [reads.version, [f.as_posix() for f in reads.files]] if reads else None,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _run(domain: str, settings: Settings, held: HeldLock, plan: _Plan, select: Sequence[str] | None) -> DbtResult:
    # Unit tests look at the models' SQL with literal rows; they belong to development, not to a night.
    chosen = [f"tag:{domain}", "tag:ops"] if select is None else list(select)
    return run_dbt(settings, "build", held=held, select=chosen, full_refresh=plan.scope.is_full, without=["unit_test"])


def _record(domain: str, settings: Settings, held: HeldLock, plan: _Plan, result: DbtResult, ledger: Ledger) -> None:
    with duck_file.writer(settings, f"build {domain}", held) as con:
        meta.record(
            con,
            meta.LastBuild(
                domain=domain,
                through_sequence=plan.through_sequence,
                store_version=plan.store_version,
                built_at=ledger.clock(),
                dbt_invocation=result.invocation,
                inputs_hash=plan.inputs_hash,
                project_hash=plan.project_hash,
                is_unfinished=False,
            ),
        )


def _skipped(domain: str, plan: _Plan, seconds: float) -> BuildResult:
    return BuildResult(
        domain=domain,
        is_skipped=True,
        is_full=False,
        through_sequence=plan.through_sequence,
        store_version=plan.store_version,
        touched_keys=0,
        seconds=round(seconds, 3),
        dbt=None,
        reason=plan.reason,
    )
