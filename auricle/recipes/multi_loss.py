"""MultiLossModel: an audio encoder trained with contrastive, captioning and masked-prediction losses."""

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
from auricle.recipes.vocabulary import CaptionTokenizer
from auricle.train.batches import Batch

#: Fraction of a clip's tokens that `frames` masks, and the temperature of its cosines (wav2vec 2.0, arXiv:2006.11477: 0.49 and 0.1).
MASK_FRACTION, MASK_TEMPERATURE = 0.5, 0.1


class MultiLossModel(nn.Module):
    """Computes the weighted parts of the loss: `contrast`, `caption`, `parallel` (captioning with all tokens masked) and `frames`.

    Parts without a weight are not computed. All trained parameters belong to this module, including the contrastive logit scale.
    `frames` (SLAP): a fraction of the encoder's tokens is masked, and each is predicted among the clip's other masked ones.
    """

    def __init__(
        self,
        model: Model,
        tokenizer: CaptionTokenizer | None,
        weights: Mapping[Any, float],
        *,
        contrast: InfoNce | SigLip | None = None,
        captioner: Captioner | None = None,
        frames: MaskedFrames | None = None,
        smoothing: float = 0.0,
        hard_negatives: Sequence[Sequence[str]] = (),
    ) -> None:
        """weights: of the parts. smoothing: of labels, for captioning. frames: masked prediction over model.encoder.

        hard_negatives: for each item the same number of captions that are wrong for it (InfoNce's `hard`), or empty.
        """
        super().__init__()
        self.model, self.contrast, self.captioner = model, contrast, captioner
        self.frames = frames
        self.tokenizer, self.weights, self.smoothing, self.hard_negatives = tokenizer, dict(weights), smoothing, hard_negatives

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Parts of the loss by name, each (); the batch has captions where a part needs them."""
        encoded = self.model.encode(batch.features, batch.mask)
        parts: dict[str, Tensor] = {}
        if self.tokenizer is not None:
            ids, mask = (tensor.to(batch.features.device) for tensor in self.tokenizer(batch.texts))
            parts |= self._caption_losses(encoded, ids, mask, batch)
        if self.frames is not None and "frames" in self.weights:
            predicted, target = self.frames(batch.features, batch.mask, MASK_FRACTION)
            parts["frames"] = match_within_clip(predicted / MASK_TEMPERATURE, target)
        return {name: self.weights[name] * part for name, part in parts.items()}

    def _caption_losses(self, encoded: Embedding, ids: Tensor, mask: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The parts that use captions; ids and mask: int64 (B, L)."""
        parts: dict[str, Tensor] = {}
        if self.contrast is not None and "contrast" in self.weights:
            audio, text = self.model.apply_heads(encoded)[EMBEDDING], self._embed_text(ids, mask)
            parts["contrast"] = self._contrastive_loss(self.contrast, audio, text, batch)
        if self.captioner is not None and "caption" in self.weights:
            logits = self.captioner(encoded, ids, mask)
            parts["caption"] = next_token_cross_entropy(logits, ids, mask.bool(), smoothing=self.smoothing)
        if self.captioner is not None and "parallel" in self.weights:
            logits = self.captioner(encoded, ids, mask, parallel=True)
            parts["parallel"] = token_cross_entropy(logits, ids, mask.bool(), smoothing=self.smoothing)
        return parts

    def _contrastive_loss(self, contrast: InfoNce | SigLip, audio: Tensor, text: Tensor, batch: Batch) -> Tensor:
        if not self.hard_negatives:
            loss: Tensor = contrast(audio, text, batch.groups)
            return loss
        assert isinstance(contrast, InfoNce) and self.tokenizer is not None, "only InfoNCE takes hard negatives"
        wrong = [self.hard_negatives[item] for item in batch.items.tolist()]
        vectors = self._embed_text(*(tensor.to(audio.device) for tensor in self.tokenizer([text for texts in wrong for text in texts])))
        loss = contrast(audio, text, batch.groups, hard=vectors.view(len(wrong), -1, vectors.shape[1]))
        return loss

    def _embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        assert self.model.text is not None, "a contrastive loss needs a text tower"
        vectors: Tensor = self.model.text(ids, mask)
        return vectors

    @torch.no_grad()
    def logit_scale(self) -> float | None:
        """The trained factor on cosines, or None without a contrastive loss."""
        if isinstance(self.contrast, InfoNce):
            return float(self.contrast.logit_scale())
        return float(self.contrast.log_scale.exp()) if isinstance(self.contrast, SigLip) else None
