"""Length policies: how a clip that is shorter than a model's window fills it, and how a longer one is cut. Nothing is drawn at random."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from auricle.core.errors import InputError

#: 'any': left as it is. 'zero', 'tile', 'repeatpad': see fit. 'head', 'center': filled with zeros, and named for where a longer one is cut.
Policy = Literal["any", "zero", "tile", "repeatpad", "head", "center"]


def fit(samples: np.ndarray, size: int, policy: Policy | str) -> np.ndarray:
    """A waveform of N samples brought to `size` samples.

    samples: (..., N), N >= 1; size >= 1. Returns (..., size), or (..., N) for 'any'; nothing is copied where the length fits already.

    A shorter one is filled after its end:
    'zero' with silence;
    'tile' with itself as often as needed, the last time cut off (microsoft/CLAP msclap/CLAPWrapper.py load_audio_into_tensor);
    'repeatpad' with itself as often as it fits whole, then with silence (LAION-AI/CLAP laion_clap/training/data.py get_audio_features).
    A longer one loses its end; under 'center' as much of its start, too.
    """
    if policy not in get_args(Policy):
        raise InputError(f"length policy {policy!r} is unknown; wanted one of {', '.join(get_args(Policy))}")
    count = samples.shape[-1] if samples.ndim else 0
    if not count or size < 1:
        raise InputError(f"samples of shape {samples.shape} cannot fill {size} samples; wanted at least one sample on either side")
    if policy == "any" or count == size:
        return samples
    if count > size:
        start = (count - size) // 2 if policy == "center" else 0
        return samples[..., start : start + size]
    times = {"tile": -(-size // count), "repeatpad": size // count}.get(policy, 1)
    filled = np.zeros((*samples.shape[:-1], size), samples.dtype)
    whole = np.tile(samples, times)[..., :size]
    filled[..., : whole.shape[-1]] = whole
    return filled
