"""The baseline of every table: MFCC statistics of a clip for a support vector machine, MFCC frames for a Gaussian mixture a label.

Davis and Mermelstein 1980 for the coefficients; both classifiers are scikit-learn's (extra `classic`). 20 coefficients with their changes;
a clip is their means and spreads, standardised, for an RBF kernel with C chosen by groups left out; a mixture has eight Gaussians with
diagonal covariance, and the label is that of the mixture that the frames fit best.

    auricle train classic                                            a first run on made sounds, in seconds
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
from auricle.recipes import made
from auricle.signal.frontend import open_frontend

FRONTEND = "auricle-16k"
_COSTS = (1.0, 10.0, 100.0)
_FULL = np.float32(1 / 32768)


class Config(Strict):
    """data: a manifest whose items have one label each, or made sounds, of which the first label counts. fold: which is left out.

    Without folds in the manifest, every fourth source is left out.
    """

    data: Path | None = None
    cache: Path = Path("runs/cache")
    fold: str = ""
    coefficients: Annotated[int, Field(gt=1, le=64)] = 20
    gaussians: Annotated[int, Field(gt=0)] = 8
    seed: int = 0


def run(config: Config, out: Path) -> dict[str, float]:
    """Write out/classic.json, what was said of each left-out clip. Figures: accuracy of both on these, with intervals."""
    items = [item for item in manifest.read(config.data or made.manifest(config.cache / "made", count=112)) if item.labels]
    left = [item.fold == config.fold if config.fold else _of_four(items, item) == 0 for item in items]
    if not any(left) or all(left):
        raise InputError(f"fold {config.fold!r} leaves out {sum(left)} of {len(items)} items; wanted some to train on and some to test on")
    frontend = open_frontend(FRONTEND)
    waves = open_waves(items, config.cache, rate=frontend.rate)
    heard = [place for place in range(len(items)) if len(waves.wave(place))]
    frames = {place: mfcc(frontend.features(waves.wave(place).astype(np.float32) * _FULL), config.coefficients) for place in heard}
    label = [item.labels[0] for item in items]
    trained, tested = ([place for place in heard if left[place] == asked] for asked in (False, True))
    said = {"svm": _svm(frames, label, items, trained, tested), "gmm": _gmm(frames, label, trained, tested, config)}
    figures: dict[str, float] = {}
    for name, answers in said.items():
        right = sum(answer == label[place] for answer, place in zip(answers, tested, strict=True))
        low, high = wilson(right, len(tested))
        figures |= {f"{name}_accuracy": right / len(tested), f"{name}_low": low, f"{name}_high": high}
    told = [{"id": items[place].id, "label": label[place], **{name: said[name][row] for name in said}} for row, place in enumerate(tested)]
    write_text(out / "classic.json", json.dumps(told, ensure_ascii=False, indent=0) + "\n")
    return figures


def mfcc(features: np.ndarray, coefficients: int) -> np.ndarray:
    """Log-mels in dB (T, F) to cepstral coefficients and their changes from frame to frame, (T, 2 * coefficients): DCT-II, orthonormal."""
    bands = features.shape[1]
    angles = np.pi / bands * (np.arange(bands) + 0.5)[:, None] * np.arange(coefficients)
    turned = features @ (np.cos(angles) * np.where(np.arange(coefficients) == 0, np.sqrt(1 / bands), np.sqrt(2 / bands)))
    changes = np.gradient(turned, axis=0) if len(turned) > 1 else np.zeros_like(turned)
    return np.concatenate([turned, changes], axis=1)


def _of_four(items: Sequence[Item], item: Item) -> int:
    sources = sorted({one.source or one.id for one in items})
    return sources.index(item.source or item.id) % 4


def _svm(frames: dict[int, np.ndarray], label: list[str], items: Sequence[Item], trained: list[int], tested: list[int]) -> list[str]:
    require("sklearn", extra="classic", why="the classic baseline")
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def rows(places: list[int]) -> np.ndarray:
        return np.stack([np.concatenate([frames[place].mean(axis=0), frames[place].std(axis=0)]) for place in places])

    groups = [items[place].source or items[place].id for place in trained]
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": _COSTS}, cv=GroupKFold(min(3, len(set(groups)))))
    search.fit(rows(trained), [label[place] for place in trained], groups=groups)
    return [str(answer) for answer in search.predict(rows(tested))]


def _gmm(frames: dict[int, np.ndarray], label: list[str], trained: list[int], tested: list[int], config: Config) -> list[str]:
    require("sklearn", extra="classic", why="the classic baseline")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    kinds = sorted({label[place] for place in trained})
    stacked = {kind: np.concatenate([frames[place] for place in trained if label[place] == kind]) for kind in kinds}
    mean, spread = (np.concatenate(list(stacked.values())).mean(axis=0), np.concatenate(list(stacked.values())).std(axis=0) + 1e-9)
    fitted = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture that is still creeping tells labels apart as well
        for kind, rows in stacked.items():
            count = min(config.gaussians, len(rows))
            fitted[kind] = GaussianMixture(count, covariance_type="diag", reg_covar=1e-3, random_state=config.seed).fit(
                (rows - mean) / spread
            )
    scores = np.array([[fitted[kind].score((frames[place] - mean) / spread) for kind in kinds] for place in tested])
    return [kinds[best] for best in scores.argmax(axis=1)]
