"""Features of the recordings of a manifest as a model takes them, and how well a model's label scores fit their labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from auricle.core.config import ModelConfig, Output
from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.metrics.event import correct
from auricle.metrics.tagging import mean_average_precision
from auricle.models.model import Model
from auricle.recipes.recordings import decode_items, read_with
from auricle.signal.crop import fit
from auricle.signal.frontend import open_frontend

_FULL_SCALE = np.float32(1 / 32768)
_CPU = torch.device("cpu")


@dataclasses.dataclass(frozen=True)
class LabelledFeatures:
    """Clips with their features: the first window of each recording, float32 (T, F) or whatever the front-end gives.

    device: where models are run on them.
    """

    items: Sequence[Item]
    features: Sequence[Tensor]
    device: torch.device = _CPU

    def __len__(self) -> int:
        return len(self.items)

    def draw(self, count: int, *, seed: int) -> LabelledFeatures:
        """At most `count` clips, drawn without replacement."""
        rows = np.random.default_rng(seed).permutation(len(self))[:count].tolist()
        return LabelledFeatures([self.items[row] for row in rows], [self.features[row] for row in rows], self.device)

    def clips(self) -> Iterator[Tensor]:
        """The features of each clip alone, (1, T, F), on the device."""
        for features in self.features:
            yield features[None].to(self.device)

    def tiled(self) -> Tensor:
        """All clips as one batch (B, T, F) on the device, shorter ones repeated to the length of the longest, so that none is padded."""
        longest = max(len(row) for row in self.features)
        rows = [row.repeat(-(-longest // len(row)), *[1] * (row.ndim - 1))[:longest] for row in self.features]
        return torch.stack(rows).to(self.device)


@contextmanager
def on_device(model: Model, device: torch.device) -> Iterator[Model]:
    """Context manager: the model on a device; on the CPU again afterwards."""
    try:
        yield model.to(device)
    finally:
        model.to(_CPU)


def read_features(
    path: Path, config: ModelConfig, *, cache: Path, frontend_parts: Mapping[str, np.ndarray], device: torch.device = _CPU
) -> LabelledFeatures:
    """Features of all items of a manifest. cache: folder of decoded recordings. frontend_parts: see Runtime.frontend_parts."""
    items = read_with(path)
    frontend, window = open_frontend(config.frontend, **frontend_parts), config.window
    if config.encoder.get("fusion"):
        raise InputError(f"{config.name} takes four log-mels of a clip, which cannot be made here; wanted an encoder without fusion")
    waves = decode_items(items, cache, rate=frontend.rate)
    features = []
    for index in range(len(waves)):
        samples = waves.wave(index)[: round(window.seconds * frontend.rate)].astype(np.float32) * _FULL_SCALE
        shortest = round(window.shortest * frontend.rate)
        rows = frontend.features(fit(samples, shortest, window.pad) if len(samples) < shortest else samples)
        missing = window.min_frames - len(rows)
        features.append(torch.from_numpy(np.pad(rows, ((0, missing), (0, 0)), mode="edge") if missing > 0 else rows))
    return LabelledFeatures(items, features, device)


@torch.inference_mode()
def evaluate(model: Model, data: LabelledFeatures) -> dict[str, float]:
    """A metric for each output of clip_scores whose labels the data have: accuracy where they exclude each other, else mAP.

    Clips count that have labels, all of them among those of the output (for accuracy exactly one). InputError where no output has any.
    """
    scores = {name: output for name, output in model.config.outputs.items() if output.kind == "clip_scores"}
    rows: dict[str, list[int]] = {
        name: [index for index, item in enumerate(data.items) if _is_answered(item, output)] for name, output in scores.items()
    }
    used = sorted({index for indices in rows.values() for index in indices})
    logits: dict[str, dict[int, np.ndarray]] = {name: {} for name in scores}
    with on_device(model, data.device):
        for index in used:
            for name, output in model.eval()(data.features[index][None].to(data.device), outputs=tuple(scores)).items():
                logits[name][index] = output[0].float().cpu().numpy()
    figures = {}
    for name, indices in rows.items():
        if indices:
            table = np.stack([logits[name][index] for index in indices])
            figures[f"{name}_{_metric(scores[name])}"] = _measure([data.items[index] for index in indices], table, scores[name])
    if not figures:
        raise InputError(f"no clip of the data has labels of {model.config.name}; wanted labels of its outputs")
    return figures


def _is_answered(item: Item, output: Output) -> bool:
    known = set(item.labels) <= set(output.labels)
    return known and (len(item.labels) == 1 if output.activation == "softmax" else bool(item.labels))


def _metric(output: Output) -> str:
    return "accuracy" if output.activation == "softmax" else "map"


def _measure(items: Sequence[Item], logits: np.ndarray, output: Output) -> float:
    truth = np.array([[label in item.labels for label in output.labels] for item in items])
    if output.activation == "softmax":
        return float(correct(truth.argmax(axis=1), logits).mean())
    return mean_average_precision(truth, logits)
