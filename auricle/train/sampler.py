"""Batch samplers: indices of the clips of a step, a pure function of the seed and the step, so that training resumes at any step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auricle.core.errors import InputError

#: Batches whose clips are sorted by length together: enough for similar lengths, few enough that batches stay random.
_POOL = 32


class BatchSampler:
    """Shuffled batches: every clip at most once an epoch; clips that fill no whole batch are dropped from that epoch.

    lengths: int64 (n,), one per clip. batch: clips per step. bucketing: a batch holds clips of similar length, in random order of batches.
    """

    def __init__(self, lengths: np.ndarray, batch: int, *, seed: int, bucketing: bool) -> None:
        if len(lengths) < batch:
            raise InputError(f"{len(lengths)} clips do not fill one batch of {batch}; wanted more clips or a smaller batch")
        self._lengths, self._batch, self._seed, self._bucketing = lengths, batch, seed, bucketing
        self.epoch = len(lengths) // batch
        self._cached: tuple[int, np.ndarray] = (-1, np.empty(0))

    def rows(self, step: int) -> np.ndarray:
        """Indices of the clips of that step, int64 (batch,)."""
        epoch, index = divmod(step, self.epoch)
        cached = self._cached  # two threads may both compute it, with the same result
        if cached[0] != epoch:
            self._cached = cached = (epoch, self._draw_epoch(epoch))
        return np.asarray(cached[1][index])

    def _draw_epoch(self, epoch: int) -> np.ndarray:
        """Indices of all batches of an epoch, (steps, batch)."""
        rng = np.random.default_rng([self._seed, epoch])
        drawn = rng.permutation(len(self._lengths))[: self.epoch * self._batch]
        if self._bucketing:
            pool = _POOL * self._batch
            parts = [drawn[start : start + pool] for start in range(0, len(drawn), pool)]
            drawn = np.concatenate([part[np.argsort(self._lengths[part], kind="stable")] for part in parts])
            return rng.permutation(drawn.reshape(self.epoch, self._batch))
        return drawn.reshape(self.epoch, self._batch)


class BalancedBatchSampler:
    """Class-balanced batches: each label is drawn equally often, however many clips it has; its clips are drawn without replacement.

    Balanced sampling of PANNs (Kong et al. 2020, section IV-B). labels: indices of each label's clips, K arrays.
    """

    def __init__(self, labels: Sequence[np.ndarray], batch: int, *, seed: int) -> None:
        self._labels = [clips for clips in labels if len(clips)]
        if not self._labels:
            raise InputError("no label has a clip; wanted items with labels of the vocabulary")
        self._batch, self._seed = batch, seed
        self._cached: dict[int, tuple[int, np.ndarray]] = {}
        self.epoch = max(1, len(np.unique(np.concatenate(self._labels))) // batch)

    def rows(self, step: int) -> np.ndarray:
        """Indices of the clips of that step, int64 (batch,)."""
        draws = np.arange(step * self._batch, (step + 1) * self._batch)
        return np.array([self._clip(*divmod(int(draw), len(self._labels))) for draw in draws])

    def _clip(self, round_: int, position: int) -> int:
        """Index of one clip of the label at this position in this round over the labels."""
        label = int(self._permuted(-1, round_, np.arange(len(self._labels)))[position])
        clips = self._labels[label]
        clip_round, index = divmod(round_, len(clips))
        return int(self._permuted(label, clip_round, clips)[index])

    def _permuted(self, label: int, round_: int, clips: np.ndarray) -> np.ndarray:
        """A label's clips, or for -1 the labels, permuted for this round."""
        cached = self._cached.get(label)  # two threads may both compute it, with the same result
        if cached is None or cached[0] != round_:
            cached = round_, np.random.default_rng([self._seed, label + 1, round_]).permutation(clips)
            self._cached[label] = cached
        return cached[1]
