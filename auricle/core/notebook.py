"""Records as a notebook shows them: small, self-contained HTML that follows the notebook's own light or dark."""

from __future__ import annotations

from html import escape
from typing import Any, TypeAlias

from auricle.core.remarks import nothing_present, remarks, verdict
from auricle.core.units import clock, percent

#: The JSON object of an analysis, or a label or an event of one.
Json: TypeAlias = dict[str, Any]

_HUES = (200, 25, 145, 280, 55, 335, 100, 235)
_MUTED = "opacity:.6"


def heard_html(heard: Json) -> str:
    """An analysis as an HTML fragment: name and length, present tags and asked words with bars, a lane of events a label."""
    hues = {label: _HUES[place % len(_HUES)] for place, label in enumerate(_words(heard))}
    pieces = [f"<div><b>{escape(heard['file'])}</b> <span style='{_MUTED}'>{_about(heard)}</span></div>"]
    if heard.get("error"):
        pieces.append(f"<div style='color:#c22'>{escape(heard['error'])}</div>")
    rows = [_score(label, hues[label["label"]]) for label in heard["tags"] if label["present"]]
    rows += [_score(label, hues[label["label"]], asked=True) for label in heard.get("labels") or ()]
    lanes = {label: [event for event in heard["events"] if event["label"] == label] for label in hues}
    rows += [_lane(label, events, heard["duration"], hues[label]) for label, events in lanes.items() if events]
    if rows:
        pieces.append(f"<table style='border-collapse:collapse;margin-top:.3em'>{''.join(rows)}</table>")
    return f"<div style='font:13px system-ui,sans-serif;margin:.4em 0'>{''.join(pieces)}</div>"


def _words(heard: Json) -> list[str]:
    """Every word that is shown, once, in the order of appearance."""
    named = [label["label"] for label in heard["tags"] if label["present"]] + [label["label"] for label in heard.get("labels") or ()]
    return list(dict.fromkeys([*named, *(event["label"] for event in heard["events"])]))


def _about(heard: Json) -> str:
    told = [clock(heard["duration"], tenths=True)]
    if heard["coverage"] < 1:
        told.append(f"{percent(heard['coverage'])} heard")
    told += remarks(heard)
    if heard["silent"] or (heard["coverage"] and not heard["events"] and not any(label["present"] for label in heard["tags"])):
        told.append(escape(nothing_present(heard)))
    return " · ".join(told)


def _row(label: str, middle: str, right: str) -> str:
    cell = "padding:1px 10px 1px 0;text-align:left;background:none;border:0"
    cells = "".join(f"<td style='{cell}'>{content}</td>" for content in (escape(label), middle, right))
    return f"<tr style='background:none'>{cells}</tr>"


def _score(label: Json, hue: int, *, asked: bool = False) -> str:
    fill = f"width:{100 * label['score']:.1f}%;height:8px;background:hsl({hue} 60% 50%);border-radius:4px"
    bar = f"<div style='width:240px;background:#8883;border-radius:4px'><div style='{fill}'></div></div>"
    note = f" <span style='{_MUTED}'>asked, {escape(verdict(label))}</span>" if asked else ""
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
