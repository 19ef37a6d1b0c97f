"""Is a loaded checkpoint alive? Numbers that are none, a tower that says the same of everything, a head of the wrong width."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from auricle.core.config import EMBEDDING, ModelConfig
from auricle.models.convert.format import BANK, WINDOW
from auricle.models.model import Model
from auricle.signal.crop import fit
from auricle.signal.frontend import open_frontend

#: Cosine between different inputs from which a tower is called collapsed: published towers stay far below, one known bad one has 0.9993
#: (the text tower of `larger_clap_music` as filed on the hub; https://github.com/embeddings-benchmark/mteb/issues/5069).
COLLAPSED = 0.995


@dataclasses.dataclass(frozen=True)
class Health:
    """faults: the model cannot be used. notes: it can, but look. label_rate: times a second that its labels are scored, if they are."""

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    label_rate: float | None = None


def sounds(rate: int, seconds: float) -> np.ndarray:
    """Three sounds as unlike as can be, float32 (3, N): noise bursts, a rising tone, clicks."""
    rng = np.random.default_rng(0)
    times = np.arange(round(rate * seconds)) / rate
    bursts = 0.2 * rng.standard_normal(times.size) * (np.sin(2 * np.pi * 1.5 * times) > 0)
    rising = 0.3 * np.sin(2 * np.pi * (200 * times + 150 * times**2))
    clicks = 0.5 * (np.arange(times.size) % (rate // 4) < rate // 400)
    return np.stack([bursts, rising, clicks]).astype(np.float32)


@torch.no_grad()
def check(model: Model, frontend: Mapping[str, Tensor]) -> Health:
    """Look at the weights, and listen to three sounds."""
    broken = [name for name, value in model.state_dict().items() if value.is_floating_point() and not bool(value.isfinite().all())]
    broken += [name for name, value in frontend.items() if not bool(value.isfinite().all())]
    if broken:
        return Health((f"{len(broken)} tensors hold NaN or infinity, such as {broken[0]}",), ())
    config = model.config
    encoded = model.encode(torch.from_numpy(features(config, frontend)))
    labels = 0 if encoded.clip_logits is None else encoded.clip_logits.shape[1]
    if labels != len(config.labels):
        return Health((f"its head gives {labels} labels, {len(config.labels)} names are known",), ())
    vectors = model.apply_heads(encoded)[EMBEDDING].float().numpy()
    if not np.isfinite(vectors).all() or (encoded.clip_logits is not None and not bool(encoded.clip_logits.isfinite().all())):
        return Health(("it gives NaN or infinity for plain sounds",), ())
    faults, notes = [], []
    if vectors.shape[1] != config.dim:
        faults.append(f"its vectors have {vectors.shape[1]} dimensions, the settings say {config.dim}")
    nearest = _nearest(vectors)
    if nearest > COLLAPSED:
        notes.append(f"noise, a tone and clicks have vectors of cosine {nearest:.4f}: the sound tower may have collapsed")
    return Health(tuple(faults), tuple(notes), encoded.frame_rate if encoded.frame_logits is not None else None)


def features(config: ModelConfig, frontend: Mapping[str, Tensor]) -> np.ndarray:
    """Features of the three sounds, float32 (3, ...)."""
    own = {name: frontend[key].numpy() for name, key in (("bank", BANK), ("window", WINDOW)) if key in frontend}
    ears = open_frontend(config.frontend, **own)
    size = round(config.window.seconds * ears.rate)
    return np.stack([ears.features(fit(sound, size, config.window.pad)) for sound in sounds(ears.rate, min(config.window.seconds, 5.0))])


def _nearest(vectors: np.ndarray) -> float:
    """Least cosine between any two rows: even the most unlike are this alike."""
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return float((rows @ rows.T)[np.triu_indices(len(rows), 1)].min())
