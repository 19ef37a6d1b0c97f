"""Differentiable, batched log-mel in torch, equal to signal.frontend (tested)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LogMel(nn.Module):
    """Waveform (B, N) -> log-mel dB (B, 1 + N // hop, F).

    window (W,) is applied to every frame, the filterbank bank (W // 2 + 1, F) to the power spectrum; floor is the smallest power.
    persistent: save both in the module's state dict.
    """

    window: Tensor
    bank: Tensor

    def __init__(self, window: Tensor, bank: Tensor, *, hop: int, edge: str, floor: float, persistent: bool = False) -> None:
        super().__init__()
        self.register_buffer("window", window, persistent=persistent)
        self.register_buffer("bank", bank, persistent=persistent)
        self.hop, self.edge, self.floor = hop, edge, floor

    def power(self, samples: Tensor) -> Tensor:
        """Mel power (B, T, F) of samples (B, N)."""
        size = self.window.shape[0]
        half = size // 2
        mode = "reflect" if self.edge == "reflect" and samples.shape[-1] > half else "constant"
        padded = nn.functional.pad(samples[:, None], (half, half), mode=mode)[:, 0]
        # Double precision inside, as in the numpy front-end: quiet bands next to loud ones stay accurate.
        spectrum = torch.stft(
            padded.double(), size, self.hop, window=self.window.double(), center=False, return_complex=True
        )  # (B, bins, T)
        energy = (spectrum.real.square() + spectrum.imag.square()).to(samples.dtype)
        return energy.transpose(1, 2) @ self.bank

    def forward(self, samples: Tensor) -> Tensor:
        """Log-mel dB (B, T, F) of samples (B, N)."""
        return 10.0 * torch.log10(self.power(samples).clamp(min=self.floor))
