"""Batches of features, captions and labels from items and decoded audio: a pure function of the seed and the step."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
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

#: Factor from 16-bit samples to full scale 1.
_FULL_SCALE = np.float32(1 / 32768)
_PREFETCH = 2  # batches ready or in progress per worker

Captioner = Callable[["Item", np.random.Generator], str]
#: (item, start and length of the crop in seconds) -> target (K,) or (T, K) float32, NaN where nothing is annotated.
TargetEncoder = Callable[["Item", float, float], np.ndarray]


class BatchConfig(Strict):
    """Settings of batches.

    batch: clips per step, of all ranks together. seconds: longer clips are cropped to it at a random position; None: never cropped.
    policy: how a shorter clip is padded to `shortest` seconds, by default to `seconds` (signal.crop); 'any' does not pad it, and its
    features are padded and masked.
    bucketing: clips of similar length share a batch. balanced: draw each label equally often, instead of each clip.
    captions: 'draw' one of an item's by weight, take the 'first', or 'none'.
    rank, world: rank of this process and number of processes; None: from the environment. workers: threads; 0: no prefetching.
    """

    batch: Annotated[int, Field(gt=0)] = 64
    seconds: Annotated[float, Field(gt=0)] | None = 10.0
    policy: Literal["any", "zero", "tile", "repeatpad"] = "any"
    shortest: Annotated[float, Field(gt=0)] | None = None
    bucketing: bool = False
    balanced: bool = False
    captions: Literal["draw", "first", "none"] = "draw"
    seed: Annotated[int, Field(ge=0)] = 0
    rank: Annotated[int, Field(ge=0)] | None = None
    world: Annotated[int, Field(gt=0)] | None = None
    workers: Annotated[int, Field(ge=0)] = 2


@dataclasses.dataclass
class Batch:
    """One batch. features (B, T, F), (B, 4, T, F) of a stack or (B, N) of a raw waveform; mask bool (B, T), True for real frames.

    texts: B captions, or an empty list. labels: float32 (B, K), multi-hot, or None. items: int64 (B,), indices into the list of items.
    groups: int64 (B,), equal for clips of the same recording. targets: further targets by name, (B, ...) each.
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

    def select(self, rows: slice) -> Batch:
        """The batch of these rows."""
        return self._map(lambda tensor: tensor[rows], self.texts[rows])

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return self._map(lambda tensor: tensor.to(device), self.texts)

    def _map(self, change: Callable[[Tensor], Tensor], texts: list[str]) -> Batch:
        features, mask, items, groups = map(change, (self.features, self.mask, self.items, self.groups))
        labels = None if self.labels is None else change(self.labels)
        return Batch(features, mask, texts, labels, items, groups, {name: change(target) for name, target in self.targets.items()})


class Batches:
    """Batches of this rank, prefetched by threads.

    waited: seconds spent waiting for batches. left_out: number of items that cannot be read. Threads, not processes: numpy releases the
    GIL during transforms, products and logarithms, where a front-end spends its time, and nothing is copied between processes.
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
        targets: Mapping[str, TargetEncoder] | None = None,
    ) -> None:
        """waves: of these items. frontend: or its name. caption: makes a text for an item, instead of using its captions.

        labels: vocabulary of Batch.labels, K labels; other labels of items are ignored. targets: encoders of Batch.targets by name; shorter
        targets over time are padded with NaN. InputError for settings that do not fit the data.
        """
        self._targets = dict(targets or {})
        self.items, self.config, self.waited = items, config, 0.0
        self.frontend = open_frontend(frontend) if isinstance(frontend, str) else frontend
        self._waves, self._labels = waves, {label: column for column, label in enumerate(labels)}
        lengths = waves.lengths
        self._usable = np.flatnonzero(lengths)
        self.left_out = len(items) - len(self._usable)
        rank, world = parallel.rank_and_world()
        self._rank = rank if config.rank is None else config.rank
        self._world = world if config.world is None else config.world
        self._size = None if config.seconds is None else round(config.seconds * waves.rate)
        least = 0.0 if config.policy == "any" else config.shortest or config.seconds or 0.0
        self._least = round(least * waves.rate)
        self._check(len(waves))
        self._caption = caption or (_draw_caption if config.captions == "draw" else _first_caption)
        self._has_texts = caption is not None or (config.captions != "none" and self._all_captioned())
        self._lengths = lengths if self._size is None else np.minimum(lengths, self._size)
        self._sampler = self._make_sampler()
        groups: dict[tuple[str, str], int] = {}
        self._groups = [groups.setdefault((item.corpus, item.source) if item.source else ("", item.id), len(groups)) for item in items]
        self._silence = float(self.frontend.features(np.zeros(waves.rate, np.float32)).min()) if self.frontend.mels else 0.0

    @property
    def epoch(self) -> int:
        """Steps per epoch: as many draws as there are clips. With `balanced` some clips are drawn twice and others not at all."""
        return self._sampler.epoch

    def name(self, item: int) -> str:
        """Name of an item, for messages."""
        return self.items[item].id

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        """Yield the batches of steps start to stop - 1."""
        if not self.config.workers:
            for step in range(start, stop):
                yield self._timed(lambda step=step: self.batch(step))  # type: ignore[misc]
            return
        pool = ThreadPoolExecutor(self.config.workers, thread_name_prefix="batches")
        pending: deque[Future[Batch]] = deque()
        try:
            for step in range(start, stop):
                while len(pending) < min(_PREFETCH * self.config.workers, stop - step):
                    pending.append(pool.submit(self.batch, step + len(pending)))
                yield self._timed(pending.popleft().result)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def batch(self, step: int) -> Batch:
        """This rank's rows of a step, padded to the longest row of all ranks."""
        rows = self._usable[self._sampler.rows(step)]
        own = rows[self._rank :: self._world]
        rngs = [np.random.default_rng([self.config.seed, step, index]) for index in own]
        return self._batch(own, rngs, size=max(self._padded_length(index) for index in rows))

    def in_order(self, *, whole: bool = False) -> Iterator[tuple[Batch, list[float]]]:
        """Yield every readable clip, in order, as batches, and where each row starts in its clip, seconds. The same on every rank.

        A clip longer than `seconds` is cropped at its start, or with `whole` cut into pieces without overlap, of which a last one shorter
        than a fifth is left out.
        """
        places = [(index, first) for index in self._usable.tolist() for first in self._pieces(index, whole=whole)]
        for at in range(0, len(places), self.config.batch):
            rows, firsts = zip(*places[at : at + self.config.batch], strict=True)
            batch = self._batch(np.array(rows), firsts, size=max(self._padded_length(index) for index in rows))
            yield batch, [first / self._waves.rate for first in firsts]

    def _pieces(self, index: int, *, whole: bool) -> Sequence[int]:
        """First samples of the pieces of a clip."""
        size, length = self._size, int(self._waves.lengths[index])
        return range(0, max(1, length - size // 5), size) if whole and size is not None else (0,)

    def _batch(self, own: np.ndarray, crops: Sequence[np.random.Generator | int], *, size: int) -> Batch:
        """The batch of these items, padded to `size` samples. crops: generators for crops and captions, or the first samples of crops."""
        clips, starts = zip(*(self._clip(index, crop) for index, crop in zip(own, crops, strict=True)), strict=True)
        features, mask = self._features(clips, self.frontend.frames(size))
        places = list(zip(own.tolist(), starts, map(len, clips), strict=True))
        return Batch(
            features=features,
            mask=mask,
            texts=[self._text(self.items[index], crop) for index, crop in zip(own, crops, strict=True)] if self._has_texts else [],
            labels=self._multi_hot(own) if self._labels else None,
            items=torch.from_numpy(own.astype(np.int64)),
            groups=torch.tensor([self._groups[index] for index in own]),
            targets={name: self._target(encode, places) for name, encode in self._targets.items()},
        )

    def _timed(self, get: Callable[[], Batch]) -> Batch:
        start = time.perf_counter()
        batch = get()
        self.waited += time.perf_counter() - start
        return batch

    def _padded_length(self, index: int) -> int:
        """Samples of a clip after cropping and padding."""
        return max(int(self._lengths[index]), self._least)

    def _target(self, encode: TargetEncoder, places: Sequence[tuple[int, int, int]]) -> Tensor:
        """Targets of items, given with the first sample and the length of their crops, padded with NaN to the longest."""
        rate = self._waves.rate
        rows = [encode(self.items[index], start / rate, length / rate) for index, start, length in places]
        padded = np.full((len(rows), max(len(row) for row in rows), *rows[0].shape[1:]), np.nan, np.float32)
        for target, row in zip(padded, rows, strict=True):
            target[: len(row)] = row
        return torch.from_numpy(padded)

    def _text(self, item: Item, crop: np.random.Generator | int) -> str:
        return _first_caption(item) if isinstance(crop, int) else self._caption(item, crop)

    def _clip(self, index: int, crop: np.random.Generator | int) -> tuple[np.ndarray, int]:
        """Samples of a clip, float32 (N,), cropped at random or at a sample and padded, and where the crop starts in the recording."""
        wave, size, start = self._waves.wave(index), self._size, 0
        if size is not None and len(wave) > size:
            start = crop if isinstance(crop, int) else int(crop.integers(len(wave) - size + 1))
            wave = wave[start : start + size]
        samples = wave.astype(np.float32) * _FULL_SCALE
        return fit(samples, max(len(samples), self._least), self.config.policy), start

    def _features(self, clips: Sequence[np.ndarray], frames: int) -> tuple[Tensor, Tensor]:
        """Features of clips, padded to so many frames with the value of silence, and the mask of real frames."""
        time_axis = 1 if self.frontend.preset.kind == "stack" else 0
        features = [self.frontend.features(samples) for samples in clips]
        shape = list(features[0].shape)
        shape[time_axis] = frames
        padded = np.full((len(features), *shape), self._silence, np.float32)
        mask = np.zeros((len(features), frames), bool)
        for row, each in enumerate(features):
            length = each.shape[time_axis]
            np.moveaxis(padded[row], time_axis, 0)[:length] = np.moveaxis(each, time_axis, 0)
            mask[row, :length] = True
        return torch.from_numpy(padded), torch.from_numpy(mask)

    def _multi_hot(self, own: np.ndarray) -> Tensor:
        targets = torch.zeros(len(own), len(self._labels))
        for row, index in enumerate(own.tolist()):
            targets[row, [self._labels[label] for label in self.items[index].labels if label in self._labels]] = 1.0
        return targets

    def _make_sampler(self) -> BatchSampler | BalancedBatchSampler:
        config = self.config
        if not config.balanced:
            return BatchSampler(self._lengths[self._usable], config.batch, seed=config.seed, bucketing=config.bucketing)
        clips: list[list[int]] = [[] for _ in self._labels]
        for position, index in enumerate(self._usable.tolist()):
            for label in {label for label in self.items[index].labels if label in self._labels}:
                clips[self._labels[label]].append(position)
        return BalancedBatchSampler([np.array(some, np.int64) for some in clips], config.batch, seed=config.seed)

    def _check(self, waves: int) -> None:
        config = self.config
        if waves != len(self.items):
            raise InputError(f"got {waves} waves for {len(self.items)} items; wanted one per item")
        if self._waves.rate != self.frontend.rate:
            raise InputError(f"waves at {self._waves.rate} Hz; front-end {self.frontend.name} needs {self.frontend.rate} Hz")
        if self._rank >= self._world:
            raise InputError(f"rank is {self._rank} of {self._world} processes; wanted less than their number")
        if config.batch % self._world:
            raise InputError(f"a batch of {config.batch} clips cannot be split among {self._world} ranks; wanted a multiple")
        if config.balanced and config.bucketing:
            raise InputError("balanced and bucketing are both true; wanted at most one of them")
        if config.seconds is None and config.policy != "any":
            raise InputError(f"policy {config.policy!r} pads clips to `seconds`, which is None; wanted a number, or policy 'any'")

    def _all_captioned(self) -> bool:
        """True where all readable items have captions, False where none has; InputError otherwise."""
        without = [
            self.items[index].id for index in self._usable.tolist() if not any(caption.weight for caption in self.items[index].captions)
        ]
        if without and len(without) < len(self._usable):
            found = f"{len(without)} of {len(self._usable)} items have no caption, {without[0]!r} first"
            raise InputError(f"{found}; wanted one for each, captions='none', or a function that makes them")
        return not without


def _draw_caption(item: Item, rng: np.random.Generator) -> str:
    weights = np.array([caption.weight for caption in item.captions])
    return item.captions[int(rng.choice(len(weights), p=weights / weights.sum()))].text


def _first_caption(item: Item, rng: np.random.Generator | None = None) -> str:
    return item.captions[0].text
