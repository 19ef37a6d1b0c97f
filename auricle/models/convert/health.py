"""Health check of a converted model: NaN or infinite weights, collapsed embeddings, and heads of a wrong width."""

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

#: Cosine between different inputs above which a tower counts as collapsed: published towers stay far below, one known bad one has 0.9993
#: (the text tower of `larger_clap_music` as filed on the hub; https://github.com/embeddings-benchmark/mteb/issues/5069).
COLLAPSE_COSINE = 0.995
_SECONDS = 1.5  # of test sounds: enough for every encoder, and a third of the time of five


@dataclasses.dataclass(frozen=True)
class Health:
    """faults: errors, the model cannot be used. notes: warnings. label_rate: frames per second of its frame logits, if it has them."""

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    label_rate: float | None = None


def sounds(rate: int, seconds: float) -> np.ndarray:
    """Three very different test sounds, float32 (3, N): noise bursts, a rising tone, clicks."""
    rng = np.random.default_rng(0)
    times = np.arange(round(rate * seconds)) / rate
    bursts = 0.2 * rng.standard_normal(times.size) * (np.sin(2 * np.pi * 1.5 * times) > 0)
    rising = 0.3 * np.sin(2 * np.pi * (200 * times + 150 * times**2))
    clicks = 0.5 * (np.arange(times.size) % (rate // 4) < rate // 400)
    return np.stack([bursts, rising, clicks]).astype(np.float32)


@torch.no_grad()
def check_model(model: Model, frontend: Mapping[str, Tensor]) -> Health:
    """Check the weights, and the outputs for three test sounds."""
    broken = [name for name, value in model.state_dict().items() if value.is_floating_point() and not bool(value.isfinite().all())]
    broken += [name for name, value in frontend.items() if not bool(value.isfinite().all())]
    if broken:
        return Health((f"{len(broken)} tensors contain NaN or infinity, such as {broken[0]}",), ())
    config = model.config
    encoded = model.encode(torch.from_numpy(features(config, frontend)))
    labels = 0 if encoded.clip_logits is None else encoded.clip_logits.shape[1]
    if labels != len(config.labels):
        return Health((f"its head has {labels} labels, but there are {len(config.labels)} names",), ())
    vectors = model.apply_heads(encoded)[EMBEDDING].float().numpy()
    if not np.isfinite(vectors).all() or (encoded.clip_logits is not None and not bool(encoded.clip_logits.isfinite().all())):
        return Health(("its outputs for test sounds are NaN or infinite",), ())
    faults, notes = [], []
    if vectors.shape[1] != config.dim:
        faults.append(f"its vectors have {vectors.shape[1]} dimensions, but the settings have {config.dim}")
    cosine = _min_cosine(vectors)
    if cosine > COLLAPSE_COSINE:
        notes.append(f"the embeddings of noise, a tone and clicks have cosine {cosine:.4f}: the audio tower may have collapsed")
    return Health(tuple(faults), tuple(notes), encoded.frame_rate if encoded.frame_logits is not None else None)


def features(config: ModelConfig, frontend: Mapping[str, Tensor]) -> np.ndarray:
    """Features of the three test sounds, float32 (3, ...)."""
    own = {name: frontend[key].numpy() for name, key in (("bank", BANK), ("window", WINDOW)) if key in frontend}
    front_end = open_frontend(config.frontend, **own)
    seconds = min(config.window.seconds, _SECONDS)
    size = round((seconds if config.window.pad == "any" else config.window.seconds) * front_end.rate)
    return np.stack([front_end.features(fit(sound, size, config.window.pad)) for sound in sounds(front_end.rate, seconds)])


def _min_cosine(vectors: np.ndarray) -> float:
    """Minimum cosine between any two rows."""
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return float((rows @ rows.T)[np.triu_indices(len(rows), 1)].min())
