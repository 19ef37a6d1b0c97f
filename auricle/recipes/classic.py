"""Classic baseline: a support vector machine on MFCC statistics, and a Gaussian mixture per label on MFCC frames.

MFCCs as in Davis and Mermelstein 1980; both classifiers are scikit-learn's (extra `classic`). 20 coefficients and their deltas. SVM: mean
and standard deviation over time, standardised, RBF kernel, C chosen by grouped cross-validation. GMM: eight components with diagonal
covariance per label; the predicted label is the one with the highest likelihood.

    auricle train classic                                            a first run on synthetic sounds, in seconds
    auricle train classic --set data=labelled.jsonl
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.core.files import write_text
from auricle.core.optional import require
from auricle.data import manifest
from auricle.data.item import Item
from auricle.data.waves import open_waves
from auricle.metrics.bootstrap import wilson
from auricle.recipes import synthetic
from auricle.signal.frontend import open_frontend

FRONTEND = "auricle-16k"
_COSTS = (1.0, 10.0, 100.0)
_FULL_SCALE = np.float32(1 / 32768)


class Config(Strict):
    """data: a manifest with one label per item (the first one is used); synthetic sounds without one. coefficients: MFCCs per frame.

    fold: the test fold; without it every fourth source is held out. gaussians: components per mixture.
    """

    data: Path | None = None
    cache: Path = Path("runs/cache")
    fold: str = ""
    coefficients: Annotated[int, Field(gt=1, le=64)] = 20
    gaussians: Annotated[int, Field(gt=0)] = 8
    seed: int = 0


def run(config: Config, out: Path) -> dict[str, float]:
    """Write out/classic.json, the predictions for each test clip. Returns the accuracy of both classifiers, with intervals.

    InputError where the fold holds out no items or all.
    """
    items = [item for item in manifest.read(config.data or synthetic.write_manifest(config.cache / "made", count=112)) if item.labels]
    sources = sorted({item.source or item.id for item in items})
    held_out = [item.fold == config.fold if config.fold else sources.index(item.source or item.id) % 4 == 0 for item in items]
    if not any(held_out) or all(held_out):
        raise InputError(
            f"fold {config.fold!r} holds out {sum(held_out)} of {len(items)} items; wanted some for training and some for testing"
        )
    frontend = open_frontend(FRONTEND)
    waves = open_waves(items, config.cache, rate=frontend.rate)
    readable = [index for index in range(len(items)) if len(waves.wave(index))]
    frames = {index: mfcc(frontend.features(waves.wave(index).astype(np.float32) * _FULL_SCALE), config.coefficients) for index in readable}
    labels = [item.labels[0] for item in items]
    train, test = ([index for index in readable if held_out[index] == part] for part in (False, True))
    predictions = {"svm": _svm(frames, labels, items, train, test), "gmm": _gmm(frames, labels, train, test, config)}
    figures: dict[str, float] = {}
    for name, predicted in predictions.items():
        hits = sum(label == labels[index] for label, index in zip(predicted, test, strict=True))
        low, high = wilson(hits, len(test))
        figures |= {f"{name}_accuracy": hits / len(test), f"{name}_low": low, f"{name}_high": high}
    rows = [
        {"id": items[index].id, "label": labels[index], **{name: predicted[row] for name, predicted in predictions.items()}}
        for row, index in enumerate(test)
    ]
    write_text(out / "classic.json", json.dumps(rows, ensure_ascii=False, indent=0) + "\n")
    return figures


def mfcc(features: np.ndarray, coefficients: int) -> np.ndarray:
    """MFCCs of a log-mel spectrogram in dB (T, F), by an orthonormal DCT-II, and their deltas: (T, 2 * coefficients)."""
    bands = features.shape[1]
    angles = np.pi / bands * (np.arange(bands) + 0.5)[:, None] * np.arange(coefficients)
    cepstra = features @ (np.cos(angles) * np.where(np.arange(coefficients) == 0, np.sqrt(1 / bands), np.sqrt(2 / bands)))
    deltas = np.gradient(cepstra, axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
    return np.concatenate([cepstra, deltas], axis=1)


def _svm(frames: dict[int, np.ndarray], labels: list[str], items: Sequence[Item], train: list[int], test: list[int]) -> list[str]:
    require("sklearn", extra="classic", why="the classic baseline")
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def statistics(indices: list[int]) -> np.ndarray:
        return np.stack([np.concatenate([frames[index].mean(axis=0), frames[index].std(axis=0)]) for index in indices])

    groups = [items[index].source or items[index].id for index in train]
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": _COSTS}, cv=GroupKFold(min(3, len(set(groups)))))
    search.fit(statistics(train), [labels[index] for index in train], groups=groups)
    return [str(label) for label in search.predict(statistics(test))]


def _gmm(frames: dict[int, np.ndarray], labels: list[str], train: list[int], test: list[int], config: Config) -> list[str]:
    require("sklearn", extra="classic", why="the classic baseline")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    classes = sorted({labels[index] for index in train})
    stacked = {name: np.concatenate([frames[index] for index in train if labels[index] == name]) for name in classes}
    every = np.concatenate(list(stacked.values()))
    mean, deviation = every.mean(axis=0), every.std(axis=0) + 1e-9
    mixtures = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture that has not quite converged classifies as well
        for name, rows in stacked.items():
            mixture = GaussianMixture(min(config.gaussians, len(rows)), covariance_type="diag", reg_covar=1e-3, random_state=config.seed)
            mixtures[name] = mixture.fit((rows - mean) / deviation)
    scores = np.array([[mixtures[name].score((frames[index] - mean) / deviation) for name in classes] for index in test])
    return [classes[best] for best in scores.argmax(axis=1)]
