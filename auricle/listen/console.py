"""What was heard, for people at a terminal: present sounds with bars, events as lanes with times, and a meter on long work."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from auricle.core.records import Event, Heard, Label
from auricle.core.units import clock, percent, ticks
from auricle.signal.files import printable

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_red", "bright_cyan", "bright_yellow")
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 24  # cells of a score bar
_WIDEST = 120  # cells of a line: longer lanes are harder to read
_PATIENCE = 2.0  # seconds of work before a meter appears
_SHOWN = 3  # times written beside a lane


def heard_text(heard: Heard, *, width: int, unicode: bool = True) -> RenderableType:
    """One Heard as lines of at most `width` cells. A file that could not be heard at all gives its name only."""
    width = min(width, _WIDEST)
    present = [label for label in heard.tags if label.present]
    words = dict.fromkeys([*(label.label for label in present), *(event.label for event in heard.events)])
    colours = {word: _COLOURS[place % len(_COLOURS)] for place, word in enumerate(words)}
    pieces: list[RenderableType] = [_title(heard)]
    if not words and heard.coverage:
        pieces.append(Text("  silent" if heard.silent else "  nothing recognised", style="dim"))
    column = max([len(word) for word in (*words, *(label.label for label in heard.labels or ()))], default=0)
    column = min(column, width // 3)
    if present:
        pieces += [Text(), *(_score(label, column, colours[label.label], unicode=unicode) for label in present)]
    if heard.events:
        pieces += [Text(), *_lanes(heard.events, heard.duration, colours, column, width, unicode=unicode)]
    if heard.labels:
        pieces += [Text(), Text("  asked", style="dim")]
        pieces += [
            _score(label, column, "white" if label.present else "bright_black", unicode=unicode, asked=True)
            for label in heard.labels
        ]
    return Group(*pieces, Text())


def _title(heard: Heard) -> Text:
    title = Text(printable(heard.file), style="bold", overflow="fold")
    title.append(f"  {clock(heard.duration, tenths=heard.duration < 120)}", style="not bold dim")
    if heard.coverage < 1:
        title.append(f"  {percent(heard.coverage)} heard", style="not bold yellow")
    return title


def _score(label: Label, column: int, colour: str, *, unicode: bool, asked: bool = False) -> Text:
    line = Text("  ", no_wrap=True, overflow="ellipsis")
    line.append_text(_cell(label.label, column))
    eighths = round(label.score * _BAR * 8)
    if unicode:
        bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
        line.append("  " + bar, style=colour).append("░" * (_BAR - len(bar)), style="bright_black")
    else:
        line.append("  " + ("#" * (eighths // 8)).ljust(_BAR, "."), style=colour)
    line.append(f"  {label.score:.2f}")
    if asked:
        line.append("  present" if label.present else "  not present", style="" if label.present else "dim")
    return line


def _cell(word: str, column: int) -> Text:
    cell = Text(printable(word), no_wrap=True)
    cell.truncate(column, overflow="ellipsis", pad=True)
    return cell


def _lanes(
    events: Sequence[Event], duration: float, colours: dict[str, str], column: int, width: int, *, unicode: bool
) -> list[Text]:
    """An axis, then a lane for each label in the order of its first event."""
    by_label: dict[str, list[Event]] = {}
    for event in events:
        by_label.setdefault(event.label, []).append(event)
    tenths = duration < 120
    times = {label: _times(found, tenths=tenths) for label, found in by_label.items()}
    span = width - column - max(map(len, times.values())) - 6
    lines = [_axis(duration, span, column)] if span >= 10 else []
    for label, found in by_label.items():
        line = Text("  ", no_wrap=True, overflow="ellipsis").append_text(_cell(label, column)).append("  ")
        if span >= 10:
            line.append_text(_lane(found, duration, span, colours[label], unicode=unicode)).append("  ")
        lines.append(line.append(times[label], style="dim"))
    return lines


def _times(events: Sequence[Event], *, tenths: bool) -> str:
    told = [f"{clock(event.onset, tenths=tenths)}-{clock(event.offset, tenths=tenths)}" for event in events[:_SHOWN]]
    return "  ".join(told) + (f"  + {len(events) - _SHOWN} more" if len(events) > _SHOWN else "")


def _axis(duration: float, span: int, column: int) -> Text:
    cells = [" "] * span
    for tick in ticks(duration, most=max(2, span // 9)):
        text, place = clock(tick, tenths=duration < 5), int(tick / max(duration, 1e-9) * span)
        if place + len(text) <= span:
            cells[place : place + len(text)] = text
    return Text(" " * (column + 4) + "".join(cells), style="dim", no_wrap=True)


def _lane(events: Sequence[Event], duration: float, span: int, colour: str, *, unicode: bool) -> Text:
    """A line of `span` cells, heavy where the label sounds, to half a cell."""
    halves = [False] * (2 * span)
    for event in events:
        start = min(int(event.onset / max(duration, 1e-9) * 2 * span), 2 * span - 1)
        stop = max(start + 1, round(event.offset / max(duration, 1e-9) * 2 * span))
        halves[start:stop] = [True] * (min(stop, 2 * span) - start)
    line = Text(no_wrap=True)
    for place in range(span):
        left, right = halves[2 * place], halves[2 * place + 1]
        glyph = {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): "─"}[left, right]
        style = colour if left or right else "bright_black"
        line.append(glyph if unicode else ("=" if left or right else "."), style=style)
    return line


def facts(rows: Sequence[tuple[str, str]]) -> Table:
    """Names and values in two columns."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


class Meter:
    """A progress bar for a listener: it appears after two seconds, only on a terminal, and leaves no trace."""

    def __init__(self, console: Console, files: int) -> None:
        self._console, self._files = console, files
        self._began = time.monotonic()
        self._shares: dict[int, float] = {}
        self._lock = threading.Lock()  # the listener calls from its workers
        self._bar: Any = None

    def __call__(self, place: int, seconds: float, declared: float) -> None:
        """Note that `seconds` of the file at `place` have been heard."""
        with self._lock:
            self._shares[place] = min(1.0, seconds / declared) if declared else 0.0
            if self._bar is None and self._console.is_terminal and time.monotonic() - self._began > _PATIENCE:
                self._bar = self._opened()
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=sum(self._shares.values()))

    def _opened(self) -> Any:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("listening"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False)
        bar.add_task("listening", total=self._files)
        bar.start()
        return bar

    def pause(self) -> None:
        """Take the bar away, so that a result can be printed; the next call brings it back."""
        with self._lock:
            bar, self._bar = self._bar, None
            if bar is not None:
                bar.stop()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pause()
