"""Heads from a handful of examples: vectors of likeness with yes or no in, a linear head with calibrated scores out.

A head starts from the prototype, the mean of what is yes (Snell et al. 2017), and leaves it by logistic regression as far as the examples
ask for it: the prototype's direction is free, all others are held to zero. Yes and no weigh the same however many there are. What was
never labelled stands in for no, the less the more was said.

Scores are Platt's (Platt 1999): fitted to logits of examples that the head was not fitted on, each recording left out in turn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from auricle.core.errors import InputError
from auricle.listen.scores import sigmoid, unit

#: How firmly a head is held to its prototype, against a hundred examples, half of them right.
STIFFNESS = 0.3
#: How many windows of a hundred are taken to hold a taught sound, before anybody has looked.
PRIOR = 0.05
_FOLDS = 5
_COMMON = 0.2  # share of others from which a sound is held to be common
_HALF = 5  # answers of no that count as much as all that nobody labelled
_FREE = 1e-3
_STEPS, _CLOSE = 50, 1e-7
_KEEPS = 0.3  # of its distance from other sound, what a logit keeps on a recording other than the only example (ESC-50: 0.31)


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """A linear head over unit vectors. weights: float32 (E,); bias: the logit of a vector of zeros."""

    weights: np.ndarray
    bias: float

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Logits (N,) of unit vectors (N, E)."""
        with np.errstate(invalid="ignore"):  # some BLAS kernels set this flag for finite operands
            return np.asarray(vectors @ self.weights + np.float32(self.bias), dtype=np.float32)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities (N,) of unit vectors (N, E); from one half on a sound is there."""
        return sigmoid(self.logits(vectors))

    def scaled(self, scale: float, shift: float) -> Head:
        """The head whose logits are scale * logit + shift."""
        return Head((self.weights * scale).astype(np.float32), float(self.bias * scale + shift))


def fit_head(vectors: np.ndarray, truth: np.ndarray, *, share: np.ndarray | None = None, stiffness: float = STIFFNESS) -> Head:
    """Tell unit vectors (N, E) apart by truth, bool (N,). Newton's method: with a ridge there is one optimum, found to the last digits.

    share (N,): what each counts, 1 in sum; by default right and wrong count the same.
    """
    truth = np.asarray(truth, dtype=bool)
    if not truth.any() or truth.all():
        raise InputError(f"{truth.sum()} examples are right and {(~truth).sum()} wrong; wanted at least one of each")
    if share is None:
        share = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    prototype = unit(vectors[truth].astype(np.float64).mean(axis=0))
    design = np.concatenate([vectors, (vectors @ prototype)[:, None], np.ones((len(vectors), 1))], axis=1).astype(np.float64)
    ridge = np.concatenate([np.full(vectors.shape[1], stiffness), [_FREE, 1e-6]])
    found = _logistic(design, truth.astype(float), 100 * share, ridge)
    return Head((found[:-2] + found[-2] * prototype).astype(np.float32), float(found[-1]))


def teach(yes: np.ndarray, no: np.ndarray, others: np.ndarray, groups: Sequence[str]) -> Head:
    """A calibrated head from examples yes (P, E), no (Q, E) and unlabelled others (R, E), which count as no.

    groups: the recording of each example, yes then no; a recording is left out whole. How common the sound is among the others is told by
    how many of them lie above the middle of the examples that were left out.
    """
    if not len(yes) or not len(no) + len(others):
        raise InputError(f"{len(yes)} examples and {len(no) + len(others)} others; wanted at least one of each")
    vectors, truth = np.concatenate([yes, no]), np.arange(len(yes) + len(no)) < len(yes)
    head = _fitted(vectors, truth, others)
    held = _held_out(vectors, truth, others, np.asarray(groups), head)
    unlabelled = np.sort(head.logits(others))
    common = min(0.9, 2 * float((unlabelled >= np.median(held[truth])).mean())) if len(others) else 0.0
    prior = PRIOR
    if common > _COMMON:  # too many to be mistakes alone: what is most like it is left out, for nobody knows what it is
        prior, unlabelled = common, unlabelled[: max(1, round((1 - common) * len(unlabelled)))]
    each = np.full(len(held), prior / len(yes))
    rest = np.full(len(unlabelled), (1 - prior) / max(1, len(unlabelled)))
    logits, right = np.append(held, unlabelled), np.append(truth, np.zeros(len(unlabelled), bool))
    return head.scaled(*platt(logits, right, np.append(each, rest)))


def platt(logits: np.ndarray, truth: np.ndarray, share: np.ndarray) -> tuple[float, float]:
    """Scale and shift that make probabilities of logits (N,) of truth (N,), bool, each counting share (N,).

    Targets of what is right are Platt's, short of 1; of what is wrong there is enough to be sure.
    """
    right = int(truth.sum())
    target = np.where(truth, (right + 1) / (right + 2), 0.0)
    middle = float(np.median(logits[~truth]))
    apart = abs(float(np.median(logits[truth])) - middle)
    spread = max(apart, 0.1 * float(logits.std()), 1e-9)  # by the deviation alone, one window far off would stretch it
    design = np.stack([(logits - middle) / spread, np.ones(len(logits))], axis=1).astype(np.float64)
    slope, shift = _logistic(design, target, 100 * share / share.sum(), np.array([0.1, 1e-6]))
    slope = max(float(slope), 0.1)  # examples that contradict each other turn no sound into its opposite
    return slope / spread, float(shift) - slope * middle / spread


def folds(truth: np.ndarray, groups: np.ndarray, count: int = _FOLDS) -> Iterator[np.ndarray]:
    """Places to leave out, bool (N,) each: recordings whole, right and wrong ones spread evenly, in the same way every time."""
    order = sorted(set(groups.tolist()), key=lambda group: (not truth[groups == group].any(), group))
    for part in range(min(count, len(order))):
        yield np.isin(groups, order[part::count])


def _fitted(vectors: np.ndarray, truth: np.ndarray, others: np.ndarray) -> Head:
    yes, no = int(truth.sum()), int((~truth).sum())
    said = 0.5 * no / (no + _HALF) if len(others) else 0.5
    share = np.concatenate([np.where(truth, 0.5 / yes, said / max(1, no)), np.full(len(others), (0.5 - said) / max(1, len(others)))])
    return fit_head(np.concatenate([vectors, others]), np.append(truth, np.zeros(len(others), bool)), share=share)


def _held_out(vectors: np.ndarray, truth: np.ndarray, others: np.ndarray, groups: np.ndarray, head: Head) -> np.ndarray:
    """Logits (N,) of the labelled examples, each by a head fitted without its recording."""
    if len(set(groups[truth].tolist())) < 2:
        logits = head.logits(vectors)
        middle = float(head.logits(others).mean()) if len(others) else float(logits[~truth].mean())
        return np.asarray(np.where(truth, middle + _KEEPS * (logits - middle), logits))
    held = np.zeros(len(vectors))
    for left in folds(truth, groups):
        kept = ~left
        if truth[kept].any() and (len(others) or (~truth[kept]).any()):
            held[left] = _fitted(vectors[kept], truth[kept], others).logits(vectors[left])
        else:
            held[left] = head.logits(vectors[left])
    return held


def _logistic(design: np.ndarray, target: np.ndarray, share: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Coefficients (E,) of weighted logistic regression of target (N,) in 0..1 on design (N, E); ridge (E,)."""
    found = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = 0.5 * (1 + np.tanh(0.5 * (design @ found)))
        slope = design.T @ (share * (chance - target)) + ridge * found
        bend = (design * (share * chance * (1 - chance))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        found -= step * min(1.0, 2.0 / float(np.abs(step).max()))
        if np.abs(step).max() < _CLOSE:
            break
    return found
