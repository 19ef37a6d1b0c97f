"""HTML of records for notebooks: small, self-contained, for light and dark themes."""

from __future__ import annotations

from html import escape
from typing import Any, TypeAlias

from auricle.core.remarks import absence_text, answer_texts, presence_text, remarks
from auricle.core.units import clock, percent

#: The JSON object of an analysis, or a label or an event of one.
Json: TypeAlias = dict[str, Any]

_HUES = (200, 25, 145, 280, 55, 335, 100, 235)
_MUTED = "opacity:.6"


def analysis_html(analysis: Json) -> str:
    """Render an analysis as an HTML fragment: name, duration, score bars of present tags and queried labels, a lane of events per label."""
    hues = {label: _HUES[place % len(_HUES)] for place, label in enumerate(_labels(analysis))}
    pieces = [f"<div><b>{escape(analysis['file'])}</b> <span style='{_MUTED}'>{_about(analysis)}</span></div>"]
    if analysis.get("error"):
        pieces.append(f"<div style='color:#c22'>{escape(analysis['error'])}</div>")
    rows = [_score(label, hues[label["label"]]) for label in analysis["tags"] if label["present"]]
    rows += [_score(label, hues[label["label"]], queried=True) for label in analysis.get("labels") or ()]
    lanes = {label: [event for event in analysis["events"] if event["label"] == label] for label in hues}
    rows += [_lane(label, events, analysis["duration"], hues[label]) for label, events in lanes.items() if events]
    if rows:
        pieces.append(f"<table style='border-collapse:collapse;margin-top:.3em'>{''.join(rows)}</table>")
    return f"<div style='font:13px system-ui,sans-serif;margin:.4em 0'>{''.join(pieces)}</div>"


def _labels(analysis: Json) -> list[str]:
    """All labels that are shown, without duplicates, in order of appearance."""
    labels = [label["label"] for label in analysis["tags"] if label["present"]] + [label["label"] for label in analysis.get("labels") or ()]
    return list(dict.fromkeys([*labels, *(event["label"] for event in analysis["events"])]))


def _about(analysis: Json) -> str:
    parts = [clock(analysis["duration"], tenths=True)]
    if analysis["coverage"] < 1:
        parts.append(f"{percent(analysis['coverage'])} analysed")
    parts += remarks(analysis) + [f"{name}: {text}" for name, text in answer_texts(analysis).items()]
    if analysis["silent"] or (analysis["coverage"] and not analysis["events"] and not any(label["present"] for label in analysis["tags"])):
        parts.append(escape(absence_text(analysis)))
    return " · ".join(parts)


def _row(label: str, middle: str, right: str) -> str:
    cell = "padding:1px 10px 1px 0;text-align:left;background:none;border:0"
    cells = "".join(f"<td style='{cell}'>{content}</td>" for content in (escape(label), middle, right))
    return f"<tr style='background:none'>{cells}</tr>"


def _score(label: Json, hue: int, *, queried: bool = False) -> str:
    fill = f"width:{100 * label['score']:.1f}%;height:8px;background:hsl({hue} 60% 50%);border-radius:4px"
    bar = f"<div style='width:240px;background:#8883;border-radius:4px'><div style='{fill}'></div></div>"
    note = f" <span style='{_MUTED}'>{escape(presence_text(label))}</span>" if queried else ""
    return _row(label["label"], bar, f"{label['score']:.2f}{note}")


def _lane(label: str, events: list[Json], duration: float, hue: int) -> str:
    scale = 100 / max(duration, 1e-9)
    marks = "".join(
        f"<div title='{clock(event['onset'], tenths=True)}–{clock(event['offset'], tenths=True)}, score {event['score']:.2f}' "
        f"style='position:absolute;left:{event['onset'] * scale:.2f}%;width:max(2px,{(event['offset'] - event['onset']) * scale:.2f}%);"
        f"height:8px;background:hsl({hue} 60% 50%);border-radius:2px'></div>"
        for event in events
    )
    times = ", ".join(f"{clock(event['onset'], tenths=True)}–{clock(event['offset'], tenths=True)}" for event in events[:3])
    more = f" + {len(events) - 3}" if len(events) > 3 else ""
    return _row(label, f"<div style='position:relative;width:240px;height:8px;background:#8883'>{marks}</div>", times + more)
