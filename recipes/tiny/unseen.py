"""Sounds by name alone: clips of classes that a model never heard, told apart by the words for them."""

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
    "fifths": "Ten ESC-50 classes (target % 5 == k) left out with every clip of any corpus that touches one; top-1 among the ten by "
    "their names alone. Chance 0.10.",
    "groups": "One of ESC-50's five groups of ten classes left out whole, as Xie & Virtanen (2019) do; top-1 among the ten "
    "by name. Chance 0.10.",
}


def splits(rows: Sequence[Row], groups: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """The two studies: name of each left-out set (of a group, its first word) to its ten classes.

    groups: ESC-50's table of classes (target, category, group).
    """
    words = dict(sorted({(row.target, row.labels[0]) for row in rows if row.corpus == "esc50"}))
    fifths = {str(k): tuple(word for target, word in words.items() if target % 5 == k) for k in range(5)}
    by_group: dict[str, list[str]] = {}
    with groups.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            by_group.setdefault(re.split(r"[ ,/]", line["group"])[0].lower(), []).append(words[int(line["target"])])
    return {"fifths": fifths, "groups": {name: tuple(found) for name, found in by_group.items()}}


def hits(folder: Path, rows: Sequence[Row], bank: FeatureBank, classes: Sequence[str]) -> np.ndarray:
    """For each ESC-50 clip of the left-out classes: is its own name the nearest of them? bool (N,)."""
    listener = load(folder)
    names = listener.embed_text(list(classes))
    chosen = [i for i, row in enumerate(rows) if row.corpus == "esc50" and row.labels[0] in classes]
    said = [int((names @ listener.runtime.run(bank.plain(i)[None])[EMBEDDING][0]).argmax()) for i in chosen]
    return np.array([classes[best] == rows[i].labels[0] for best, i in zip(said, chosen, strict=True)])


def figures(results: Sequence[tuple[str, np.ndarray]], seed: int) -> list[Figure]:
    """The mean over the sets, its interval over clips within sets, then each set."""
    mean = float(np.mean([right.mean() for _, right in results]))
    rng = np.random.default_rng(seed)
    draws = [np.mean([rng.choice(right, len(right)).mean() for _, right in results]) for _ in range(2000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    rows: list[Figure] = [{"name": "top1", "value": mean, "low": float(low), "high": float(high), "n": sum(len(r) for _, r in results)}]
    for name, right in results:
        low, high = bootstrap.wilson(int(right.sum()), len(right))
        rows.append({"name": f"set_{name}", "value": float(right.mean()), "low": low, "high": high, "n": len(right)})
    return rows
