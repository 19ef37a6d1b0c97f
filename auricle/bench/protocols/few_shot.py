"""How soon is a new class learnt? Many small lessons: N classes with K examples each, then clips of them to tell apart.

An episode draws half of the sources for examples and leaves the other half for queries, so that no recording or speaker is on both sides;
then its classes, examples and queries by lot. Vectors are those of likeness. Two heads learn from the same examples: `prototypical` takes
the nearest class mean (Snell et al., 2017), `logistic` a logistic regression with a fixed ridge.

Metrics: the mean share of queries that each head gets right. Intervals are over episodes: they say how well this corpus's average is known,
not how another corpus would do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import regression
from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import Metric, Row, Trial, mean
from auricle.core.errors import InputError
from auricle.listen.scores import unit

#: Firm: a handful of examples in many dimensions fits anything.
RIDGE = 0.1
_TRIES = 20  # draws of halves before an episode is given up


def run(trial: Trial) -> list[Row]:
    """A row an episode: the share of queries that each head gets right."""
    assert trial.suite.episodes is not None
    asked = trial.suite.episodes
    truth, labels = suites.single(trial.items), suites.vocabulary(trial.suite, trial.items)
    places = np.array([labels.index(label) for label in truth], dtype=np.intp)
    sources = np.unique(suites.groups(trial.items), return_inverse=True)[1]
    vectors = np.stack([heard.mean("likeness") for heard in trial.heard])
    rows: list[Row] = []
    for number in range(asked.count):
        rng = np.random.default_rng([trial.seed, number])
        shown, queries = _drawn(rng, places, sources, trial)
        said = told(vectors[shown], vectors[queries], asked.ways)
        wanted = np.repeat(np.arange(asked.ways), asked.queries)
        right = {head: float((best == wanted).mean()) for head, best in said.items()}
        rows.append({"id": f"episode {number}", "group": f"{number}", **right})
    return rows


def _drawn(
    rng: np.random.Generator, places: NDArray[np.intp], sources: NDArray[np.intp], trial: Trial
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of examples (ways * shots) and of queries (ways * queries), class by class."""
    asked = trial.suite.episodes
    assert asked is not None
    most = 0
    for _ in range(_TRIES):
        half = rng.permutation(sources.max() + 1) < (sources.max() + 1) // 2
        shown, left = half[sources], ~half[sources]
        fit = np.bincount(places[shown], minlength=places.max() + 1) >= asked.shots
        fit &= np.bincount(places[left], minlength=places.max() + 1) >= asked.queries
        most = max(most, int(fit.sum()))
        if fit.sum() < asked.ways:
            continue
        classes = rng.choice(np.flatnonzero(fit), asked.ways, replace=False)
        of = [np.flatnonzero(places == each) for each in classes]
        return (
            np.concatenate([rng.choice(each[shown[each]], asked.shots, replace=False) for each in of]),
            np.concatenate([rng.choice(each[left[each]], asked.queries, replace=False) for each in of]),
        )
    raise InputError(
        f"at most {most} classes have {asked.shots} examples in one half of the sources and {asked.queries} queries in the other; "
        f"wanted {asked.ways}"
    )


def told(shown: np.ndarray, queries: np.ndarray, ways: int) -> dict[str, NDArray[np.intp]]:
    """The class that each head gives each of the queries (Q, E), from examples (ways * shots, E), class by class."""
    means = unit(shown.reshape(ways, -1, shown.shape[1]).mean(axis=1))
    probe = regression.fit(shown, np.repeat(np.arange(ways), len(shown) // ways), ways, ridge=RIDGE)
    return {"prototypical": (queries @ means.T).argmax(axis=1), "logistic": probe.logits(queries).argmax(axis=1)}


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Of all episodes."""
    return {"logistic": mean(rows, "logistic"), "prototypical": mean(rows, "prototypical")}
