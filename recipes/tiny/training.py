"""Training of one auricle-tiny model on composed batches; the result is a model folder that is not yet calibrated."""

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
from auricle.models.export import export_half
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
#: Windows of recordings at inference, and the level (dBFS) below which a window is silent. Recordings shorter than 2 s are zero-padded, as
#: short clips are in training; repeating them would turn a drum hit into a drone.
WINDOW = Window(seconds=5.0, hop=4.4, pad="zero", shortest=2.0, min_frames=32)
SILENCE_DBFS = -70.0
#: Labels of continuous sounds, which are also used as backgrounds of scenes.
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
    """Settings of one run: epochs of epoch_clips composed clips each.

    The first short_share of steps has clips of short_frames frames, the rest of frames. rate: peak learning rate. decay: weight decay.
    *_weight: weights of the parts of the loss. temperature: of the contrast with text embeddings.
    """

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
        """Settings for the trainer."""
        steps = self.epoch_clips // self.batch
        return TrainConfig(
            steps=self.epochs * steps,
            learning_rate=self.rate,
            optimiser="muon",
            weight_decay=self.decay,
            ema_decay=self.ema_decay,
            gradient_limit=5.0,
            seed=seed,
            save_every=steps,
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """All settings that determine the result of a run."""

    seed: int = 0
    dim: int = 256
    min_clips: int = 15  # labels with fewer trainable clips are not in the vocabulary
    speeds: tuple[float, ...] = (0.8, 0.87, 0.93, 1.0, 1.07, 1.15, 1.25)
    encoder: ConvConfig = ConvConfig()
    compose: ComposeConfig = ComposeConfig()
    fit: FitConfig = FitConfig()


@dataclasses.dataclass(frozen=True, eq=False)
class Workspace:
    """What all runs of a study share. bank: features of the rows. text_folder: of the text tower. work: output folder."""

    rows: list[Row]
    bank: FeatureBank
    vocabulary: list[str]
    data: Path
    text_folder: Path
    work: Path
    run: Run
    folds: tuple[int, ...]
    sets: tuple[str, ...]
    command: str
    variant: str = ""  # suffix of folders and records for a text tower without the lexicon


class ComposedBatches:
    """Composed batches (a train.trainer.BatchSource); each depends only on the seed and the step."""

    waited = 0.0
    left_out = 0

    def __init__(self, composer: Composer, config: FitConfig, settings: TrainConfig) -> None:
        self._composer, self._config, self._settings = composer, config, settings

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        """Yield the batches of steps start to stop - 1."""
        config = self._config
        for step in range(start, stop):
            frames = config.short_frames if step < config.short_share * self._settings.steps else config.frames
            rng = np.random.default_rng([self._settings.seed, step])
            targets = {k: torch.from_numpy(v) for k, v in self._composer.batch(rng, size=config.batch, frames=frames).items()}
            features, indices = targets.pop("features"), torch.arange(config.batch)
            yield Batch(features, torch.ones(features.shape[:2], dtype=torch.bool), [], None, indices, indices, targets)

    def name(self, item: int) -> str:
        """Name of an item, for messages."""
        return f"composed sound {item}"


def objective(model: nn.Module, batch: Batch, *, text: Tensor, config: FitConfig) -> dict[str, Tensor]:
    """The weighted parts of the loss by name, each (). text: unit text embeddings of the vocabulary, (K, D)."""
    outputs: Mapping[str, Tensor] = model(batch.features)
    targets = batch.targets
    contrast = label_info_nce(outputs[EMBEDDING], text.to(batch.features.device), targets["share"], temperature=config.temperature)
    return {
        "event": soft_cross_entropy(outputs[CLIP_LOGITS], targets["share"]),
        "clip": config.presence_weight * multilabel_cross_entropy(outputs[CLIP_LOGITS], targets["clip"]),
        "frames": config.frames_weight * multilabel_cross_entropy(outputs[FRAME_LOGITS], targets["frames"]),
        "words": config.words_weight * contrast,
    }


def train_model(workspace: Workspace, name: str, train_rows: Sequence[int], vocabulary: list[str]) -> Path:
    """Train on these rows (indices into workspace.rows). Returns the model folder, which is not yet calibrated.

    A finished run is not repeated; only its projection and similarity heads are fitted again, which takes seconds.
    """
    text = torch.from_numpy(TextTower(workspace.text_folder, workspace.run.dim).embed(vocabulary))
    trained = workspace.work / f"{name}.safetensors"
    if not trained.exists():
        _train(workspace, name, train_rows, vocabulary, text, trained)
    model = Model(model_config(vocabulary, workspace.run)).eval()
    missing, unexpected = load_model(model, trained, strict=False)
    if unexpected or not all(name.startswith(("projection.", "heads.similarity.")) for name in missing):
        raise SystemExit(
            f"{trained} has tensors of another encoder (missing {missing[:3]}, unexpected {unexpected[:3]}); delete it to train again"
        )
    _fit_heads(workspace, model, train_rows, vocabulary, text)
    folder = workspace.work / (name + workspace.variant)
    shutil.rmtree(folder, ignore_errors=True)
    tensors = {k: v for k, v in load_file(workspace.text_folder / "model.safetensors").items() if k.startswith(TEXT)}
    save(folder, model, tensors, tokenizer=workspace.text_folder / "tokenizer.json", half=True)
    export_half(load_model_folder(folder), folder)
    return folder


def _train(workspace: Workspace, name: str, train_rows: Sequence[int], vocabulary: list[str], text: torch.Tensor, trained: Path) -> None:
    """Train the model and write its EMA weights."""
    column = {label: index for index, label in enumerate(vocabulary)}
    labels = [tuple(column[label] for label in row.labels if label in column) for row in workspace.rows]
    # A recording is drawn in proportion to its length in units of five seconds: long ones contain more different sounds.
    repeats = {i: int(np.clip(workspace.rows[i].duration // 5, 1, 24)) for i in train_rows}
    pool = [i for i in train_rows if labels[i] and workspace.rows[i].corpus != "ambience" for _ in range(repeats[i])]
    backgrounds = [i for i in train_rows if workspace.rows[i].corpus == "ambience" or STEADY.intersection(workspace.rows[i].labels)]
    composer = Composer(
        workspace.bank, labels, pool=pool, backgrounds=backgrounds, vocabulary=len(vocabulary), config=workspace.run.compose
    )
    torch.manual_seed(workspace.run.seed)
    model = Model(model_config(vocabulary, workspace.run))
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(
        f"{name}: {len(pool)} clips, {len(vocabulary)} labels, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M weights",
        flush=True,
    )
    settings = workspace.run.fit.settings(workspace.run.seed)
    loss = functools.partial(objective, text=text, config=workspace.run.fit)

    def finish(ema_model: nn.Module, folder: Path) -> dict[str, float]:
        with atomic_file(trained) as partial:
            save_model(ema_model.cpu().to(memory_format=torch.contiguous_format), str(partial))  # type: ignore[call-overload]
        return {}

    training = Training(model, loss, ComposedBatches(composer, workspace.run.fit, settings), settings, finish)
    train(training, workspace.work / f"{name}.training", report=lambda line: print(name, line, flush=True))
    shutil.rmtree(workspace.work / f"{name}.training")


def _fit_heads(workspace: Workspace, model: Model, train_rows: Sequence[int], vocabulary: list[str], text: torch.Tensor) -> None:
    """Fit the projection and the similarity head on the training clips, each padded to one window and cropped to 30 s."""
    clips = [i for i in train_rows if set(workspace.rows[i].labels) & set(vocabulary)]
    share = torch.tensor([[float(label in workspace.rows[i].labels) for label in vocabulary] for i in clips])
    shortest, longest = (round(seconds * open_frontend(FRONTEND).frame_rate) for seconds in (WINDOW.seconds, 30))
    pooled = []
    with torch.no_grad():
        for i in clips:
            features = workspace.bank.plain(i)[:longest]
            features = np.pad(features, ((0, max(0, shortest - len(features))), (0, 0)), constant_values=FLOOR_DB)
            pooled.append(model.encoder(torch.from_numpy(features)[None]).pooled[0])
    embeddings = torch.stack(pooled)
    similarity = model.heads[SIMILARITY]
    assert isinstance(model.projection, torch.nn.Linear) and isinstance(similarity, torch.nn.Linear)
    fit_joint(model.projection, embeddings, share / share.sum(1, keepdim=True), text)
    fit_similarity(similarity, embeddings)


def model_config(vocabulary: list[str], run: Run) -> ModelConfig:
    """Config of a model that is not calibrated yet."""
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
