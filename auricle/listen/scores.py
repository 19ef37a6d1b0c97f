"""Logits to calibrated scores, and the thresholds from which labels are present (numpy)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from auricle.core.config import CLIP_LOGITS, ModelConfig, Output
from auricle.runtime.open import Outputs
from auricle.tasks import tagging

_SMALLEST = np.float32(1e-6)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) for any x, float32."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shares (..., K) of logits (..., K): they add up to one."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., D) made unit length; one that is all zeros stays so."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _SMALLEST), dtype=np.float32)


def clip_logits(outputs: Outputs, output: Output) -> np.ndarray:
    """Logits (K,) of one window's labels, joined with the frame-level ones where the config says so."""
    own = outputs[CLIP_LOGITS][0]
    return own if output.joined is None else tagging.evidence(own, outputs[output.joined][0])


def scores_of(output: Output) -> Callable[[np.ndarray], np.ndarray]:
    """What makes scores (..., K) of an output's logits (..., K)."""
    if output.activation == "softmax":
        return lambda logits: softmax(logits).astype(np.float32)
    if output.calibration is None:
        return sigmoid
    scale, bias = (np.asarray(values, np.float32) for values in (output.calibration.scale, output.calibration.bias))
    return lambda logits: sigmoid(logits * scale + bias)


def thresholds_of(output: Output | None) -> np.ndarray:
    """Scores (K,) from which labels are present: one half where the config has none."""
    if output is None:
        return np.zeros(0)
    return np.full(len(output.labels), 0.5) if output.thresholds is None else np.asarray(output.thresholds)


def text_threshold(config: ModelConfig) -> float:
    """Score from which any text is present."""
    return 0.5 if config.text is None else config.text.threshold
