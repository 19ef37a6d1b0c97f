"""How much do the vectors know of these classes? A linear head on them, learnt from some clips and scored on others.

Vectors are those of likeness, which tell sounds apart whether or not words can. The head is multinomial logistic regression
(auricle.bench.regression); how firmly it is held is chosen inside the training clips. Recordings and speakers are never split between what
is learnt from and what is scored, unless a corpus's own folds do so and its suite says that they do.

Metrics: `accuracy` over all scored clips; `macro_accuracy`, each class counting the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import regression
from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import Metric, Row, Trial, macro, mean
from auricle.bench.suite import Split
from auricle.core.errors import InputError
from auricle.data.item import Item


def run(trial: Trial) -> list[Row]:
    """A row a scored clip: its class and the one that was said; `part` is the split's part that it was left out with."""
    assert trial.suite.split is not None
    truth, labels = suites.single(trial.items), suites.vocabulary(trial.suite, trial.items)
    places = np.array([labels.index(label) for label in truth], dtype=np.intp)
    vectors = np.stack([heard.mean("likeness") for heard in trial.heard])
    groups = suites.groups(trial.items)
    rows: list[Row] = []
    for part, learnt, scored in parts(trial.suite.split, trial.items, trial.seed):
        of = [groups[place] for place in learnt]
        probe = regression.chosen(vectors[learnt], places[learnt], len(labels), groups=of, seed=trial.seed)
        best = probe.logits(vectors[scored]).argmax(axis=1)
        for place, said in zip(scored, best, strict=True):
            row = {"id": trial.items[place].id, "group": groups[place], "truth": truth[place], "said": labels[said]}
            rows.append(row | {"right": float(said == places[place]), "part": part, "ridge": probe.ridge})
    return rows


def parts(split: Split, items: Sequence[Item], seed: int) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
    """Name of a part, places of the clips to learn from, places of those to score."""
    if split.by == "official":
        fold = np.array([item.fold for item in items])
        sets = [("test", np.isin(fold, split.train), np.isin(fold, split.test))]
    else:
        names = _by_fold(items) if split.by == "fold" else _by_source(items, split.parts, seed)
        sets = [(name, names != name, names == name) for name in sorted(set(names.tolist()))]
    groups = np.array(suites.groups(items), dtype=object)
    for name, learnt, scored in sets:
        if not learnt.any() or not scored.any():
            raise InputError(f"split {split.by}: {learnt.sum()} clips to learn from and {scored.sum()} to score; wanted some of both")
        both = set(groups[learnt]) & set(groups[scored])
        if both and not split.shared:
            raise InputError(f"split {split.by}: {len(both)} sources are on both sides, such as {min(both)}; wanted them whole")
        yield name, np.flatnonzero(learnt), np.flatnonzero(scored)


def _by_fold(items: Sequence[Item]) -> NDArray[np.str_]:
    missing = next((item for item in items if not item.fold), None)
    if missing is not None:
        raise InputError(f"clip {missing.id!r} has no fold; wanted one for each, or a split by source")
    return np.array([item.fold for item in items])


def _by_source(items: Sequence[Item], count: int, seed: int) -> NDArray[np.str_]:
    names, group = np.unique(suites.groups(items), return_inverse=True)
    if len(names) < 2:
        raise InputError("all clips are of one source; wanted two or more, so that one can be left out")
    return np.array([f"{part}" for part in np.random.default_rng(seed).permutation(len(names))[group] % min(count, len(names))])


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Of all scored clips."""
    return {"accuracy": mean(rows, "right"), "macro_accuracy": macro(rows)}
