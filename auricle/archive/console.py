"""An archive for people at a terminal: a meter while it is indexed, a line a hit, a few lines of facts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from auricle.archive.indexing import Summary
from auricle.archive.labels import TaughtClass
from auricle.archive.search import Hit
from auricle.archive.teaching import Proposal
from auricle.core.units import clock
from auricle.listen.vocabulary import SEPARATOR
from auricle.signal.files import printable

_PATIENCE = 2.0  # seconds of work before a meter appears


class IndexMeter:
    """Files done of all, how many times faster than real time, and the time left: after two seconds, only on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._first = -1
        self._bar: Any = None

    def __call__(self, done: int, total: int, seconds: float) -> None:
        """Note that so many files of all are done, and so many seconds of sound were heard."""
        if self._first < 0:
            self._first = done
        passed = time.monotonic() - self._began
        if self._bar is None and self._console.is_terminal and passed > _PATIENCE:
            self._bar = _bar(self._console, total)
        if self._bar is not None:
            rate = f"{(done - self._first) / passed:.0f} files/s, {seconds / passed:.0f} x real time"
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, rate=rate)

    def __enter__(self) -> IndexMeter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar(console: Console, total: int) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    bar.add_task("indexing", total=total, rate="")
    bar.start()
    return bar


def summary_text(summary: Summary, seconds: float) -> str:
    """What a run did, as one line."""
    parts = [("new", summary.new - summary.failed), ("changed", summary.changed), ("moved", summary.moved)]
    parts += [("unchanged", summary.unchanged), ("not there any more (kept)", summary.missing)]
    told = [f"{count} {what}" for what, count in parts if count > 0]
    heard = f"; {clock(summary.seconds)} of sound, {summary.windows} windows in {clock(seconds, tenths=seconds < 120)}" * bool(
        summary.windows
    )
    return (", ".join(told) or "nothing to do") + heard


def hits_table(hits: Sequence[Hit]) -> RenderableType:
    """A line a hit: score, times, file, what is present there."""
    if not hits:
        return Text("  nothing found", style="dim")
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    table.add_column(overflow="fold")
    table.add_column(style="dim", overflow="fold")
    for hit in hits:
        span = f"{clock(hit.onset, tenths=True)} - {clock(hit.offset, tenths=True)}"
        name = Text(printable(hit.file) + " (not there)" * hit.missing)
        table.add_row(f"{hit.score:.2f}", span, name, Text(SEPARATOR.join(hit.tags)))
    return table


def taught_text(taught: TaughtClass) -> str:
    """A taught sound as a line or two."""
    right = sum(label.yes for label in taught.labels)
    told = f"{taught.name}: version {taught.version}, {right} yes, {len(taught.labels) - right} no"
    found = taught.precision
    if found is None:
        return told
    span = f"{found.low:.0%} to {found.high:.0%}, {found.n} looked at"
    return f"{told}\nversion {found.version} was right in {found.value:.0%} of its finds ({span})"


def proposals_table(proposals: Sequence[Proposal]) -> RenderableType:
    """A line a proposal: score, why, and the example as --yes and --no take it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for proposal in proposals:
        span = f"{printable(proposal.file)}@{proposal.onset:g}-{proposal.offset:g}"
        table.add_row(f"{proposal.score:.2f}", proposal.why, Text(span))
    return table


def facts_rows(facts: Mapping[str, Any], failed: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """An archive's facts as rows for people."""
    rows = [("files", f"{facts['files']}"), ("windows", f"{facts['windows']}"), ("model", facts["model"])]
    rows += [("on disk", f"{facts['bytes'] / 1e6:.1f} MB"), ("not there", f"{facts['missing']}"), ("failed", f"{facts['failed']}")]
    rows += [("removed", f"{facts['removed']}")] if "removed" in facts else []
    return rows + [("", row["error"]) for row in failed[:10]] + [("", f"and {len(failed) - 10} more")] * (len(failed) > 10)
