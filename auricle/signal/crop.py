"""Length policies: deterministic padding and cropping of clips to the length of a model's window."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from auricle.core.errors import InputError

#: 'any': unchanged. 'zero', 'tile', 'repeatpad': padding, see fit. 'head', 'center': zero padding, and cropping at the end or both ends.
Policy = Literal["any", "zero", "tile", "repeatpad", "head", "center"]


def fit(samples: np.ndarray, size: int, policy: Policy | str) -> np.ndarray:
    """Pad or crop a waveform of N samples to `size` samples.

    samples: (..., N), N >= 1; size >= 1. Returns (..., size), or (..., N) for 'any'; no copy where the length already matches.

    A shorter waveform is padded at its end:
    'zero': with silence;
    'tile': with repetitions, the last one truncated (microsoft/CLAP msclap/CLAPWrapper.py load_audio_into_tensor);
    'repeatpad': with complete repetitions, then silence (LAION-AI/CLAP laion_clap/training/data.py get_audio_features).
    A longer waveform is cropped at its end; with 'center' equally at both ends. InputError for an unknown policy or an empty array.
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
