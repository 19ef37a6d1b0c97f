"""Few-shot classification: episodes of N classes with K examples each, and test clips (queries) of these classes.

An episode draws half of the sources for examples and the other half for queries, so that no recording or speaker is on both sides; then its
classes, examples and queries at random. Features are similarity embeddings. Two heads are fitted to the same examples: `prototypical`
(nearest class mean, Snell et al., 2017) and `logistic` (logistic regression with a fixed L2 strength).

Metrics: mean accuracy of each head. Intervals are over episodes: they measure how well this corpus's average is known, not how the model
would do on another corpus.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import regression
from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.bench.suite import HEADS, Episodes
from auricle.core.errors import InputError
from auricle.listen.scores import unit
from auricle.metrics.resampled import Metric, Row, mean

#: L2 strength. Strong, since a handful of examples in many dimensions is easily overfitted.
RIDGE = 0.1
_ATTEMPTS = 20  # draws of halves before an error


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per episode: accuracy of each head on its queries."""
    assert inputs.suite.episodes is not None
    episodes = inputs.suite.episodes
    truth, labels = suites.single_labels(inputs.items), suites.vocabulary(inputs.suite, inputs.items)
    classes = np.array([labels.index(label) for label in truth], dtype=np.intp)
    sources = np.unique(suites.groups(inputs.items), return_inverse=True)[1]
    vectors = np.stack([one.mean("similarity") for one in inputs.embeddings])
    rows: list[Row] = []
    for number in range(episodes.count):
        rng = np.random.default_rng([inputs.seed, number])
        examples, queries = _draw_episode(rng, classes, sources, episodes)
        predictions = classify(vectors[examples], vectors[queries], episodes.ways)
        expected = np.repeat(np.arange(episodes.ways), episodes.queries)
        accuracies = {head: float((predicted == expected).mean()) for head, predicted in predictions.items()}
        rows.append({"id": f"episode {number}", "group": f"{number}", **accuracies})
    return rows


def _draw_episode(
    rng: np.random.Generator, classes: NDArray[np.intp], sources: NDArray[np.intp], episodes: Episodes
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of examples (ways * shots) and of queries (ways * queries), class by class."""
    most = 0
    for _ in range(_ATTEMPTS):
        half = rng.permutation(sources.max() + 1) < (sources.max() + 1) // 2
        first, second = half[sources], ~half[sources]
        enough = np.bincount(classes[first], minlength=classes.max() + 1) >= episodes.shots
        enough &= np.bincount(classes[second], minlength=classes.max() + 1) >= episodes.queries
        most = max(most, int(enough.sum()))
        if enough.sum() < episodes.ways:
            continue
        drawn = rng.choice(np.flatnonzero(enough), episodes.ways, replace=False)
        members = [np.flatnonzero(classes == one) for one in drawn]
        return (
            np.concatenate([rng.choice(clips[first[clips]], episodes.shots, replace=False) for clips in members]),
            np.concatenate([rng.choice(clips[second[clips]], episodes.queries, replace=False) for clips in members]),
        )
    raise InputError(
        f"at most {most} classes have {episodes.shots} examples in one half of the sources and {episodes.queries} queries in the other; "
        f"wanted {episodes.ways}"
    )


def classify(examples: np.ndarray, queries: np.ndarray, ways: int) -> dict[str, NDArray[np.intp]]:
    """Class (Q,) that each head predicts for queries (Q, E), fitted to examples (ways * shots, E), class by class."""
    means = unit(examples.reshape(ways, -1, examples.shape[1]).mean(axis=1))
    probe = regression.fit(examples, np.repeat(np.arange(ways), len(examples) // ways), ways, ridge=RIDGE)
    return dict(zip(HEADS, (probe.logits(queries).argmax(axis=1), (queries @ means.T).argmax(axis=1)), strict=True))


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Mean accuracy of each head over all episodes."""
    return {head: mean(rows, head) for head in HEADS}
