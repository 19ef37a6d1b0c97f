"""What learns from a batch: an encoder with any of a text tower, a captioner and a game of hiding beside it; parts of the loss out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from auricle.core.config import EMBEDDING
from auricle.models.captioner import Captioner
from auricle.models.encoders.embedding import Embedding
from auricle.models.masked_prediction import MaskedFrames
from auricle.models.model import Model
from auricle.nn.losses.captioning import next_token_cross_entropy, token_cross_entropy
from auricle.nn.losses.contrast import InfoNce, SigLip
from auricle.nn.losses.masked_spectrogram import match_within_clip
from auricle.recipes.vocabulary import Words
from auricle.train.batches import Batch

#: Share of a clip's tokens that `frames` hides, and what its cosines are divided by (wav2vec 2.0, arXiv:2006.11477, has 0.49 and 0.1).
HIDDEN_SHARE, HIDDEN_TEMPERATURE = 0.5, 0.1


class MultiLossModel(nn.Module):
    """Parts of the loss by name, each times its weight: `contrast`, `caption`, `parallel` (captions told all at once) and `frames`.

    A part without a weight is not worked out. Everything that is learnt is a parameter of this module, the contrast's scale too.
    `frames`, for SLAP: a share of the encoder's tokens is hidden, and each has to be told from the clip's other hidden ones.
    """

    def __init__(
        self,
        model: Model,
        words: Words | None,
        weights: Mapping[Any, float],
        *,
        contrast: InfoNce | SigLip | None = None,
        captioner: Captioner | None = None,
        frames: MaskedFrames | None = None,
        smoothing: float = 0.0,
        unwanted: Sequence[Sequence[str]] = (),
    ) -> None:
        """unwanted: for each item as many captions that are wrong for it (InfoNce's `hard`), or none at all. frames: over model.encoder."""
        super().__init__()
        self.model, self.contrast, self.captioner = model, contrast, captioner
        self.frames = frames
        self.words, self.weights, self.smoothing, self.unwanted = words, dict(weights), smoothing, unwanted

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """A batch with what the parts need: captions, or labels (B, K)."""
        heard = self.model.encode(batch.features, batch.mask)
        parts: dict[str, Tensor] = {}
        if self.words is not None:
            ids, mask = (tensor.to(batch.features.device) for tensor in self.words(batch.texts))
            parts |= self._told(heard, ids, mask, batch)
        if self.frames is not None and "frames" in self.weights:
            guess, truth = self.frames(batch.features, batch.mask, HIDDEN_SHARE)
            parts["frames"] = match_within_clip(guess / HIDDEN_TEMPERATURE, truth)
        return {name: self.weights[name] * part for name, part in parts.items()}

    def _told(self, heard: Embedding, ids: Tensor, mask: Tensor, batch: Batch) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}
        if self.contrast is not None and "contrast" in self.weights:
            audio, text = self.model.apply_heads(heard)[EMBEDDING], self._read(ids, mask)
            parts["contrast"] = self._contrasted(self.contrast, audio, text, batch)
        if self.captioner is not None and "caption" in self.weights:
            logits = self.captioner(heard, ids, mask)
            parts["caption"] = next_token_cross_entropy(logits, ids, mask.bool(), smoothing=self.smoothing)
        if self.captioner is not None and "parallel" in self.weights:
            logits = self.captioner(heard, ids, mask, parallel=True)
            parts["parallel"] = token_cross_entropy(logits, ids, mask.bool(), smoothing=self.smoothing)
        return parts

    def _contrasted(self, contrast: InfoNce | SigLip, audio: Tensor, text: Tensor, batch: Batch) -> Tensor:
        if not self.unwanted:
            loss: Tensor = contrast(audio, text, batch.groups)
            return loss
        assert isinstance(contrast, InfoNce) and self.words is not None, "wrong captions are told from right ones by InfoNCE alone"
        wrong = [self.unwanted[item] for item in batch.items.tolist()]
        vectors = self._read(*(tensor.to(audio.device) for tensor in self.words([text for texts in wrong for text in texts])))
        loss = contrast(audio, text, batch.groups, hard=vectors.view(len(wrong), -1, vectors.shape[1]))
        return loss

    def _read(self, ids: Tensor, mask: Tensor) -> Tensor:
        assert self.model.text is not None, "a contrast of words with a model that has no text tower"
        vectors: Tensor = self.model.text(ids, mask)
        return vectors

    @torch.no_grad()
    def scale(self) -> float | None:
        """What cosines are multiplied by, where it was learnt."""
        if isinstance(self.contrast, InfoNce):
            return float(self.contrast.logit_scale())
        return float(self.contrast.log_scale.exp()) if isinstance(self.contrast, SigLip) else None
