"""Encoders that learn from sound alone, by what is hidden from them: SSAST's and Audio-MAE's games over patches, and one over frames.

Each wraps an encoder of models.encoders, which is what is kept; heads and decoders of the games are left behind.
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
    """What was hidden, as the game sees it: M patches a clip of P numbers each, (B, M, P). matched: SSAST's guess to be found among others.

    rebuilt: the guess of the numbers themselves. truth: what was there.
    """

    matched: Tensor | None
    rebuilt: Tensor
    truth: Tensor


def cut(features: Tensor, patch: tuple[int, int]) -> Tensor:
    """features (B, T, F) to patches without overlap, (B, T' * F', P), time in the outer order; a rest at either end is left out."""
    times, bands = features.shape[1] // patch[0], features.shape[2] // patch[1]
    x = features[:, : times * patch[0], : bands * patch[1]]
    return x.reshape(-1, times, patch[0], bands, patch[1]).permute(0, 1, 3, 2, 4).flatten(1, 2).flatten(2)


def hidden_places(generator: torch.Generator, rows: int, patches: int, hidden: int, *, cluster: int = 1, bands: int = 1) -> Tensor:
    """int64 (B, M): for each clip which `hidden` of its patches are hidden, sorted. cluster: squares of so many are hidden together.

    Clusters are those of SSAST (Gong et al. 2022, arXiv:2110.09784, section 2.3): squares at random places until enough are hidden.
    """
    if not 0 < hidden < patches:
        raise ModelError(f"{hidden} of {patches} patches are to be hidden; wanted some, but not all")
    if cluster == 1:
        return torch.rand(rows, patches, generator=generator).argsort(dim=1)[:, :hidden].sort(dim=1).values
    return torch.stack([_clustered(generator, patches, hidden, cluster, bands) for _ in range(rows)])


def _clustered(generator: torch.Generator, patches: int, hidden: int, cluster: int, bands: int) -> Tensor:
    times = patches // bands
    found: dict[int, None] = {}
    while len(found) < hidden:
        time, band = (int(torch.randint(high, (1,), generator=generator)) for high in (times, bands))
        square = ((t, b) for t in range(time, min(time + cluster, times)) for b in range(band, min(band + cluster, bands)))
        found |= dict.fromkeys(t * bands + b for t, b in square)
    return torch.tensor(sorted(list(found)[:hidden]))


class MaskedPatches(nn.Module):
    """SSAST: hidden patches are one learned vector to the encoder; two small heads say which patch it was, and what was in it."""

    def __init__(self, encoder: ViT) -> None:
        super().__init__()
        width, numbers = encoder.size, encoder.config.patch[0] * encoder.config.patch[1]
        self.encoder = encoder
        self.unseen = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, width), std=0.02))
        self.match = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, numbers))
        self.rebuild = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, numbers))

    def forward(self, features: Tensor, hidden: Tensor) -> MaskedPrediction:
        """features (B, T, F) with T as the encoder has it; hidden (B, M), places of patches."""
        encoder = self.encoder
        if encoder.config.stride != encoder.config.patch:
            raise ModelError(f"patches of {encoder.config.patch} every {encoder.config.stride} overlap; wanted a stride of one patch")
        tokens = encoder.patches(features)
        there = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device).scatter_(1, hidden, True)
        x = torch.where(there[..., None], self.unseen, tokens)
        x = torch.cat([encoder.leading.expand(len(x), -1, -1), x], dim=1) + encoder.positions()
        for block in encoder.blocks:
            x = block(x)
        told = _taken(encoder.norm(x)[:, encoder.config.leading :], hidden)
        return MaskedPrediction(self.match(told), self.rebuild(told), _taken(cut(features, encoder.config.patch), hidden))


class MaskedAutoencoder(nn.Module):
    """Audio-MAE: the encoder sees what is not hidden, and nothing else; a narrower decoder rebuilds the rest."""

    def __init__(self, encoder: ViT, *, width: int = 512, depth: int = 8, heads: int = 16) -> None:
        super().__init__()
        self.encoder = encoder
        config = encoder.config
        self.narrowed = nn.Linear(encoder.size, width)
        self.unseen = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, width), std=0.02))
        self.register_buffer("places", sincos_grid(*encoder.grid, width)[None], persistent=False)
        self.blocks = nn.ModuleList(Block(Attention(width, heads), width, hidden=4 * width, epsilon=config.epsilon) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=config.epsilon)
        self.rebuild = nn.Linear(width, config.patch[0] * config.patch[1])

    places: Tensor

    def forward(self, features: Tensor, hidden: Tensor) -> MaskedPrediction:
        """features (B, T, F) with T as the encoder has it; hidden (B, M), places of patches."""
        encoder, leading = self.encoder, self.encoder.config.leading
        tokens = encoder.patches(features) + encoder.positions()[:, leading:]
        there = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device).scatter_(1, hidden, False)
        shown = there.nonzero()[:, 1].view(len(tokens), -1)  # every clip has as many left
        first = (encoder.leading + encoder.positions()[:, :leading]).expand(len(tokens), -1, -1)
        x = torch.cat([first, _taken(tokens, shown)], dim=1)
        for block in encoder.blocks:
            x = block(x)
        x = self.narrowed(encoder.norm(x))[:, leading:]
        whole = self.unseen.expand(len(x), there.shape[1], -1).scatter(1, shown[..., None].expand(-1, -1, x.shape[2]), x) + self.places
        for block in self.blocks:
            whole = block(whole)
        told = self.rebuild(_taken(self.norm(whole), hidden))
        return MaskedPrediction(None, told, _taken(cut(features, encoder.config.patch), hidden))


class MaskedFrames(nn.Module):
    """A Gated encoder's tokens, some of them hidden behind the stem; each has to be found among the clip's other hidden ones.

    wav2vec 2.0's game (Baevski et al. 2020, arXiv:2006.11477) without its codebook: what was hidden is the stem's own token, held fixed.
    """

    def __init__(self, encoder: Gated) -> None:
        super().__init__()
        self.encoder = encoder
        self.unseen = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, encoder.size), std=0.02))
        self.match = nn.Linear(encoder.size, encoder.size)

    def forward(self, features: Tensor, mask: Tensor | None, share: float) -> tuple[Tensor, Tensor]:
        """features (B, T, F), mask (B, T) to guesses and truth, (B, M, D) of unit length; M is `share` of the shortest clip's tokens.

        Which are hidden is drawn by torch.
        """
        tokens, mask = self.encoder.stemmed(features, mask)
        draw = torch.rand(tokens.shape[:2], device=tokens.device)
        real = tokens.shape[1] if mask is None else int(mask.sum(dim=1).min())
        hidden = (draw if mask is None else draw.masked_fill(~mask, 2.0)).argsort(dim=1)[:, : max(2, round(share * real))]
        there = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device).scatter_(1, hidden, True)
        states, _ = self.encoder.blended(torch.where(there[..., None], self.unseen, tokens), mask)
        normal = nn.functional.normalize
        return normal(self.match(_taken(states, hidden)), dim=-1), normal(_taken(tokens, hidden).detach(), dim=-1)


def _taken(x: Tensor, places: Tensor) -> Tensor:
    """x (B, L, D) at places (B, M): (B, M, D)."""
    return x.gather(1, places[..., None].expand(-1, -1, x.shape[2]))
