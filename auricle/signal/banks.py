"""Mel banks of the presets, and which of them a checkpoint's own bank is. In: a preset or a matrix; out: a matrix or a match."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from auricle.core.errors import InputError
from auricle.signal.mel import filterbank
from auricle.signal.presets import PRESETS, Preset


@functools.cache
def bank_of(preset: Preset) -> np.ndarray:
    """The mel bank that a preset asks for, float32 (bins, mels), read-only."""
    bank = filterbank(
        rate=preset.laid or preset.rate,
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
    """The preset whose bank lies closest, None where none has that shape.

    difference: the largest between two weights, as a share of the preset's largest weight.
    """

    name: str | None
    difference: float


def closest_preset(bank: np.ndarray, *, rate: int | None = None) -> Match:
    """Which preset a mel bank (bins, mels) belongs to; `rate` asks only those of that rate. Of equals the first in the table is told.

    Below 1e-5 it is the same bank in another rounding; from 1e-2 it is another one.
    """
    bank = np.asarray(bank)
    if bank.ndim != 2:
        raise InputError(f"mel bank has shape {bank.shape}; wanted (bins, mels)")
    best = Match(None, float("inf"))
    for name, preset in PRESETS.items():
        if preset.kind == "raw" or rate not in (None, preset.rate):
            continue
        theirs = bank_of(preset)
        if theirs.shape == bank.shape:
            difference = float(np.abs(bank - theirs).max() / theirs.max())
            best = min(best, Match(name, difference), key=lambda match: match.difference)
    return best
