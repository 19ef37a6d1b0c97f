"""The torch twin of a named front-end, given the very filterbank and window of the numpy one."""

from __future__ import annotations

import torch

from auricle.core.errors import InputError
from auricle.nn.spectral import LogMel
from auricle.signal.frontend import open_frontend
from auricle.signal.presets import PRESETS


def torch_frontend(name: str) -> LogMel:
    """Waveform (B, N) at the preset's rate -> log-mel dB (B, T, F), equal to signal.frontend's. Plain presets have one."""
    front = open_frontend(name)
    if not front.preset.is_plain_log_mel or front.bank is None or front.window is None:
        twins = ", ".join(known for known, preset in PRESETS.items() if preset.is_plain_log_mel)
        raise InputError(f"front-end {name} has no torch twin; wanted one of {twins}")
    window, bank = torch.from_numpy(front.window.copy()), torch.from_numpy(front.bank.copy())
    return LogMel(window, bank, hop=front.hop, edge=front.preset.edge, floor=front.preset.floor)
