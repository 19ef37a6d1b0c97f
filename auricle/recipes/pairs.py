"""Training on pairs of sounds and captions: PairsConfig and `build`, which the audio-text recipes share.

Each recipe sets its own defaults: encoder and text tower, parts of the loss, which captions are drawn. Without a manifest it trains small
towers on synthetic sounds (recipes.synthetic), which only checks that everything runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import EMBEDDING, ModelConfig, Strict
from auricle.core.errors import InputError
from auricle.core.model_files import read_config
from auricle.data.captions import POLICIES, Policy, choose_caption
from auricle.data.item import Item
from auricle.metrics import retrieval
from auricle.models.captioner import Captioner, CaptionerConfig
from auricle.models.encoders.gated import Gated
from auricle.models.folder import load
from auricle.models.masked_prediction import MaskedFrames
from auricle.models.model import STATIC, Model
from auricle.nn.losses.contrast import InfoNce, SigLip
from auricle.recipes.multi_loss import MultiLossModel
from auricle.recipes.recipe_config import Positive, RecipeConfig, compute_losses, make_batches, make_model_config
from auricle.recipes.recordings import read_items
from auricle.recipes.result_folder import write_model_folder
from auricle.recipes.vocabulary import BEGIN, END, MASK, CaptionTokenizer, tokenizer_settings, train_tokenizer
from auricle.runtime import catalog
from auricle.train.batches import Batch, Batches
from auricle.train.trainer import Training

_EVALUATED = 2000  # pairs on which retrieval is computed at the end


#: Parts of the loss, see recipes.multi_loss.
Part: TypeAlias = Literal["contrast", "caption", "parallel", "frames"]


class TextEncoderConfig(Strict):
    """Sizes of a text tower of gated blocks that is trained from scratch.

    vocabulary: largest number of token ids. width: of token vectors. depth: blocks. heads: of attention. hidden: width inside a block.
    """

    vocabulary: Positive = 4000
    width: Positive = 192
    depth: Positive = 3
    heads: Positive = 4
    hidden: Positive = 384


class CaptionDecoderConfig(Strict):
    """Sizes of the captioning decoder. width: of token vectors. depth: blocks. heads: of attention. hidden: width inside a block."""

    width: Positive = 192
    depth: Positive = 2
    heads: Positive = 4
    hidden: Positive = 384


class PairsConfig(RecipeConfig):
    """Settings of a recipe that trains on pairs of sounds and captions.

    start: a model to fine-tune, by name or path; its encoder, tokenizer and settings override the sizes here. From a model without a text
    tower that can be trained, such as a tagger, the encoder is loaded without its classification head. encoder: settings, or the name of a
    published size (auricle.models.encoders.factory.sizes). text_encoder, caption_decoder: their sizes. tower: family, pool and config of a
    text tower that replaces `text_encoder` (auricle.models.text); its tokenizer is trained here. ordered: encoder (family gated) and text
    encoder also use ramp-weighted temporal pooling, without which small data sets do not teach temporal order. dim: width of the joint
    embedding. projection: of both towers into it. prompt: caption template for labels. weights: of the parts of the loss (contrast,
    caption, parallel, frames). loss: contrastive loss. smoothing: of labels, for captioning. captions: how an item's caption is drawn.
    hard_negative_styles: styles of captions that are hard negatives; items without any are skipped.
    """

    start: str | None = None
    encoder: dict[str, Any] | str = {"family": "gated", "stem": [16, 32, 48, 64, 96], "width": 128, "depth": 2, "heads": 4, "hidden": 256}
    text_encoder: TextEncoderConfig = TextEncoderConfig()
    tower: dict[str, Any] | None = None
    caption_decoder: CaptionDecoderConfig = CaptionDecoderConfig()
    ordered: bool = False
    dim: Positive = 256
    projection: Literal["relu", "residual", "linear"] = "relu"
    prompt: str = "{label}"
    weights: dict[Part, float] = {"contrast": 1.0}
    loss: Literal["infonce", "infonce-divisor", "siglip"] = "infonce"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    captions: Policy = POLICIES["weighted"]
    hard_negative_styles: tuple[str, ...] = ()


def build(config: PairsConfig, name: str) -> Training:
    """A training of this config. name: of the recipe, used as the model's name."""
    torch.manual_seed(config.seed)
    items = _with_hard_negatives(read_items(config, "captions", "labels"), config.hard_negative_styles)
    tokenizer, settings = _tokenizer_and_config(config, items)
    start = None if config.start is None else catalog.find_folder(config.start)
    model = Model(settings) if start is None else _load_start(start, settings)
    model.train().requires_grad_(True)  # loaded models are frozen, for inference
    captioner = None
    if {"caption", "parallel"} & config.weights.keys():
        sizes = config.caption_decoder.model_dump()
        decoder = CaptionerConfig(vocabulary=tokenizer.vocabulary_size, begin=BEGIN, end=END, hidden_word=MASK, **sizes)
        captioner = Captioner(decoder, model.encoder.size)  # type: ignore[arg-type]
    multi_loss = MultiLossModel(
        model,
        tokenizer,
        config.weights,
        contrast=_contrastive_loss(config),
        captioner=captioner,
        frames=_masked_frames(model) if "frames" in config.weights else None,
        smoothing=config.smoothing,
        hard_negatives=_hard_negatives(items, config.hard_negative_styles),
    )
    batches = make_batches(config, items, settings.frontend, caption=lambda item, rng: choose_caption(item, rng, config.captions))
    return Training(
        model=multi_loss,
        objective=compute_losses,
        batches=batches,
        settings=config.train,
        finish=lambda trained, out: finish(trained, out, items, batches, name=name, start=start),
    )


def _tokenizer_and_config(config: PairsConfig, items: Sequence[Item]) -> tuple[CaptionTokenizer, ModelConfig]:
    """Tokenizer of the model to fine-tune, or one trained on the captions; and the config of the model."""
    encoder = _encoder_settings(config)
    if config.start is not None:
        folder = catalog.find_folder(config.start)
        settings = _read_settings(folder)
        if _has_trainable_text(settings):
            assert settings.text is not None
            return CaptionTokenizer(folder / "tokenizer.json", settings.text.tower["words"]), settings
        encoder = {**settings.encoder, **({"labels": 0} if "labels" in settings.encoder else {})}
    path = config.cache / f"words-{config.text_encoder.vocabulary}-{_fingerprint(items)}" / "tokenizer.json"
    if not path.exists():
        texts = [caption.text for item in items for caption in item.captions] + [label for item in items for label in item.labels]
        train_tokenizer(texts, path, size=config.text_encoder.vocabulary)
    tokenizer = CaptionTokenizer(path, tokenizer_settings())
    pool = "ordered" if config.ordered else "mean"
    tower = config.tower or {"family": "gated", "pool": pool, "config": config.text_encoder.model_dump(exclude={"vocabulary"})}
    sizes = {**tower["config"], "vocab_size": tokenizer.vocabulary_size}
    text = {**tower, "projection": config.projection, "config": sizes, "words": tokenizer_settings()}
    fields = {"dim": config.dim, "projection": config.projection, "text": text, "prompt": config.prompt}
    settings = make_model_config(encoder, name="not trained yet", window=config.window, **fields)
    return tokenizer, settings


def _read_settings(folder: Path) -> ModelConfig:
    return read_config(folder / "config.json")


def _has_trainable_text(config: ModelConfig) -> bool:
    """Whether the model has a text tower that is a torch module; a static one is not trained."""
    return config.text is not None and config.text.tower.get("family") != STATIC


def _load_start(start: Path, settings: ModelConfig) -> Model:
    """Load the model to fine-tune; where it has no text tower, a new model with its encoder, without the classification head."""
    before = _read_settings(start)
    if _has_trainable_text(before):
        return load(start, settings)
    model = Model(settings)
    missing = model.encoder.load_state_dict(load(start, before).encoder.state_dict(), strict=False).missing_keys
    if missing:
        raise InputError(f"{start} lacks the tensor {missing[0]} of its encoder; wanted another model for start")
    return model


def _encoder_settings(config: PairsConfig) -> dict[str, Any] | str:
    """Settings of the encoder, or the name of a published size."""
    if not config.ordered:
        return config.encoder
    if isinstance(config.encoder, str) or config.encoder.get("family") != "gated":
        raise InputError("ordered is true, which only encoders of the family gated support; wanted one of these, or ordered=false")
    return {**config.encoder, "ordered": True}


def _masked_frames(model: Model) -> MaskedFrames:
    if not isinstance(model.encoder, Gated):
        raise InputError(
            "weights has frames, which only encoders of the family gated support; wanted one of these, or no weight for frames"
        )
    return MaskedFrames(model.encoder)


def _with_hard_negatives(items: list[Item], styles: tuple[str, ...]) -> list[Item]:
    """Items with a caption of these styles; all items where no styles are given."""
    selected = [item for item in items if not styles or any(caption.style in styles for caption in item.captions)]
    if not selected:
        raise InputError(
            f"no item has a caption of the style {' or '.join(styles)}, which this recipe uses as hard negatives; "
            "wanted them in the field captions, see Captions in docs/data.md"
        )
    return selected


def _hard_negatives(items: Sequence[Item], styles: tuple[str, ...]) -> list[list[str]]:
    """The same number of wrong captions for each item; an empty list where no styles are given."""
    if not styles:
        return []
    texts = [[caption.text for caption in item.captions if caption.style in styles] for item in items]
    count = min(map(len, texts))
    return [each[:count] for each in texts]


def _fingerprint(items: Sequence[Item]) -> str:
    """Hash of the captions and labels of all items."""
    texts = json.dumps([[[caption.text for caption in item.captions], item.labels] for item in items])
    return hashlib.sha256(texts.encode()).hexdigest()[:12]


def _contrastive_loss(config: PairsConfig) -> InfoNce | SigLip | None:
    if "contrast" not in config.weights:
        return None
    return SigLip() if config.loss == "siglip" else InfoNce(divisor=config.loss == "infonce-divisor")


def finish(trained: nn.Module, out: Path, items: Sequence[Item], batches: Batches, *, name: str, start: Path | None) -> dict[str, float]:
    """Write out/model. Returns retrieval figures on the training pairs."""
    assert isinstance(trained, MultiLossModel)
    trained.eval()
    config = trained.model.config
    text = None if config.text is None else config.text.model_copy(update={"logit_scale": trained.logit_scale()})
    trained.model.config = config.model_copy(update={"name": name, "text": text})
    tokenizer = None if trained.tokenizer is None else trained.tokenizer.path
    write_model_folder(trained.model, out, items, start=start, tokenizer=tokenizer, captioner=trained.captioner)
    return {} if trained.contrast is None else training_retrieval(trained, batches)


@torch.inference_mode()
def training_retrieval(model: MultiLossModel, batches: Batches) -> dict[str, float]:
    """R@1 and mAP@10 of text-to-audio retrieval and R@1 of audio-to-text, among at most 2000 training pairs."""
    steps = min(batches.epoch, -(-_EVALUATED // batches.config.batch))
    audio, text = embed_pairs(model, (batches.batch(step) for step in range(steps)))
    scores = text @ audio.T
    relevant = np.eye(len(scores), dtype=bool)
    to_audio, to_text = retrieval.evaluate(relevant, scores), retrieval.evaluate(relevant, scores.T)
    return {"text_to_audio_r1": to_audio["r1"], "text_to_audio_map10": to_audio["map10"], "audio_to_text_r1": to_text["r1"]}


@torch.inference_mode()
def embed_pairs(model: MultiLossModel, batches: Iterable[Batch]) -> tuple[np.ndarray, np.ndarray]:
    """Unit embeddings of clips and of their captions, float32 (n, D) each."""
    rows: tuple[list[Tensor], list[Tensor]] = [], []
    assert model.tokenizer is not None and model.model.text is not None
    for batch in batches:
        rows[0].append(model.model.apply_heads(model.model.encode(batch.features, batch.mask))[EMBEDDING])
        rows[1].append(model.model.text(*model.tokenizer(batch.texts)))
    audio, text = (nn.functional.normalize(torch.cat(some), dim=-1).numpy() for some in rows)
    return audio, text
