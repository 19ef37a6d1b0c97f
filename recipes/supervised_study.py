"""Held-out accuracy of the recipes `leaf` and `multitask`, compared with baselines of the same small encoder.

    python -m recipes.supervised_study --data DIR --work runs/supervised [--study leaf | heads]

leaf: ESC-10 with a log-mel front-end and with LEAF, the same CNN, steps and batches for both. heads: ESC-10, spoken digits and instruments
on one encoder with three heads, and on three separate encoders. Fold 4 of each corpus is held out, with its recordings and speakers, and
was not used for any choice. Writes docs/results/leaf.json and multitask.json. A quarter of an hour each on one core, seed 0.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from auricle.bench.results import Figure, write_record
from auricle.data.corpora import read
from auricle.data.corpora.clip_table import Row, fold
from auricle.data.item import Item
from auricle.data.manifest import write
from auricle.nn.leaf import mel_gabors
from auricle.recipes import leaf, multitask
from auricle.signal.presets import PRESETS
from auricle.train.trainer import TrainConfig, train

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
FOLD, BATCH, EPOCHS = "4", 16, 10
#: Length (s) of the random crops that each study trains on.
SECONDS = {"leaf": 2.5, "heads": 1.0}
TRAIN = TrainConfig(learning_rate=3e-3)
#: Task -> corpus; the first is that of `data`.
TASKS = {"labels": "esc50", "digits": "fsdd", "instruments": "sonicpi"}


def rows_of(data: Path, task: str) -> list[Row]:
    """Labelled clips of a task's corpus; from ESC-50 only those of ESC-10."""
    return [row for row in read(data, [TASKS[task]]) if row.label and (row.corpus != "esc50" or "esc10=True" in row.extra)]


def write_manifest(data: Path, work: Path, task: str) -> Path:
    """Write the manifest of a task, with the corpus's own labels; returns its path."""
    path = work / f"{task}.jsonl"
    items = (
        Item(id=row.path.stem, audio=row.path, labels=(row.label,), corpus=row.corpus, source=row.source, fold=str(fold(row)))
        for row in rows_of(data, task)
    )
    write(path, items)
    return path


def run_training(module: Any, work: Path, name: str, *, window: float, **settings: Any) -> tuple[dict[str, float], float]:
    """Train for EPOCHS epochs on the items that are not held out; returns the figures and the seconds it took."""
    config = module.Config(cache=work / "cache", fold=FOLD, window=window, batch=BATCH, workers=1, **settings)
    items = sum(len(task.items) for task in multitask.read_tasks(config))
    steps = TRAIN.model_copy(update={"steps": EPOCHS * items // BATCH})
    start = time.monotonic()
    figures = train(module.build(config.model_copy(update={"train": steps})), work / name)
    print(name, figures, flush=True)
    return figures, time.monotonic() - start


def accuracy(name: str, figures: dict[str, float], task: str, rows: list[Row], note: str = "") -> Figure:
    """Accuracy of one task with its interval."""
    value, low, high = (figures[f"{task}_{part}"] for part in ("accuracy", "low", "high"))
    count = sum(str(fold(row)) == FOLD for row in rows)
    return {"name": name, "value": value, "low": low, "high": high, "n": count, "note": note}


def study_leaf(data: Path, work: Path) -> None:
    """Compare the log-mel front-end with LEAF."""
    path, rows = write_manifest(data, work, "labels"), rows_of(data, "labels")
    figures: list[Figure] = []
    for name, module in (("log_mel", multitask), ("leaf", leaf)):
        scores, seconds = run_training(module, work, name, window=SECONDS["leaf"], data=path)
        figures.append(accuracy(f"{name}_accuracy", scores, "labels", rows))
        figures.append({"name": f"{name}_minutes", "value": seconds / 60, "unit": "min", "note": "of training and scoring"})
    tensors, preset = load_file(work / "leaf" / "model" / "model.safetensors"), PRESETS[str(multitask.ENCODER["frontend"])]
    widths = tensors["encoder.leaf.pooling.width"]
    initial, _ = mel_gabors(preset.mels, rate=preset.rate, low=preset.low, high=preset.high)
    moved = abs(tensors["encoder.leaf.filters.centre"] - initial.numpy()) * preset.rate / (2 * math.pi)
    figures += [
        {"name": "width_least", "value": float(widths.min()), "note": "of the pooling windows, which were initialised to 0.4"},
        {"name": "width_most", "value": float(widths.max())},
        {"name": "centres_moved", "value": float(moved.mean()), "unit": "Hz", "note": f"mean over the {preset.mels} filters"},
    ]
    setup = f"{EPOCHS} epochs of {SECONDS['leaf']} s crops, tested on whole clips of the held-out fold 4"
    about = f"ESC-10 by the same small CNN with a log-mel front-end and with LEAF: {setup}."
    _record("leaf", figures, about, "leaf")


def study_heads(data: Path, work: Path) -> None:
    """Compare three heads on one encoder with three separate encoders."""
    paths = {task: write_manifest(data, work, task) for task in TASKS}
    further = {task: path for task, path in paths.items() if task != multitask.FIRST}
    together, _ = run_training(multitask, work, "together", window=SECONDS["heads"], data=paths[multitask.FIRST], tasks=further)
    figures = []
    for task in paths:
        alone, _ = run_training(multitask, work, f"alone-{task}", window=SECONDS["heads"], data=paths[task])
        rows = rows_of(data, task)
        figures += [
            accuracy(f"{task}_together", together, task, rows, f"{TASKS[task]}; three heads on one encoder"),
            accuracy(f"{task}_alone", alone, multitask.FIRST, rows, f"{TASKS[task]}; separate encoder"),
        ]
    setup = f"{EPOCHS} epochs of {SECONDS['heads']} s crops, fold 4 held out"
    about = f"One small CNN with a head for each of three tasks, and a separate one for each task; {setup}."
    _record("multitask", figures, about, "heads")


def _record(name: str, figures: list[Figure], about: str, study: str) -> None:
    command = f"python -m recipes.supervised_study --data DIR --work runs/supervised --study {study}"
    print(write_record(RESULTS, name, command=command, seed=0, figures=figures, extra={"about": about}))


STUDIES = {"leaf": study_leaf, "heads": study_heads}


def main() -> None:
    """Run one study, or both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/supervised"))
    parser.add_argument("--study", choices=sorted(STUDIES))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for name in [options.study] if options.study else STUDIES:
        STUDIES[name](options.data, options.work)


if __name__ == "__main__":
    main()
