"""What the recipes `leaf` and `multitask` reach on recordings that were left out, beside the same small encoder without them.

    python -m recipes.supervised_study --data DIR --work runs/supervised [--study leaf | heads]

leaf: ESC-10's ten classes by log-mel and by LEAF, the same CNN behind both, the same steps and draws. heads: ESC-10, spoken digits and
instruments on one encoder with three heads, and on an encoder each. Fold 4 of each corpus is left out, with its recordings and speakers;
nothing was chosen by looking at it. Writes docs/results/leaf.json and multitask.json. A quarter of an hour each on one core, seed 0.
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
#: Length of the stretches that each study trains on.
SECONDS = {"leaf": 2.5, "heads": 1.0}
TRAIN = TrainConfig(learning_rate=3e-3)
#: Task -> corpus; the first is that of `data`.
TASKS = {"labels": "esc50", "digits": "fsdd", "instruments": "sonicpi"}


def rows_of(data: Path, task: str) -> list[Row]:
    """The labelled clips of a task's corpus; of ESC-50, those of ESC-10."""
    return [row for row in read(data, [TASKS[task]]) if row.label and (row.corpus != "esc50" or "esc10=True" in row.extra)]


def manifest(data: Path, work: Path, task: str) -> Path:
    """A manifest of a task, its labels those of the corpus itself."""
    path = work / f"{task}.jsonl"
    made = (
        Item(id=row.path.stem, audio=row.path, labels=(row.label,), corpus=row.corpus, source=row.source, fold=str(fold(row)))
        for row in rows_of(data, task)
    )
    write(path, made)
    return path


def trained(module: Any, work: Path, name: str, *, window: float, **settings: Any) -> tuple[dict[str, float], float]:
    """Figures of one training, and its seconds; EPOCHS passes over what is not left out."""
    config = module.Config(cache=work / "cache", fold=FOLD, window=window, batch=BATCH, workers=1, **settings)
    items = sum(len(task.items) for task in multitask.opened_tasks(config))
    steps = TRAIN.model_copy(update={"steps": EPOCHS * items // BATCH})
    began = time.monotonic()
    figures = train(module.build(config.model_copy(update={"train": steps})), work / name)
    print(name, figures, flush=True)
    return figures, time.monotonic() - began


def accuracy(name: str, figures: dict[str, float], task: str, rows: list[Row], note: str = "") -> Figure:
    """One task's accuracy with its interval."""
    value, low, high = (figures[f"{task}_{part}"] for part in ("accuracy", "low", "high"))
    count = sum(str(fold(row)) == FOLD for row in rows)
    return {"name": name, "value": value, "low": low, "high": high, "n": count, "note": note}


def study_leaf(data: Path, work: Path) -> None:
    """log-mel and LEAF."""
    path, rows = manifest(data, work, "labels"), rows_of(data, "labels")
    figures: list[Figure] = []
    for name, module in (("log_mel", multitask), ("leaf", leaf)):
        found, seconds = trained(module, work, name, window=SECONDS["leaf"], data=path)
        figures.append(accuracy(f"{name}_accuracy", found, "labels", rows))
        figures.append({"name": f"{name}_minutes", "value": seconds / 60, "unit": "min", "note": "of training and scoring"})
    now, preset = load_file(work / "leaf" / "model" / "model.safetensors"), PRESETS[str(multitask.ENCODER["frontend"])]
    widths = now["encoder.leaf.pooling.width"]
    begun, _ = mel_gabors(preset.mels, rate=preset.rate, low=preset.low, high=preset.high)
    moved = abs(now["encoder.leaf.filters.centre"] - begun.numpy()) * preset.rate / (2 * math.pi)
    figures += [
        {"name": "width_least", "value": float(widths.min()), "note": "of the pooling windows, which began at 0.4"},
        {"name": "width_most", "value": float(widths.max())},
        {"name": "centres_moved", "value": float(moved.mean()), "unit": "Hz", "note": f"mean over the {preset.mels} filters"},
    ]
    heard = f"{EPOCHS} passes of {SECONDS['leaf']} s, whole clips of fold 4 left out"
    about = f"ESC-10 by the same small CNN behind log-mel and behind LEAF: {heard}."
    _record("leaf", figures, about, "leaf")


def study_heads(data: Path, work: Path) -> None:
    """Three heads on one encoder, and an encoder each."""
    paths = {task: manifest(data, work, task) for task in TASKS}
    further = {task: path for task, path in paths.items() if task != multitask.FIRST}
    together, _ = trained(multitask, work, "together", window=SECONDS["heads"], data=paths[multitask.FIRST], tasks=further)
    figures = []
    for task in paths:
        alone, _ = trained(multitask, work, f"alone-{task}", window=SECONDS["heads"], data=paths[task])
        rows = rows_of(data, task)
        figures += [
            accuracy(f"{task}_together", together, task, rows, f"{TASKS[task]}; three heads on one encoder"),
            accuracy(f"{task}_alone", alone, multitask.FIRST, rows, f"{TASKS[task]}; an encoder of its own"),
        ]
    heard = f"{EPOCHS} passes of {SECONDS['heads']} s each, fold 4 left out"
    about = f"The same small CNN with a head for each of three tasks, and one a task; {heard}."
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
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    for name in [asked.study] if asked.study else STUDIES:
        STUDIES[name](asked.data, asked.work)


if __name__ == "__main__":
    main()
