"""Torch version of a named front-end, with the filterbank and window of the numpy one."""

from __future__ import annotations

import torch

from auricle.core.errors import InputError
from auricle.nn.spectral import LogMel
from auricle.signal.frontend import open_frontend
from auricle.signal.presets import PRESETS


def torch_frontend(name: str) -> LogMel:
    """Module from waveforms (B, N) at the preset's rate to log-mel dB (B, T, F), equal to signal.frontend. InputError unless plain."""
    front = open_frontend(name)
    if not front.preset.is_plain_log_mel or front.bank is None or front.window is None:
        plain = ", ".join(preset_name for preset_name, preset in PRESETS.items() if preset.is_plain_log_mel)
        raise InputError(f"front-end {name} has no torch version; wanted one of {plain}")
    window, bank = torch.from_numpy(front.window.copy()), torch.from_numpy(front.bank.copy())
    return LogMel(window, bank, hop=front.hop, edge=front.preset.edge, floor=front.preset.floor)
