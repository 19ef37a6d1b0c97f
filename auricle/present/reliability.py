"""Report of a calibration (docs/calibration.md): reliability diagrams as SVG, and an HTML page with its tables."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auricle.core.files import write_text

#: Bins of a reliability table that are not empty: edges `from` and `to`, `count`, mean `predicted` score and `observed` share.
Bins = Sequence[Mapping[str, float]]

_COLOURS = ("#c2571a", "#0b63ce", "#5a4fcf")
_SIZE, _EDGE, _TOP = 360, 56, 40  # of a diagram, px
_BAR = 0.22  # height of the highest bar, share of the diagram


def write(report: Mapping[str, Any], *, page: Path | None = None, plot: Path | None = None) -> None:
    """Write the given files. report: of recipes.calibrating."""
    if plot is not None:
        write_text(plot, render_svg({section["output"]: section["reliability"] for section in report["outputs"]}) + "\n")
    if page is not None:
        write_text(page, render_html(report))


def render_svg(diagrams: Mapping[str, Mapping[str, Bins]]) -> str:
    """Render reliability diagrams next to each other. diagrams: by title, the curves by name, such as before and after.

    A point is a bin: its mean score against the share of its decisions that is true. Bars are the decisions of the last curve.
    """
    across = _SIZE + 2 * _EDGE
    drawings = [
        f'<g transform="translate({across * place + _EDGE},{_TOP})">{"".join(_draw(title, curves))}</g>'
        for place, (title, curves) in enumerate(diagrams.items())
    ]
    wide, tall = across * len(drawings), _SIZE + _TOP + 52
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" width="{wide}" font-family="sans-serif" font-size="13">'
    return "".join([start, '<rect width="100%" height="100%" fill="#fff"/>', *drawings, "</svg>"])


def _draw(title: str, curves: Mapping[str, Bins]) -> Iterator[str]:
    yield f'<text x="0" y="-16" font-weight="bold">{html.escape(title)}</text>'
    yield f'<rect width="{_SIZE}" height="{_SIZE}" fill="#f6f7f9" stroke="#c8ccd2"/>'
    last = list(curves.values())[-1]
    most = math.log10(max(10, *(int(each["count"]) for each in last)))
    for each in last:
        tall = _SIZE * _BAR * math.log10(each["count"] + 1) / most
        wide = _SIZE * (each["to"] - each["from"]) - 4
        yield f'<rect x="{_SIZE * each["from"] + 2:.1f}" y="{_SIZE - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="#d5dbe5"/>'
    yield f'<line x1="0" y1="{_SIZE}" x2="{_SIZE}" y2="0" stroke="#9aa1ab" stroke-dasharray="5 5"/>'
    colours = _COLOURS if len(curves) > 1 else _COLOURS[1:]
    for place, ((name, bins), colour) in enumerate(zip(curves.items(), colours, strict=False)):
        points = [(_SIZE * each["predicted"], _SIZE * (1 - each["observed"])) for each in bins]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>' for x, y in points)
        level = 20 * place
        yield f'<rect x="12" y="{13 + level}" width="9" height="9" fill="{colour}"/>'
        yield f'<text x="27" y="{22 + level}">{html.escape(name)}</text>'
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield f'<text x="{_SIZE * tick:g}" y="{_SIZE + 18}" text-anchor="middle">{tick:g}</text>'
        yield f'<text x="-8" y="{_SIZE * (1 - tick) + 5:g}" text-anchor="end">{tick:g}</text>'
    yield f'<text x="{_SIZE / 2:g}" y="{_SIZE + 38}" text-anchor="middle">score (bars: decisions, log scale)</text>'
    yield f'<text transform="translate(-40,{_SIZE / 2:g}) rotate(-90)" text-anchor="middle">share that is true</text>'


def render_html(report: Mapping[str, Any]) -> str:
    """Render a self-contained HTML page."""
    title = html.escape(f"Calibration of {report['model']}")
    sections = "".join(_section(section, report["settings"]["by"]) for section in report["outputs"])
    facts = "".join(f"<li>{html.escape(line)}</li>" for line in describe(report))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2.5rem auto;padding:0 1.5rem;color:#1b1c20;background:#fff}"
        "table{border-collapse:collapse;margin:1.5rem 0}td,th{padding:.35rem .9rem;border-bottom:1px solid #e4e4e0;text-align:right}"
        "td:first-child,th:first-child{text-align:left}li{color:#6a6d76}svg{max-width:100%}</style></head>"
        f"<body><h1>{title}</h1><ul>{facts}</ul>{sections}</body></html>\n"
    )


def describe(report: Mapping[str, Any]) -> list[str]:
    """What a report says beside its scores, a line each."""
    lines = [f"{report['clips']} clips with sound of {report['sources']} sources; before and after on sources that were not fitted to"]
    lines += [f"{report['silent']} clips are silent and were left out"] if report["silent"] else []
    lines += [f"cannot be read: {line}" for line in report["unreadable"]]
    lines += [
        f"{section['output']}: too few sources for {', '.join(one['label'] for one in section['left'])}, which stay as they are"
        for section in report["outputs"]
        if section["left"]
    ]
    lines += [f"{one['output']} stays as it is: {one['why']}" for one in report["skipped"]]
    lines += [f"not among the model's labels: {', '.join(report['absent'])}"] if report["absent"] else []
    return lines


def score_rows(scores: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Cells of a table: metric, before, after and change, with intervals."""
    return [(str(one["metric"]).replace("_", " "), _cell(one["before"]), _cell(one["after"]), _cell(one["change"])) for one in scores]


def _cell(score: Mapping[str, float | None]) -> str:
    """A score with its interval; calibration errors of rare labels need four decimals."""
    value, low, high = ("–" if score[name] is None else f"{score[name]:.4f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _section(section: Mapping[str, Any], by: str) -> str:
    rows = [("all", section["clips"], one) for one in score_rows(section["scores"])]
    rows += [(group[by] or "none", group["clips"], one) for group in section["by"] for one in score_rows(group["scores"])[:1]]
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in (name, *cells, clips)) + "</tr>" for name, clips, cells in rows
    )
    head = "".join(f"<th>{cell}</th>" for cell in (html.escape(by), "metric", "before", "after", "change", "clips"))
    diagrams = [{section["output"]: section["reliability"]}]
    if len(section["by"]) > 1:
        diagrams += [{f"{by} {group[by] or 'none'}": group["reliability"]} for group in section["by"]]
    drawn = "".join(map(render_svg, diagrams))
    return f"<h2>{html.escape(section['output'])}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{drawn}"
