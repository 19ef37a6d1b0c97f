"""Paired comparison of two results of one suite.

Both scored the same clips, so they are compared pair by pair, in whole groups (auricle.bench.intervals). The verdict uses the suite's
first metric alone: of many metrics, one in twenty would differ by chance.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from auricle.bench import intervals
from auricle.bench.protocols import PROTOCOLS
from auricle.bench.score import Result
from auricle.core.errors import InputError
from auricle.metrics.resampled import Row
from auricle.tasks import registry

#: p-value below which a difference is significant.
SIGNIFICANCE = 0.05


@dataclasses.dataclass(frozen=True)
class MetricComparison:
    """One metric of both results. first, second: entries of their `scores`. lower_is_better: as in `Metric`."""

    metric: str
    first: dict[str, Any]
    second: dict[str, Any]
    difference: intervals.Difference
    lower_is_better: bool

    @property
    def better(self) -> int | None:
        """0 or 1, the better result; None where the difference is not significant."""
        gap = self.difference
        if gap.p >= SIGNIFICANCE or gap.low <= 0 <= gap.high:
            return None
        return int((gap.value > 0) != self.lower_is_better)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Comparison of two results by all metrics, the suite's first metric first."""

    first: Result
    second: Result
    metrics: list[MetricComparison]

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two models; of equal names with the start of their weights' hash, or with A and B."""
        names = tuple(str(result.summary["model"]) for result in (self.first, self.second))
        if names[0] != names[1]:
            return names[0], names[1]
        marked = [f"{names[0]} ({str(result.summary['weights'])[:8]})" for result in (self.first, self.second)]
        return (marked[0], marked[1]) if marked[0] != marked[1] else (f"{names[0]} (A)", f"{names[0]} (B)")

    @property
    def verdict(self) -> str:
        """The conclusion in one sentence."""
        main = self.metrics[0]
        name, gap = main.metric.replace("_", " "), main.difference
        numbers = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}, p = {gap.p:.3f})"
        conclusion = "no significant difference" if main.better is None else f"{self.names[main.better]} is better"
        return f"{conclusion}: {name} of {self.names[1]} minus {self.names[0]} is {numbers}"

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON's types."""
        return {
            "version": self.first.summary["version"],
            "suite": self.first.summary["suite"],
            "models": list(self.names),
            "better": None if self.metrics[0].better is None else self.names[self.metrics[0].better],
            "verdict": self.verdict,
            "metrics": [
                {
                    "metric": one.metric,
                    "first": one.first["value"],
                    "second": one.second["value"],
                    "difference": round(one.difference.value, 6),
                    "low": round(one.difference.low, 6),
                    "high": round(one.difference.high, 6),
                    "p": round(one.difference.p, 6),
                    "better": None if one.better is None else self.names[one.better],
                    "n": one.first["n"],
                }
                for one in self.metrics
            ],
        }


def compare(first: Result, second: Result) -> Comparison:
    """Compare two results. InputError unless they have the same suite, seed and clips."""
    rows = _concatenate_rows(first, second)
    settings = first.summary["settings"]
    if settings.get("task") not in (None, *registry.BUILT_IN):  # a result must not choose a file that is executed
        raise InputError(f"a result of the task {settings['task']} cannot be compared; wanted results of a suite or a built-in task")
    protocol = PROTOCOLS[settings["protocol"]]
    metrics = protocol.metrics(rows) if settings.get("task") is None else registry.find(settings["task"]).metrics(rows)
    groups = [row["group"] for row in first.rows]
    seed, draws = int(first.summary["seed"]), int(settings["draws"])
    both = zip(first.summary["scores"], second.summary["scores"], strict=True)
    compared = [
        MetricComparison(
            one["metric"],
            one,
            other,
            intervals.difference(metrics[one["metric"]], groups, seed=seed, draws=draws),
            metrics[one["metric"]].lower_is_better,
        )
        for one, other in both
    ]
    return Comparison(first, second, compared)


def _concatenate_rows(first: Result, second: Result) -> list[Row]:
    """Rows of the first result, then those of the second in the same order."""
    for field in ("suite", "seed"):
        if first.summary[field] != second.summary[field]:
            raise InputError(
                f"{field} is {first.summary[field]!r} in one and {second.summary[field]!r} in the other; wanted the same {field}"
            )
    settings, others = first.summary["settings"], second.summary["settings"]
    if changed := sorted(key for key in settings.keys() | others.keys() if key != "about" and settings.get(key) != others.get(key)):
        raise InputError(f"the suite {first.summary['suite']} differs in {', '.join(changed)}; score both with the same version of it")
    by_id = {row["id"]: row for row in second.rows}
    missing = {row["id"] for row in first.rows} ^ by_id.keys()
    if missing or len(by_id) != len(first.rows):
        raise InputError(
            f"{len(missing)} clips are in only one result, such as {min(missing, default='?')!r}; score both on the same clips"
        )
    return [*first.rows, *(by_id[row["id"]] for row in first.rows)]


def to_json(comparison: Comparison) -> str:
    """One line of JSON."""
    return json.dumps(comparison.to_dict(), ensure_ascii=False)
