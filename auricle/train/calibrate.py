"""Platt scaling (Platt 1999): logistic calibration of logits, so that scores are probabilities.

One slope is shared by all labels and each label has its own intercept, so a few dozen examples per label are enough.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from auricle.core.config import LogitCalibration


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
    logits: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None, prior: float = 2.0, steps: int = 30
) -> PlattScaling:
    """Fit by maximum likelihood: Newton's method on the convex logistic loss.

    logits, truth, mask: (N, K); entries where mask is False are ignored. prior: L2 strength that pulls each label's intercept towards
    the common one.
    """
    x, y = np.asarray(logits, np.float64), np.asarray(truth, np.float64)
    weight = np.ones_like(x) if mask is None else np.asarray(mask, np.float64)
    labels = x.shape[1]
    slope, intercept, offsets = 1.0, 0.0, np.zeros(labels)
    penalty = np.diag(np.concatenate([[1e-6, 1e-6], np.full(labels, prior + 1e-6)]))
    for _ in range(steps):
        probability = 0.5 * (1 + np.tanh(0.5 * (slope * x + intercept + offsets)))
        residual, curvature = weight * (probability - y), weight * probability * (1 - probability)
        by_label, curvature_x = residual.sum(axis=0), (curvature * x).sum(axis=0)
        gradient = np.concatenate([[(residual * x).sum(), by_label.sum()], by_label + prior * offsets])
        hessian = penalty.copy()
        hessian[0, 0] += (curvature * x * x).sum()
        hessian[0, 1] = hessian[1, 0] = curvature_x.sum()
        hessian[1, 1] += curvature.sum()
        hessian[0, 2:] = hessian[2:, 0] = curvature_x
        hessian[1, 2:] = hessian[2:, 1] = curvature.sum(axis=0)
        hessian[2:, 2:] += np.diag(curvature.sum(axis=0))
        step = np.linalg.solve(hessian, gradient)
        step *= min(1.0, 2.0 / np.abs(step).max())  # far from the optimum a full step can overshoot
        slope, intercept, offsets = slope - step[0], intercept - step[1], offsets - step[2:]
        if np.abs(step).max() < 1e-8:
            break
    return PlattScaling(np.full(labels, slope, np.float32), (intercept + offsets).astype(np.float32))
