"""Mel filterbanks of the presets, and the preset that matches a checkpoint's filterbank."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from auricle.core.errors import InputError
from auricle.signal.mel import filterbank
from auricle.signal.presets import PRESETS, Preset


@functools.cache
def mel_bank(preset: Preset) -> np.ndarray:
    """The mel filterbank of a preset, float32 (bins, mels), read-only."""
    bank = filterbank(
        rate=preset.mel_rate or preset.rate,
        fft=preset.fft or preset.window,
        mels=preset.mels,
        low=preset.low,
        high=preset.high,
        scale=preset.scale,
        norm=preset.norm,
    )
    bank.setflags(write=False)
    return bank


class Match(NamedTuple):
    """The preset with the closest filterbank, None where none has its shape.

    difference: the largest difference of two weights, relative to the preset's largest weight.
    """

    name: str | None
    difference: float


def closest_preset(bank: np.ndarray, *, rate: int | None = None) -> Match:
    """Find the preset that matches a mel filterbank (bins, mels), the first in the table of equal ones. rate: only presets of this rate.

    A difference below 1e-5 is the same filterbank with other rounding; one from 1e-2 is another filterbank.
    """
    bank = np.asarray(bank)
    if bank.ndim != 2:
        raise InputError(f"mel bank has shape {bank.shape}; wanted (bins, mels)")
    best = Match(None, float("inf"))
    for name, preset in PRESETS.items():
        if preset.kind == "raw" or rate not in (None, preset.rate):
            continue
        candidate = mel_bank(preset)
        if candidate.shape == bank.shape:
            difference = float(np.abs(bank - candidate).max() / candidate.max())
            best = min(best, Match(name, difference), key=lambda match: match.difference)
    return best
