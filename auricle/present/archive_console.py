"""Archives as text for a terminal: results of indexing, hits, taught classes, proposals and facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from auricle.archive.indexing import Summary
from auricle.archive.labels import TaughtClass
from auricle.archive.search import Hit
from auricle.archive.teaching import Proposal
from auricle.core.units import clock
from auricle.listen.vocabulary import SEPARATOR
from auricle.signal.streaming import printable


def summary_text(summary: Summary, seconds: float) -> str:
    """Summary of an indexing run in one line."""
    parts = [("new", summary.new - summary.failed), ("changed", summary.changed), ("moved", summary.moved)]
    parts += [("unchanged", summary.unchanged), ("missing (entries kept)", summary.missing)]
    counts = [f"{count} {name}" for name, count in parts if count > 0]
    processed = f"; {clock(summary.seconds)} of audio, {summary.windows} windows in {clock(seconds, tenths=seconds < 120)}" * bool(
        summary.windows
    )
    return (", ".join(counts) or "nothing to do") + processed


def hits_table(hits: Sequence[Hit]) -> RenderableType:
    """Table of hits: score, times, file, tags that are present."""
    if not hits:
        return Text("  no hits", style="dim")
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    table.add_column(overflow="fold")
    table.add_column(style="dim", overflow="fold")
    for hit in hits:
        span = f"{clock(hit.onset, tenths=True)} - {clock(hit.offset, tenths=True)}"
        name = Text(printable(hit.file) + " (missing)" * hit.missing)
        table.add_row(f"{hit.score:.2f}", span, name, Text(SEPARATOR.join(hit.tags)))
    return table


def taught_text(taught: TaughtClass) -> str:
    """Number of examples and measured precision of a taught class, in one or two lines."""
    positives = sum(label.yes for label in taught.labels)
    text = f"{taught.name}: version {taught.version}, {positives} yes, {len(taught.labels) - positives} no"
    precision = taught.precision
    if precision is None:
        return text
    interval = f"{precision.low:.0%} to {precision.high:.0%}, {precision.n} checked"
    return f"{text}\nprecision of version {precision.version}: {precision.value:.0%} ({interval})"


def proposals_table(proposals: Sequence[Proposal]) -> RenderableType:
    """Table of proposals: score, reason, and the window in the form that --yes and --no take."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for proposal in proposals:
        span = f"{printable(proposal.file)}@{proposal.onset:g}-{proposal.offset:g}"
        table.add_row(f"{proposal.score:.2f}", proposal.why, Text(span))
    return table


def facts_rows(facts: Mapping[str, Any], failed: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Rows about an archive."""
    rows = [("files", f"{facts['files']}"), ("windows", f"{facts['windows']}"), ("model", facts["model"])]
    rows += [("on disk", f"{facts['bytes'] / 1e6:.1f} MB"), ("missing", f"{facts['missing']}"), ("failed", f"{facts['failed']}")]
    rows += [("removed", f"{facts['removed']}")] if "removed" in facts else []
    return rows + [("", row["error"]) for row in failed[:10]] + [("", f"and {len(failed) - 10} more")] * (len(failed) > 10)
