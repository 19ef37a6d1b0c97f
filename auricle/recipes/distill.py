"""Distillation: a small encoder learns from any model's answers about mixtures of recordings, labelled or not.

Beyer et al. 2022 (arXiv:2106.05237), function matching: student and teacher get the same input, mixed aggressively, for long. A mixture is
a list of clips, each with its level, time, filter and room, rendered in mel power for both front-ends. Matched are label scores and vectors
of the whole mixture, and scores by frame, which come from short windows of the unmixed clips. Labels of the manifest are used besides.

    auricle train distill                            a first run on synthetic sounds; the shipped model is the teacher
    auricle train distill --set teacher=mn04_as_mAP_432.pt --set data=sounds.jsonl
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import nn

from auricle.bench.suite import groups
from auricle.core.config import CLIP_LOGITS, FRAME_LOGITS, ModelConfig, Output
from auricle.core.errors import InputError
from auricle.core.labels import normalise_label
from auricle.core.records import Clip
from auricle.data.compose.feature_bank import FeatureBank, open_bank
from auricle.data.compose.mixtures import MixtureConfig
from auricle.data.item import Item
from auricle.data.waves import Waves
from auricle.models.encoders.embedding import Embedding
from auricle.models.model import Model
from auricle.recipes.distilling.batches import MixtureBatches, Sounds, TeacherSounds
from auricle.recipes.distilling.objective import DistillObjective, DistillObjectiveConfig
from auricle.recipes.distilling.teacher import Teacher, open_short_scores
from auricle.recipes.recipe_config import Positive, RecipeConfig, compute_losses, encoder_settings, make_model_config
from auricle.recipes.recordings import decode_items, progress, read_items
from auricle.recipes.result_folder import write_trained
from auricle.signal.frontend import Frontend, open_frontend
from auricle.train.trainer import TrainConfig, Training

_FULL_SCALE = np.float32(1 / 32768)
Seconds = Annotated[float, Field(gt=0)]


class Config(RecipeConfig):
    """teacher: a model with label scores, by name or path. encoder: the student's settings, or the name of a published size.

    window: seconds of a mixture, and of a window of the student. short_window, short_share: the first share of the steps has shorter
    mixtures, which train faster. speeds: playback speeds, 1.0 among them. mixtures: how they are drawn. min_clips: labels of the manifest
    that the teacher does not have, with fewer recordings, are ignored. doubt: a label of the manifest that the teacher has is ignored for a
    clip where the teacher's score of it is lower, for the clip as a whole and for every short window. part_seconds, part_hop: those
    windows. held_out: share of the sources that is left out for validation. objective: weights of the parts of the loss.
    """

    teacher: str = "auricle-tiny"
    encoder: dict[str, Any] | str = {"family": "convolutional", "widths": [16, 24, 32, 48, 64], "size": 128}
    window: Seconds = 5.0
    short_window: Seconds = 2.56
    short_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    speeds: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = (0.87, 1.0, 1.15)
    mixtures: MixtureConfig = MixtureConfig()
    min_clips: Positive = 5
    doubt: Annotated[float, Field(ge=0, le=1)] = 0.01
    part_seconds: Seconds = 1.0
    part_hop: Seconds = 0.25
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.1
    objective: DistillObjectiveConfig = DistillObjectiveConfig()
    train: TrainConfig = TrainConfig(
        steps=120, learning_rate=2e-3, optimiser="muon", ema_decay=0.998, gradient_limit=5.0, validate_every=60
    )


def build(config: Config) -> Training:
    """Build the training of this config. InputError where the teacher has no label scores, or speeds lack 1.0."""
    if 1.0 not in config.speeds:
        raise InputError(f"speeds are {', '.join(map(str, config.speeds))}; wanted 1.0 among them")
    torch.manual_seed(config.seed)
    teacher, items = Teacher(config.teacher), read_items(config)
    settings = encoder_settings(config.encoder)
    model_config = make_model_config(settings, name="distilled", window=config.window)
    frontend = open_frontend(model_config.frontend)
    if frontend.preset.kind != "mel":
        raise InputError(f"the encoder takes a {frontend.preset.kind} as input; wanted one of log-mels, whose powers add")
    rate = _encode_silence(Model(model_config), round(config.window * frontend.frame_rate)).frame_rate
    sounds, labels = _prepare(config, items, teacher, frontend)
    assert sounds.teacher is not None
    model = Model(_with_outputs(make_model_config(settings, name="distilled", window=config.window, label_rate=rate), labels, rate)).train()
    training, held_out = _split(items, config)
    objective = DistillObjective(model, teacher, sounds.teacher.columns, config.objective)
    batches = MixtureBatches(
        sounds,
        config.mixtures,
        clips=training,
        batch=config.batch,
        steps=max(1, config.train.steps),
        lengths=[(config.short_share, min(config.short_window, config.window)), (1 - config.short_share, config.window)],
        frames=functools.cache(lambda frames: _encode_silence(model, frames).frames.shape[1]),
        seed=config.seed,
    )
    return Training(
        model=objective,
        objective=compute_losses,
        batches=batches,
        settings=config.train,
        validate=(lambda trained: agreement(trained, sounds, held_out, config.window)) if held_out else None,
        finish=lambda trained, out: _finish(trained, out, items, sounds, held_out, config),
    )


def _prepare(config: Config, items: Sequence[Item], teacher: Teacher, frontend: Frontend) -> tuple[Sounds, tuple[str, ...]]:
    """The banks of both front-ends, the teacher's scores of short windows, and all labels: the teacher's and further ones of the items."""
    labels = (*teacher.labels, *_further_labels(items, teacher.labels, config.min_clips))
    waves = decode_items(items, config.cache, rate=max(frontend.rate, teacher.frontend.rate))
    content = _digest(waves)
    banks = [_open_bank(config, waves, content, each) for each in (frontend, teacher.frontend)]
    short = open_short_scores(
        teacher, banks[1], content, config.cache, seconds=config.part_seconds, hop=config.part_hop, progress=progress("scored clip")
    )
    named = _named(items, labels)
    known = named[:, : len(teacher.labels)]
    highest = np.maximum(short.clips, np.maximum.reduceat(short.scores, short.starts[:-1], axis=0))
    known &= highest >= config.doubt
    names = [item.id for item in items]
    of_teacher = TeacherSounds(banks[1], teacher.frontend, short, np.arange(len(teacher.labels)))
    return Sounds(banks[0], frontend, named, names, of_teacher, items=items), labels


def _further_labels(items: Sequence[Item], known: Sequence[str], min_clips: int) -> list[str]:
    """Labels of the items that are none of the known ones, with enough recordings, sorted."""
    taken = {normalise_label(label) for label in known}
    counts = Counter(label for item in items for label in item.labels)
    return sorted(label for label, count in counts.items() if count >= min_clips and normalise_label(label) not in taken)


def _named(items: Sequence[Item], labels: Sequence[str]) -> np.ndarray:
    """bool (items, K): labels of the items among these, whatever the case."""
    column = {normalise_label(label): index for index, label in enumerate(labels)}
    named = np.zeros((len(items), len(labels)), bool)
    for row, item in zip(named, items, strict=True):
        row[[column[name] for label in item.labels if (name := normalise_label(label)) in column]] = True
    return named


def _open_bank(config: Config, waves: Waves, content: str, frontend: Frontend) -> FeatureBank:
    key = hashlib.sha256(f"{content} {frontend.name} {config.speeds}".encode() + np.asarray(frontend.bank).tobytes()).hexdigest()[:16]

    def decode(index: int) -> Clip:
        return Clip(waves.wave(index).astype(np.float32)[None] * _FULL_SCALE, waves.rate)

    home = config.cache / f"power-{key}"
    return open_bank(decode, len(waves), home, frontend, speeds=config.speeds, progress=progress(f"features {frontend.name} of clip"))


def _digest(waves: Waves) -> str:
    """Digest of all decoded recordings, in order."""
    digest = hashlib.sha256(str(waves.rate).encode())
    for index in range(len(waves)):
        digest.update(hashlib.sha256(waves.wave(index).tobytes()).digest())
    return digest.hexdigest()


def _with_outputs(config: ModelConfig, labels: tuple[str, ...], rate: float) -> ModelConfig:
    """The config with linear heads of recordings and frames over these labels, joined into one score per label."""
    scores = {"head": "linear", "labels": labels}
    heads = {
        CLIP_LOGITS: Output(kind="clip_scores", joined=FRAME_LOGITS, **scores),  # type: ignore[arg-type]
        FRAME_LOGITS: Output(kind="frame_scores", rate=rate, **scores),  # type: ignore[arg-type]
    }
    return ModelConfig(**{**dict(config), "outputs": {**config.outputs, **heads}})


@torch.no_grad()
def _encode_silence(model: Model, frames: int) -> Embedding:
    """Output of the encoder for so many frames, to learn its frame rate and its number of frames."""
    was_training = model.training
    encoded = model.eval().encode(torch.zeros(1, frames, open_frontend(model.config.frontend).mels))
    model.train(was_training)
    return encoded


def _split(items: Sequence[Item], config: Config) -> tuple[list[int], list[int]]:
    """Indices of the clips for training and for validation; all clips of one source are on one side."""
    sources = groups(items)
    names = sorted(set(sources))
    count = round(config.held_out * len(names))
    chosen = {names[index] for index in np.random.default_rng(config.seed).permutation(len(names))[:count]}
    training = [index for index, source in enumerate(sources) if source not in chosen]
    if not training:
        raise InputError(f"all {len(items)} clips are held out; wanted a smaller held_out than {config.held_out}")
    return training, [index for index, source in enumerate(sources) if source in chosen]


@torch.no_grad()
def agreement(trained: nn.Module, sounds: Sounds, clips: Sequence[int], seconds: float) -> dict[str, float]:
    """How far student and teacher agree on unmixed clips that were left out.

    vectors: mean cosine of the projected vectors and the teacher's. first_label: share of clips whose highest label of
    the teacher's is the same.
    """
    assert (
        isinstance(trained, DistillObjective) and trained.teacher is not None and trained.vectors is not None and sounds.teacher is not None
    )
    cosines, same = [], []
    plain = sounds.student.speeds.index(1.0)
    for clip in clips:
        features = [
            frontend.from_power(_window(bank.clip(clip, plain)[0], round(seconds * frontend.frame_rate)))
            for bank, frontend in ((sounds.student, sounds.frontend), (sounds.teacher.bank, sounds.teacher.frontend))
        ]
        encoded = trained.model.encode(torch.from_numpy(features[0])[None])
        logits = trained.model.apply_heads(encoded)[CLIP_LOGITS]
        scores, vectors = trained.teacher(torch.from_numpy(features[1])[None])
        cosines.append(float(nn.functional.cosine_similarity(trained.vectors(encoded.pooled), vectors)))
        same.append(int(logits[0, trained.columns].argmax()) == int(scores[0].argmax()))  # type: ignore[index]
    return {"vectors": float(np.mean(cosines)), "first_label": float(np.mean(same))}


def _window(decibels: np.ndarray, frames: int) -> np.ndarray:
    """Power (frames, F) of the first frames of a clip, silence after its end."""
    power = np.exp(decibels[:frames].astype(np.float32) * np.float32(np.log(10.0) / 10.0))
    return np.pad(power, ((0, frames - len(power)), (0, 0)))


def _finish(
    trained: nn.Module, out: Path, items: Sequence[Item], sounds: Sounds, held_out: Sequence[int], config: Config
) -> dict[str, float]:
    write_trained(trained, out, items)
    return agreement(trained, sounds, held_out, config.window) if held_out else {}
