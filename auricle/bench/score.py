"""Evaluation of a model on a suite: scores with confidence intervals, and the leaks that were found.

`Result.save` writes FOLDER/result.json, FOLDER/items.jsonl (a row for each scored item, from which every score can be computed again) and,
where there are leaks, FOLDER/leaks.jsonl.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from auricle.bench import intervals, leak_guard, lineage, results
from auricle.bench.embeddings import embed_items
from auricle.bench.protocols import PROTOCOLS
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.bench.suite import Suite
from auricle.core.errors import InputError
from auricle.core.files import make_folder, write_text
from auricle.data.item import Item
from auricle.listen.listener import Listener
from auricle.metrics.resampled import Row
from auricle.tasks import registry

VERSION = 1
RESULT, ITEMS, LEAKS = "result.json", "items.jsonl", "leaks.jsonl"


@dataclasses.dataclass(frozen=True)
class Result:
    """Result of an evaluation. summary: the JSON object (docs/bench.md). rows: scored items. leaks: of any level but unknown."""

    summary: dict[str, Any]
    rows: list[Row]
    leaks: list[leak_guard.Leak]

    def save(self, folder: Path) -> None:
        """Write the files; result.json comes last, so that a folder with it is complete."""
        make_folder(folder)
        for old in (RESULT, LEAKS):
            (folder / old).unlink(missing_ok=True)
        _write_lines(folder / ITEMS, self.rows)
        if self.leaks:
            _write_lines(folder / LEAKS, [dataclasses.asdict(leak) for leak in self.leaks])
        text = json.dumps(self.summary, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        write_text(folder / RESULT, text)

    @staticmethod
    def load(path: Path) -> Result:
        """Load a saved result, without its leaks. path: the folder, or its result.json. InputError where it cannot be read."""
        folder = path if path.is_dir() else path.parent
        try:
            summary = json.loads((folder / RESULT).read_text(encoding="utf-8"))
            rows = [json.loads(line) for line in (folder / ITEMS).read_text(encoding="utf-8").splitlines()]
            if summary["version"] != VERSION or summary["settings"]["protocol"] not in PROTOCOLS:
                raise ValueError("another version")
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or repr(error)
            raise InputError(f"{path}: has no readable result ({reason}); make one with auricle score ... -o DIR") from error
        return Result(summary, rows, [])


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationRun:
    """An evaluation whose clips are embedded and checked for leaks; `result` computes the scores."""

    inputs: EvaluationInput
    leaks: dict[str, leak_guard.Leak]
    training_data: lineage.Lineage

    def result(self) -> Result:
        """Run the protocol, and compute every metric with its interval."""
        inputs, leaks = self.inputs, self.leaks
        rows = PROTOCOLS[inputs.suite.protocol].run(inputs)
        summary = _summary(inputs.listener, inputs.suite, inputs.seed) | {
            "scores": compute_scores(inputs.suite, rows, inputs.seed),
            "leaked": leak_guard.summarise(inputs.items, leaks, self.training_data),
            "allowed": any(leak.level == "clip" for leak in leaks.values()),
            "clips": len(inputs.items),
            "silent": sum(one.silent for one in inputs.embeddings),
            **PROTOCOLS[inputs.suite.protocol].describe(inputs),
        }
        return Result(summary, rows, sorted(leaks.values(), key=lambda leak: (leak_guard.LEVELS.index(leak.level), leak.item)))


def evaluate(
    listener: Listener,
    suite: Suite,
    items: Sequence[Item],
    *,
    seed: int | None = None,
    allow_leaked: bool = False,
    progress: Callable[[int, float, float], None] | None = None,
) -> EvaluationRun:
    """Embed the clips of a suite and check them for leaks. seed: of splits, episodes and intervals, by default the suite's.

    LeakedError where the model was trained or calibrated on some of the clips, unless allow_leaked. InputError where the suite needs a text
    tower that the model lacks, or a clip cannot be read.
    """
    if suite.needs_text_tower and not listener.runtime.has_text_tower:
        raise InputError(f"{listener.config.name} has no text tower, which the suite {suite.name} needs; wanted a model with one")
    training_data = lineage.read_lineage(listener.runtime.folder)
    leaks = leak_guard.find_by_name(items, training_data)
    if not allow_leaked:
        leak_guard.refuse_leaked(leaks, len(items))  # before any clip is read
    embeddings = embed_items(listener, items, progress=progress)
    refused = {name for name, leak in leaks.items() if leak.level == "clip"}
    by_sound = leak_guard.find_by_sound(items, embeddings, training_data)
    leaks |= {name: leak for name, leak in by_sound.items() if name not in refused}
    if not allow_leaked:
        leak_guard.refuse_leaked(leaks, len(items))
    return EvaluationRun(EvaluationInput(suite, listener, items, embeddings, suite.seed if seed is None else seed), leaks, training_data)


def score(listener: Listener, suite: Suite, items: Sequence[Item], *, seed: int | None = None, allow_leaked: bool = False) -> Result:
    """Evaluate a model on a suite: `evaluate` and `EvaluationRun.result` in one call."""
    return evaluate(listener, suite, items, seed=seed, allow_leaked=allow_leaked).result()


def compute_scores(suite: Suite, rows: Sequence[Row], seed: int) -> list[dict[str, Any]]:
    """Compute the suite's metrics from rows, each with value, low, high (95 %) and n. InputError where a metric has no row."""
    metrics = PROTOCOLS[suite.protocol].metrics(rows) if suite.task is None else registry.find(suite.task).metrics(rows)
    groups = [row["group"] for row in rows]
    scores = []
    for name in suite.metrics or metrics:
        if name not in metrics:
            raise InputError(f"the task {suite.task} has no metric {name!r}; wanted some of {', '.join(metrics)}")
        count = len(metrics[name].rows)
        if not count:
            raise InputError(f"there is no clip to compute {name} from; wanted at least one")
        value, low, high = intervals.interval(metrics[name], groups, seed=seed, draws=suite.draws)
        scores.append({"metric": name, "value": _rounded(value), "low": _rounded(low), "high": _rounded(high), "n": count})
    return scores


def _summary(listener: Listener, suite: Suite, seed: int) -> dict[str, Any]:
    return {
        "version": VERSION,
        "suite": suite.name,
        "about": suite.about,
        "model": listener.config.name,
        "weights": listener.fingerprint,
        "runtime": listener.runtime.engine.name,
        "seed": seed,
        "chance": suite.chance,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": results.commit_of_code(),
        "machine": results.describe_system(),
        "packages": results.package_versions(),
        "settings": suite.model_dump(mode="json"),
    }


def _rounded(number: float) -> float | None:
    """A number rounded for JSON; None where it is not finite."""
    return round(number, 6) if abs(number) < float("inf") else None


def _write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines))
