"""Two results of one suite in, which is better out, or that it cannot be told.

The same clips were put to both, so they are compared pair by pair, in whole groups (auricle.bench.intervals). The verdict rests on the
suite's first metric alone: of many metrics, one in twenty would differ by chance.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from auricle.bench import intervals
from auricle.bench.protocols import PROTOCOLS
from auricle.bench.protocols.protocol import Row
from auricle.bench.score import Result
from auricle.core.errors import InputError

#: p below which a difference is more than chance.
SURE = 0.05


@dataclasses.dataclass(frozen=True)
class Compared:
    """One metric of both results. first, second: entries of their `scores`. smaller: less is better."""

    metric: str
    first: dict[str, Any]
    second: dict[str, Any]
    difference: intervals.Difference
    smaller: bool

    @property
    def better(self) -> int | None:
        """0 or 1, the result that is better; None where that cannot be told."""
        gap = self.difference
        if gap.p >= SURE or gap.low <= 0 <= gap.high:
            return None
        return int((gap.value > 0) != self.smaller)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Both results and each of their metrics, the suite's first metric first."""

    first: Result
    second: Result
    metrics: list[Compared]

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called: by their models, told apart where these are the same."""
        names = tuple(str(result.about["model"]) for result in (self.first, self.second))
        if names[0] != names[1]:
            return names[0], names[1]
        marked = [f"{names[0]} ({str(result.about['weights'])[:8]})" for result in (self.first, self.second)]
        return (marked[0], marked[1]) if marked[0] != marked[1] else (f"{names[0]} (A)", f"{names[0]} (B)")

    @property
    def verdict(self) -> str:
        """One sentence."""
        main = self.metrics[0]
        name, gap = main.metric.replace("_", " "), main.difference
        told = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}, p = {gap.p:.3f})"
        if main.better is None:
            return f"which is better cannot be told: {name} of {self.names[1]} less that of {self.names[0]} is {told}"
        return f"{self.names[main.better]} is better: {name} of {self.names[1]} less that of {self.names[0]} is {told}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "version": self.first.about["version"],
            "suite": self.first.about["suite"],
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
    """Compare two results of the same suite, seed and clips; InputError where they are not."""
    rows = _paired(first, second)
    settings = first.about["settings"]
    metrics = PROTOCOLS[settings["protocol"]].metrics(rows)
    groups = [row["group"] for row in first.rows]
    seed, draws = int(first.about["seed"]), int(settings["draws"])
    both = zip(first.about["scores"], second.about["scores"], strict=True)
    compared = [
        Compared(
            one["metric"],
            one,
            other,
            intervals.difference(metrics[one["metric"]], groups, seed=seed, draws=draws),
            metrics[one["metric"]].smaller,
        )
        for one, other in both
    ]
    return Comparison(first, second, compared)


def _paired(first: Result, second: Result) -> list[Row]:
    """Rows of the first, then those of the second in the order of the first."""
    for field in ("suite", "seed"):
        if first.about[field] != second.about[field]:
            raise InputError(f"{field} is {first.about[field]!r} of one and {second.about[field]!r} of the other; wanted two of the same")
    if first.about["settings"] != second.about["settings"]:
        changed = sorted(key for key, value in first.about["settings"].items() if second.about["settings"].get(key) != value)
        raise InputError(f"the suite {first.about['suite']} was not the same: {', '.join(changed)} differ; score both by one version of it")
    of = {row["id"]: row for row in second.rows}
    missing = {row["id"] for row in first.rows} ^ of.keys()
    if missing or len(of) != len(first.rows):
        raise InputError(
            f"{len(missing)} clips are in one result alone, such as {min(missing, default='?')!r}; score both on the same clips"
        )
    return [*first.rows, *(of[row["id"]] for row in first.rows)]


def to_json(comparison: Comparison) -> str:
    """One line."""
    return json.dumps(comparison.to_dict(), ensure_ascii=False)
