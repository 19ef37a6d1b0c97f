"""What the recipes of sounds and captions share: a manifest opened, a model built or taken over, and the folder that is left at the end.

A recipe is a config over this: which encoder and words, which parts of the loss, which captions are drawn. Without a manifest it learns
made sounds (recipes.made) with small towers, which shows in seconds that everything works and nothing else.
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
from auricle.models.model import Model
from auricle.nn.losses.contrast import InfoNce, SigLip
from auricle.recipes.multi_loss import MultiLossModel
from auricle.recipes.result_folder import keep
from auricle.recipes.sounds import Positive, Sounds, decoded, opened, settings_of
from auricle.recipes.vocabulary import BEGIN, END, HIDDEN, Words, learn, rules
from auricle.runtime import catalog
from auricle.signal.presets import PRESETS
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.trainer import Training

_MOST = 2000  # pairs that the figures at the end are worked out for


#: Parts of the loss, see recipes.learner.
Part: TypeAlias = Literal["contrast", "caption", "parallel", "frames"]


class TextEncoderConfig(Strict):
    """Sizes of a text tower that is trained from nothing: gated blocks over pieces of words. vocabulary: most pieces that are learnt."""

    vocabulary: Positive = 4000
    width: Positive = 192
    depth: Positive = 3
    heads: Positive = 4
    hidden: Positive = 384


class CaptionDecoderConfig(Strict):
    """Sizes of a captioner."""

    width: Positive = 192
    depth: Positive = 2
    heads: Positive = 4
    hidden: Positive = 384


class Pairs(Sounds):
    """What a recipe of sounds and captions takes.

    start: a model to go on from, by name or path: its encoder, words and settings win over the sizes here; of a model without words, such
    as a tagger, the encoder is taken over without its head. encoder: settings, or the
    name of a published size (auricle.models.encoders.factory.sizes). tower: family, pool and config of another text tower than `reader`
    (auricle.models.text), its vocabulary learnt here. ordered: an encoder of the family gated and the reader also pool what comes early
    and what late, without which little data teaches no order. captions: which of an item's captions is drawn. weights: of the parts of
    the loss: contrast, caption, parallel, frames. loss: of the contrast. unwanted: styles of captions that are wrong for a sound; items
    without any are left out.
    """

    start: str | None = None
    encoder: dict[str, Any] | str = {"family": "gated", "stem": [16, 32, 48, 64, 96], "width": 128, "depth": 2, "heads": 4, "hidden": 256}
    reader: TextEncoderConfig = TextEncoderConfig()
    tower: dict[str, Any] | None = None
    teller: CaptionDecoderConfig = CaptionDecoderConfig()
    ordered: bool = False
    dim: Positive = 256
    projection: Literal["relu", "residual", "linear"] = "relu"
    prompt: str = "{label}"
    weights: dict[Part, float] = {"contrast": 1.0}
    loss: Literal["infonce", "infonce-divisor", "siglip"] = "infonce"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    captions: Policy = POLICIES["weighted"]
    unwanted: tuple[str, ...] = ()


def build(config: Pairs, name: str) -> Training:
    """A training of this config. name: of the recipe, which the model's folder is called after."""
    torch.manual_seed(config.seed)
    items = _with_wrong_captions(opened(config), config.unwanted)
    words, settings = _words(config, items)
    start = None if config.start is None else catalog.folder(config.start)
    model = Model(settings) if start is None else _taken_over(start, settings)
    model.train().requires_grad_(True)  # what is loaded to listen does not learn
    captioner = None
    if {"caption", "parallel"} & config.weights.keys():
        told = CaptionerConfig(vocabulary=words.count, begin=BEGIN, end=END, hidden_word=HIDDEN, **config.teller.model_dump())
        captioner = Captioner(told, model.encoder.size)  # type: ignore[arg-type]
    learner = MultiLossModel(
        model,
        words,
        config.weights,
        contrast=_contrast(config),
        captioner=captioner,
        frames=_frames(model) if "frames" in config.weights else None,
        smoothing=config.smoothing,
        unwanted=_unwanted(items, config.unwanted),
    )
    rate = PRESETS[settings.frontend].rate
    waves = decoded(items, config.cache, rate=rate)
    batches = Batches(
        items,
        waves,
        settings.frontend,
        BatchConfig(batch=config.batch, seconds=config.window, seed=config.seed, workers=config.workers),
        caption=lambda item, rng: choose_caption(item, rng, config.captions),
    )
    return Training(
        model=learner,
        objective=losses,
        batches=batches,
        settings=config.train,
        finish=lambda trained, out: finish(trained, out, items, batches, name=name, start=start),
    )


def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """What a MultiLossModel, wrapped or not, makes of a batch."""
    parts: dict[str, Tensor] = model(batch)
    return parts


def _words(config: Pairs, items: Sequence[Item]) -> tuple[Words, ModelConfig]:
    """Words of the model to go on from, or learnt from the captions; and config.json of the model."""
    encoder = _encoder(config)
    if config.start is not None:
        folder = catalog.folder(config.start)
        settings = _settings(folder)
        if settings.text is not None:
            return Words(folder / "tokenizer.json", settings.text.tower["words"]), settings
        encoder = {**settings.encoder, "labels": 0}
    path = config.cache / f"words-{config.reader.vocabulary}-{_fingerprint(items)}" / "tokenizer.json"
    if not path.exists():
        texts = [caption.text for item in items for caption in item.captions] + [label for item in items for label in item.labels]
        learn(texts, path, size=config.reader.vocabulary)
    words = Words(path, rules())
    pool = "ordered" if config.ordered else "mean"
    tower = config.tower or {"family": "gated", "pool": pool, "config": config.reader.model_dump(exclude={"vocabulary"})}
    sizes = {**tower["config"], "vocab_size": words.count}
    text = {**tower, "projection": config.projection, "config": sizes, "words": rules()}
    about = {"dim": config.dim, "projection": config.projection, "text": text, "prompt": config.prompt}
    settings = settings_of(encoder, name="not trained yet", window=config.window, **about)
    return words, settings


def _settings(folder: Path) -> ModelConfig:
    return read_config(folder / "config.json")


def _taken_over(start: Path, settings: ModelConfig) -> Model:
    """The model to go on from; where it has no words, a new one with its encoder but for the head."""
    before = _settings(start)
    if before.text is not None:
        return load(start, settings)
    model = Model(settings)
    missing = model.encoder.load_state_dict(load(start, before).encoder.state_dict(), strict=False).missing_keys
    if missing:
        raise InputError(f"{start} has no {missing[0]}, which its encoder without a head wants; wanted another model to go on from")
    return model


def _encoder(config: Pairs) -> dict[str, Any] | str:
    """Settings of the encoder, or its published name."""
    if not config.ordered:
        return config.encoder
    if isinstance(config.encoder, str) or config.encoder.get("family") != "gated":
        raise InputError("encoders of the family gated alone pool what comes early and what late; wanted one of these, or ordered=false")
    return {**config.encoder, "ordered": True}


def _frames(model: Model) -> MaskedFrames:
    if not isinstance(model.encoder, Gated):
        raise InputError("frames are hidden in encoders of the family gated alone; wanted one of these, or no weight for `frames`")
    return MaskedFrames(model.encoder)


def _with_wrong_captions(items: list[Item], styles: tuple[str, ...]) -> list[Item]:
    """Items with a caption of these styles, where any are asked for: an item without has nothing to be told apart from."""
    found = [item for item in items if not styles or any(caption.style in styles for caption in item.captions)]
    if not found:
        raise InputError(f"no item has a caption of the styles {', '.join(styles)}; wanted wrong captions to tell the right ones from")
    return found


def _unwanted(items: Sequence[Item], styles: tuple[str, ...]) -> list[list[str]]:
    """As many wrong captions for each item; nothing where no styles are asked for."""
    if not styles:
        return []
    found = [[caption.text for caption in item.captions if caption.style in styles] for item in items]
    count = min(map(len, found))
    return [one[:count] for one in found]


def _fingerprint(items: Sequence[Item]) -> str:
    """Of everything that is said of the items."""
    said = json.dumps([[[caption.text for caption in item.captions], item.labels] for item in items])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _contrast(config: Pairs) -> InfoNce | SigLip | None:
    if "contrast" not in config.weights:
        return None
    return SigLip() if config.loss == "siglip" else InfoNce(divisor=config.loss == "infonce-divisor")


def finish(trained: nn.Module, out: Path, items: Sequence[Item], batches: Batches, *, name: str, start: Path | None) -> dict[str, float]:
    """Write out/model. Figures: retrieval among the trained pairs."""
    assert isinstance(trained, MultiLossModel)
    trained.eval()
    config = trained.model.config
    text = None if config.text is None else config.text.model_copy(update={"logit_scale": trained.scale()})
    trained.model.config = config.model_copy(update={"name": name, "text": text})
    tokenizer = None if trained.words is None else trained.words.path
    keep(trained.model, out, items, start=start, tokenizer=tokenizer, captioner=trained.captioner)
    return {} if trained.contrast is None else found_again(trained, batches)


@torch.inference_mode()
def found_again(learner: MultiLossModel, batches: Batches) -> dict[str, float]:
    """R@1 and mAP@10 of words to sounds, and R@1 of sounds to words, among pairs of the training itself."""
    steps = min(batches.epoch, -(-_MOST // batches.config.batch))
    audio, text = embedded(learner, (batches.batch(step) for step in range(steps)))
    scores = text @ audio.T
    relevant = np.eye(len(scores), dtype=bool)
    there, back = retrieval.evaluate(relevant, scores), retrieval.evaluate(relevant, scores.T)
    return {"text_to_audio_r1": there["r1"], "text_to_audio_map10": there["map10"], "audio_to_text_r1": back["r1"]}


@torch.inference_mode()
def embedded(learner: MultiLossModel, batches: Iterable[Batch]) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of sounds and of their captions, float32 (n, D) each."""
    rows: tuple[list[Tensor], list[Tensor]] = [], []
    assert learner.words is not None and learner.model.text is not None
    for batch in batches:
        rows[0].append(learner.model.apply_heads(learner.model.encode(batch.features, batch.mask))[EMBEDDING])
        rows[1].append(learner.model.text(*learner.words(batch.texts)))
    audio, text = (nn.functional.normalize(torch.cat(some), dim=-1).numpy() for some in rows)
    return audio, text
