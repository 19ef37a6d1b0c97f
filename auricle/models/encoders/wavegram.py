"""Wavegram-Logmel-CNN14 (PANNs): CNN14 over log-mel and a learned time-frequency representation of the waveform (Wavegram).

Its input are samples; both representations are computed inside, log-mel with the checkpoint's own window and filterbank.
Kong et al. 2020, arXiv:1912.10211, section III-C; shapes from qiuqiangkong/audioset_tagging_cnn, pytorch/models.py (MIT).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import ConvPool, apply_mask, pad_frames, pooled_mask, strided_mask
from auricle.nn.decision import ClipHead
from auricle.nn.spectral import LogMel
from auricle.signal.frontend import hann
from auricle.signal.mel import filterbank

_STRIDE = 5  # of the first convolution, in samples
_POOL = 4  # pooling of each of three blocks: 5 * 4 * 4 * 4 = 320 samples, the hop of the log-mel


class WavegramConfig(Strict):
    """Sizes. rate: Hz. window: samples of a log-mel frame. low, high: Hz of its filterbank.

    wave: channels of the first convolution and of the three blocks; the last are reshaped to mels / 2 bands. Others as in Cnn14Config.
    """

    family: Literal["wavegram"] = "wavegram"
    frontend: str = "raw-32k"
    rate: int = 32000
    window: int = 1024
    mels: int = 64
    low: float = 50.0
    high: float = 14000.0
    wave: tuple[int, int, int, int] = (64, 64, 128, 128)
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    size: int = 2048
    labels: int = 527


def _apply_mask_1d(x: Tensor, mask: Tensor | None) -> Tensor:
    """Set x (B, C, T) to zero where mask (B, T) is False."""
    return x if mask is None else x * mask[:, None].to(x.dtype)


class _WaveBlock(nn.Module):
    """Two 1-D convolutions, the second with dilation two, each with batch norm and ReLU; then max pooling by four."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm1d(outputs)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=2, dilation=2, bias=False)
        self.norm2 = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, C, T) and (B, T) to (B, C', T // 4) and (B, T // 4)."""
        x = _apply_mask_1d(functional.relu(self.norm1(self.conv1(x))), mask)
        x = functional.max_pool1d(functional.relu(self.norm2(self.conv2(x))), _POOL)
        mask = pooled_mask(mask, _POOL)
        return _apply_mask_1d(x, mask), mask


class Wavegram(nn.Module):
    """Samples (B, N) to a learned time-frequency representation (B, C, T, F), T = (N + 4) // 640, F = mels / 2."""

    def __init__(self, config: WavegramConfig) -> None:
        super().__init__()
        first, *widths = config.wave
        self.bands = config.mels // 2
        self.first = nn.Conv1d(1, first, 11, stride=_STRIDE, padding=5, bias=False)
        self.norm = nn.BatchNorm1d(first)
        inputs = (first, *widths[:-1])
        self.blocks = nn.ModuleDict({str(n + 1): _WaveBlock(inputs[n], width) for n, width in enumerate(widths)})
        self.picture = ConvPool(widths[-1] // self.bands, config.widths[0])

    def forward(self, samples: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """samples (B, N), zero where mask (B, N) is False; the returned mask is (B, T)."""
        x = functional.relu(self.norm(self.first(samples[:, None])))
        mask = strided_mask(mask, _STRIDE)
        x = _apply_mask_1d(x, mask)
        for block in self.blocks.values():
            x, mask = block(x, mask)
        x = x.reshape(x.shape[0], -1, self.bands, x.shape[2]).transpose(2, 3)  # (B, rows, T, F)
        wavegram: tuple[Tensor, Tensor | None] = self.picture(x, mask, pool=(2, 1))
        return wavegram


def reflect_pad(samples: Tensor, lengths: Tensor, *, width: int) -> Tensor:
    """Reflect-pad each clip of samples (B, N) by `width` after its own length (B,), then zeros: (B, N + width).

    This is the padding of the front-end for a single clip. Each clip must be longer than width.
    """
    positions = torch.arange(samples.shape[1] + width, device=samples.device)[None]
    ends = lengths[:, None]
    source = torch.where(positions < ends, positions, 2 * (ends - 1) - positions).clamp(min=0, max=samples.shape[1] - 1)
    return samples.gather(1, source) * (positions < ends + width)


class WavegramCnn14(nn.Module):
    """Samples (B, N) at 32 kHz -> Embedding of (N + 4) // 10240 frames. Shorter clips are padded with silence to one frame."""

    Config = WavegramConfig

    def __init__(self, config: WavegramConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.size, config.labels
        self.hop = _STRIDE * _POOL**3
        bank = filterbank(
            rate=config.rate, fft=config.window, mels=config.mels, low=config.low, high=config.high, scale="slaney", norm="slaney"
        )
        window = torch.from_numpy(hann(config.window))
        self.mel = LogMel(window, torch.from_numpy(bank), hop=self.hop, edge="reflect", floor=1e-10, persistent=True)
        self.bands = nn.BatchNorm1d(config.mels)
        self.wave = Wavegram(config)
        inputs = (1, 2 * config.widths[0], *config.widths[1:-1])
        self.blocks = nn.ModuleDict({str(n + 1): ConvPool(inputs[n], width) for n, width in enumerate(config.widths)})
        self.head = ClipHead(config.widths[-1], config.size, config.labels)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features: samples (B, N), full scale +-1; mask (B, N), True for real samples, then False; with_layers: each joint block's map."""
        halvings = len(self.blocks) - 1
        samples, mask = pad_frames(features, mask, frames=self.hop * 2**halvings)
        spectrum = self._log_mel(samples, mask)
        learned, mask = self.wave(samples, mask)
        # Log-mel has one frame more, after the last whole hop; the published code fails to concatenate the two then.
        x = torch.cat((apply_mask(spectrum[:, :, : learned.shape[2]], mask), learned), dim=1)
        layers = []
        for number in range(2, len(self.blocks) + 1):
            x, mask = self.blocks[str(number)](x, mask, pool=(2, 2) if number <= halvings else (1, 1))
            if with_layers:
                layers.append(x.mean(dim=3).transpose(1, 2))
        pooled, frames, clip, _ = self.head(x.mean(dim=3).transpose(1, 2), mask)
        rate = self.config.rate / self.hop / 2**halvings
        return Embedding(pooled=pooled, frames=frames, mask=mask, frame_rate=rate, clip_logits=clip, layers=tuple(layers))

    def _log_mel(self, samples: Tensor, mask: Tensor | None) -> Tensor:
        """Log-mel after its first block, (B, C, T, F)."""
        if mask is None:
            spectrum, real = self.mel(samples), None
        else:
            lengths = mask.sum(dim=1)
            count = 1 + samples.shape[1] // self.hop
            spectrum = self.mel(reflect_pad(samples, lengths, width=self.config.window // 2))[:, :count]
            real = torch.arange(count, device=samples.device)[None] <= lengths[:, None] // self.hop
        x = apply_mask(self.bands(spectrum.transpose(1, 2)).transpose(1, 2)[:, None], real)
        spectrogram: Tensor = self.blocks["1"](x, real)[0]
        return spectrogram
