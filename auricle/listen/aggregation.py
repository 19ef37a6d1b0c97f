"""Windows to one answer: unit vectors of a recording's windows in, evidence for each label out, by a rule that is told.

`mean`: of the mean vector of all windows, by their length: what the recording is like as a whole. `max`: each label's best window, so that
a bark in an hour of rain counts. `top3`: the mean of each label's three best, which one odd window cannot decide.

Evidence is a cosine, or what a label has over a background of other names (Contrast), for models that nobody calibrated.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from auricle.listen.scale import Rule, Scale
from auricle.listen.scores import sigmoid, unit

#: How many windows `top3` takes.
TOP = 3
#: How many names nearest to a label are no background for it: they may be other words for the same.
NEAREST = 10


class EvidenceScorer(Protocol):
    """Makes evidence of vectors, and scores of evidence."""

    def evidence(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors (..., D) to evidence (..., K)."""

    def scores(self, evidence: np.ndarray) -> np.ndarray:
        """Evidence (..., K) to probabilities (..., K)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Cosines:
    """Evidence is the product with a class's row. rows: (K, D)."""

    rows: np.ndarray
    scale: Scale

    def evidence(self, vectors: np.ndarray) -> np.ndarray:
        """Cosines (..., K), as far as rows are unit vectors."""
        return np.asarray(vectors @ self.rows.T, dtype=np.float32)

    def scores(self, evidence: np.ndarray) -> np.ndarray:
        """By the scale."""
        return self.scale.probabilities(evidence)


@dataclasses.dataclass(frozen=True, eq=False)
class Contrast:
    """Evidence is the logit of a label's share among itself and the background: names (M, D) that are not nearest to it.

    rows (K, D), background (M, D): unit vectors. scale: what cosines are multiplied by. beside: bool (K, M), the names that count.
    """

    rows: np.ndarray
    background: np.ndarray
    scale: float
    beside: np.ndarray

    @staticmethod
    def against(background: np.ndarray, rows: np.ndarray, scale: float) -> Contrast:
        """Each of rows (K, D) against all of background (M, D) but the NEAREST to it."""
        near = np.argsort(-(unit(rows) @ background.T), axis=1, kind="stable")[:, :NEAREST]
        beside = np.ones((len(rows), len(background)), bool)
        np.put_along_axis(beside, near, False, axis=1)
        return Contrast(rows, background, scale, beside)

    def evidence(self, vectors: np.ndarray) -> np.ndarray:
        """Logits (..., K)."""
        own = vectors @ self.rows.T * np.float32(self.scale)
        others = (vectors @ self.background.T * np.float32(self.scale))[..., None, :]
        among = np.where(self.beside, others, -np.inf)
        highest = among.max(axis=-1, keepdims=True)
        return np.asarray(own - highest[..., 0] - np.log(np.exp(among - highest).sum(axis=-1)), dtype=np.float32)

    def scores(self, evidence: np.ndarray) -> np.ndarray:
        """Shares (..., K)."""
        return sigmoid(evidence)


class WindowAggregator:
    """Evidence of one recording as its windows come, in memory that does not grow with them."""

    def __init__(self, judge: EvidenceScorer, rule: Rule) -> None:
        self._judge, self._rule = judge, rule
        self._total: np.ndarray | None = None
        self._best: np.ndarray | None = None

    def add(self, vector: np.ndarray | None, seconds: float = 1.0) -> None:
        """The next window: its unit vector (D,), None where it is silent and says nothing, and its length."""
        if vector is None:
            return
        if self._rule == "mean":
            weighted = vector.astype(np.float64) * seconds
            self._total = weighted if self._total is None else self._total + weighted
            return
        evidence = self._judge.evidence(vector)[None]
        known = evidence if self._best is None else np.concatenate([self._best, evidence])
        most = TOP if self._rule == "top3" else 1
        self._best = -np.sort(-known, axis=0)[:most]

    def evidence(self) -> np.ndarray | None:
        """Evidence (K,) of all windows so far; None where none of them sounds."""
        if self._total is not None:
            return self._judge.evidence(unit(self._total))
        return None if self._best is None else np.asarray(self._best.mean(axis=0))
