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
