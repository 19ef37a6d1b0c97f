"""Classic baseline: a support vector machine on MFCC statistics, and a Gaussian mixture per label on MFCC frames.

MFCCs as in Davis and Mermelstein 1980; both classifiers are scikit-learn's (extra `classic`). 20 coefficients and their deltas. SVM: mean
and standard deviation over time, standardised, RBF kernel, C chosen by grouped cross-validation. GMM: eight components with diagonal
covariance per label; the predicted label is the one with the highest likelihood.

    auricle train classic                                            a first run on synthetic sounds
    auricle train classic --set data=labelled.jsonl
"""

from __future__ import annotations

import json
import logging
import shlex
import time
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from auricle.core.errors import InputError
from auricle.core.files import write_text
from auricle.core.optional import require
from auricle.core.units import clock
from auricle.data.waves import Waves, open_waves
from auricle.metrics.bootstrap import wilson
from auricle.recipes.recordings import DataConfig, progress, read_items
from auricle.signal.frontend import open_frontend

log = logging.getLogger(__name__)

PREDICTIONS = "classic.json"
FRONTEND = "auricle-16k"
_COSTS, _FOLDS = (1.0, 10.0, 100.0), 3
_TRIALS = 4  # recordings after which the time for all is estimated
_FULL_SCALE = np.float32(1 / 32768)


class Config(DataConfig):
    """data: a manifest with one label per item (the first one is used); synthetic sounds without one. coefficients: MFCCs per frame.

    fold: the test fold; without it every fourth source is held out. gaussians: components per mixture. seed: of their initial values.
    """

    fold: str = ""
    coefficients: Annotated[int, Field(gt=1, le=64)] = 20
    gaussians: Annotated[int, Field(gt=0)] = 8
    seed: int = 0


def run(config: Config, out: Path) -> dict[str, float]:
    """Write out/classic.json, the predictions for each test clip. Returns the accuracy of both classifiers, with intervals.

    InputError where the fold holds out no items or all.
    """
    log.info("loading scikit-learn")
    require("sklearn", extra="classic", why="the classic baseline")
    items = read_items(config, "labels", made=112)
    sources = [item.source or item.id for item in items]
    fourths = set(sorted(set(sources))[::4])
    held_out = [item.fold == config.fold if config.fold else source in fourths for item, source in zip(items, sources, strict=True)]
    if not any(held_out) or all(held_out):
        raise InputError(
            f"fold {config.fold!r} holds out {sum(held_out)} of {len(items)} items; wanted some for training and some for testing"
        )
    frames = _all_frames(open_waves(items, config.cache, rate=open_frontend(FRONTEND).rate), config.coefficients)
    labels = [item.labels[0] for item in items]
    train, test = ([index for index in frames if held_out[index] == part] for part in (False, True))
    classes, groups = {labels[index] for index in train}, {sources[index] for index in train}
    if min(len(classes), len(groups)) < 2:
        raise InputError(f"{len(groups)} sources with {len(classes)} labels are left for training; wanted at least two of each")
    predictions = {"svm": _svm(frames, labels, sources, train, test), "gmm": _gmm(frames, labels, train, test, config)}
    figures: dict[str, float] = {}
    for name, predicted in predictions.items():
        hits = sum(label == labels[index] for label, index in zip(predicted, test, strict=True))
        low, high = wilson(hits, len(test))
        figures |= {f"{name}_accuracy": hits / len(test), f"{name}_low": low, f"{name}_high": high}
    rows = [
        {"id": items[index].id, "label": labels[index], **{name: predicted[row] for name, predicted in predictions.items()}}
        for row, index in enumerate(test)
    ]
    write_text(out / PREDICTIONS, json.dumps(rows, ensure_ascii=False, indent=0) + "\n")
    return figures


def next_command(config: Config, out: Path) -> str:
    """The command that prints the predictions."""
    return shlex.join(["python3", "-m", "json.tool", str(out / PREDICTIONS)])


def _all_frames(waves: Waves, coefficients: int) -> dict[int, np.ndarray]:
    """MFCCs (T, 2 * coefficients) of the recordings that could be decoded, by their index."""
    frontend, frames = open_frontend(FRONTEND), {}
    readable = [index for index in range(len(waves)) if len(waves.wave(index))]
    report, started = progress("features of recording"), time.perf_counter()
    for count, index in enumerate(readable, start=1):
        frames[index] = mfcc(frontend.features(waves.wave(index).astype(np.float32) * _FULL_SCALE), coefficients)
        report(count, len(readable))
        if count == min(_TRIALS, len(readable)):
            left = (time.perf_counter() - started) / count * len(readable)
            log.info("features of %d recordings: about %s on this computer; then two classifiers", len(readable), clock(1 + left))
    return frames


def mfcc(features: np.ndarray, coefficients: int) -> np.ndarray:
    """MFCCs of a log-mel spectrogram in dB (T, F), by an orthonormal DCT-II, and their deltas: (T, 2 * coefficients)."""
    bands = features.shape[1]
    angles = np.pi / bands * (np.arange(bands) + 0.5)[:, None] * np.arange(coefficients)
    cepstra = features @ (np.cos(angles) * np.where(np.arange(coefficients) == 0, np.sqrt(1 / bands), np.sqrt(2 / bands)))
    deltas = np.gradient(cepstra, axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
    return np.concatenate([cepstra, deltas], axis=1)


def _svm(frames: dict[int, np.ndarray], labels: list[str], sources: list[str], train: list[int], test: list[int]) -> list[str]:
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def statistics(indices: list[int]) -> np.ndarray:
        return np.stack([np.concatenate([frames[index].mean(axis=0), frames[index].std(axis=0)]) for index in indices])

    groups = [sources[index] for index in train]
    folds = min(_FOLDS, len(set(groups)))
    vectors, targets, started = statistics(train), [labels[index] for index in train], time.perf_counter()
    make_pipeline(StandardScaler(), SVC(C=_COSTS[-1])).fit(vectors, targets)
    left = (time.perf_counter() - started) * (len(_COSTS) * folds + 1)
    log.info("support vector machine: about %s on this computer", clock(1 + left))
    costs = {"svc__C": _COSTS}
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), costs, cv=GroupKFold(folds), error_score="raise")
    try:
        search.fit(vectors, targets, groups=groups)
    except ValueError as error:  # without a fold there is one label only
        few = f"{len(train)} recordings are too few for cross-validation by source"
        raise InputError(f"{few}; wanted more sources of each label") from error
    return [str(label) for label in search.predict(statistics(test))]


def _gmm(frames: dict[int, np.ndarray], labels: list[str], train: list[int], test: list[int], config: Config) -> list[str]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    classes = sorted({labels[index] for index in train})
    stacked = {name: np.concatenate([frames[index] for index in train if labels[index] == name]) for name in classes}
    every = np.concatenate(list(stacked.values()))
    mean, deviation = every.mean(axis=0), every.std(axis=0) + 1e-9
    mixtures: dict[str, GaussianMixture] = {}
    log.info("%d Gaussian mixtures", len(classes))
    report = progress("Gaussian mixture")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture that has not quite converged classifies as well
        for name, rows in stacked.items():
            mixture = GaussianMixture(min(config.gaussians, len(rows)), covariance_type="diag", reg_covar=1e-3, random_state=config.seed)
            mixtures[name] = mixture.fit((rows - mean) / deviation)
            report(len(mixtures), len(classes))
    scores = np.array([[mixtures[name].score((frames[index] - mean) / deviation) for name in classes] for index in test])
    return [classes[best] for best in scores.argmax(axis=1)]
