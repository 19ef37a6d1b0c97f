"""Batches of mixtures, rendered for the student and for the teacher, with what the names of the clips and the teacher say of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from auricle.data.compose.feature_bank import FeatureBank
from auricle.data.compose.mixtures import Mixture, MixtureConfig, draw_mixture, place, render
from auricle.data.item import Item
from auricle.recipes.distilling.teacher import ShortScores
from auricle.signal.frontend import Frontend
from auricle.train.batches import Batch
from auricle.train.sampler import BatchSampler

#: Targets of a batch. TEACHER: the teacher's features (B, T, F). NAMED (B, K): 1 for labels by the names of the audible clips. SHARE
#: (B, K): the same, shared out by level, rows that sum to one or zero. FRAMES (B, T', K): scores by frame of the student.
TEACHER, NAMED, SHARE, FRAMES = "teacher", "named", "share", "frames"


@dataclasses.dataclass(frozen=True, eq=False)
class Sounds:
    """What mixtures are drawn from.

    student: bank of the clips, with its front-end. named: bool (clips, K), labels by name. names: of the clips, for messages. teacher: what
    a teacher adds; None to learn from names alone. specific: bool (clips, K), those of `named` that say most, such as dog and not animal;
    None where all do. items: of the clips, where they are of a manifest.
    """

    student: FeatureBank
    frontend: Frontend
    named: np.ndarray
    names: Sequence[str]
    teacher: TeacherSounds | None = None
    specific: np.ndarray | None = None
    items: Sequence[Item] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class TeacherSounds:
    """What a teacher adds. bank: of the same clips and speeds, with its front-end. short: its scores of short windows.

    columns: int (Kt,), where its labels are among the student's K.
    """

    bank: FeatureBank
    frontend: Frontend
    short: ShortScores
    columns: np.ndarray


class MixtureBatches:
    """Batches of mixtures, composed one step ahead in a thread; each depends only on the seed and the step (a trainer's BatchSource).

    waited: seconds spent waiting for batches. lengths: (share of the steps, seconds), in order; the shares sum to one.
    """

    left_out = 0

    def __init__(
        self,
        sounds: Sounds,
        config: MixtureConfig,
        *,
        clips: Sequence[int],
        batch: int,
        steps: int,
        lengths: Sequence[tuple[float, float]],
        frames: Callable[[int], int],
        seed: int,
    ) -> None:
        """clips: indices of those that are drawn. frames: frames of the student's input to frames of its output."""
        self.items = sounds.items
        self._sounds, self._config, self._clips = sounds, config, np.array(clips)
        self._batch, self._steps, self._lengths, self._frames, self._seed = batch, steps, list(lengths), frames, seed
        most = batch * len(config.counts)  # clips per step
        enough = len(clips) >= most
        self._sampler = BatchSampler(np.ones(len(clips), np.int64), most, seed=seed, bucketing=False) if enough else None
        self.waited = 0.0

    def name(self, item: int) -> str:
        """Name of an item, for messages: of the first clip of the mixture."""
        return self._sounds.names[item]

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        """Yield the batches of steps start to stop - 1."""
        with ThreadPoolExecutor(1, thread_name_prefix="mixtures") as pool:
            following: Future[Batch] | None = None
            for step in range(start, stop):
                current = pool.submit(self.batch, step) if following is None else following
                before = time.perf_counter()
                batch = current.result()
                self.waited += time.perf_counter() - before
                following = pool.submit(self.batch, step + 1) if step + 1 < stop else None
                yield batch

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([self._seed, step])
        rate = self._sounds.frontend.frame_rate
        seconds = self._seconds(step)
        mixtures = [draw_mixture(rng, clips, self._sounds.student, rate, seconds, self._config) for clips in self._draw(rng, step)]
        return self._render(mixtures, seconds)

    def _draw(self, rng: np.random.Generator, step: int) -> np.ndarray:
        """Clips (batch, most): every clip once before one is drawn again."""
        size = (self._batch, len(self._config.counts))
        rows = self._sampler.rows(step) if self._sampler is not None else rng.integers(len(self._clips), size=size[0] * size[1])
        return np.asarray(self._clips[rows].reshape(size))

    def _seconds(self, step: int) -> float:
        done, total = step / self._steps, 0.0
        for share, seconds in self._lengths:
            total += share
            if done < total:
                return seconds
        return self._lengths[-1][1]

    def _render(self, mixtures: Sequence[Mixture], seconds: float) -> Batch:
        sounds, of_teacher = self._sounds, self._sounds.teacher
        features = self._features(mixtures, seconds, sounds.student, sounds.frontend)
        rows = [self._targets(mixture, self._frames(features.shape[1]), seconds) for mixture in mixtures]
        named, share, frames = (np.stack(part) for part in zip(*rows, strict=True))
        return Batch(
            features=torch.from_numpy(features),
            mask=torch.ones(features.shape[:2], dtype=torch.bool),
            texts=[],
            labels=None,
            items=torch.tensor([mixture.parts[0].clip for mixture in mixtures]),
            groups=torch.arange(len(mixtures)),
            targets={
                NAMED: torch.from_numpy(named),
                SHARE: torch.from_numpy(share),
                FRAMES: torch.from_numpy(frames),
                **(
                    {}
                    if of_teacher is None
                    else {TEACHER: torch.from_numpy(self._features(mixtures, seconds, of_teacher.bank, of_teacher.frontend))}
                ),
            },
        )

    def _features(self, mixtures: Sequence[Mixture], seconds: float, bank: FeatureBank, frontend: Frontend) -> np.ndarray:
        frames, level = round(seconds * frontend.frame_rate), self._sounds.student.level
        return np.stack([frontend.from_power(render(mixture, bank, frontend, level, frames)) for mixture in mixtures])

    def _targets(self, mixture: Mixture, frames: int, seconds: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels by name (K,), their shares (K,), and scores by frame (frames, K)."""
        sounds, rate = self._sounds, frames / seconds
        count = sounds.named.shape[1]
        named, share, scores = np.zeros(count, np.float32), np.zeros(count, np.float32), np.zeros((frames, count), np.float32)
        for part in mixture.audible():
            speed = sounds.student.speeds[part.speed]
            _, sounding = sounds.student.clip(part.clip, part.speed)
            step = sounds.frontend.frame_rate / rate
            active = sounding[np.minimum((np.arange(int(len(sounding) / step)) * step).astype(int), len(sounding) - 1)]
            own = np.zeros((len(active), count), np.float32)
            if sounds.teacher is not None:
                own[:, sounds.teacher.columns] = sounds.teacher.short.frames(part.clip, rate, len(active), speed)
            own[:, sounds.named[part.clip]] = np.maximum(own[:, sounds.named[part.clip]], active[:, None])
            placed = place(own * active[:, None], part, rate, frames)
            np.maximum(scores, placed, out=scores)
            if place(active, part, rate, frames).any():
                named[sounds.named[part.clip]] = 1.0
                labels = (sounds.named if sounds.specific is None else sounds.specific)[part.clip]
                share[labels] += 10.0 ** (part.level / 20.0) / max(1, labels.sum())
        return named, share / max(float(share.sum()), 1e-9), scores
