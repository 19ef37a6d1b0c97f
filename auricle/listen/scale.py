"""Calibration of words against sound: cosines of labelled clips in, a scale (and a bias) out, so that 0.7 is right seven times in ten.

`one`: shares among labels of which one is true, softmax(scale * cosine); the scale is found by likelihood (temperature scaling: Guo et
al., ICML 2017, section 4.2, with scale for 1 / T). `any`: each label by itself, sigmoid(scale * cosine + bias), Platt's way (Platt 1999).
One scale and one bias for all labels, so that labels no clip was seen of have them too. Same cosines, same scale.
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
from auricle.listen.fewshot import platt
from auricle.listen.scores import sigmoid, softmax
from auricle.metrics import calibration

#: Which one of these, or any of them.
Question: TypeAlias = Literal["one", "any"]
#: How windows become a file's answer: see listen.gathering.
Rule: TypeAlias = Literal["mean", "max", "top3"]

_LEAST, _MOST = 0.1, 1000.0  # scales that are looked at: a cosine of 0.001 still counts at the greatest
_HALVINGS = 60


class Scale(Strict):
    """What makes probabilities of cosines. bias: of `any` alone. clips: how many it was fitted to.

    model (fingerprint), wording, rule: what the cosines came from; with others the scale does not fit. None where nobody told.
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
        """Cosines (..., K) to probabilities float32 (..., K): shares that sum to one, or each label's own."""
        logits = np.asarray(cosines, dtype=np.float64) * self.scale
        if self.question == "one":
            return softmax(logits).astype(np.float32)
        return sigmoid(logits + self.bias)

    def save(self, path: str | Path) -> None:
        """Write a JSON file, whole or not at all. WriteError where it cannot be written."""
        write_text(path, json.dumps(self.model_dump(), indent=1) + "\n")

    @staticmethod
    def load(path: str | Path) -> Scale:
        """Read what `save` wrote."""
        try:
            return Scale.model_validate_json(Path(path).read_bytes())
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a scale that calibrate() fitted") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise InputError(f"{path}: {where}: {first['msg']}; wanted a scale that calibrate() fitted") from error


def calibrate(cosines: np.ndarray, truth: np.ndarray, *, question: Question = "one") -> Scale:
    """The scale that makes the truth most likely, from cosines (N, K) of labelled clips with K labels.

    truth: of `one` the place of each clip's label, int (N,); of `any` bool (N, K). Clips that gave no cosines (nan) must be left out.
    """
    cosines = np.asarray(cosines, dtype=np.float64)
    _check(cosines, truth, question)
    if question == "one":
        return Scale(question="one", scale=_temperature(cosines, truth), clips=len(cosines))
    right = truth.ravel()
    scale, bias = platt(cosines.ravel(), right, np.ones(right.size))
    return Scale(question="any", scale=scale, bias=bias, clips=len(cosines))


def measure(cosines: np.ndarray, truth: np.ndarray, scale: Scale) -> dict[str, float]:
    """How well a scale says what is so: `ece` (of `one`: of the best label's share) and `nll`, nats a decision. Arrays as for calibrate."""
    cosines = np.asarray(cosines, dtype=np.float64)
    _check(cosines, truth, scale.question)
    stated = scale.probabilities(cosines).astype(np.float64)
    if scale.question == "any":
        told, right = stated.ravel(), np.asarray(truth).ravel()
        likely = np.where(right, told, 1 - told)
    else:
        told, right = stated.max(axis=1), stated.argmax(axis=1) == truth
        likely = stated[np.arange(len(stated)), truth]
    ece = calibration.expected_error(told, right)
    return {"ece": ece, "nll": float(-np.log(np.maximum(likely, 1e-12)).mean())}


def _temperature(cosines: np.ndarray, truth: np.ndarray) -> float:
    """Where the slope of the likelihood is zero. It is concave in the scale, so halving finds the only place.

    The truth counts a little short of one, as Platt's does, so that a few clips that are all right make no certainty.
    """
    count, labels = cosines.shape
    doubt = 1 / (count + 2)
    own = cosines[np.arange(count), truth]
    wanted = (1 - doubt) * own + doubt * (cosines.sum(axis=1) - own) / (labels - 1)

    def slope(scale: float) -> float:
        return float((wanted - (softmax(scale * cosines) * cosines).sum(axis=1)).mean())

    low, high = np.log(_LEAST), np.log(_MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(float(np.exp(middle))) > 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def _check(cosines: np.ndarray, truth: np.ndarray, question: Question) -> None:
    if cosines.ndim != 2 or not len(cosines) or not np.isfinite(cosines).all():
        raise InputError(f"cosines have shape {cosines.shape} or are not finite; wanted (clips, labels), without clips that gave none")
    truth = np.asarray(truth)
    if question == "any":
        if truth.dtype != np.bool_ or truth.shape != cosines.shape or not truth.any() or truth.all():
            raise InputError(
                f"truth has shape {truth.shape} and type {truth.dtype}; wanted bool {cosines.shape} with some true and some not"
            )
        return
    if cosines.shape[1] < 2 or not np.issubdtype(truth.dtype, np.integer) or truth.shape != cosines.shape[:1]:
        raise InputError(f"truth has shape {truth.shape} for cosines {cosines.shape}; wanted a clip's place each, among two labels or more")
    if truth.min() < 0 or truth.max() >= cosines.shape[1]:
        raise InputError(f"truth runs from {truth.min()} to {truth.max()}; wanted 0 to {cosines.shape[1] - 1}")
