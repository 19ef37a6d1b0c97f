"""Calibration of logits, so that scores are probabilities, and thresholds from which a label is present (numpy).

Labels that may occur together: Platt scaling (Platt 1999). One slope is shared by all labels and each label has its own intercept, so a few
dozen examples per label are enough. Labels that exclude each other: temperature scaling (Guo et al., ICML 2017, section 4.2).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from auricle.core.config import LogitCalibration

_SCALES = (0.01, 100.0)
_THRESHOLDS = np.arange(10, 100) / 100
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclasses.dataclass(frozen=True, eq=False)
class PlattScaling:
    """score = sigmoid(scale * logit + bias); scale and bias float32 (K,)."""

    scale: np.ndarray
    bias: np.ndarray

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (..., K), of logits (..., K)."""
        return np.asarray(0.5 * (1 + np.tanh(0.5 * (logits * self.scale + self.bias))), dtype=np.float32)

    def to_config(self) -> LogitCalibration:
        """The values for config.json, rounded to five decimals."""
        scale, bias = (tuple(round(float(value), 5) for value in values) for values in (self.scale, self.bias))
        return LogitCalibration(scale=scale, bias=bias)


def fit_platt(
    logits: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None, prior: float = 2.0, steps: int = 100
) -> PlattScaling:
    """Fit Platt scaling by maximum likelihood: Newton's method on the convex logistic loss, with a line search.

    logits, truth, mask: (N, K); entries where mask is False are ignored. prior: L2 strength that pulls each label's intercept towards the
    common one. The targets of P true and Q other entries are (P + 1) / (P + 2) and 1 / (Q + 2) (Platt 1999, section 2.2), so that the scale
    of separable logits is finite.
    """
    x, y = np.asarray(logits, np.float64), np.asarray(truth, np.float64)
    weight = np.ones_like(x) if mask is None else np.asarray(mask, np.float64)
    positives, negatives = float((weight * y).sum()), float((weight * (1 - y)).sum())
    y = y * (positives + 1) / (positives + 2) + (1 - y) / (negatives + 2)
    labels = x.shape[1]
    point = np.concatenate([[1.0, 0.0], np.zeros(labels)])  # slope, common intercept, offsets of the labels

    def loss(point: np.ndarray) -> float:
        z = point[0] * x + point[1] + point[2:]
        return float((weight * (np.logaddexp(0, z) - y * z)).sum() + 0.5 * prior * np.square(point[2:]).sum())

    penalty = np.diag(np.concatenate([[1e-6, 1e-6], np.full(labels, prior + 1e-6)]))
    for _ in range(steps):
        probability = 0.5 * (1 + np.tanh(0.5 * (point[0] * x + point[1] + point[2:])))
        residual, curvature = weight * (probability - y), weight * probability * (1 - probability)
        by_label, curvature_x = residual.sum(axis=0), (curvature * x).sum(axis=0)
        gradient = np.concatenate([[(residual * x).sum(), by_label.sum()], by_label + prior * point[2:]])
        hessian = penalty.copy()
        hessian[0, 0] += (curvature * x * x).sum()
        hessian[0, 1] = hessian[1, 0] = curvature_x.sum()
        hessian[1, 1] += curvature.sum()
        hessian[0, 2:] = hessian[2:, 0] = curvature_x
        hessian[1, 2:] = hessian[2:, 1] = curvature.sum(axis=0)
        hessian[2:, 2:] += np.diag(curvature.sum(axis=0))
        step, current = np.linalg.solve(hessian, gradient), loss(point)
        while loss(point - step) > current and np.abs(step).max() > 1e-8:  # far from the optimum a full step can overshoot
            step = 0.5 * step
        point = point - step
        if np.abs(step).max() < 1e-8:
            break
    return PlattScaling(np.full(labels, point[0], np.float32), (point[1] + point[2:]).astype(np.float32))


def fit_temperature(logits: np.ndarray, truth: np.ndarray, *, clips: np.ndarray, seconds: np.ndarray) -> float:
    """Scale (1 / temperature) of softmax scores by maximum likelihood, from 0.01 to 100.

    logits: (W, K) of windows. clips, seconds: (W,), the clip (0 to N - 1) and the length of each; the scores of a clip are the mean of its
    windows weighted by length. truth: int (N,), the label of each clip. It is smoothed by 1 / (N + 2), so that a few clips that are all
    right do not give an infinite scale.
    """
    total, smoothing = np.bincount(clips, weights=seconds), 1 / (len(truth) + 2)
    centred = np.asarray(logits, np.float64) - logits[np.arange(len(logits)), truth[clips]][:, None]

    def loss(log_scale: float) -> float:
        powers = math.exp(log_scale) * centred
        highest = powers.max(axis=1)
        own = np.exp(-highest) / np.exp(powers - highest[:, None]).sum(axis=1)
        score = np.clip(np.bincount(clips, weights=seconds * own) / total, 1e-12, 1 - 1e-12)
        return float(-((1 - smoothing) * np.log(score) + smoothing * np.log1p(-score)).mean())

    grid = np.log(np.geomspace(*_SCALES, 41))  # the mean over windows can have several minima
    best = int(np.argmin([loss(point) for point in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    while high - low > 1e-6:  # golden-section search
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)


def f1_curves(
    scores: np.ndarray, truth: np.ndarray, thresholds: np.ndarray, *, mask: np.ndarray | None = None, prior: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """F1 of each label at each of G rising thresholds (G, K), and of all decisions together (G,), micro-averaged.

    scores, truth, mask: (N, K); entries where mask is False are ignored. prior: the curve of all labels is added to that of each with the
    weight of this many positives, so that labels with few positives stay near it.
    """
    used = np.ones(scores.shape, bool) if mask is None else np.asarray(mask, bool)
    present, labels = np.asarray(truth, bool) & used, scores.shape[1]
    passed = np.searchsorted(thresholds, scores, side="right")  # how many thresholds each score reaches

    def reaching(selected: np.ndarray) -> np.ndarray:
        """How many of the selected entries reach each threshold (G, K)."""
        cells = (passed * labels + np.arange(labels))[selected]
        counts = np.bincount(cells, minlength=(len(thresholds) + 1) * labels).reshape(-1, labels)
        return np.asarray(np.cumsum(counts[::-1], axis=0)[::-1][1:], dtype=np.float64)

    hits, predicted, positives = reaching(present), reaching(used), present.sum(axis=0).astype(np.float64)
    common = 2 * hits.sum(axis=1) / np.maximum(predicted.sum(axis=1) + positives.sum(), 1)
    share = prior / max(positives.sum(), 1)
    own = 2 * (hits + share * hits.sum(axis=1, keepdims=True))
    own /= np.maximum(predicted + positives + share * (predicted.sum(axis=1, keepdims=True) + positives.sum()), 1e-9)
    return own, common


def fit_thresholds(scores: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None, prior: float = 10.0) -> np.ndarray:
    """Threshold of each label (K,) with the best F1, from 0.10 to 0.99; the middle one where several are equal. Arguments as `f1_curves`.

    Without a least threshold, labels that the scores do not tell apart would be present everywhere (Lipton, Elkan & Narayanaswamy 2014).
    """
    curves, _ = f1_curves(scores, truth, _THRESHOLDS, mask=mask, prior=prior)
    best = curves >= curves.max(axis=0) - 1e-12
    return np.array([_THRESHOLDS[np.flatnonzero(column)[(column.sum() - 1) // 2]] for column in best.T])
