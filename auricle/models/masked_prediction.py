"""Self-supervised pretraining by masked prediction: SSAST and Audio-MAE over patches, wav2vec-style prediction over frames.

Each module wraps an encoder of models.encoders, which is kept after pretraining; prediction heads and decoders are discarded.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from auricle.core.errors import ModelError
from auricle.models.encoders.gated import Gated
from auricle.models.encoders.vit import ViT
from auricle.nn.attention import Attention
from auricle.nn.position import sincos_grid
from auricle.nn.transformer import Block


class MaskedPrediction(NamedTuple):
    """Predictions of the M masked patches of each clip, P numbers each: (B, M, P).

    matched: output of SSAST's matching head. reconstructed: output of the reconstruction head. patches: the true patches.
    """

    matched: Tensor | None
    reconstructed: Tensor
    patches: Tensor


def split_patches(features: Tensor, patch: tuple[int, int]) -> Tensor:
    """features (B, T, F) to patches without overlap, (B, T' * F', P), time-major; a remainder at either end is dropped."""
    times, bands = features.shape[1] // patch[0], features.shape[2] // patch[1]
    x = features[:, : times * patch[0], : bands * patch[1]]
    return x.reshape(-1, times, patch[0], bands, patch[1]).permute(0, 1, 3, 2, 4).flatten(1, 2).flatten(2)


def random_masks(generator: torch.Generator, rows: int, patches: int, count: int, *, cluster: int = 1, bands: int = 1) -> Tensor:
    """Indices of `count` patches to mask in each clip, int64 (B, M), sorted. ModelError unless 0 < count < patches.

    cluster: side of square clusters that are masked together (SSAST, Gong et al. 2022, arXiv:2110.09784, section 2.3): squares at random
    positions until enough patches are masked.
    """
    if not 0 < count < patches:
        raise ModelError(f"{count} of {patches} patches are to be masked; wanted some, but not all")
    if cluster == 1:
        return torch.rand(rows, patches, generator=generator).argsort(dim=1)[:, :count].sort(dim=1).values
    return torch.stack([_clustered(generator, patches, count, cluster, bands) for _ in range(rows)])


def _clustered(generator: torch.Generator, patches: int, count: int, cluster: int, bands: int) -> Tensor:
    times = patches // bands
    masked: dict[int, None] = {}
    while len(masked) < count:
        time, band = (int(torch.randint(high, (1,), generator=generator)) for high in (times, bands))
        square = ((t, b) for t in range(time, min(time + cluster, times)) for b in range(band, min(band + cluster, bands)))
        masked |= dict.fromkeys(t * bands + b for t, b in square)
    return torch.tensor(sorted(list(masked)[:count]))


class MaskedPatches(nn.Module):
    """SSAST: masked patches are replaced by a learned token; two small heads match and reconstruct them."""

    def __init__(self, encoder: ViT) -> None:
        super().__init__()
        width, numbers = encoder.size, encoder.config.patch[0] * encoder.config.patch[1]
        self.encoder = encoder
        self.unseen = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, width), std=0.02))
        self.match = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, numbers))
        self.rebuild = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, numbers))

    def forward(self, features: Tensor, masked: Tensor) -> MaskedPrediction:
        """features (B, T, F) with the encoder's T; masked (B, M), indices of patches. ModelError where patches overlap."""
        encoder = self.encoder
        if encoder.config.stride != encoder.config.patch:
            raise ModelError(f"patches of {encoder.config.patch} every {encoder.config.stride} overlap; wanted a stride of one patch")
        tokens = encoder.patches(features)
        x = torch.where(_is_masked(tokens, masked)[..., None], self.unseen, tokens)
        x = torch.cat([encoder.leading.expand(len(x), -1, -1), x], dim=1) + encoder.positions()
        for block in encoder.blocks:
            x = block(x)
        states = _gather(encoder.norm(x)[:, encoder.config.leading :], masked)
        return MaskedPrediction(self.match(states), self.rebuild(states), _gather(split_patches(features, encoder.config.patch), masked))


class MaskedAutoencoder(nn.Module):
    """Audio-MAE: the encoder gets the visible patches only; a narrower decoder reconstructs the masked ones."""

    def __init__(self, encoder: ViT, *, width: int = 512, depth: int = 8, heads: int = 16) -> None:
        super().__init__()
        self.encoder = encoder
        config = encoder.config
        self.narrowed = nn.Linear(encoder.size, width)
        self.unseen = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, width), std=0.02))
        self.register_buffer("positions", sincos_grid(*encoder.grid, width)[None], persistent=False)
        self.blocks = nn.ModuleList(Block(Attention(width, heads), width, hidden=4 * width, epsilon=config.epsilon) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=config.epsilon)
        self.rebuild = nn.Linear(width, config.patch[0] * config.patch[1])

    positions: Tensor

    def forward(self, features: Tensor, masked: Tensor) -> MaskedPrediction:
        """features (B, T, F) with the encoder's T; masked (B, M), indices of patches."""
        encoder, leading = self.encoder, self.encoder.config.leading
        tokens = encoder.patches(features) + encoder.positions()[:, leading:]
        visible = (~_is_masked(tokens, masked)).nonzero()[:, 1].view(len(tokens), -1)  # the same number in every clip
        first = (encoder.leading + encoder.positions()[:, :leading]).expand(len(tokens), -1, -1)
        x = torch.cat([first, _gather(tokens, visible)], dim=1)
        for block in encoder.blocks:
            x = block(x)
        x = self.narrowed(encoder.norm(x))[:, leading:]
        whole = (
            self.unseen.expand(len(x), tokens.shape[1], -1).scatter(1, visible[..., None].expand(-1, -1, x.shape[2]), x) + self.positions
        )
        for block in self.blocks:
            whole = block(whole)
        reconstructed = self.rebuild(_gather(self.norm(whole), masked))
        return MaskedPrediction(None, reconstructed, _gather(split_patches(features, encoder.config.patch), masked))


class MaskedFrames(nn.Module):
    """Contrastive prediction of masked tokens of a Gated encoder; the clip's other masked tokens are the negatives.

    As wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477) without quantization: targets are the stem's own tokens, without gradient.
    """

    def __init__(self, encoder: Gated) -> None:
        super().__init__()
        self.encoder = encoder
        self.unseen = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, encoder.size), std=0.02))
        self.match = nn.Linear(encoder.size, encoder.size)

    def forward(self, features: Tensor, mask: Tensor | None, ratio: float) -> tuple[Tensor, Tensor]:
        """features (B, T, F), mask (B, T) to predictions and targets, (B, M, D) of unit length; M is `ratio` of the shortest clip's tokens.

        Masked tokens are drawn by torch.
        """
        tokens, mask = self.encoder.embed_tokens(features, mask)
        draw = torch.rand(tokens.shape[:2], device=tokens.device)
        real = tokens.shape[1] if mask is None else int(mask.sum(dim=1).min())
        masked = (draw if mask is None else draw.masked_fill(~mask, 2.0)).argsort(dim=1)[:, : max(2, round(ratio * real))]
        states, _ = self.encoder.transform(torch.where(_is_masked(tokens, masked)[..., None], self.unseen, tokens), mask)
        normalize = nn.functional.normalize
        return normalize(self.match(_gather(states, masked)), dim=-1), normalize(_gather(tokens, masked).detach(), dim=-1)


def _is_masked(tokens: Tensor, masked: Tensor) -> Tensor:
    """Bool (B, L) for tokens (B, L, D): True at the indices masked (B, M)."""
    return torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device).scatter_(1, masked, True)


def _gather(x: Tensor, indices: Tensor) -> Tensor:
    """Rows of x (B, L, D) at indices (B, M): (B, M, D)."""
    return x.gather(1, indices[..., None].expand(-1, -1, x.shape[2]))
