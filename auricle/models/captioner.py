"""Caption decoder: gated transformer blocks with cross-attention to an encoder's frames.

It is trained autoregressively, in parallel, or both, with the same weights. In parallel mode all input tokens are replaced by a mask
token and predicted at once, so the prediction depends on the audio alone (CapPa: Tschannen et al. 2023, arXiv:2306.07915).
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.gated import GatedBlock, Rotary
from auricle.nn.position import sincos

Size = Annotated[int, Field(gt=0)]


class CaptionerConfig(Strict):
    """Sizes. vocabulary: V, number of token ids. begin, end, hidden_word: ids of the start, end and mask tokens."""

    vocabulary: Size
    begin: int
    end: int
    hidden_word: int
    width: Size = 256
    depth: Size = 2
    heads: Size = 4
    hidden: Size = 512
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Captioner(nn.Module):
    """Caption decoder. Input and output token embeddings are tied."""

    def __init__(self, config: CaptionerConfig, frames: int) -> None:
        """frames: width D of the encoder's frames."""
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocabulary, config.width)
        nn.init.normal_(self.words.weight, std=config.width**-0.5)
        self.heard = nn.RMSNorm(frames)
        self.rotary = Rotary(config.width // config.heads)
        self.blocks = nn.ModuleList(
            GatedBlock(config.width, config.heads, hidden=config.hidden, across=frames, dropout=config.dropout) for _ in range(config.depth)
        )
        self.norm = nn.RMSNorm(config.width)

    def forward(self, encoded: Embedding, ids: Tensor, mask: Tensor, *, parallel: bool = False) -> Tensor:
        """ids, mask (B, L) to logits (B, L, V) of each next token; with parallel, of the token at each position, from mask tokens."""
        if parallel:
            ids = torch.full_like(ids, self.config.hidden_word)
        positions = torch.arange(ids.shape[1], device=ids.device, dtype=torch.float32)
        width = self.config.width
        x = self.words(ids) + sincos(positions, width).to(ids.device) * width**-0.5  # mask tokens differ in position only
        rotations = self.rotary.rotations(positions[:, None])
        visible = mask.bool()[:, None, None, :]
        memory = self.heard(encoded.frames)
        for block in self.blocks:
            x = block(x, rotations, mask=visible, causal=not parallel, memory=memory, memory_mask=encoded.mask)
        logits: Tensor = self.norm(x) @ self.words.weight.T
        return logits

    @torch.no_grad()
    def generate(self, encoded: Embedding, *, max_length: int) -> list[list[int]]:
        """Greedy decoding up to the end token or `max_length` tokens: B lists of ids without start and end tokens."""
        rows, device = encoded.frames.shape[0], encoded.frames.device
        ids = torch.full((rows, 1), self.config.begin, device=device)
        done = torch.zeros(rows, dtype=torch.bool, device=device)
        for _ in range(max_length):
            token = self(encoded, ids, torch.ones_like(ids))[:, -1].argmax(dim=-1)
            token = torch.where(done, self.config.end, token)
            ids = torch.cat([ids, token[:, None]], dim=1)
            done |= token == self.config.end
            if bool(done.all()):
                break
        return [row[1 : row.index(self.config.end, 1) if self.config.end in row[1:] else None] for row in ids.tolist()]
