"""Pooling over windows: evidence for each label of a recording, from the unit vectors of its windows.

Rules: `mean` takes the evidence of the mean vector of all windows, weighted by duration. `max` takes each label's best window, so that a
bark in an hour of rain counts. `top3` takes the mean of each label's three best windows, so that one outlier does not decide.

Evidence is a cosine (Cosines) or, for models without calibration, a logit against a background of other labels (Contrast).
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from auricle.listen.scale import Rule, Scale
from auricle.listen.scores import sigmoid, unit

#: Number of windows that `top3` averages.
TOP = 3
#: Number of names nearest to a label that are left out of its background, since they may be synonyms of it.
NEAREST = 10


class EvidenceScorer(Protocol):
    """Computes evidence from vectors, and scores from evidence."""

    def evidence(self, vectors: np.ndarray) -> np.ndarray:
        """Evidence (..., K) of unit vectors (..., D)."""

    def scores(self, evidence: np.ndarray) -> np.ndarray:
        """Probabilities (..., K) of evidence (..., K)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Cosines:
    """Evidence is the dot product with the text vector of a label. rows: (K, D), one per label. scale: its calibration."""

    rows: np.ndarray
    scale: Scale

    def evidence(self, vectors: np.ndarray) -> np.ndarray:
        """Dot products (..., K); cosines if rows are unit vectors."""
        return np.asarray(vectors @ self.rows.T, dtype=np.float32)

    def scores(self, evidence: np.ndarray) -> np.ndarray:
        """Probabilities (..., K), calibrated by the scale."""
        return self.scale.probabilities(evidence)


@dataclasses.dataclass(frozen=True, eq=False)
class Contrast:
    """Evidence is the logit of a label in a softmax over that label and the background, a set of other names.

    rows (K, D), background (M, D): unit text vectors. scale: logit scale of the cosines. mask: bool (K, M), the background of each label.
    """

    rows: np.ndarray
    background: np.ndarray
    scale: float
    mask: np.ndarray

    @staticmethod
    def against(background: np.ndarray, rows: np.ndarray, scale: float) -> Contrast:
        """Each of rows (K, D) against all of background (M, D) except its NEAREST names."""
        nearest = np.argsort(-(unit(rows) @ background.T), axis=1, kind="stable")[:, :NEAREST]
        mask = np.ones((len(rows), len(background)), bool)
        np.put_along_axis(mask, nearest, False, axis=1)
        return Contrast(rows, background, scale, mask)

    def evidence(self, vectors: np.ndarray) -> np.ndarray:
        """Logits (..., K)."""
        own = vectors @ self.rows.T * np.float32(self.scale)
        others = (vectors @ self.background.T * np.float32(self.scale))[..., None, :]
        masked = np.where(self.mask, others, -np.inf)
        highest = masked.max(axis=-1, keepdims=True)
        return np.asarray(own - highest[..., 0] - np.log(np.exp(masked - highest).sum(axis=-1)), dtype=np.float32)

    def scores(self, evidence: np.ndarray) -> np.ndarray:
        """Softmax probabilities (..., K)."""
        return sigmoid(evidence)


class WindowAggregator:
    """Running evidence of one recording, in memory that does not grow with the number of windows."""

    def __init__(self, scorer: EvidenceScorer, rule: Rule) -> None:
        self._scorer, self._rule = scorer, rule
        self._total: np.ndarray | None = None
        self._best: np.ndarray | None = None

    def add(self, vector: np.ndarray | None, seconds: float = 1.0) -> None:
        """Add the next window. vector: its unit vector (D,), None if it is silent. seconds: its length."""
        if vector is None:
            return
        if self._rule == "mean":
            weighted = vector.astype(np.float64) * seconds
            self._total = weighted if self._total is None else self._total + weighted
            return
        evidence = self._scorer.evidence(vector)[None]
        candidates = evidence if self._best is None else np.concatenate([self._best, evidence])
        count = TOP if self._rule == "top3" else 1
        self._best = -np.sort(-candidates, axis=0)[:count]

    def evidence(self) -> np.ndarray | None:
        """Evidence (K,) of all windows so far; None if all of them are silent."""
        if self._total is not None:
            return self._scorer.evidence(unit(self._total))
        return None if self._best is None else np.asarray(self._best.mean(axis=0))
