"""Few-shot heads: a linear classifier with calibrated scores, fitted to a few labelled similarity embeddings.

A head starts from the prototype, the mean of the positives (Snell et al. 2017), and is refined by logistic regression: the direction of the
prototype is not regularised, all others are (L2). Positives and negatives have the same total weight, whatever their numbers. Unlabelled
examples count as negatives; their weight falls as the number of labelled negatives grows.

Scores are calibrated by Platt scaling (Platt 1999), fitted to cross-validated logits in which each recording is held out as a whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from auricle.core.errors import InputError
from auricle.listen.scores import sigmoid, unit

#: L2 strength of a head for a total sample weight of 100, half of it positive.
L2 = 0.3
#: Assumed share of windows that contain a taught sound, before any search.
PRIOR = 0.05
_FOLDS = 5
_COMMON = 0.2  # share of unlabelled examples above which a sound counts as common
_HALF = 5  # number of labelled negatives that weigh as much as all unlabelled examples
_L2_PROTOTYPE, _L2_BIAS = 1e-3, 1e-6
_STEPS, _TOLERANCE = 50, 1e-7
_SHRINKAGE = 0.3  # factor on the distance of a logit from unlabelled sound, on recordings other than the only example (ESC-50: 0.31)


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """A linear classifier over unit vectors. weights: float32 (E,). bias: the logit of a vector of zeros."""

    weights: np.ndarray
    bias: float

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Logits (N,) of unit vectors (N, E)."""
        with np.errstate(invalid="ignore"):  # some BLAS kernels set this flag for finite operands
            return np.asarray(vectors @ self.weights + np.float32(self.bias), dtype=np.float32)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities (N,) of unit vectors (N, E); a sound is present from 0.5."""
        return sigmoid(self.logits(vectors))

    def scaled(self, scale: float, shift: float) -> Head:
        """The head whose logits are scale * logit + shift."""
        return Head((self.weights * scale).astype(np.float32), float(self.bias * scale + shift))


def fit_head(vectors: np.ndarray, truth: np.ndarray, *, sample_weight: np.ndarray | None = None, l2: float = L2) -> Head:
    """Fit a head to unit vectors (N, E) with truth, bool (N,), by Newton's method; the L2 term makes the optimum unique.

    sample_weight (N,): weight of each example, 1 in sum; by default positives and negatives weigh the same. InputError without at least one
    positive and one negative.
    """
    truth = np.asarray(truth, dtype=bool)
    if not truth.any() or truth.all():
        raise InputError(f"there are {truth.sum()} positive and {(~truth).sum()} negative examples; wanted at least one of each")
    if sample_weight is None:
        sample_weight = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    prototype = unit(vectors[truth].astype(np.float64).mean(axis=0))
    design = np.concatenate([vectors, (vectors @ prototype)[:, None], np.ones((len(vectors), 1))], axis=1).astype(np.float64)
    penalty = np.concatenate([np.full(vectors.shape[1], l2), [_L2_PROTOTYPE, _L2_BIAS]])
    fitted = _logistic_regression(design, truth.astype(float), 100 * sample_weight, penalty)
    return Head((fitted[:-2] + fitted[-2] * prototype).astype(np.float32), float(fitted[-1]))


def fit_few_shot(positives: np.ndarray, negatives: np.ndarray, unlabelled: np.ndarray, groups: Sequence[str]) -> Head:
    """Fit a calibrated head to unit vectors: positives (P, E), negatives (Q, E), and unlabelled (R, E), which count as negatives.

    groups: the recording of each labelled example, positives then negatives; cross-validation holds out whole recordings. The prevalence of
    the sound is estimated from the share of unlabelled examples that score above the median of the held-out positives. InputError without
    a positive, or without any negative or unlabelled example.
    """
    if not len(positives) or not len(negatives) + len(unlabelled):
        raise InputError(f"there are {len(positives)} positives and {len(negatives) + len(unlabelled)} others; wanted at least one of each")
    vectors, truth = np.concatenate([positives, negatives]), np.arange(len(positives) + len(negatives)) < len(positives)
    head = _fit_weighted(vectors, truth, unlabelled)
    held_out = _held_out_logits(vectors, truth, unlabelled, groups=np.asarray(groups), head=head)
    logits = np.sort(head.logits(unlabelled))
    prevalence = min(0.9, 2 * float((logits >= np.median(held_out[truth])).mean())) if len(unlabelled) else 0.0
    prior = PRIOR
    if prevalence > _COMMON:  # too many to be false positives alone: the highest are left out, since their true label is unknown
        prior, logits = prevalence, logits[: max(1, round((1 - prevalence) * len(logits)))]
    labelled_weight = np.full(len(held_out), prior / len(positives))
    unlabelled_weight = np.full(len(logits), (1 - prior) / max(1, len(logits)))
    targets = np.append(truth, np.zeros(len(logits), bool))
    return head.scaled(*fit_platt(np.append(held_out, logits), targets, np.append(labelled_weight, unlabelled_weight)))


def fit_platt(logits: np.ndarray, truth: np.ndarray, sample_weight: np.ndarray) -> tuple[float, float]:
    """Platt scaling: the scale and shift that calibrate logits (N,) to truth (N,), bool, with weights (N,).

    Targets of positives are smoothed as in Platt (1999); targets of negatives are 0, since there are many of them.
    """
    count = int(truth.sum())
    target = np.where(truth, (count + 1) / (count + 2), 0.0)
    centre = float(np.median(logits[~truth]))
    distance = abs(float(np.median(logits[truth])) - centre)
    spread = max(distance, 0.1 * float(logits.std()), 1e-9)  # the standard deviation alone would depend on outliers
    design = np.stack([(logits - centre) / spread, np.ones(len(logits))], axis=1).astype(np.float64)
    slope, shift = _logistic_regression(design, target, 100 * sample_weight / sample_weight.sum(), np.array([0.1, 1e-6]))
    slope = max(float(slope), 0.1)  # contradictory examples must not invert the scores
    return slope / spread, float(shift) - slope * centre / spread


def folds(truth: np.ndarray, groups: np.ndarray, count: int = _FOLDS) -> Iterator[np.ndarray]:
    """Masks of held-out examples, bool (N,), one per fold: groups stay whole, positives are spread evenly, the split is deterministic."""
    order = sorted(set(groups.tolist()), key=lambda group: (not truth[groups == group].any(), group))
    for fold in range(min(count, len(order))):
        yield np.isin(groups, order[fold::count])


def _fit_weighted(vectors: np.ndarray, truth: np.ndarray, unlabelled: np.ndarray) -> Head:
    positives, negatives = int(truth.sum()), int((~truth).sum())
    weight = 0.5 * negatives / (negatives + _HALF) if len(unlabelled) else 0.5
    labelled = np.where(truth, 0.5 / positives, weight / max(1, negatives))
    sample_weight = np.concatenate([labelled, np.full(len(unlabelled), (0.5 - weight) / max(1, len(unlabelled)))])
    targets = np.append(truth, np.zeros(len(unlabelled), bool))
    return fit_head(np.concatenate([vectors, unlabelled]), targets, sample_weight=sample_weight)


def _held_out_logits(vectors: np.ndarray, truth: np.ndarray, unlabelled: np.ndarray, *, groups: np.ndarray, head: Head) -> np.ndarray:
    """Logits (N,) of the labelled examples, each by a head fitted without its recording."""
    if len(set(groups[truth].tolist())) < 2:
        logits = head.logits(vectors)
        centre = float(head.logits(unlabelled).mean()) if len(unlabelled) else float(logits[~truth].mean())
        return np.asarray(np.where(truth, centre + _SHRINKAGE * (logits - centre), logits))
    held_out = np.zeros(len(vectors))
    for test in folds(truth, groups):
        train = ~test
        if truth[train].any() and (len(unlabelled) or (~truth[train]).any()):
            held_out[test] = _fit_weighted(vectors[train], truth[train], unlabelled).logits(vectors[test])
        else:
            held_out[test] = head.logits(vectors[test])
    return held_out


def _logistic_regression(design: np.ndarray, target: np.ndarray, sample_weight: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Coefficients (E,) of weighted logistic regression of target (N,) in 0..1 on design (N, E), with L2 penalty (E,)."""
    coefficients = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        probability = 0.5 * (1 + np.tanh(0.5 * (design @ coefficients)))
        gradient = design.T @ (sample_weight * (probability - target)) + penalty * coefficients
        step = _newton_step(design * np.sqrt(sample_weight * probability * (1 - probability))[:, None], gradient, penalty)
        largest = float(np.abs(step).max())  # 0 where the examples do not differ at all
        coefficients -= step * (2.0 / largest if largest > 2.0 else 1.0)
        if largest < _TOLERANCE:
            break
    return coefficients


def _newton_step(scaled: np.ndarray, gradient: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Solve (A^T A + diag(penalty)) step = gradient, (E,), for A = scaled (N, E).

    With few examples by the Woodbury identity, which needs a system of N equations instead of E.
    """
    if 2 * len(scaled) > len(penalty):
        return np.asarray(np.linalg.solve(scaled.T @ scaled + np.diag(penalty), gradient))
    inverse = gradient / penalty
    system = np.eye(len(scaled)) + (scaled / penalty) @ scaled.T
    return np.asarray(inverse - scaled.T @ np.linalg.solve(system, scaled @ inverse) / penalty)
