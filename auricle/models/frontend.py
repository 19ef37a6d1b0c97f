"""The torch twin of a named front-end, given the very filterbank and window of the numpy one."""

from __future__ import annotations

import torch

from auricle.nn.spectral import LogMel
from auricle.signal.frontend import PRESETS, hann
from auricle.signal.mel import filterbank


def torch_frontend(name: str) -> LogMel:
    """Waveform (B, N) at the preset's rate -> log-mel dB (B, T, F), equal to signal.frontend's."""
    p = PRESETS[name]
    bank = filterbank(rate=p.rate, fft=p.window, mels=p.mels, low=p.low, high=p.high, scale=p.scale, norm=p.norm)
    return LogMel(torch.from_numpy(hann(p.window)), torch.from_numpy(bank), hop=p.hop, edge=p.edge, floor=p.floor)
