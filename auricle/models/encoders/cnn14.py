"""CNN14, CNN10 and CNN6 (PANNs): convolutional networks over log-mel with AudioSet labels.

Kong et al. 2020, arXiv:1912.10211; shapes from qiuqiangkong/audioset_tagging_cnn, pytorch/models.py (MIT).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import ConvPool, apply_mask, pad_frames
from auricle.nn.decision import ClipHead, FrameHead, PoolingHead
from auricle.signal.frontend import open_frontend

#: Log-mel of silence in the front-ends of PANNs: 10 log10(1e-10) dB.
SILENCE = -100.0


class Cnn14Config(Strict):
    """Sizes of CNN14, CNN10 and CNN6.

    widths: channels of each block. kernel: 3, or 5 for the single convolutions of CNN6. halvings: number of blocks that halve time and
    frequency. size: D. labels: K. decision: head; classify the clip, or frames pooled by maximum, mean or attention, or no labels.
    """

    family: Literal["cnn14"] = "cnn14"
    frontend: str = "panns-32k"
    mels: int = 64
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    kernel: Literal[3, 5] = 3
    halvings: int = 5
    size: int = 2048
    labels: int = 527
    decision: Literal["clip", "max", "mean", "attention", "none"] = "clip"


class Cnn14(nn.Module):
    """Log-mel dB (B, T, F) -> Embedding of T // 2 ** halvings frames. Shorter clips are padded with silence to one frame."""

    Config = Cnn14Config

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.size, config.labels
        self.frame_rate = open_frontend(config.frontend).frame_rate / 2**config.halvings
        self.bands = nn.BatchNorm1d(config.mels)
        inputs = (1, *config.widths[:-1])
        self.blocks = nn.ModuleDict({str(n + 1): ConvPool(inputs[n], width, kernel=config.kernel) for n, width in enumerate(config.widths)})
        sizes = (config.widths[-1], config.size, config.labels)
        self.head: nn.Module
        if config.decision == "none":
            self.head = PoolingHead()
        else:
            self.head = ClipHead(*sizes) if config.decision == "clip" else FrameHead(*sizes, pool=config.decision)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features dB (B, T, F); mask (B, T), True for real frames; with_layers: each block's map, mean over frequency."""
        halvings = self.config.halvings
        x, mask = pad_frames(features, mask, frames=2**halvings, silence=SILENCE)
        x = apply_mask(self.bands(x.transpose(1, 2)).transpose(1, 2)[:, None], mask)
        layers = []
        for number, block in enumerate(self.blocks.values()):
            x, mask = block(x, mask, pool=(2, 2) if number < halvings else (1, 1))
            if with_layers:
                layers.append(x.mean(dim=3).transpose(1, 2))
        pooled, frames, clip_logits, frame_logits = self.head(x.mean(dim=3).transpose(1, 2), mask)
        return Embedding(
            pooled=pooled,
            frames=frames,
            mask=mask,
            frame_rate=self.frame_rate,
            clip_logits=clip_logits,
            frame_logits=frame_logits,
            layers=tuple(layers),
        )
