"""Multinomial logistic regression on vectors of clips: one optimum, found by L-BFGS in float64, the same on every machine's numpy.

Objective: mean of -log softmax(x W' + b) at the true class, plus ridge / 2 times the sum of squares of W; b is free. L-BFGS by the two-loop
recursion (Nocedal & Wright, "Numerical Optimization", 2006, algorithm 7.4) with backtracking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Ridges that are tried, from the firmest.
RIDGES = (1.0, 0.1, 0.01, 1e-3, 1e-4)
_MEMORY, _STEPS, _CLOSE = 10, 200, 1e-5
_PARTS = 3  # of the training clips, each held out once to choose the ridge


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """weights (K, E), bias (K,): logits = vectors @ weights.T + bias. ridge: how firmly it was held."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    ridge: float

    def logits(self, vectors: np.ndarray) -> NDArray[np.float64]:
        """(N, E) to (N, K)."""
        return np.asarray(vectors @ self.weights.T + self.bias)


def fit(vectors: np.ndarray, places: NDArray[np.intp], classes: int, *, ridge: float, start: Probe | None = None) -> Probe:
    """Vectors (N, E) and their classes (N,) in 0..classes-1 to a Probe. Columns are brought to mean 0; all share one scale."""
    middle = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors.astype(np.float64) - middle
    scale = 1.0 / max(float(np.sqrt(np.mean(centred**2))), 1e-12)
    design = centred * scale
    wanted = np.eye(classes)[places]

    def judged(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(classes, -1)
        logits = design @ weights[:, :-1].T + weights[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        loss = float((total[:, 0] - (logits * wanted).sum(axis=1)).mean()) + 0.5 * ridge * float((weights[:, :-1] ** 2).sum())
        error = (np.exp(logits - total) - wanted) / len(design)
        slope = np.concatenate([error.T @ design + ridge * weights[:, :-1], error.sum(axis=0)[:, None]], axis=1)
        return loss, slope.ravel()

    first = np.zeros((classes, design.shape[1] + 1))
    if start is not None:
        first[:, :-1] = start.weights / scale
        first[:, -1] = start.bias + start.weights @ middle
    found = _lbfgs(judged, first.ravel()).reshape(classes, -1)
    weights = found[:, :-1] * scale
    return Probe(weights, found[:, -1] - weights @ middle, ridge)


def chosen(vectors: np.ndarray, places: NDArray[np.intp], classes: int, *, groups: Sequence[str], seed: int) -> Probe:
    """A Probe whose ridge was chosen inside these clips: groups whole are held out in turn, and the likeliest ridge wins."""
    names, group = np.unique(list(groups), return_inverse=True)
    if len(names) < 2:
        return fit(vectors, places, classes, ridge=RIDGES[len(RIDGES) // 2])  # one recording: nothing could be held out
    parts = np.random.default_rng(seed).permutation(len(names))[group] % min(_PARTS, len(names))
    lost = np.zeros(len(RIDGES))
    for part in range(parts.max() + 1):
        kept, left = parts != part, parts == part
        probe: Probe | None = None
        for index, ridge in enumerate(RIDGES):
            probe = fit(vectors[kept], places[kept], classes, ridge=ridge, start=probe)
            logits = probe.logits(vectors[left])
            logits -= logits.max(axis=1, keepdims=True)
            share = logits[np.arange(len(logits)), places[left]] - np.log(np.exp(logits).sum(axis=1))
            lost[index] -= share.sum()
    return fit(vectors, places, classes, ridge=RIDGES[int(lost.argmin())])


def _lbfgs(judged: object, flat: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least of a smooth convex function; judged: point to value and slope."""
    assert callable(judged)
    loss, slope = judged(flat)
    kept: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for _ in range(_STEPS):
        if np.abs(slope).max() < _CLOSE:
            break
        way = -_towards(slope, kept)
        gain = float(slope @ way)
        size = 1.0 if kept else min(1.0, 1.0 / float(np.abs(slope).sum()))
        while True:
            loss_there, slope_there = judged(flat + size * way)
            if loss_there <= loss + 1e-4 * size * gain or size < 1e-12:
                break
            size *= 0.5
        moved, turned = size * way, slope_there - slope
        if float(moved @ turned) > 1e-12:
            kept = [*kept[1 - _MEMORY :], (moved, turned)]
        done = loss - loss_there <= 1e-9 * max(1.0, abs(loss))
        flat, loss, slope = flat + moved, loss_there, slope_there
        if done:
            break
    return flat


def _towards(slope: NDArray[np.float64], kept: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The slope through the inverse curvature that the last steps told."""
    way, shares = slope.copy(), []
    for moved, turned in reversed(kept):
        share = float(moved @ way) / float(moved @ turned)
        shares.append(share)
        way -= share * turned
    if kept:
        moved, turned = kept[-1]
        way *= float(moved @ turned) / float(turned @ turned)
    for (moved, turned), share in zip(kept, reversed(shares), strict=True):
        way += moved * (share - float(turned @ way) / float(moved @ turned))
    return way
