"""Linear probe: a linear classifier on frozen embeddings, fitted to some clips and scored on others.

Features are similarity embeddings. The classifier is multinomial logistic regression (auricle.bench.regression) with an L2 strength chosen
by cross-validation inside the training clips. Recordings and speakers are never split between training and test, unless a corpus's own
folds do so and its suite states that.

Metrics: those of auricle.tasks.event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import regression
from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.bench.suite import Split
from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.metrics.resampled import Row
from auricle.tasks import event


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per test clip: its class (`truth`), the predicted one (`said`), and the fold (`part`) that it was in."""
    assert inputs.suite.split is not None
    truth, labels = suites.single_labels(inputs.items), suites.vocabulary(inputs.suite, inputs.items)
    classes = np.array([labels.index(label) for label in truth], dtype=np.intp)
    vectors = np.stack([one.mean("similarity") for one in inputs.embeddings])
    groups = suites.groups(inputs.items)
    rows: list[Row] = []
    for fold, train, test in split_clips(inputs.suite.split, inputs.items, inputs.seed):
        train_groups = [groups[index] for index in train]
        probe = regression.fit_cross_validated(vectors[train], classes[train], len(labels), groups=train_groups, seed=inputs.seed)
        for index, logits in zip(test, probe.logits(vectors[test]), strict=True):
            row = {"id": inputs.items[index].id, "group": groups[index], "truth": truth[index], "said": labels[int(logits.argmax())]}
            rows.append({**row, **event.grade(logits, classes[index]), "part": fold, "ridge": probe.ridge})
    return rows


def split_clips(split: Split, items: Sequence[Item], seed: int) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
    """Folds of a split: name, indices of the training clips, indices of the test clips. InputError where a source is in both."""
    if split.by == "official":
        fold = np.array([item.fold for item in items])
        sets = [("test", np.isin(fold, split.train), np.isin(fold, split.test))]
    else:
        names = _own_folds(items) if split.by == "fold" else _source_folds(items, split.parts, seed)
        sets = [(name, names != name, names == name) for name in sorted(set(names.tolist()))]
    groups = np.array(suites.groups(items), dtype=object)
    for name, train, test in sets:
        if not train.any() or not test.any():
            raise InputError(f"split {split.by}: {train.sum()} training clips and {test.sum()} test clips; wanted some of both")
        both = set(groups[train]) & set(groups[test])
        if both and not split.shared:
            raise InputError(
                f"split {split.by}: {len(both)} sources are in both training and test, such as {min(both)}; wanted them in one"
            )
        yield name, np.flatnonzero(train), np.flatnonzero(test)


def _own_folds(items: Sequence[Item]) -> NDArray[np.str_]:
    missing = next((item for item in items if not item.fold), None)
    if missing is not None:
        raise InputError(f"clip {missing.id!r} has no fold; wanted one for each, or a split by source")
    return np.array([item.fold for item in items])


def _source_folds(items: Sequence[Item], count: int, seed: int) -> NDArray[np.str_]:
    names, group = np.unique(suites.groups(items), return_inverse=True)
    if len(names) < 2:
        raise InputError("all clips are of one source; wanted two or more for a split by source")
    return np.array([f"{fold}" for fold in np.random.default_rng(seed).permutation(len(names))[group] % min(count, len(names))])
