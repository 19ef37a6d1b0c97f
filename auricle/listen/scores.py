"""Calibrated scores of logits, and the thresholds for labels to be present (numpy)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from auricle.core.config import CLIP_LOGITS, ModelConfig, Output
from auricle.runtime.open import Outputs
from auricle.tasks import tagging

_SMALLEST = np.float32(1e-6)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) for any x, float32."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (..., K) of logits (..., K); they sum to one over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (..., D) to unit length (L2), float32. A vector of zeros is unchanged."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _SMALLEST), dtype=np.float32)


def clip_logits(outputs: Outputs, output: Output) -> np.ndarray:
    """Recording-level logits (K,) of one window, joined with the frame-level logits if the config names them (`joined`)."""
    own = outputs[CLIP_LOGITS][0]
    return own if output.joined is None else tagging.combine_logits(own, outputs[output.joined][0])


def score_function(output: Output) -> Callable[[np.ndarray], np.ndarray]:
    """The function from logits (..., K) of an output to its scores (..., K): softmax or sigmoid of the calibrated logits.

    A label that others imply (`implies` of the output) has at least their scores.
    """
    activation = sigmoid if output.activation == "sigmoid" else lambda logits: softmax(logits).astype(np.float32)
    scores = activation
    if output.calibration is not None:
        scale, bias = (np.asarray(values, np.float32) for values in (output.calibration.scale, output.calibration.bias))
        scores = lambda logits: activation(logits * scale + bias)  # noqa: E731
    implying = implying_labels(output)
    return (lambda logits: raise_scores(scores(logits), implying)) if implying else scores


def implying_labels(output: Output) -> dict[int, list[int]]:
    """Index of each label that others imply -> their indices."""
    column = {label: index for index, label in enumerate(output.labels)}
    found: dict[int, list[int]] = {}
    for label in output.labels if output.implies else ():
        for name in output.implied(label):
            found.setdefault(column[name], []).append(column[label])
    return found


def raise_scores(scores: np.ndarray, implying: Mapping[int, Sequence[int]]) -> np.ndarray:
    """Scores (..., K) of which those of implied labels are at least those of the labels that imply them (`implying_labels`)."""
    raised = scores.copy()
    for index, others in implying.items():
        raised[..., index] = scores[..., [index, *others]].max(axis=-1)
    return raised


def label_thresholds(output: Output | None) -> np.ndarray:
    """Thresholds (K,) on the scores for labels to be present; 0.5 if the config has none."""
    if output is None:
        return np.zeros(0)
    return np.full(len(output.labels), 0.5) if output.thresholds is None else np.asarray(output.thresholds)


def text_threshold(config: ModelConfig) -> float:
    """Threshold on the score for a text label to be present."""
    return 0.5 if config.text is None else config.text.threshold
