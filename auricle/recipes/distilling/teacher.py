"""The teacher of a distillation: its outputs for a batch, and its label scores of short windows of every clip, cached on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from auricle.core.config import CLIP_LOGITS
from auricle.core.errors import InputError
from auricle.core.files import atomic_folder
from auricle.core.model_files import digest_files
from auricle.data.compose.feature_bank import FeatureBank
from auricle.models.folder import FRONTEND, load
from auricle.models.model import Model
from auricle.runtime.catalog import find_folder
from auricle.signal.frontend import Frontend, open_frontend

log = logging.getLogger(__name__)

_BATCH = 64


class Teacher:
    """A model with label scores per recording, in evaluation mode. No nn.Module, so that nothing of it is trained or saved.

    labels: K of them. width: D of its pooled vectors. fingerprint: SHA-256 of its config and weights.
    """

    def __init__(self, name: str) -> None:
        """name: of a model, or its path. InputError for a model without label scores, or without a log-mel front-end."""
        folder = find_folder(name)
        self.name, self.model = name, load(folder)
        config = self.model.config
        if CLIP_LOGITS not in config.outputs:
            raise InputError(f"teacher {name} has no label scores (outputs: {', '.join(config.outputs)}); wanted a model with labels")
        own = {
            key.removeprefix(FRONTEND): value.numpy()
            for key, value in load_file(folder / "model.safetensors").items()
            if key.startswith(FRONTEND)
        }
        self.frontend: Frontend = open_frontend(config.frontend, **own)
        if self.frontend.preset.kind != "mel":
            raise InputError(f"teacher {name} takes a {self.frontend.preset.kind} as input; wanted a model of log-mels, whose powers add")
        self._output = config.outputs[CLIP_LOGITS]
        self.labels = self._output.labels
        self.width = int(getattr(self.model.encoder, "size"))  # noqa: B009 - a module's attributes are not typed
        self.fingerprint = digest_files(folder, ["config.json", "model.safetensors"])

    def __deepcopy__(self, memo: dict[int, object]) -> Teacher:
        return self  # it never changes, so copies of an objective share it

    @torch.no_grad()
    def __call__(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, T, F) -> label scores (B, K), 0 to 1, and pooled vectors (B, D), on the device of the features."""
        model: Model = self.model.to(features.device)
        encoded = model.encode(features)
        logits = model.apply_heads(encoded)[CLIP_LOGITS].float()
        if (calibration := self._output.calibration) is not None:
            logits = logits * logits.new_tensor(calibration.scale) + logits.new_tensor(calibration.bias)
        scores = logits.softmax(dim=-1) if self._output.activation == "softmax" else logits.sigmoid()
        return scores, encoded.pooled.float()


@dataclasses.dataclass(frozen=True, eq=False)
class ShortScores:
    """Label scores of short windows of clips at their own speed. scores: float16 (sum of W, K). starts: int64 (clips + 1,). hop: seconds.

    clips: float16 (clips, K), those of each clip as a whole.
    """

    scores: np.ndarray
    starts: np.ndarray
    clips: np.ndarray
    hop: float

    def frames(self, clip: int, frame_rate: float, frames: int, speed: float) -> np.ndarray:
        """Scores (frames, K) float32 of a clip played at a speed: at each frame those of the window that is centred nearest to it."""
        rows = self.scores[self.starts[clip] : self.starts[clip + 1]]
        times = (np.arange(frames) + 0.5) / frame_rate * speed
        nearest = np.clip(np.floor(times / self.hop).astype(int), 0, len(rows) - 1)
        return np.asarray(rows[nearest], np.float32)


def open_short_scores(
    teacher: Teacher, bank: FeatureBank, content: str, folder: Path, *, seconds: float, hop: float, progress: Callable[[int, int], None]
) -> ShortScores:
    """The teacher's scores of windows of `seconds` every `hop` seconds of every clip, computed once.

    The window at index i is centred at (i + 0.5) * hop; what is outside of the clip is silence. bank: with the teacher's front-end.
    content: digest of the recordings. The cache is keyed by it, the settings and the teacher's fingerprint.
    """
    key = hashlib.sha256(json.dumps([teacher.fingerprint, content, seconds, hop]).encode()).hexdigest()[:16]
    home = folder / f"short-{key}"
    if not (home / "done").exists():
        log.info("scores of windows of %g s of %d clips by %s", seconds, len(bank.level), teacher.name)
        _compute(teacher, bank, home, seconds, hop, progress)
    return ShortScores(np.load(home / "scores.npy", mmap_mode="r"), np.load(home / "starts.npy"), np.load(home / "clips.npy"), hop)


def _compute(teacher: Teacher, bank: FeatureBank, home: Path, seconds: float, hop: float, progress: Callable[[int, int], None]) -> None:
    rate, plain = teacher.frontend.frame_rate, bank.speeds.index(1.0)
    size, windows, clips = round(seconds * rate), [], []
    for index in range(len(bank.level)):
        features, _ = bank.clip(index, plain)
        power = np.exp(features.astype(np.float32) * np.float32(np.log(10.0) / 10.0))
        count = max(1, round(len(power) / rate / hop))
        padded = np.pad(power, ((size, size), (0, 0)))
        starts = [size + round((each + 0.5) * hop * rate) - size // 2 for each in range(count)]
        parts = [teacher.frontend.from_power(padded[start : start + size]) for start in starts]
        rows = [teacher(torch.from_numpy(np.stack(parts[at : at + _BATCH])))[0] for at in range(0, count, _BATCH)]
        windows.append(torch.cat(rows).half().numpy())
        whole = power if len(power) >= size else np.pad(power, ((0, size - len(power)), (0, 0)))
        clips.append(teacher(torch.from_numpy(teacher.frontend.from_power(whole)[None]))[0][0].half().numpy())
        progress(index + 1, len(bank.level))
    with atomic_folder(home, replace=True) as partial:
        np.save(partial / "scores.npy", np.concatenate(windows))
        np.save(partial / "starts.npy", np.cumsum([0] + [len(rows) for rows in windows]))
        np.save(partial / "clips.npy", np.stack(clips))
        (partial / "done").touch()
