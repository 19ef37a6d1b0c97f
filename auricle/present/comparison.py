"""Comparison of two results as Markdown with an SVG chart, or as one HTML page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auricle.bench.compare import Comparison, MetricComparison
from auricle.core.files import write_text

_COLOURS = ("#5a4fcf", "#c2571a")
_WIDTH, _GUTTER, _ROW, _EDGE = 720, 190, 46, 30  # of the chart, px
_HEADER = ("metric", "difference", "95 %", "p", "better", "n")


def write(comparison: Comparison, *, markdown: Path | None = None, page: Path | None = None) -> None:
    """Write the given files. The chart of the Markdown is written next to it as .svg."""
    if markdown is not None:
        chart = markdown.with_suffix(".svg")
        write_text(chart, render_svg(comparison) + "\n")
        write_text(markdown, render_markdown(comparison, chart.name))
    if page is not None:
        write_text(page, render_html(comparison))


def render_markdown(comparison: Comparison, chart: str) -> str:
    """Render table, verdict and facts as Markdown. chart: address of the image."""
    header, rows = _table(comparison)
    lines = [
        f"# {comparison.first.summary['suite']}: {comparison.names[0]} and {comparison.names[1]}",
        "",
        f"**{comparison.verdict}.**",
        "",
    ]
    lines += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in (header, ["---"] * len(header), *rows)]
    lines += ["", f"![intervals]({chart})", "", *[f"- {_escaped(line)}" for line in _facts(comparison)]]
    return "\n".join(lines) + "\n"


def render_html(comparison: Comparison) -> str:
    """Render a self-contained HTML page."""
    header, rows = _table(comparison)
    title = html.escape(f"{comparison.first.summary['suite']}: {comparison.names[0]} and {comparison.names[1]}")
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    facts = "".join(f"<li>{html.escape(line)}</li>" for line in _facts(comparison))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2.5rem auto;padding:0 1.5rem;color:#1b1c20;background:#fff}"
        "table{border-collapse:collapse;margin:1.5rem 0}td,th{padding:.35rem .9rem;border-bottom:1px solid #e4e4e0;text-align:right}"
        "td:first-child,th:first-child{text-align:left}li{color:#6a6d76}svg{max-width:100%}</style></head>"
        f"<body><h1>{title}</h1><p><strong>{html.escape(comparison.verdict)}.</strong></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{render_svg(comparison)}<ul>{facts}</ul></body></html>\n"
    )


def render_svg(comparison: Comparison) -> str:
    """Render the intervals of both results per metric, on an axis from 0 to 1; metrics outside 0 to 1 are only in the table."""
    shown = [one for one in comparison.metrics if _is_share(one)]
    tall = _EDGE + _ROW * len(shown) + _EDGE
    across = _WIDTH - _GUTTER - _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {tall}" width="{_WIDTH}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _GUTTER + tick * across
        parts.append(f'<line x1="{x:.1f}" y1="{_EDGE - 6}" x2="{x:.1f}" y2="{tall - _EDGE}" stroke="#e4e4e0"/>')
        parts.append(f'<text x="{x:.1f}" y="{tall - _EDGE + 16}" text-anchor="middle" fill="#6a6d76">{tick:g}</text>')
    for place, one in enumerate(shown):
        y = _EDGE + _ROW * place + _ROW / 2
        parts.append(f'<text x="{_GUTTER - 12}" y="{y + 4:.1f}" text-anchor="end">{html.escape(one.metric.replace("_", " "))}</text>')
        for side, (score, colour) in enumerate(zip((one.first, one.second), _COLOURS, strict=True)):
            at, low, high = (_GUTTER + score[part] * across for part in ("value", "low", "high"))
            level = y - 7 + 14 * side
            parts.append(f'<line x1="{low:.1f}" y1="{level:.1f}" x2="{high:.1f}" y2="{level:.1f}" stroke="{colour}" stroke-width="2"/>')
            parts.append(f'<circle cx="{at:.1f}" cy="{level:.1f}" r="4.5" fill="{colour}"/>')
    for side, (name, colour) in enumerate(zip(comparison.names, _COLOURS, strict=True)):
        x = _GUTTER + side * across / 2
        parts.append(
            f'<circle cx="{x + 5:.1f}" cy="12" r="4.5" fill="{colour}"/><text x="{x + 16:.1f}" y="16">{html.escape(name[:40])}</text>'
        )
    return "".join([*parts, "</svg>"])


def score_cell(score: dict[str, Any]) -> str:
    """Format a score with its interval: `0.813 (0.790 to 0.835)`."""
    return f"{_number(score['value'])} ({_number(score['low'])} to {_number(score['high'])})"


def _table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    metric, *others = _HEADER
    rows = []
    for one in comparison.metrics:
        gap = one.difference
        better = "not significant" if one.better is None else comparison.names[one.better]
        cells = [f"{gap.value:+.3f}", f"{gap.low:+.3f} to {gap.high:+.3f}", f"{gap.p:.3f}", better, str(one.first["n"])]
        rows.append([one.metric.replace("_", " "), score_cell(one.first), score_cell(one.second), *cells])
    return [metric, *comparison.names, *others], rows


def _facts(comparison: Comparison) -> list[str]:
    about = comparison.first.summary
    lines = [str(about["about"])] + (
        [] if about["chance"] is None else [f"chance of {about['settings']['metrics'][0]}: {about['chance']:g}"]
    )
    for name, result in zip(comparison.names, (comparison.first, comparison.second), strict=True):
        leaked = leaked_text(result.summary["leaked"]) or "no known leaks"
        lines.append(f"{name}: weights {str(result.summary['weights'])[:12]}, commit {str(result.summary['commit'])[:10]}, {leaked}")
    return [*lines, f"seed {about['seed']}; differences are second minus first, paired by clip, resampled by recording"]


def leaked_text(marks: Sequence[dict[str, Any]]) -> str:
    """The leaks of a result in one line; empty without leaks."""
    leaks = [
        f"{mark['level']} {mark['source']} {mark['n']}".replace("  ", " ") + (f" ({mark['note']})" if mark["note"] else "")
        for mark in marks
    ]
    return f"leaked: {'; '.join(leaks)}" if leaks else ""


def _is_share(one: MetricComparison) -> bool:
    return (
        all(score[part] is not None and 0 <= score[part] <= 1 for score in (one.first, one.second) for part in ("value", "low", "high"))
        and not one.lower_is_better
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
