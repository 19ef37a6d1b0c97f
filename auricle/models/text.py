"""Text towers: token ids to vectors of the joint space. Published architectures are built by transformers, `gated` by nn.gated."""

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

#: Family -> config and model class of transformers, and the submodule that encodes (None: the whole model).
_FAMILIES: dict[str, tuple[str, str, str | None]] = {
    "roberta": ("RobertaConfig", "RobertaModel", None),
    "bert": ("BertConfig", "BertModel", None),
    "gpt2": ("GPT2Config", "GPT2Model", None),
    "t5": ("T5Config", "T5EncoderModel", "encoder"),
    "bart": ("BartConfig", "BartModel", "encoder"),
    "clip": ("CLIPTextConfig", "CLIPTextModel", None),
}
#: Families with an optional pooling layer.
_WITH_POOLER = ("roberta", "bert")


class TextSettings(Strict):
    """Settings of a text tower. config: fields of the architecture's own config. words: tokenizer rules, see runtime.tokenizer.

    pool: the model's own 'pooler', the 'first' or 'last' real token, the 'mean' of the real tokens, the mean plus ramp pooling
    ('ordered', nn.pooling.RampPooling), or the mean 'over all' positions, padding included, as some published systems were trained.
    """

    family: Literal["roberta", "bert", "gpt2", "t5", "bart", "clip", "gated"]
    pool: Literal["pooler", "first", "last", "mean", "ordered", "over all"]
    projection: Literal["relu", "residual", "linear"] | None
    config: dict[str, Any]
    words: dict[str, Any]


class TextTower(nn.Module):
    """ids, mask (B, L) -> (B, E), not normalised. Submodules: tower, projection, and drift where the pool is 'ordered'."""

    def __init__(self, settings: TextSettings, dim: int) -> None:
        super().__init__()
        self.settings = settings
        self.tower, width = _tower(settings)
        self.drift = RampPooling(width) if settings.pool == "ordered" else None
        self.projection = nn.Identity() if settings.projection is None else PROJECTIONS[settings.projection](width, dim)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids and mask int64 (B, L); mask is 1 for real tokens, 0 for padding, which is on the right."""
        options = {"use_cache": False} if self.settings.family == "gpt2" else {}
        outputs = self.tower(input_ids=ids, attention_mask=mask, **options)
        vector: Tensor = self.projection(self._pool(outputs, mask))
        return vector

    def _pool(self, outputs: Any, mask: Tensor) -> Tensor:
        pool = self.settings.pool
        hidden: Tensor = outputs[0]
        if pool == "pooler":
            vector: Tensor = outputs.pooler_output
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
    """Bidirectional gated transformer over token ids, for text towers that are trained with auricle."""

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
    """Build a text tower with random weights, in evaluation mode. dim: E, width of the joint space. ModelError for bad settings."""
    try:
        checked = TextSettings.model_validate_json(json.dumps(dict(settings)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "text"
        raise ModelError(f"settings of the text tower: {where}: {first['msg']} ({error.error_count()} problem(s))") from error
    return TextTower(checked, dim).eval()


def _tower(settings: TextSettings) -> tuple[nn.Module, int]:
    """The encoder and the width of its vectors."""
    if settings.family == "gated":
        encoder = GatedTextEncoder(**settings.config)
        return encoder, encoder.norm.normalized_shape[0]
    transformers: Any = require("transformers", extra="hf", why="words for this model")
    config_class, model_class, part = _FAMILIES[settings.family]
    options = {"add_pooling_layer": settings.pool == "pooler"} if settings.family in _WITH_POOLER else {}
    try:
        config = getattr(transformers, config_class)(**settings.config)
        model = getattr(transformers, model_class)(config, **options)
    except Exception as error:  # transformers checks sizes with various errors
        raise ModelError(f"settings of the text tower: {settings.family}: {' '.join(str(error).split())[:200]}") from error
    tower: nn.Module = model if part is None else getattr(model, part)
    return tower, int(config.hidden_size)
