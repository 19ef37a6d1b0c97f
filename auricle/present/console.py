"""Text of analyses and classifications for a terminal: labels with score bars, events as lanes with times, tables of facts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from auricle.core.records import Analysis, Classification, Event, Label
from auricle.core.remarks import absence_text, answer_texts, presence_text, remarks
from auricle.core.units import clock, percent, ticks
from auricle.signal.streaming import printable

if TYPE_CHECKING:
    from auricle.listen.heads import Report

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_red", "bright_cyan", "bright_yellow")
_HALVES = {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): "─"}
_BAR = 24  # width of a score bar, where there is room; widths are in terminal cells
_BESIDE_BAR = 24  # width of the rest of a score line
_SHORTEST = 10  # least width of a lane
_WIDEST = 120  # width of a line, at most: longer lanes are harder to read
_SHOWN = 3  # times written after a lane, where there is room
_COMFORTABLE = 40  # width of a lane below which fewer times are written


@dataclasses.dataclass(frozen=True)
class _Layout:
    """width, column, bar: of a line, of the label column and of a score bar, in cells. colours: of present labels. tenths: in times."""

    width: int
    column: int
    bar: int
    unicode: bool
    colours: dict[str, str]
    tenths: bool


def analysis_text(analysis: Analysis, *, width: int, unicode: bool = True, hint: str = "") -> RenderableType:
    """Render an Analysis in lines of at most `width` cells. hint: what to do where nothing is recognised."""
    analysis = analysis.narrowest()
    present = [label for label in analysis.tags if label.present]
    labels = dict.fromkeys([*(label.label for label in present), *(event.label for event in analysis.events)])
    layout = _layout(analysis, list(labels), min(width, _WIDEST), unicode=unicode)
    pieces: list[RenderableType] = [_title(analysis)]
    if is_unrecognised(analysis) or (analysis.silent and not labels and analysis.coverage):
        absence = absence_text(analysis.to_dict()) + (f"; {hint}" if hint and not analysis.silent else "")
        pieces.append(Text(f"  {printable(absence)}", style="dim", overflow="fold"))
    if present:
        pieces += [Text(), *(_score(label, layout) for label in present)]
    if analysis.events:
        pieces += [Text(), *_lanes(analysis.events, analysis.duration, layout)]
    if analysis.labels:
        pieces += [Text(), Text("  your labels", style="dim"), *(_score(label, layout, queried=True) for label in analysis.labels)]
    if analysis.answers:
        pieces.append(Text())
        column = max(map(len, analysis.answers))
        pieces += [Text(f"  {printable(name):{column}}  {printable(text)}") for name, text in answer_texts(analysis.to_dict()).items()]
    return Group(*pieces, Text())


def is_unrecognised(analysis: Analysis) -> bool:
    """Whether sound was analysed for labels, and none is present."""
    # a model may have no labels of its own
    tagged = bool(analysis.tags) or (analysis.labels is None and not analysis.answers)
    found = bool(analysis.events) or any(label.present for label in analysis.tags)
    return tagged and not found and bool(analysis.coverage) and not analysis.silent


def classification_text(classification: Classification, *, width: int, unicode: bool = True) -> RenderableType:
    """Render a Classification in lines of at most `width` cells, best label first."""
    present = [label.label for label in classification.labels if label.present]
    layout = _layout(classification, present, min(width, _WIDEST), unicode=unicode)
    pieces: list[RenderableType] = [_title(classification)]
    if not classification.labels and classification.coverage:
        pieces.append(Text("  silent" if classification.silent else "  no scores", style="dim"))
    any_of = classification.asked.question == "any"
    pieces += [_score(label, layout, queried=any_of) for label in classification.labels]
    return Group(*pieces, Text())


def _layout(analysis: Analysis | Classification, labels: list[str], width: int, *, unicode: bool) -> _Layout:
    colours = {label: _COLOURS[place % len(_COLOURS)] for place, label in enumerate(labels)}
    longest = max([len(name) for name in (*labels, *(label.label for label in analysis.labels or ()))], default=0)
    column = min(longest, width // 3)
    return _Layout(width, column, max(4, min(_BAR, width - column - _BESIDE_BAR)), unicode, colours, analysis.duration < 120)


def _title(analysis: Analysis | Classification) -> Text:
    title = Text(printable(analysis.file), style="bold", overflow="fold")
    title.append(f"  {clock(analysis.duration, tenths=analysis.duration < 120)}", style="not bold dim")
    if analysis.coverage < 1:
        title.append(f"  {percent(analysis.coverage)} analysed", style="not bold yellow")
    for remark in remarks(analysis.to_dict()):
        title.append(f"  {printable(remark)}", style="not bold dim")
    return title


def _line(label: str, layout: _Layout) -> Text:
    """Start of a line about a label."""
    cell = Text(printable(label))
    cell.truncate(layout.column, overflow="ellipsis" if layout.unicode else "crop", pad=True)
    return Text("  ", no_wrap=True, overflow="crop").append_text(cell).append("  ")


def _score(label: Label, layout: _Layout, *, queried: bool = False) -> Text:
    line = _line(label.label, layout)
    colour = layout.colours.get(label.label, "white" if label.present else "bright_black")
    steps = round(label.score * 2 * layout.bar)
    line.append_text(_marks([step < steps for step in range(2 * layout.bar)], colour, unicode=layout.unicode))
    line.append(f"  {label.score:.2f}")
    if queried:
        line.append(f"  {printable(presence_text(dataclasses.asdict(label)))}", style="" if label.present else "dim")
        if label.times:
            line.append(f"  {_times(label.times, tenths=layout.tenths, most=_SHOWN)}", style="dim")
    return line


def _lanes(events: Sequence[Event], duration: float, layout: _Layout) -> list[Text]:
    """An axis, then a lane for each label in the order of its first event; only times where there is no room for lanes."""
    by_label: dict[str, list[Event]] = {}
    for event in events:
        by_label.setdefault(event.label, []).append(event)
    for most in range(_SHOWN, 0, -1):  # write fewer times where lanes would be too short
        times = {
            label: _times([(event.onset, event.offset) for event in group], tenths=duration < 120, most=most)
            for label, group in by_label.items()
        }
        span = layout.width - layout.column - max(map(len, times.values())) - 6
        if span >= _COMFORTABLE:
            break
    lines = [_axis(duration, span, layout.column)] if span >= _SHORTEST else []
    for label, group in by_label.items():
        line = _line(label, layout)
        if span >= _SHORTEST:
            line.append_text(_lane(group, duration, span, layout)).append("  ")
        lines.append(line.append(times[label], style="dim"))
    return lines


def _times(intervals: Sequence[tuple[float, float]], *, tenths: bool, most: int) -> str:
    shown = [f"{clock(onset, tenths=tenths)}-{clock(offset, tenths=tenths)}" for onset, offset in intervals[:most]]
    return "  ".join(shown) + (f"  + {len(intervals) - most} more" if len(intervals) > most else "")


def _axis(duration: float, span: int, column: int) -> Text:
    cells = [" "] * span
    for tick in ticks(duration, most=max(2, span // 9)):
        text, place = clock(tick, tenths=duration < 5), int(tick / max(duration, 1e-9) * span)
        if place + len(text) <= span:
            cells[place : place + len(text)] = text
    return Text(" " * (column + 4) + "".join(cells).rstrip(), style="dim", no_wrap=True)


def _lane(events: Sequence[Event], duration: float, span: int, layout: _Layout) -> Text:
    """A line of `span` cells, heavy during events, with a resolution of half a cell."""
    halves = [False] * (2 * span)
    for event in events:
        start = min(int(event.onset / max(duration, 1e-9) * 2 * span), 2 * span - 1)
        stop = max(start + 1, round(event.offset / max(duration, 1e-9) * 2 * span))
        halves[start:stop] = [True] * (min(stop, 2 * span) - start)
    return _marks(halves, layout.colours[events[0].label], unicode=layout.unicode)


def _marks(halves: Sequence[bool], colour: str, *, unicode: bool) -> Text:
    """A thin line, two halves per cell, heavy and coloured where they are True."""
    line = Text(no_wrap=True)
    for left, right in zip(halves[::2], halves[1::2], strict=True):
        glyph = _HALVES[left, right] if unicode else ("=" if left or right else ".")
        line.append(glyph, style=colour if left or right else "bright_black")
    return line


def facts_table(rows: Sequence[tuple[str, str]]) -> Table:
    """Table of names and values."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def fit_table(report: Report) -> RenderableType:
    """Cross-validated results of fitted heads: a row per label, then the accuracy over all."""
    table = Table.grid(padding=(0, 2))
    table.add_row("label", "examples", "average precision", style="dim")
    for label, value in report.average_precision.items():
        table.add_row(Text(label), f"{report.examples[label]:8}", f"{value:.2f}")
    if report.accuracy is None:
        return table
    value, low, high = report.accuracy
    return Group(table, Text(f"accuracy {value:.0%} ({low:.0%} to {high:.0%}), cross-validated"))
