"""Multi-label tagging: any of K labels per clip.

Convention: truth (N, K) bool, scores (N, K) float, higher is more likely, N clips and K labels. A label without a positive clip has no
value (nan) and is left out of means.

Metrics: `average_precisions` by label and their mean (mAP), `label_ranking_precisions` by clip and `lwlrap` (label-weighted
label-ranking average precision: Howard & Ellis, DCASE 2019 task 2), `dprime` (d', the separation of two normal densities
with the same area under the ROC curve: sqrt 2 times the normal quantile of it; Gemmeke et al. 2017).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.metrics.curves import Ranking, average_precision, roc_auc
from auricle.metrics.resampled import Metric


def validate(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    """Raise InputError unless both are (N, K), truth is bool and scores are finite."""
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise InputError(f"truth has shape {truth.shape} and scores {scores.shape}; wanted one (clips, labels) for both")
    if truth.dtype != np.bool_:
        raise InputError(f"truth has type {truth.dtype}; wanted bool, True where the label is in the clip")
    if not np.isfinite(scores).all():
        raise InputError("scores contain NaN or infinity; wanted finite numbers")


def average_precisions(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Average precision of each label over clips (K,), 0 to 1; nan without a positive clip."""
    validate(truth, scores)
    return np.array([average_precision(truth[:, label], scores[:, label]) for label in range(truth.shape[1])])


def mean_average_precision(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Mean average precision (mAP) over labels with a positive clip, 0 to 1."""
    return _mean(average_precisions(truth, scores))


def label_ranking_precisions(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Label-ranking average precision of each clip (N,): mean precision at the ranks of its true labels; nan without labels.

    A label's rank counts all labels that score as much or more.
    """
    validate(truth, scores)
    return np.array([average_precision(clip_truth, clip_scores) for clip_truth, clip_scores in zip(truth, scores, strict=True)])


def lwlrap(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Label-weighted label-ranking average precision: each clip weighted by its number of labels; 0 to 1."""
    precisions, weights = label_ranking_precisions(truth, scores), truth.sum(1)
    return float(np.nansum(precisions * weights) / weights.sum()) if weights.sum() else float("nan")


def dprime(area: float) -> float:
    """d' of an area under the ROC curve (0 to 1); infinite at 0 and 1."""
    if np.isnan(area):
        return float("nan")
    if area in (0.0, 1.0):
        return float(np.copysign(np.inf, area - 0.5))
    return float(np.sqrt(2.0) * NormalDist().inv_cdf(area))


def evaluate(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> dict[str, float]:
    """mAP, lwlrap and d' of the mean ROC AUC (of the mean, so that one perfect label does not make it infinite)."""
    validate(truth, scores)
    areas = np.array([roc_auc(truth[:, label], scores[:, label]) for label in range(truth.shape[1])])
    return {"map": mean_average_precision(truth, scores), "lwlrap": lwlrap(truth, scores), "dprime": dprime(_mean(areas))}


def resampled(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> dict[str, Metric]:
    """The metrics of `evaluate` as functions of clips, for resampling; labels without a positive clip are left out."""
    validate(truth, scores)
    columns = [Ranking.of(true, column) for true, column in zip(truth.T, scores.T, strict=True) if true.any()]
    labels, precisions = truth.sum(axis=1), np.nan_to_num(label_ranking_precisions(truth, scores))

    def mean_precision(sample: NDArray[np.intp]) -> float:
        times = np.bincount(sample, minlength=len(truth))
        return _mean(np.array([column.average_precision(times) for column in columns]))

    def weighted_precision(sample: NDArray[np.intp]) -> float:
        return float(precisions[sample] @ labels[sample] / labels[sample].sum()) if labels[sample].any() else float("nan")

    def separation(sample: NDArray[np.intp]) -> float:
        times = np.bincount(sample, minlength=len(truth))
        return dprime(_mean(np.array([column.roc_auc(times) for column in columns])))

    clips = np.arange(len(truth))
    return {"map": Metric(clips, mean_precision), "lwlrap": Metric(clips, weighted_precision), "dprime": Metric(clips, separation)}


def _mean(values: NDArray[np.float64]) -> float:
    return float(values[~np.isnan(values)].mean()) if not np.isnan(values).all() else float("nan")
