"""What the checker found, for a person and for a program: text, JSON, HTML.

Belongs here: layout. The samples with service point ids and values are for who asked, on the terminal or in a file of
theirs. Does not belong here: any judgement, or what the ledger keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from nightwatt.delivery.opower.findings import CheckReport, Finding, Level

_WORDS = {Level.FILE: "refuses the file", Level.ROW: "refuses the row", Level.WARNING: "warning"}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; color: #1c2733; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .35rem .6rem;
border-bottom: 1px solid #dde3ea; } th { font-weight: 600; color: #56677a; }
code { font-family: ui-monospace, monospace; } .F, .R { color: #b3261e; } .W { color: #8a5a00; } .ok { color: #1d6b3a; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dt { color: #56677a; } dd { margin: 0; }
"""


def summary(report: CheckReport) -> list[tuple[str, str]]:
    """Return what a file holds, as names and values."""
    share = f"{100 * report.estimated_rows / report.rows:.2f} %" if report.rows else "none"
    told = [("kind", report.kind or "unknown"), ("rows", f"{report.rows:,}")]
    told += [("service points", f"{report.service_points:,}"), ("range", _range(report))]
    told += [(f"sum {key}", f"{value.normalize():f}") for key, value in report.sums.items()]
    told += [("estimated", f"{report.estimated_rows:,} ({share})"), ("gaps", f"{report.gaps:,}")]
    told += [("overlaps", f"{report.overlaps:,}"), ("corrections", f"{report.corrections:,}")]
    return told


def as_text(report: CheckReport) -> str:
    """Return a file's report for a terminal."""
    lines = [report.file_name, *(f"  {name:<15} {value}" for name, value in summary(report))]
    lines += [f"  not checked     {remark}" for remark in report.notes]
    for finding in report.findings:
        lines += [
            "",
            f"  {finding.code} [{finding.level}, {_WORDS[finding.level]}] x{finding.count:,}: {finding.message}",
        ]
        lines += [f"    {where}" for where in _places(finding)]
        lines.append(f"    -> {finding.remedy}")
    return "\n".join([*lines, "", f"  {_verdict(report)}", ""])


def as_data(report: CheckReport) -> dict[str, Any]:
    """Return a file's report as plain values."""
    return {
        "file": report.file_name,
        "kind": report.kind or None,
        "verdict": "rejected" if report.blocking else "accepted",
        "rows": report.rows,
        "service_points": report.service_points,
        "first": _first(report),
        "last": _last(report),
        "sums": {key: f"{value.normalize():f}" for key, value in report.sums.items()},
        "estimated_rows": report.estimated_rows,
        "estimated_share": round(report.estimated_rows / report.rows, 6) if report.rows else None,
        "gaps": report.gaps,
        "overlaps": report.overlaps,
        "corrections": report.corrections,
        "not_checked": list(report.notes),
        "findings": [
            {
                "code": f.code,
                "level": str(f.level),
                "count": f.count,
                "message": f.message,
                "remedy": f.remedy,
                "lines": list(f.lines),
                "samples": [{"line": s.line, "service_point_id": s.service_point, "value": s.value} for s in f.samples],
            }
            for f in report.findings
        ],
    }


def as_json(reports: Iterable[CheckReport]) -> str:
    """Return the reports of a sequence as one JSON document."""
    return json.dumps({"files": [as_data(report) for report in reports]}, indent=2, ensure_ascii=False)


def as_html(reports: Sequence[CheckReport]) -> str:
    """Return the reports of a sequence as one page that needs nothing else."""
    refused = sum(bool(report.blocking) for report in reports)
    title = f"{len(reports)} file(s) checked, {refused} would be refused"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        + "\n".join(map(_section, reports))
        + "\n</body></html>\n"
    )


def _section(report: CheckReport) -> str:
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in summary(report))
    told += "".join(f"<dt>not checked</dt><dd>{escape(remark)}</dd>" for remark in report.notes)
    rows = "".join(
        f'<tr><td class="{f.level}"><code>{f.code}</code></td><td>{f.level}</td><td>{f.count:,}</td>'
        f"<td>{escape(f.message)}<br>{'<br>'.join(map(escape, _places(f)))}</td><td>{escape(f.remedy)}</td></tr>"
        for f in report.findings
    )
    heads = "".join(f"<th>{head}</th>" for head in ("code", "level", "times", "what and where", "do"))
    table = f"<table><tr>{heads}</tr>{rows}</table>" if rows else ""
    worst = report.findings[0].level if report.findings else "ok"
    return f'<h2>{escape(report.file_name)}</h2><p class="{worst}">{escape(_verdict(report))}</p><dl>{told}</dl>{table}'


def _places(finding: Finding) -> list[str]:
    if not finding.samples:
        shown = ", ".join(map(str, finding.lines))
        return [f"line {shown}{', ...' if finding.count > len(finding.lines) else ''}"] if finding.lines else []
    places = [
        ", ".join(
            part
            for part in (
                f"line {s.line}",
                s.service_point and f"service point {s.service_point}",
                s.value and repr(s.value),
            )
            if part
        )
        for s in finding.samples
    ]
    more = finding.count - len(places)
    return [*places, f"and {more:,} more"] if more > 0 else places


def _verdict(report: CheckReport) -> str:
    if report.blocking:
        return f"REJECTED: {', '.join(dict.fromkeys(f.code for f in report.blocking))}"
    return f"accepted, with {len(report.findings)} warning(s)" if report.findings else "accepted, nothing found"


def _range(report: CheckReport) -> str:
    first, last = _first(report), _last(report)
    return f"{first} to {last}" if first else "none"


def _first(report: CheckReport) -> str | None:
    return _moment(report.first_end_at) or _moment(report.first_day)


def _last(report: CheckReport) -> str | None:
    return _moment(report.last_end_at) or _moment(report.last_day)


def _moment(value: Any) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")
