"""Zero-shot classification of classes that a model was not trained on, by their names."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auricle.bench.results import Figure
from auricle.core.config import EMBEDDING
from auricle.data.compose.feature_bank import FeatureBank
from auricle.data.corpora.clip_table import Row
from auricle.listen.listener import load
from auricle.metrics import bootstrap

ABOUT = {
    "fifths": "Ten ESC-50 classes (target % 5 == k) held out, with all related clips of any corpus; zero-shot top-1 accuracy among the "
    "ten by their names. Chance 0.10.",
    "groups": "One of ESC-50's five groups of ten classes held out, as in Xie & Virtanen (2019); zero-shot top-1 accuracy among the ten "
    "by their names. Chance 0.10.",
}


def splits(rows: Sequence[Row], groups: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """Sets of held-out classes of both studies: name of the set (for groups, the first word) to its ten classes.

    groups: path of ESC-50's table of classes (target, category, group).
    """
    labels = dict(sorted({(row.target, row.labels[0]) for row in rows if row.corpus == "esc50"}))
    fifths = {str(k): tuple(label for target, label in labels.items() if target % 5 == k) for k in range(5)}
    by_group: dict[str, list[str]] = {}
    with groups.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            by_group.setdefault(re.split(r"[ ,/]", line["group"])[0].lower(), []).append(labels[int(line["target"])])
    return {"fifths": fifths, "groups": {name: tuple(classes) for name, classes in by_group.items()}}


def hits(folder: Path, rows: Sequence[Row], bank: FeatureBank, classes: Sequence[str]) -> np.ndarray:
    """Hits of zero-shot classification of the ESC-50 clips of these classes, by the nearest class name; bool (N,)."""
    listener = load(folder)
    text = listener.embed_text(list(classes))
    clips = [i for i, row in enumerate(rows) if row.corpus == "esc50" and row.labels[0] in classes]
    best = [int((text @ listener.runtime.run(bank.plain(i)[None])[EMBEDDING][0]).argmax()) for i in clips]
    return np.array([classes[index] == rows[i].labels[0] for index, i in zip(best, clips, strict=True)])


def figures(results: Sequence[tuple[str, np.ndarray]], seed: int) -> list[Figure]:
    """Mean accuracy over sets with its interval (bootstrap over clips within sets), then the accuracy of each set."""
    mean = float(np.mean([correct.mean() for _, correct in results]))
    rng = np.random.default_rng(seed)
    draws = [np.mean([rng.choice(correct, len(correct)).mean() for _, correct in results]) for _ in range(2000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    rows: list[Figure] = [{"name": "top1", "value": mean, "low": float(low), "high": float(high), "n": sum(len(r) for _, r in results)}]
    for name, correct in results:
        low, high = bootstrap.wilson(int(correct.sum()), len(correct))
        rows.append({"name": f"set_{name}", "value": float(correct.mean()), "low": low, "high": high, "n": len(correct)})
    return rows
