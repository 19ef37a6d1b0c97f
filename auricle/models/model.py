"""A model as one module: an encoder, the heads that its config names, and where it has texts, a text tower."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import CLIP_LOGITS, FRAMES, LAYER, ModelConfig, Output
from auricle.core.errors import InputError
from auricle.models.encoders.embedding import Embedding
from auricle.models.encoders.factory import open_encoder
from auricle.nn.projection import PROJECTIONS

#: Weight of the labels' shares in `components and labels`, against one for the encoder's own components.
LABELS_WEIGHT = 0.8
#: Family of the text tower that runs in numpy (runtime.tokens) and has no module here.
STATIC = "static"


class Model(nn.Module):
    """Features of the front-end (B, ...) -> the outputs of the config, by name. Parts: encoder, projection, heads, text."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = open_encoder(config.encoder)
        width = int(getattr(self.encoder, "size"))  # noqa: B009 - a module's attributes are not typed
        self.projection = None if config.projection is None else PROJECTIONS[config.projection](width, config.dim)
        heads = {name: _head(output, width, len(config.labels)) for name, output in config.outputs.items()}
        self.heads = nn.ModuleDict({name: head for name, head in heads.items() if head is not None})
        self.text: nn.Module | None = None
        if config.text is not None and config.text.tower.get("family") != STATIC:
            from auricle.models.text import open_text_tower

            self.text = open_text_tower(config.text.tower, dim=config.dim)

    def encode(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """The encoder's output, before any projection. features (B, ...); mask (B, T), True for real frames; with_layers: `layers` too."""
        encoded: Embedding = self.encoder(features, mask, with_layers=with_layers)
        return encoded

    def forward(self, features: Tensor, mask: Tensor | None = None, *, outputs: Sequence[str] | None = None) -> dict[str, Tensor]:
        """features as the front-end gives them; mask (B, T), True for real frames.

        outputs: names of outputs of the config, of `frames` (B, T, D), the encoder's states in time, and of `layer.0`, `layer.1` ...
        (B, L, width), its inner states as Embedding.layers has them; None is every output of the config. InputError for other names.
        """
        encoded = self.encode(features, mask, with_layers=any(name.startswith(LAYER) for name in outputs or ()))
        made = self.apply_heads(encoded)
        if outputs is None:
            return made
        made |= {FRAMES: encoded.frames, **{f"{LAYER}{index}": layer for index, layer in enumerate(encoded.layers)}}
        if unknown := [name for name in outputs if name not in made]:
            raise InputError(f"{self.config.name} has no output {unknown[0]!r}; it has {', '.join(made)}")
        return {name: made[name] for name in outputs}

    def apply_heads(self, encoded: Embedding) -> dict[str, Tensor]:
        """The outputs of the config, in its order: vectors (B, D), not unit; clip_scores (B, K) and frame_scores (B, T, K), logits."""
        outputs = {name: self._applied(name, output, encoded) for name, output in self.config.outputs.items()}
        for name, output in self.config.outputs.items():
            if output.head == "components and labels":
                shares = LABELS_WEIGHT * outputs[CLIP_LOGITS].softmax(dim=-1).sqrt()
                outputs[name] = torch.cat([functional.normalize(outputs[name], dim=-1), shares], dim=-1)
        return outputs

    def _applied(self, name: str, output: Output, encoded: Embedding) -> Tensor:
        if name in self.heads:
            made: Tensor = self.heads[name](encoded.frames if output.kind == "frame_scores" else encoded.pooled)
            return made
        if output.head == "projection":
            assert self.projection is not None, "a config without a projection has an output of one"
            projected: Tensor = self.projection(encoded.pooled)
            return projected
        own = {"clip_scores": encoded.clip_logits, "frame_scores": encoded.frame_logits, "vectors": encoded.pooled}[output.kind]
        assert own is not None, f"the encoder gives no {output.kind}"
        return own

    @torch.no_grad()
    def embed_tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids and mask (B, L) to vectors of the joint space (B, E), not unit."""
        assert self.text is not None, "a model without a text tower was asked for texts"
        vectors: Tensor = self.text(ids, mask)
        return vectors


def _head(output: Output, width: int, labels: int) -> nn.Module | None:
    """The layer of an output that has weights of its own.

    'components and labels': whitened components of the pooled vector of unit length, then the square roots of the labels' shares
    (Hellinger's map, so that a product of two is the Bhattacharyya coefficient of what both might be).
    """
    if output.head == "linear":
        return nn.Linear(width, len(output.labels))
    if output.head == "components and labels":
        return nn.Linear(width, (output.dim or 0) - labels)
    return None
