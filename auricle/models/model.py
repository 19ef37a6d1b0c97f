"""The Model module: an encoder, the output heads of its config, and an optional text tower."""

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

#: Weight of the label probabilities in `components and labels`, relative to the encoder's components.
LABELS_WEIGHT = 0.8
#: Family of the text tower that runs in numpy (runtime.tokens) and is no torch module.
STATIC = "static"


class Model(nn.Module):
    """Features of the front-end (B, ...) -> outputs of the config, by name. Submodules: encoder, projection, heads, text."""

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
        """Output of the encoder, before any projection. features (B, ...); mask (B, T), True for real frames; with_layers: `layers` too."""
        encoded: Embedding = self.encoder(features, mask, with_layers=with_layers)
        return encoded

    def forward(self, features: Tensor, mask: Tensor | None = None, *, outputs: Sequence[str] | None = None) -> dict[str, Tensor]:
        """features of the front-end, (B, ...); mask (B, T), True for real frames.

        outputs: names of outputs of the config; `frames` (B, T, D), the encoder's frames; `layer.0`, `layer.1` ... (B, L, width), its
        hidden states (Embedding.layers). None is every output of the config. InputError for other names.
        """
        encoded = self.encode(features, mask, with_layers=any(name.startswith(LAYER) for name in outputs or ()))
        available = self.apply_heads(encoded)
        if outputs is None:
            return available
        available |= {FRAMES: encoded.frames, **{f"{LAYER}{index}": layer for index, layer in enumerate(encoded.layers)}}
        if unknown := [name for name in outputs if name not in available]:
            raise InputError(f"{self.config.name} has no output {unknown[0]!r}; it has {', '.join(available)}")
        return {name: available[name] for name in outputs}

    def apply_heads(self, encoded: Embedding) -> dict[str, Tensor]:
        """Outputs of the config, in order: vectors (B, D), not normalised; clip_scores (B, K) and frame_scores (B, T, K) as logits."""
        outputs = {name: self._apply_head(name, output, encoded) for name, output in self.config.outputs.items()}
        for name, output in self.config.outputs.items():
            if output.head == "components and labels":
                labels = LABELS_WEIGHT * outputs[CLIP_LOGITS].softmax(dim=-1).sqrt()
                outputs[name] = torch.cat([functional.normalize(outputs[name], dim=-1), labels], dim=-1)
        return outputs

    def _apply_head(self, name: str, output: Output, encoded: Embedding) -> Tensor:
        if name in self.heads:
            logits: Tensor = self.heads[name](encoded.frames if output.kind == "frame_scores" else encoded.pooled)
            return logits
        if output.head == "projection":
            assert self.projection is not None, "an output uses a projection that the config does not have"
            projected: Tensor = self.projection(encoded.pooled)
            return projected
        own = {"clip_scores": encoded.clip_logits, "frame_scores": encoded.frame_logits, "vectors": encoded.pooled}[output.kind]
        assert own is not None, f"the encoder has no {output.kind}"
        return own

    @torch.no_grad()
    def embed_tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids and mask (B, L) to vectors of the joint space (B, E), not normalised."""
        assert self.text is not None, "the model has no text tower"
        vectors: Tensor = self.text(ids, mask)
        return vectors


def _head(output: Output, width: int, labels: int) -> nn.Module | None:
    """The linear layer of an output; None for outputs without their own weights.

    'components and labels': whitened components of the pooled vector with unit norm, concatenated with the square roots of the label
    probabilities (Hellinger map: the dot product of two is the Bhattacharyya coefficient of their label distributions).
    """
    if output.head == "linear":
        return nn.Linear(width, len(output.labels))
    if output.head == "components and labels":
        return nn.Linear(width, (output.dim or 0) - labels)
    return None
