"""A model and a suite in, scores with their intervals out, and what the guard found. A result is one JSON object and its rows.

`Result.save` writes FOLDER/result.json, FOLDER/items.jsonl (a row for each thing that was judged, from which every score can be computed
again) and, where there are leaks, FOLDER/leaks.jsonl.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from auricle.bench import intervals, leak_guard, lineage, results
from auricle.bench.embeddings import hear
from auricle.bench.protocols import PROTOCOLS
from auricle.bench.protocols.protocol import Row, Trial
from auricle.bench.suite import Suite
from auricle.core.errors import InputError
from auricle.core.files import make_folder, write_text
from auricle.data.item import Item
from auricle.listen.listener import Listener

VERSION = 1
RESULT, ITEMS, LEAKS = "result.json", "items.jsonl", "leaks.jsonl"


@dataclasses.dataclass(frozen=True)
class Result:
    """about: the JSON object. rows: what was judged. leaks: clips of any level but unknown."""

    about: dict[str, Any]
    rows: list[Row]
    leaks: list[leak_guard.Leak]

    def save(self, folder: Path) -> None:
        """Write the files; result.json comes last, so that a folder with one is whole."""
        make_folder(folder)
        for old in (RESULT, LEAKS):
            (folder / old).unlink(missing_ok=True)
        _write_lines(folder / ITEMS, self.rows)
        if self.leaks:
            _write_lines(folder / LEAKS, [dataclasses.asdict(leak) for leak in self.leaks])
        text = json.dumps(self.about, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        write_text(folder / RESULT, text)

    @staticmethod
    def load(path: Path) -> Result:
        """What `save` wrote; path: the folder, or its result.json."""
        folder = path if path.is_dir() else path.parent
        try:
            about = json.loads((folder / RESULT).read_text(encoding="utf-8"))
            rows = [json.loads(line) for line in (folder / ITEMS).read_text(encoding="utf-8").splitlines()]
            if about["version"] != VERSION or about["settings"]["protocol"] not in PROTOCOLS:
                raise ValueError("another version")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: holds no result that can be read ({error!r}); make one with auricle score ... --out DIR") from error
        return Result(about, rows, [])


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationRun:
    """A trial that the guard has let in: what was heard, what leaks, what the model says of its past."""

    trial: Trial
    leaks: dict[str, leak_guard.Leak]
    past: lineage.Lineage

    def result(self) -> Result:
        """EvidenceScorer it, and put an interval to every score."""
        trial, leaks = self.trial, self.leaks
        rows = PROTOCOLS[trial.suite.protocol].run(trial)
        about = _about(trial.listener, trial.suite, trial.seed) | {
            "scores": scores(trial.suite, rows, trial.seed),
            "leaked": leak_guard.marks(trial.items, leaks, self.past),
            "allowed": any(leak.level == "clip" for leak in leaks.values()),
            "clips": len(trial.items),
            "silent": sum(one.silent for one in trial.heard),
        }
        return Result(about, rows, sorted(leaks.values(), key=lambda leak: (leak_guard.LEVELS.index(leak.level), leak.item)))


def evaluate(
    listener: Listener,
    suite: Suite,
    items: Sequence[Item],
    *,
    seed: int | None = None,
    allow_leaked: bool = False,
    progress: Callable[[int, float, float], None] | None = None,
) -> EvaluationRun:
    """Hear the clips of a suite. LeakedError where the listener was trained on some of them, unless that is allowed.

    seed: of splits, lessons and intervals; by default the suite's.
    """
    if suite.needs_words and not listener.runtime.has_text_tower:
        raise InputError(f"{listener.config.name} has no text tower, which the suite {suite.name} needs; choose a model that has one")
    past = lineage.of(listener.runtime.folder)
    leaks = leak_guard.by_name(items, past)
    if not allow_leaked:
        leak_guard.check(leaks, len(items))  # what names tell needs no hearing
    heard = hear(listener, items, progress=progress)
    told = {name for name, leak in leaks.items() if leak.level == "clip"}
    leaks |= {name: leak for name, leak in leak_guard.by_sound(items, heard, past).items() if name not in told}
    if not allow_leaked:
        leak_guard.check(leaks, len(items))
    return EvaluationRun(Trial(suite, listener, items, heard, suite.seed if seed is None else seed), leaks, past)


def score(listener: Listener, suite: Suite, items: Sequence[Item], *, seed: int | None = None, allow_leaked: bool = False) -> Result:
    """Hear and judge at once: see `sit`."""
    return evaluate(listener, suite, items, seed=seed, allow_leaked=allow_leaked).result()


def scores(suite: Suite, rows: Sequence[Row], seed: int) -> list[dict[str, Any]]:
    """The suite's metrics of rows, each with value, low, high (95 %) and n."""
    known = PROTOCOLS[suite.protocol].metrics(rows)
    groups = [row["group"] for row in rows]
    told = []
    for name in suite.metrics:
        if not len(known[name].places):
            raise InputError(f"there is nothing to compute {name} of; wanted at least one clip that it is about")
        value, low, high = intervals.interval(known[name], groups, seed=seed, draws=suite.draws)
        told.append({"metric": name, "value": _plain(value), "low": _plain(low), "high": _plain(high), "n": len(known[name].places)})
    return told


def _about(listener: Listener, suite: Suite, seed: int) -> dict[str, Any]:
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
        "machine": results.machine(),
        "packages": results.versions(),
        "settings": suite.model_dump(mode="json"),
    }


def _plain(number: float) -> float | None:
    """A number that JSON can hold; None where it is not finite."""
    return round(number, 6) if abs(number) < float("inf") else None


def _write_lines(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines))
