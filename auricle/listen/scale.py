"""Calibration of audio-text cosines: a scale (and a bias) fitted to labelled clips, after which a score of 0.7 is right in 70 % of cases.

`one` (single-label): softmax(scale * cosine) over the labels, the scale fitted by maximum likelihood (temperature scaling: Guo et al., ICML
2017, section 4.2, with scale for 1 / T). `any` (multi-label): sigmoid(scale * cosine + bias) for each label (Platt 1999). All labels share
one scale and one bias, so that labels without a clip are calibrated too. The fit is deterministic.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field, ValidationError

from auricle.core.config import Finite, Strict
from auricle.core.errors import InputError
from auricle.core.files import write_text
from auricle.listen.fewshot import fit_platt
from auricle.listen.scores import sigmoid, softmax
from auricle.metrics import calibration

#: The task: exactly one of the labels (single-label), or any number of them (multi-label).
Question: TypeAlias = Literal["one", "any"]
#: Pooling rule over windows: see listen.aggregation.
Rule: TypeAlias = Literal["mean", "max", "top3"]

_LEAST, _MOST = 0.1, 1000.0  # range of the search: at the upper end a cosine difference of 0.001 still matters
_HALVINGS = 60


class Scale(Strict):
    """A calibration from cosines to probabilities. bias: only for `any`. clips: number of clips that it was fitted to.

    model (fingerprint), wording (name of the prompt set) and rule: where the cosines came from; the scale is valid only for these. None if
    unknown.
    """

    format: Literal[1] = 1
    question: Question
    scale: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    bias: Finite = 0.0
    clips: Annotated[int, Field(ge=0)] = 0
    model: str | None = None
    wording: str | None = None
    rule: Rule | None = None

    def probabilities(self, cosines: np.ndarray) -> np.ndarray:
        """Probabilities float32 (..., K) of cosines (..., K); for `one` they sum to one."""
        logits = np.asarray(cosines, dtype=np.float64) * self.scale
        if self.question == "one":
            return softmax(logits).astype(np.float32)
        return sigmoid(logits + self.bias)

    def save(self, path: str | Path) -> None:
        """Write a JSON file atomically. WriteError if it cannot be written."""
        write_text(path, json.dumps(self.model_dump(), indent=1) + "\n")

    @staticmethod
    def load(path: str | Path) -> Scale:
        """Read a file that `save` wrote; InputError for any other."""
        try:
            return Scale.model_validate_json(Path(path).read_bytes())
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a scale that calibrate() fitted") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise InputError(f"{path}: {where}: {first['msg']}; wanted a scale that calibrate() fitted") from error


def calibrate(cosines: np.ndarray, truth: np.ndarray, *, question: Question = "one") -> Scale:
    """Fit a scale by maximum likelihood to cosines (N, K) of N labelled clips with K labels.

    truth: for `one` the index of the label of each clip, int (N,); for `any` bool (N, K). Clips without cosines (nan) must be left out.
    InputError for arrays of other shapes, types or ranges.
    """
    cosines = np.asarray(cosines, dtype=np.float64)
    _check(cosines, truth, question)
    if question == "one":
        return Scale(question="one", scale=_temperature(cosines, truth), clips=len(cosines))
    targets = truth.ravel()
    scale, bias = fit_platt(cosines.ravel(), targets, np.ones(targets.size))
    return Scale(question="any", scale=scale, bias=bias, clips=len(cosines))


def measure(cosines: np.ndarray, truth: np.ndarray, scale: Scale) -> dict[str, float]:
    """Calibration metrics of a scale: `ece` (for `one`: of the best label) and `nll` in nats per decision. Arrays as for calibrate."""
    cosines = np.asarray(cosines, dtype=np.float64)
    _check(cosines, truth, scale.question)
    probabilities = scale.probabilities(cosines).astype(np.float64)
    if scale.question == "any":
        confidence, correct = probabilities.ravel(), np.asarray(truth).ravel()
        likelihood = np.where(correct, confidence, 1 - confidence)
    else:
        confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
        likelihood = probabilities[np.arange(len(probabilities)), truth]
    ece = calibration.expected_error(confidence, correct)
    return {"ece": ece, "nll": float(-np.log(np.maximum(likelihood, 1e-12)).mean())}


def _temperature(cosines: np.ndarray, truth: np.ndarray) -> float:
    """The scale of maximum likelihood. The likelihood is concave in the scale, so bisection finds the zero of its derivative.

    The targets are smoothed as Platt's are, so that a few clips that are all classified correctly do not give an infinite scale.
    """
    count, labels = cosines.shape
    smoothing = 1 / (count + 2)
    own = cosines[np.arange(count), truth]
    target = (1 - smoothing) * own + smoothing * (cosines.sum(axis=1) - own) / (labels - 1)

    def slope(scale: float) -> float:
        return float((target - (softmax(scale * cosines) * cosines).sum(axis=1)).mean())

    low, high = np.log(_LEAST), np.log(_MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(float(np.exp(middle))) > 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def _check(cosines: np.ndarray, truth: np.ndarray, question: Question) -> None:
    if cosines.ndim != 2 or not len(cosines) or not np.isfinite(cosines).all():
        raise InputError(f"cosines have shape {cosines.shape} or are not finite; wanted finite values (clips, labels)")
    truth = np.asarray(truth)
    if question == "any":
        if truth.dtype != np.bool_ or truth.shape != cosines.shape or not truth.any() or truth.all():
            raise InputError(
                f"truth has shape {truth.shape} and type {truth.dtype}; wanted bool {cosines.shape} with some true and some false"
            )
        return
    if cosines.shape[1] < 2 or not np.issubdtype(truth.dtype, np.integer) or truth.shape != cosines.shape[:1]:
        raise InputError(
            f"truth has shape {truth.shape} for cosines {cosines.shape}; wanted one label index per clip, and two labels or more"
        )
    if truth.min() < 0 or truth.max() >= cosines.shape[1]:
        raise InputError(f"truth has values from {truth.min()} to {truth.max()}; wanted 0 to {cosines.shape[1] - 1}")
