"""Multinomial logistic regression on embeddings of clips, fitted by L-BFGS in float64 with numpy alone.

Objective: mean cross-entropy of softmax(x W' + b) plus ridge / 2 times the sum of squares of W; b is not penalised. L-BFGS by the
two-loop recursion (Nocedal & Wright, "Numerical Optimization", 2006, algorithm 7.4) with backtracking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A point to the value and the gradient of a function.
_Objective: TypeAlias = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]

#: L2 strengths that are tried, from the strongest.
RIDGES = (1.0, 0.1, 0.01, 1e-3, 1e-4)
_MEMORY, _MAX_STEPS, _GRADIENT_TOLERANCE = 10, 200, 1e-5
_FOLDS = 3  # of the training clips, for the choice of the L2 strength


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """A linear classifier: logits = vectors @ weights.T + bias. weights (K, E), bias (K,). ridge: its L2 strength."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    ridge: float

    def logits(self, vectors: np.ndarray) -> NDArray[np.float64]:
        """Logits (N, K) of vectors (N, E)."""
        return np.asarray(vectors @ self.weights.T + self.bias)


def fit(vectors: np.ndarray, truth: NDArray[np.intp], classes: int, *, ridge: float, start: Probe | None = None) -> Probe:
    """Fit a Probe to vectors (N, E) and their class indices (N,) in 0..classes-1. start: where the optimisation begins.

    Columns are centred, and all are scaled by the same factor.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors.astype(np.float64) - mean
    scale = 1.0 / max(float(np.sqrt(np.mean(centred**2))), 1e-12)
    design = centred * scale
    one_hot = np.eye(classes)[truth]

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(classes, -1)
        logits = design @ weights[:, :-1].T + weights[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        loss = float((total[:, 0] - (logits * one_hot).sum(axis=1)).mean()) + 0.5 * ridge * float((weights[:, :-1] ** 2).sum())
        error = (np.exp(logits - total) - one_hot) / len(design)
        gradient = np.concatenate([error.T @ design + ridge * weights[:, :-1], error.sum(axis=0)[:, None]], axis=1)
        return loss, gradient.ravel()

    initial = np.zeros((classes, design.shape[1] + 1))
    if start is not None:
        initial[:, :-1] = start.weights / scale
        initial[:, -1] = start.bias + start.weights @ mean
    optimum = _lbfgs(objective, initial.ravel()).reshape(classes, -1)
    weights = optimum[:, :-1] * scale
    return Probe(weights, optimum[:, -1] - weights @ mean, ridge)


def fit_cross_validated(vectors: np.ndarray, truth: NDArray[np.intp], classes: int, *, groups: Sequence[str], seed: int) -> Probe:
    """Fit a Probe with the L2 strength of the highest cross-validated likelihood. groups: group of each vector; groups are kept whole."""
    names, group = np.unique(list(groups), return_inverse=True)
    if len(names) < 2:
        return fit(vectors, truth, classes, ridge=RIDGES[len(RIDGES) // 2])  # one recording: no cross-validation is possible
    folds = np.random.default_rng(seed).permutation(len(names))[group] % min(_FOLDS, len(names))
    losses = np.zeros(len(RIDGES))
    for fold in range(folds.max() + 1):
        train, test = folds != fold, folds == fold
        probe: Probe | None = None
        for index, ridge in enumerate(RIDGES):
            probe = fit(vectors[train], truth[train], classes, ridge=ridge, start=probe)
            logits = probe.logits(vectors[test])
            logits -= logits.max(axis=1, keepdims=True)
            log_likelihood = logits[np.arange(len(logits)), truth[test]] - np.log(np.exp(logits).sum(axis=1))
            losses[index] -= log_likelihood.sum()
    return fit(vectors, truth, classes, ridge=RIDGES[int(losses.argmin())])


def _lbfgs(objective: _Objective, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimise a smooth convex function of a vector from a starting point."""
    loss, gradient = objective(point)
    history: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []  # steps and changes of the gradient
    for _ in range(_MAX_STEPS):
        if np.abs(gradient).max() < _GRADIENT_TOLERANCE:
            break
        direction = -_precondition(gradient, history)
        slope = float(gradient @ direction)
        size = 1.0 if history else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        while True:
            new_loss, new_gradient = objective(point + size * direction)
            if new_loss <= loss + 1e-4 * size * slope or size < 1e-12:
                break
            size *= 0.5
        step, change = size * direction, new_gradient - gradient
        if float(step @ change) > 1e-12:
            history = [*history[1 - _MEMORY :], (step, change)]
        is_converged = loss - new_loss <= 1e-9 * max(1.0, abs(loss))
        point, loss, gradient = point + step, new_loss, new_gradient
        if is_converged:
            break
    return point


def _precondition(gradient: NDArray[np.float64], history: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The gradient times the approximate inverse Hessian (two-loop recursion)."""
    result, factors = gradient.copy(), []
    for step, change in reversed(history):
        factor = float(step @ result) / float(step @ change)
        factors.append(factor)
        result -= factor * change
    if history:
        step, change = history[-1]
        result *= float(step @ change) / float(change @ change)
    for (step, change), factor in zip(history, reversed(factors), strict=True):
        result += step * (factor - float(change @ result) / float(step @ change))
    return result
