"""Analyses and classifications as text for a terminal: labels with score bars, events as lanes with times, tables of facts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from auricle.core.records import Analysis, Classification, Event, Label
from auricle.core.remarks import absence_text, presence_text, remarks
from auricle.core.units import clock, percent, ticks
from auricle.signal.streaming import printable

if TYPE_CHECKING:
    from auricle.listen.heads import Report

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_red", "bright_cyan", "bright_yellow")
_HALVES = {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): "─"}
_BAR = 24  # cells of a score bar, where there is room
_BESIDE_BAR = 24  # cells of a line about a score besides its word and bar
_SHORTEST = 10  # cells of a lane that still shows something
_WIDEST = 120  # cells of a line: longer lanes are harder to read
_SHOWN = 3  # times written beside a lane, where there is room
_COMFORTABLE = 40  # cells of a lane for whose sake fewer times are written


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Cells: of a line, of the column of words, of a score bar. colours: of words that are present. tenths: times have them."""

    width: int
    column: int
    bar: int
    unicode: bool
    colours: dict[str, str]
    tenths: bool


def analysis_text(heard: Analysis, *, width: int, unicode: bool = True) -> RenderableType:
    """One Analysis as lines of at most `width` cells."""
    present = [label for label in heard.tags if label.present]
    words = dict.fromkeys([*(label.label for label in present), *(event.label for event in heard.events)])
    layout = _layout(heard, list(words), min(width, _WIDEST), unicode=unicode)
    pieces: list[RenderableType] = [_title(heard)]
    if not words and heard.coverage and (heard.tags or heard.silent or heard.labels is None):  # a model may have no labels of its own
        pieces.append(Text(f"  {printable(absence_text(heard.to_dict()))}", style="dim", overflow="fold"))
    if present:
        pieces += [Text(), *(_score(label, layout) for label in present)]
    if heard.events:
        pieces += [Text(), *_lanes(heard.events, heard.duration, layout)]
    if heard.labels:
        pieces += [Text(), Text("  asked", style="dim"), *(_score(label, layout, asked=True) for label in heard.labels)]
    return Group(*pieces, Text())


def classification_text(classified: Classification, *, width: int, unicode: bool = True) -> RenderableType:
    """One Classification as lines of at most `width` cells, the best label first."""
    present = [label.label for label in classified.labels if label.present]
    layout = _layout(classified, present, min(width, _WIDEST), unicode=unicode)
    pieces: list[RenderableType] = [_title(classified)]
    if not classified.labels and classified.coverage:
        pieces.append(Text("  silent" if classified.silent else "  nothing to tell it by", style="dim"))
    any_of = classified.asked.question == "any"
    pieces += [_score(label, layout, asked=any_of) for label in classified.labels]
    return Group(*pieces, Text())


def _layout(heard: Analysis | Classification, words: list[str], width: int, *, unicode: bool) -> _Layout:
    colours = {word: _COLOURS[place % len(_COLOURS)] for place, word in enumerate(words)}
    longest = max([len(word) for word in (*words, *(label.label for label in heard.labels or ()))], default=0)
    column = min(longest, width // 3)
    return _Layout(width, column, max(4, min(_BAR, width - column - _BESIDE_BAR)), unicode, colours, heard.duration < 120)


def _title(heard: Analysis | Classification) -> Text:
    title = Text(printable(heard.file), style="bold", overflow="fold")
    title.append(f"  {clock(heard.duration, tenths=heard.duration < 120)}", style="not bold dim")
    if heard.coverage < 1:
        title.append(f"  {percent(heard.coverage)} heard", style="not bold yellow")
    for remark in remarks(heard.to_dict()):
        title.append(f"  {printable(remark)}", style="not bold dim")
    return title


def _line(word: str, layout: _Layout) -> Text:
    """The start of a line about a word."""
    cell = Text(printable(word))
    cell.truncate(layout.column, overflow="ellipsis" if layout.unicode else "crop", pad=True)
    return Text("  ", no_wrap=True, overflow="crop").append_text(cell).append("  ")


def _score(label: Label, layout: _Layout, *, asked: bool = False) -> Text:
    line = _line(label.label, layout)
    colour = layout.colours.get(label.label, "white" if label.present else "bright_black")
    steps = round(label.score * 2 * layout.bar)
    line.append_text(_marks([step < steps for step in range(2 * layout.bar)], colour, unicode=layout.unicode))
    line.append(f"  {label.score:.2f}")
    if asked:
        line.append(f"  {printable(presence_text(dataclasses.asdict(label)))}", style="" if label.present else "dim")
        if label.times:
            line.append(f"  {_times(label.times, tenths=layout.tenths, most=_SHOWN)}", style="dim")
    return line


def _lanes(events: Sequence[Event], duration: float, layout: _Layout) -> list[Text]:
    """An axis, then a lane for each label in the order of its first event; times alone where a lane has no room."""
    by_label: dict[str, list[Event]] = {}
    for event in events:
        by_label.setdefault(event.label, []).append(event)
    for most in range(_SHOWN, 0, -1):  # fewer times are told where lanes would be squeezed
        times = {
            label: _times([(event.onset, event.offset) for event in found], tenths=duration < 120, most=most)
            for label, found in by_label.items()
        }
        span = layout.width - layout.column - max(map(len, times.values())) - 6
        if span >= _COMFORTABLE:
            break
    lines = [_axis(duration, span, layout.column)] if span >= _SHORTEST else []
    for label, found in by_label.items():
        line = _line(label, layout)
        if span >= _SHORTEST:
            line.append_text(_lane(found, duration, span, layout)).append("  ")
        lines.append(line.append(times[label], style="dim"))
    return lines


def _times(stretches: Sequence[tuple[float, float]], *, tenths: bool, most: int) -> str:
    told = [f"{clock(onset, tenths=tenths)}-{clock(offset, tenths=tenths)}" for onset, offset in stretches[:most]]
    return "  ".join(told) + (f"  + {len(stretches) - most} more" if len(stretches) > most else "")


def _axis(duration: float, span: int, column: int) -> Text:
    cells = [" "] * span
    for tick in ticks(duration, most=max(2, span // 9)):
        text, place = clock(tick, tenths=duration < 5), int(tick / max(duration, 1e-9) * span)
        if place + len(text) <= span:
            cells[place : place + len(text)] = text
    return Text(" " * (column + 4) + "".join(cells).rstrip(), style="dim", no_wrap=True)


def _lane(events: Sequence[Event], duration: float, span: int, layout: _Layout) -> Text:
    """A line of `span` cells, heavy where the label sounds, to half a cell."""
    halves = [False] * (2 * span)
    for event in events:
        start = min(int(event.onset / max(duration, 1e-9) * 2 * span), 2 * span - 1)
        stop = max(start + 1, round(event.offset / max(duration, 1e-9) * 2 * span))
        halves[start:stop] = [True] * (min(stop, 2 * span) - start)
    return _marks(halves, layout.colours[events[0].label], unicode=layout.unicode)


def _marks(halves: Sequence[bool], colour: str, *, unicode: bool) -> Text:
    """A thin line, two halves a cell, heavy and coloured where they are true."""
    line = Text(no_wrap=True)
    for left, right in zip(halves[::2], halves[1::2], strict=True):
        glyph = _HALVES[left, right] if unicode else ("=" if left or right else ".")
        line.append(glyph, style=colour if left or right else "bright_black")
    return line


def facts(rows: Sequence[tuple[str, str]]) -> Table:
    """Names and values in two columns."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def fit_table(report: Report) -> RenderableType:
    """What fitted heads can do, on recordings left out: a line a label, then all together."""
    table = Table.grid(padding=(0, 2))
    table.add_row("label", "examples", "average precision", style="dim")
    for label, value in report.average_precision.items():
        table.add_row(Text(label), f"{report.examples[label]:8}", f"{value:.2f}")
    if report.accuracy is None:
        return table
    value, low, high = report.accuracy
    return Group(table, Text(f"right in {value:.0%} ({low:.0%} to {high:.0%}) of examples, each heard by heads fitted without it"))
