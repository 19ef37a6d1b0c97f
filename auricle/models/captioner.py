"""A captioner: an encoder's frames in, words out, by gated blocks that look across at the frames.

Two ways to learn and one set of weights. One token after the other, as decoders do; or in parallel: every word is hidden and all are
told at once, so that nothing can be guessed from the words before and the frames have to say it (Tschannen et al. 2023, arXiv:2306.07915).
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
    """vocabulary: V token ids. begin, end, hidden_word: ids of the start, the stop and what stands for a hidden word."""

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
    """Decoder over frames of an encoder of that width. Words that go in and come out share their vectors."""

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

    def forward(self, heard: Embedding, ids: Tensor, mask: Tensor, *, parallel: bool = False) -> Tensor:
        """ids, mask (B, L) to logits (B, L, V) of the token that follows each; in parallel of the token at each place, all hidden."""
        if parallel:
            ids = torch.full_like(ids, self.config.hidden_word)
        places = torch.arange(ids.shape[1], device=ids.device, dtype=torch.float32)
        width = self.config.width
        x = self.words(ids) + sincos(places, width).to(ids.device) * width**-0.5  # hidden words are told apart by their places alone
        rotations = self.rotary.rotations(places[:, None])
        visible = mask.bool()[:, None, None, :]
        memory = self.heard(heard.frames)
        for block in self.blocks:
            x = block(x, rotations, mask=visible, causal=not parallel, memory=memory, memory_mask=heard.mask)
        logits: Tensor = self.norm(x) @ self.words.weight.T
        return logits

    @torch.no_grad()
    def say(self, heard: Embedding, *, longest: int) -> list[list[int]]:
        """The likeliest token after the other, for each clip, up to the stop or to `longest` tokens: B lists of ids without both marks."""
        rows, device = heard.frames.shape[0], heard.frames.device
        ids = torch.full((rows, 1), self.config.begin, device=device)
        done = torch.zeros(rows, dtype=torch.bool, device=device)
        for _ in range(longest):
            following = self(heard, ids, torch.ones_like(ids))[:, -1].argmax(dim=-1)
            following = torch.where(done, self.config.end, following)
            ids = torch.cat([ids, following[:, None]], dim=1)
            done |= following == self.config.end
            if bool(done.all()):
                break
        return [row[1 : row.index(self.config.end, 1) if self.config.end in row[1:] else None] for row in ids.tolist()]
