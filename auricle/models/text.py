"""Text towers: token ids in, vectors of the joint space out. Those of published systems by transformers, `gated` by our own blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from auricle.core.config import Strict
from auricle.core.errors import ModelError
from auricle.core.optional import require
from auricle.nn.gated import GatedBlock, Rotary
from auricle.nn.pooling import RampPooling
from auricle.nn.projection import PROJECTIONS

#: Family -> config and model class of transformers, and the part of the model that reads (all of it where None).
_FAMILIES: dict[str, tuple[str, str, str | None]] = {
    "roberta": ("RobertaConfig", "RobertaModel", None),
    "bert": ("BertConfig", "BertModel", None),
    "gpt2": ("GPT2Config", "GPT2Model", None),
    "t5": ("T5Config", "T5EncoderModel", "encoder"),
    "bart": ("BartConfig", "BartModel", "encoder"),
    "clip": ("CLIPTextConfig", "CLIPTextModel", None),
}
#: Families whose model makes a pooled vector of its own, which is left out where it is not asked for.
_WITH_POOLER = ("roberta", "bert")


class TextSettings(Strict):
    """Settings of a tower. config: fields of the architecture's own config. words: how texts become ids, see runtime.words.

    pool: which vector stands for a text: the model's own 'pooler', its 'first' or 'last' real token, the 'mean' of the real ones, this
    with what comes early and what late ('ordered', nn.pooling.RampPooling), or the mean 'over all' positions, padding included, as some
    published systems were trained.
    """

    family: Literal["roberta", "bert", "gpt2", "t5", "bart", "clip", "gated"]
    pool: Literal["pooler", "first", "last", "mean", "ordered", "over all"]
    projection: Literal["relu", "residual", "linear"] | None
    config: dict[str, Any]
    words: dict[str, Any]


class TextTower(nn.Module):
    """ids, mask (B, L) -> (B, E), not unit. Parts: tower, projection, and drift where the pool is 'ordered'."""

    def __init__(self, settings: TextSettings, dim: int) -> None:
        super().__init__()
        self.settings = settings
        self.tower, width = _tower(settings)
        self.drift = RampPooling(width) if settings.pool == "ordered" else None
        self.projection = nn.Identity() if settings.projection is None else PROJECTIONS[settings.projection](width, dim)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids and mask int64 (B, L), mask 1 for real tokens, what fills a row up on the right."""
        plain = {"use_cache": False} if self.settings.family == "gpt2" else {}
        said = self.tower(input_ids=ids, attention_mask=mask, **plain)
        vector: Tensor = self.projection(self._pool(said, mask))
        return vector

    def _pool(self, said: Any, mask: Tensor) -> Tensor:
        pool = self.settings.pool
        hidden: Tensor = said[0]
        if pool == "pooler":
            vector: Tensor = said.pooler_output
            return vector
        if pool == "first":
            return hidden[:, 0]
        if pool == "last":
            last = mask.sum(dim=1).clamp(min=1) - 1
            return hidden.gather(1, last[:, None, None].expand(-1, 1, hidden.shape[2]))[:, 0]
        if pool == "over all":
            return hidden.mean(dim=1)
        real = mask[:, :, None].to(hidden.dtype)
        mean = (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
        return mean if self.drift is None else mean + self.drift(hidden, mask)


class GatedTextEncoder(nn.Module):
    """Gated blocks over token ids, every token seeing every real one; for towers that are trained here."""

    def __init__(
        self, *, vocab_size: int, width: int = 256, depth: int = 4, heads: int = 4, hidden: int = 512, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.words.weight, std=width**-0.5)
        self.rotary = Rotary(width // heads)
        self.blocks = nn.ModuleList(GatedBlock(width, heads, hidden=hidden, dropout=dropout) for _ in range(depth))
        self.norm = nn.RMSNorm(width)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """ids and mask (B, L) to states (B, L, D)."""
        x = self.words(input_ids)
        rotations = self.rotary.rotations(torch.arange(x.shape[1], device=x.device, dtype=torch.float32)[:, None])
        visible = attention_mask.bool()[:, None, None, :]
        for block in self.blocks:
            x = block(x, rotations, mask=visible)
        return (self.norm(x),)


def open_text_tower(settings: Mapping[str, Any], dim: int) -> TextTower:
    """A tower with fresh weights, in evaluation mode. dim: E, width of the joint space."""
    try:
        checked = TextSettings.model_validate_json(json.dumps(dict(settings)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "text"
        raise ModelError(f"settings of the text tower: {where}: {first['msg']} ({error.error_count()} problem(s))") from error
    return TextTower(checked, dim).eval()


def _tower(settings: TextSettings) -> tuple[nn.Module, int]:
    """The architecture and the width of its vectors."""
    if settings.family == "gated":
        reader = GatedTextEncoder(**settings.config)
        return reader, reader.norm.normalized_shape[0]
    transformers: Any = require("transformers", extra="hf", why="words for this model")
    made_config, made, part = _FAMILIES[settings.family]
    options = {"add_pooling_layer": settings.pool == "pooler"} if settings.family in _WITH_POOLER else {}
    try:
        config = getattr(transformers, made_config)(**settings.config)
        model = getattr(transformers, made)(config, **options)
    except Exception as error:  # sizes are checked by transformers, with errors of its own kinds
        raise ModelError(f"settings of the text tower: {settings.family}: {' '.join(str(error).split())[:200]}") from error
    tower: nn.Module = model if part is None else getattr(model, part)
    return tower, int(config.hidden_size)
