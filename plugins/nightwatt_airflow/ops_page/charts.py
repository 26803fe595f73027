"""Thirty nights as charts, drawn on the server by Vega-Lite: no script, and the colours of the page around them.

Belongs here: which marks show what, and making the drawing fit into the page. Does not belong here: the figures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import vl_convert
from markupsafe import Markup, escape

Point = Mapping[str, Any]

_FONT = "system-ui, sans-serif"
_CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--line)",
        "domainColor": "var(--line)", "tickColor": "var(--line)", "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
}  # fmt: skip
_CLOCK = "(floor(datum.value) < 10 && datum.value >= 0 ? '0' : '') + floor(datum.value) + ':00'"
_SHAPES = {"good": "circle"}
_SPACE = {"wide": 860, "medium": 560, "half": 400}
_LABELLED = re.compile(r'<path aria-label="([^"]*)"([^>]*)/>')


def bars(
    points: Sequence[Point], title: str, *, tone: str = "busy", usual: float | None = None, size: str = "half"
) -> Markup:
    """Draw a figure a night as bars.

    Args:
        points: `night` (as text), `value`, `said` (what a pointer or a screen reader is told).
        title: what the chart shows, for a screen reader.
        tone: colour.
        usual: a line across, where there is a usual value.
        size: wide, medium or half.
    """
    layers: list[Any] = [
        {
            "mark": {"type": "bar", "cornerRadiusEnd": 2},
            "encoding": {
                "x": _nights(points),
                "y": {
                    "field": "value",
                    "type": "quantitative",
                    "title": None,
                    "axis": _few(points),
                },
                "color": {"value": f"var(--{tone})"},
                "description": {"field": "said"},
            },
        }
    ]
    if usual is not None:
        layers.append(_across(usual, "", "muted"))
    return _draw(layers, points, title, size)


def clocks(points: Sequence[Point], title: str, lines: Mapping[str, tuple[float, str]], size: str = "wide") -> Markup:
    """Draw at what time of day something happened each night, with the times it should.

    Args:
        points: `night`, `value` (hours since local midnight), `tone`, `said`.
        title: what the chart shows, for a screen reader.
        lines: name to (hours since local midnight, colour).
        size: wide, medium or half.
    """
    dots = {
        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
        "encoding": {
            "x": _nights(points),
            "y": {
                "field": "value", "type": "quantitative", "title": None,
                "scale": {"zero": False, "nice": True, "padding": 12},
                "axis": {"labelExpr": _CLOCK, "tickCount": 5, "tickMinStep": 1},
            },
            "color": {"field": "colour", "type": "nominal", "scale": None},
            "shape": {"field": "shape", "type": "nominal", "scale": None},
            "description": {"field": "said"},
        },
    }  # fmt: skip
    drawn = [
        {**p, "colour": f"var(--{p['tone']})", "shape": "circle" if p["tone"] == "good" else "triangle-up"}
        for p in points
    ]
    across = [_across(at, name, colour) for name, (at, colour) in lines.items()]
    return _draw([*across, dots], drawn, title, size)


def _few(points: Sequence[Point]) -> dict[str, Any]:
    """Return an axis with few numbers, large ones in thousands or millions."""
    largest = max((p["value"] or 0 for p in points), default=0)
    return {"tickCount": 4, "format": "~s" if largest >= 1000 else ".2~f"}


def _nights(points: Sequence[Point]) -> dict[str, Any]:
    all_nights = [p["night"] for p in points]  # also those without a mark: a gap says that nothing came
    written = all_nights[:: max(1, len(points) // 6)]
    axis = {"values": written, "labelAngle": 0, "labelOverlap": True, "ticks": False, "labelPadding": 7}
    return {"field": "night", "type": "ordinal", "scale": {"domain": all_nights}, "title": None, "axis": axis}


def _across(value: float, name: str, colour: str) -> dict[str, Any]:
    """Return a line at a value, with its name at the right end."""
    halo = {"color": "var(--card)", "stroke": "var(--card)", "strokeWidth": 4}  # so that it reads over a bar
    return {
        "data": {"values": [{}]},
        "layer": [
            {
                "mark": {"type": "rule", "strokeDash": [4, 3], "aria": False},
                "encoding": {"y": {"datum": value}, "color": {"value": f"var(--{colour})"}},
            },
            *(_name(value, name, look) for look in (halo, {"color": f"var(--{colour})"})),
        ],
    }


def _name(value: float, name: str, look: Mapping[str, Any]) -> dict[str, Any]:
    mark = {"type": "text", "align": "right", "dy": -6, "fontSize": 12, "text": name, "aria": False, **look}
    return {"mark": mark, "encoding": {"y": {"datum": value}, "x": {"value": "width"}}}


def _draw(layers: Sequence[Any], points: Sequence[Point], title: str, size: str) -> Markup:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": _SPACE[size],
        "height": 190,
        "padding": {"left": 4, "right": 6, "top": 12, "bottom": 4},
        "autosize": {"type": "fit", "contains": "padding"},
        "config": _CONFIG,
        "data": {"values": list(points)},
        "layer": list(layers),
    }
    return Markup(_svg(json.dumps(spec), title))  # noqa: S704  (made by the library, texts escaped by it and below)


@lru_cache(maxsize=256)
def _svg(spec: str, title: str) -> str:
    drawing = vl_convert.vegalite_to_svg(json.loads(spec), allowed_base_urls=[])
    start, rest = drawing.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', start)
    head = f'<svg class="chart" role="group" aria-label="{escape(title)}" {box.group(0) if box else ""}>'
    # What a mark is, for a pointer as well: a title inside it.
    return head + _LABELLED.sub(r'<path aria-label="\1"\2><title>\1</title></path>', rest)
