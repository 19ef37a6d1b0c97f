"""Calibration: logits with known truth in, a line a label out, so that a score of 0.7 is right seven times in ten.

Platt scaling (Platt 1999) with one slope for all labels and an intercept a label, which a few dozen examples a label can carry.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from auricle.core.config import LogitCalibration


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """score = sigmoid(scale * logit + bias), float32 (K,) each."""

    scale: np.ndarray
    bias: np.ndarray

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Logits (..., K) to probabilities."""
        return np.asarray(0.5 * (1 + np.tanh(0.5 * (logits * self.scale + self.bias))), dtype=np.float32)

    def rounded(self) -> LogitCalibration:
        """As config.json has it: five digits after the point."""
        scale, bias = (tuple(round(float(value), 5) for value in values) for values in (self.scale, self.bias))
        return LogitCalibration(scale=scale, bias=bias)


def fit_lines(logits: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None, prior: float = 2.0, steps: int = 30) -> Lines:
    """Lines that make truth most likely, by Newton's method on the convex logistic loss.

    logits, truth, mask: (N, K); decisions where mask is False do not count. prior: how strongly an intercept is held to the common one.
    """
    x, y = np.asarray(logits, np.float64), np.asarray(truth, np.float64)
    weight = np.ones_like(x) if mask is None else np.asarray(mask, np.float64)
    labels = x.shape[1]
    slope, common, own = 1.0, 0.0, np.zeros(labels)
    hold = np.diag(np.concatenate([[1e-6, 1e-6], np.full(labels, prior + 1e-6)]))
    for _ in range(steps):
        chance = 0.5 * (1 + np.tanh(0.5 * (slope * x + common + own)))
        gap, curve = weight * (chance - y), weight * chance * (1 - chance)
        by_label, curve_x = gap.sum(axis=0), (curve * x).sum(axis=0)
        gradient = np.concatenate([[(gap * x).sum(), by_label.sum()], by_label + prior * own])
        hessian = hold.copy()
        hessian[0, 0] += (curve * x * x).sum()
        hessian[0, 1] = hessian[1, 0] = curve_x.sum()
        hessian[1, 1] += curve.sum()
        hessian[0, 2:] = hessian[2:, 0] = curve_x
        hessian[1, 2:] = hessian[2:, 1] = curve.sum(axis=0)
        hessian[2:, 2:] += np.diag(curve.sum(axis=0))
        step = np.linalg.solve(hessian, gradient)
        step *= min(1.0, 2.0 / np.abs(step).max())  # far from the answer a full step can overshoot
        slope, common, own = slope - step[0], common - step[1], own - step[2:]
        if np.abs(step).max() < 1e-8:
            break
    return Lines(np.full(labels, slope, np.float32), (common + own).astype(np.float32))
