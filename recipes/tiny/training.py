"""One training of auricle-tiny on the general trainer: composed batches in, a model folder out, not yet calibrated."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, load_model, save_model
from torch import Tensor, nn

from auricle.core.config import CLIP_LOGITS, EMBEDDING, FRAME_LOGITS, SIMILARITY, ModelConfig, Window, heads_config
from auricle.core.files import atomic_file
from auricle.data.compose.feature_bank import FLOOR_DB, FeatureBank
from auricle.data.compose.features import ComposeConfig, Composer
from auricle.data.corpora.clip_table import Row
from auricle.models.encoders.convolutional import ConvConfig
from auricle.models.export import export_in_half
from auricle.models.folder import TEXT, save
from auricle.models.folder import load as load_model_folder
from auricle.models.model import Model
from auricle.nn.losses.cross_entropy import multilabel_cross_entropy, soft_cross_entropy
from auricle.nn.losses.label_contrast import label_info_nce
from auricle.runtime.tokens import TextTower
from auricle.signal.frontend import open_frontend
from auricle.train.batches import Batch
from auricle.train.config import TrainConfig
from auricle.train.trainer import Training, train
from recipes.tiny.heads import fit_joint, fit_similarity

FRONTEND = "auricle-16k"
#: How recordings are cut for a model, which no training decides, and the loudness (dBFS) under which nothing sounds. A recording of less
#: than 2 s has silence after it, as short clips have in training: repeated instead, a drum hit becomes a drone.
WINDOW = Window(seconds=5.0, hop=4.4, pad="zero", shortest=2.0, min_frames=32)
SILENCE_DBFS = -70.0
#: Sounds that go on: they may lie under a scene as its background.
STEADY = frozenset(
    {
        "rain",
        "sea waves",
        "wind",
        "crickets",
        "insects",
        "engine",
        "washing machine",
        "vacuum cleaner",
        "airplane",
        "crackling fire",
    }
)


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """One training. epochs of epoch_clips samples each; the first short_share of them on canvases of short_frames, the rest of frames."""

    epochs: int = 24
    epoch_clips: int = 4096
    batch: int = 32
    frames: int = 248
    short_frames: int = 128
    short_share: float = 0.6
    rate: float = 2e-3
    decay: float = 0.05
    ema_decay: float = 0.998
    presence_weight: float = 0.3
    frames_weight: float = 0.3
    words_weight: float = 0.5
    temperature: float = 0.07

    def settings(self, seed: int) -> TrainConfig:
        """What the trainer wants to know."""
        each = self.epoch_clips // self.batch
        return TrainConfig(
            steps=self.epochs * each,
            learning_rate=self.rate,
            optimiser="muon",
            weight_decay=self.decay,
            ema_decay=self.ema_decay,
            gradient_limit=5.0,
            seed=seed,
            save_every=each,
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything that decides the result of a training."""

    seed: int = 0
    dim: int = 256
    fewest: int = 15  # a label enters the vocabulary with so many trainable clips
    speeds: tuple[float, ...] = (0.8, 0.87, 0.93, 1.0, 1.07, 1.15, 1.25)
    encoder: ConvConfig = ConvConfig()
    compose: ComposeConfig = ComposeConfig()
    fit: FitConfig = FitConfig()


@dataclasses.dataclass(frozen=True, eq=False)
class Workspace:
    """What all trainings share: rows with their features, the vocabulary, the words, where to work and how to repeat it."""

    rows: list[Row]
    bank: FeatureBank
    vocabulary: list[str]
    data: Path
    words: Path
    work: Path
    run: Run
    folds: tuple[int, ...]
    sets: tuple[str, ...]
    command: str
    variant: str = ""  # what the words were made without, for names of folders and records


class Composed:
    """Composed batches (train.trainer.Feed): a step's is drawn from the seed and the step alone."""

    waited = 0.0
    left_out = 0

    def __init__(self, composer: Composer, config: FitConfig, settings: TrainConfig) -> None:
        self._composer, self._config, self._settings = composer, config, settings

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        """Batches of the steps from start to stop - 1."""
        config = self._config
        for step in range(start, stop):
            frames = config.short_frames if step < config.short_share * self._settings.steps else config.frames
            rng = np.random.default_rng([self._settings.seed, step])
            made = {k: torch.from_numpy(v) for k, v in self._composer.batch(rng, size=config.batch, frames=frames).items()}
            features, places = made.pop("features"), torch.arange(config.batch)
            yield Batch(features, torch.ones(features.shape[:2], dtype=torch.bool), [], None, places, places, made)

    def name(self, item: int) -> str:
        """What an item is called in messages."""
        return f"composed sound {item}"


def objective(model: nn.Module, batch: Batch, *, words: Tensor, config: FitConfig) -> dict[str, Tensor]:
    """The parts of the loss by name, weighted; words (K, D) are the unit vectors of the vocabulary."""
    outputs: Mapping[str, Tensor] = model(batch.features)
    truth = batch.targets
    near = label_info_nce(outputs[EMBEDDING], words.to(batch.features.device), truth["share"], temperature=config.temperature)
    return {
        "event": soft_cross_entropy(outputs[CLIP_LOGITS], truth["share"]),
        "clip": config.presence_weight * multilabel_cross_entropy(outputs[CLIP_LOGITS], truth["clip"]),
        "frames": config.frames_weight * multilabel_cross_entropy(outputs[FRAME_LOGITS], truth["frames"]),
        "words": config.words_weight * near,
    }


def train_model(workspace: Workspace, name: str, chosen: Sequence[int], vocabulary: list[str]) -> Path:
    """Train on the chosen rows and leave a model folder, not yet calibrated, under the work folder.

    A finished training is not repeated; its joint head and that of likeness, which take seconds, are fitted anew.
    """
    words = torch.from_numpy(TextTower(workspace.words, workspace.run.dim).embed(vocabulary))
    trained = workspace.work / f"{name}.safetensors"
    if not trained.exists():
        _train(workspace, name, chosen, vocabulary, words, trained)
    model = Model(model_config(vocabulary, workspace.run)).eval()
    missing, unexpected = load_model(model, trained, strict=False)
    if unexpected or not all(name.startswith(("projection.", "heads.similarity.")) for name in missing):
        raise SystemExit(
            f"{trained}: is of another encoder (missing {missing[:3]}, unexpected {unexpected[:3]}); take it away to train anew"
        )
    _fit_heads(workspace, model, chosen, vocabulary, words)
    folder = workspace.work / (name + workspace.variant)
    shutil.rmtree(folder, ignore_errors=True)
    text = {k: v for k, v in load_file(workspace.words / "model.safetensors").items() if k.startswith(TEXT)}
    save(folder, model, text, tokenizer=workspace.words / "tokenizer.json", half=True)
    export_in_half(load_model_folder(folder), folder)
    return folder


def _train(workspace: Workspace, name: str, chosen: Sequence[int], vocabulary: list[str], words: torch.Tensor, trained: Path) -> None:
    """Train the model and write its averaged weights."""
    place = {label: index for index, label in enumerate(vocabulary)}
    labels = [tuple(place[label] for label in row.labels if label in place) for row in workspace.rows]
    # A recording counts once for every five seconds it lasts: two minutes of an orchestra say more of music than one drum stroke.
    turns = {i: int(np.clip(workspace.rows[i].duration // 5, 1, 24)) for i in chosen}
    pool = [i for i in chosen if labels[i] and workspace.rows[i].corpus != "ambience" for _ in range(turns[i])]
    beds = [i for i in chosen if workspace.rows[i].corpus == "ambience" or STEADY.intersection(workspace.rows[i].labels)]
    composer = Composer(workspace.bank, labels, pool=pool, backgrounds=beds, vocabulary=len(vocabulary), config=workspace.run.compose)
    torch.manual_seed(workspace.run.seed)
    model = Model(model_config(vocabulary, workspace.run))
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(
        f"{name}: {len(pool)} clips, {len(vocabulary)} labels, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M weights",
        flush=True,
    )
    settings = workspace.run.fit.settings(workspace.run.seed)
    learnt = functools.partial(objective, words=words, config=workspace.run.fit)

    def finish(averaged: nn.Module, folder: Path) -> dict[str, float]:
        with atomic_file(trained) as partial:
            save_model(averaged.cpu().to(memory_format=torch.contiguous_format), str(partial))  # type: ignore[call-overload]
        return {}

    training = Training(model, learnt, Composed(composer, workspace.run.fit, settings), settings, finish)
    train(training, workspace.work / f"{name}.training", report=lambda line: print(name, line, flush=True))
    shutil.rmtree(workspace.work / f"{name}.training")


def _fit_heads(workspace: Workspace, model: Model, chosen: Sequence[int], vocabulary: list[str], words: torch.Tensor) -> None:
    """Fit the joint head and that of likeness, on each chosen clip heard as a listener would: a window at least, half a minute at most."""
    clips = [i for i in chosen if set(workspace.rows[i].labels) & set(vocabulary)]
    share = torch.tensor([[float(label in workspace.rows[i].labels) for label in vocabulary] for i in clips])
    shortest, longest = (round(seconds * open_frontend(FRONTEND).frame_rate) for seconds in (WINDOW.seconds, 30))
    pooled = []
    with torch.no_grad():
        for i in clips:
            features = workspace.bank.plain(i)[:longest]
            features = np.pad(features, ((0, max(0, shortest - len(features))), (0, 0)), constant_values=FLOOR_DB)
            pooled.append(model.encoder(torch.from_numpy(features)[None]).pooled[0])
    heard = torch.stack(pooled)
    similarity = model.heads[SIMILARITY]
    assert isinstance(model.projection, torch.nn.Linear) and isinstance(similarity, torch.nn.Linear)
    fit_joint(model.projection, heard, share / share.sum(1, keepdim=True), words)
    fit_similarity(similarity, heard)


def model_config(vocabulary: list[str], run: Run) -> ModelConfig:
    """config.json of a model folder, not calibrated yet."""
    encoder = run.encoder.model_dump(mode="json")
    rate = open_frontend(FRONTEND).frame_rate / 4
    return heads_config(
        name="auricle-tiny",
        frontend=FRONTEND,
        encoder=encoder,
        labels=vocabulary,
        dim=run.dim,
        rate=rate,
        window=WINDOW,
        silence_dbfs=SILENCE_DBFS,
    )
