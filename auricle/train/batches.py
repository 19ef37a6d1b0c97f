"""Items and their decoded waves in, batches of features and captions out: what a step trains on, as a pure function of seed and step."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.signal.crop import fit
from auricle.signal.frontend import Frontend, open_frontend
from auricle.train import parallel
from auricle.train.sampler import BalancedBatchSampler, BatchSampler

if TYPE_CHECKING:
    from auricle.data.item import Item
    from auricle.data.waves import Waves

#: Full scale of 16-bit samples.
_FULL = np.float32(1 / 32768)
_AHEAD = 2  # batches made or being made for each worker

Captioner = Callable[["Item", np.random.Generator], str]


class BatchConfig(Strict):
    """What a batch is.

    batch: clips a step, of all ranks together. seconds: longer clips are cut to it, at a place drawn anew each time; None: never cut.
    policy: how a shorter clip fills `seconds` (signal.crop); 'any' leaves it, and its frames are followed by masked ones.
    bucketing: batches of clips of like length. even: every label is drawn as often as any other, instead of every clip.
    captions: one 'draw'n by weight, always the 'first', or 'none'.
    rank, world: which of how many processes this is; None: as torchrun tells. workers: threads; 0: batches are made when asked for.
    """

    batch: Annotated[int, Field(gt=0)] = 64
    seconds: Annotated[float, Field(gt=0)] | None = 10.0
    policy: Literal["any", "zero", "tile", "repeatpad"] = "any"
    bucketing: bool = False
    even: bool = False
    captions: Literal["draw", "first", "none"] = "draw"
    seed: Annotated[int, Field(ge=0)] = 0
    rank: Annotated[int, Field(ge=0)] | None = None
    world: Annotated[int, Field(gt=0)] | None = None
    workers: Annotated[int, Field(ge=0)] = 2


@dataclasses.dataclass
class Batch:
    """features (B, T, F), (B, 4, T, F) of a stack or (B, N) of a raw waveform; mask bool (B, T), True for real frames.

    texts: B captions, or none at all. labels: float32 (B, K), 1 where a label holds, or None. items: int64 (B,), places in the list of
    items. groups: int64 (B,), the same number for clips of the same recording. targets: further truth by name, (B, ...) each.
    """

    features: Tensor
    mask: Tensor
    texts: list[str]
    labels: Tensor | None
    items: Tensor
    groups: Tensor
    targets: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    def part(self, rows: slice) -> Batch:
        """Some of its rows."""
        return self._each(lambda tensor: tensor[rows], self.texts[rows])

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return self._each(lambda tensor: tensor.to(device), self.texts)

    def _each(self, change: Callable[[Tensor], Tensor], texts: list[str]) -> Batch:
        features, mask, items, groups = map(change, (self.features, self.mask, self.items, self.groups))
        labels = None if self.labels is None else change(self.labels)
        return Batch(features, mask, texts, labels, items, groups, {name: change(truth) for name, truth in self.targets.items()})


class Batches:
    """Batches of this rank, made ahead by threads. waited: seconds spent waiting for them. left_out: items that cannot be heard.

    Threads, not processes: numpy lets others run during transforms, products and logarithms, which is where a front-end spends its time,
    and nothing has to be copied between processes.
    """

    def __init__(
        self,
        items: Sequence[Item],
        waves: Waves,
        frontend: Frontend | str,
        config: BatchConfig,
        *,
        caption: Captioner | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        """caption: makes a text of an item, instead of drawing one of its own. labels: the vocabulary of Batch.labels, K words;
        labels of items that are not in it do not count."""
        self.items, self.config, self.waited = items, config, 0.0
        self.frontend = open_frontend(frontend) if isinstance(frontend, str) else frontend
        self._waves, self._labels = waves, {label: place for place, label in enumerate(labels)}
        lengths = waves.lengths
        self._usable = np.flatnonzero(lengths)
        self.left_out = len(items) - len(self._usable)
        rank, world = parallel.told()
        self._rank = rank if config.rank is None else config.rank
        self._world = world if config.world is None else config.world
        self._size = None if config.seconds is None else round(config.seconds * waves.rate)
        self._check(len(waves))
        self._caption = caption or (_drawn if config.captions == "draw" else _first)
        self._told = caption is not None or (config.captions != "none" and self._captioned())
        self._lengths = lengths if self._size is None else np.minimum(lengths, self._size)
        self._order = self._ordered()
        names: dict[tuple[str, str], int] = {}
        self._groups = [names.setdefault((item.corpus, item.source) if item.source else ("", item.id), len(names)) for item in items]
        self._silence = float(self.frontend.features(np.zeros(waves.rate, np.float32)).min()) if self.frontend.mels else 0.0

    @property
    def epoch(self) -> int:
        """Steps in which as many clips are heard as there are: with even draws some of them twice and others not at all."""
        return self._order.epoch

    def name(self, item: int) -> str:
        """What an item is called in messages."""
        return self.items[item].id

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        """Batches of the steps from start to stop - 1."""
        if not self.config.workers:
            for step in range(start, stop):
                yield self._timed(lambda step=step: self.batch(step))  # type: ignore[misc]
            return
        pool = ThreadPoolExecutor(self.config.workers, thread_name_prefix="batches")
        made: deque[Future[Batch]] = deque()
        try:
            for step in range(start, stop):
                while len(made) < min(_AHEAD * self.config.workers, stop - step):
                    made.append(pool.submit(self.batch, step + len(made)))
                yield self._timed(made.popleft().result)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def batch(self, step: int) -> Batch:
        """This rank's rows of a step; their lengths are brought to the longest of all ranks' rows."""
        rows = self._usable[self._order.rows(step)]
        size = max(self._filled(index) for index in rows)
        own = rows[self._rank :: self._world]
        rngs = [np.random.default_rng([self.config.seed, step, index]) for index in own]
        clips = [self._clip(index, rng) for index, rng in zip(own, rngs, strict=True)]
        features, mask = self._features(clips, self.frontend.frames(size))
        return Batch(
            features=features,
            mask=mask,
            texts=[self._caption(self.items[index], rng) for index, rng in zip(own, rngs, strict=True)] if self._told else [],
            labels=self._truth(own) if self._labels else None,
            items=torch.from_numpy(own.astype(np.int64)),
            groups=torch.tensor([self._groups[index] for index in own]),
        )

    def _timed(self, made: Callable[[], Batch]) -> Batch:
        began = time.perf_counter()
        batch = made()
        self.waited += time.perf_counter() - began
        return batch

    def _filled(self, index: int) -> int:
        """Samples of a clip after it is cut and filled."""
        return int(self._lengths[index]) if self._size is None or self.config.policy == "any" else self._size

    def _clip(self, index: int, rng: np.random.Generator) -> np.ndarray:
        """float32 (N,): the whole of a clip, or a stretch of it drawn at random."""
        wave, size = self._waves.wave(index), self._size
        if size is not None and len(wave) > size:
            start = int(rng.integers(len(wave) - size + 1))
            wave = wave[start : start + size]
        samples = wave.astype(np.float32) * _FULL
        return samples if size is None else fit(samples, size, self.config.policy)

    def _features(self, clips: Sequence[np.ndarray], frames: int) -> tuple[Tensor, Tensor]:
        """Features of clips, filled up to so many frames with what silence looks like, and the mask of real ones."""
        time_axis = 1 if self.frontend.preset.kind == "stack" else 0
        found = [self.frontend.features(samples) for samples in clips]
        shape = list(found[0].shape)
        shape[time_axis] = frames
        filled = np.full((len(found), *shape), self._silence, np.float32)
        mask = np.zeros((len(found), frames), bool)
        for row, each in enumerate(found):
            heard = each.shape[time_axis]
            np.moveaxis(filled[row], time_axis, 0)[:heard] = np.moveaxis(each, time_axis, 0)
            mask[row, :heard] = True
        return torch.from_numpy(filled), torch.from_numpy(mask)

    def _truth(self, own: np.ndarray) -> Tensor:
        truth = torch.zeros(len(own), len(self._labels))
        for row, index in enumerate(own.tolist()):
            truth[row, [self._labels[label] for label in self.items[index].labels if label in self._labels]] = 1.0
        return truth

    def _ordered(self) -> BatchSampler | BalancedBatchSampler:
        config = self.config
        if not config.even:
            return BatchSampler(self._lengths[self._usable], config.batch, seed=config.seed, bucketing=config.bucketing)
        clips: list[list[int]] = [[] for _ in self._labels]
        for position, index in enumerate(self._usable.tolist()):
            for label in {label for label in self.items[index].labels if label in self._labels}:
                clips[self._labels[label]].append(position)
        return BalancedBatchSampler([np.array(some, np.int64) for some in clips], config.batch, seed=config.seed)

    def _check(self, waves: int) -> None:
        config = self.config
        if waves != len(self.items):
            raise InputError(f"{waves} waves for {len(self.items)} items; wanted those of these items")
        if self._waves.rate != self.frontend.rate:
            raise InputError(f"waves at {self._waves.rate} Hz; front-end {self.frontend.name} wants {self.frontend.rate} Hz")
        if self._rank >= self._world:
            raise InputError(f"rank is {self._rank} of {self._world}; wanted less")
        if config.batch % self._world:
            raise InputError(f"a batch of {config.batch} clips cannot be shared by {self._world} ranks; wanted a multiple")
        if config.even and config.bucketing:
            raise InputError("even draws of labels and batches of like length were both asked for; wanted one of them")
        if config.seconds is None and config.policy != "any":
            raise InputError(f"policy {config.policy!r} fills clips up to `seconds`, which is None; wanted a number, or policy 'any'")

    def _captioned(self) -> bool:
        """Whether items have captions: all that can be heard, or none."""
        without = [
            self.items[index].id for index in self._usable.tolist() if not any(caption.weight for caption in self.items[index].captions)
        ]
        if without and len(without) < len(self._usable):
            told = f"{len(without)} of {len(self._usable)} items have no caption, {without[0]!r} first"
            raise InputError(f"{told}; wanted one for each, captions='none', or a function that makes them")
        return not without


def _drawn(item: Item, rng: np.random.Generator) -> str:
    weights = np.array([caption.weight for caption in item.captions])
    return item.captions[int(rng.choice(len(weights), p=weights / weights.sum()))].text


def _first(item: Item, rng: np.random.Generator) -> str:
    return item.captions[0].text
