"""Which clips make up a step: a pure function of the seed and the step, so that training can go on from any step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auricle.core.errors import InputError

#: Batches whose clips are sorted by length together: enough for like lengths, few enough that neighbours stay a matter of chance.
_POOL = 32


class Order:
    """Epoch after epoch every clip once, in an order drawn anew; those that fill no whole batch are left to other epochs.

    lengths: int64 (n,), one per clip. batch: clips a step. bucketing: batches hold clips of like length, and come in random order.
    """

    def __init__(self, lengths: np.ndarray, batch: int, *, seed: int, bucketing: bool) -> None:
        if len(lengths) < batch:
            raise InputError(f"{len(lengths)} clips do not fill one batch of {batch}; wanted more clips or a smaller batch")
        self._lengths, self._batch, self._seed, self._bucketing = lengths, batch, seed, bucketing
        self.epoch = len(lengths) // batch
        self._known: tuple[int, np.ndarray] = (-1, np.empty(0))

    def rows(self, step: int) -> np.ndarray:
        """Positions of the clips of that step, int64 (batch,)."""
        epoch, place = divmod(step, self.epoch)
        known = self._known  # threads may both draw it: the same
        if known[0] != epoch:
            self._known = known = (epoch, self._drawn(epoch))
        return np.asarray(known[1][place])

    def _drawn(self, epoch: int) -> np.ndarray:
        """Positions of all the batches of an epoch, (steps, batch)."""
        rng = np.random.default_rng([self._seed, epoch])
        drawn = rng.permutation(len(self._lengths))[: self.epoch * self._batch]
        if self._bucketing:
            pool = _POOL * self._batch
            parts = [drawn[start : start + pool] for start in range(0, len(drawn), pool)]
            drawn = np.concatenate([part[np.argsort(self._lengths[part], kind="stable")] for part in parts])
            return rng.permutation(drawn.reshape(self.epoch, self._batch))
        return drawn.reshape(self.epoch, self._batch)


class EvenOrder:
    """Every label as often as any other, however many clips it has; a label's clips come one after the other, in an order drawn anew.

    As the published training of PANNs draws (Kong et al. 2020, section IV-B). labels: positions of each label's clips, K of them.
    """

    def __init__(self, labels: Sequence[np.ndarray], batch: int, *, seed: int) -> None:
        self._labels = [clips for clips in labels if len(clips)]
        if not self._labels:
            raise InputError("no label has a clip to draw; wanted items with labels of the vocabulary")
        self._batch, self._seed = batch, seed
        self._known: dict[int, tuple[int, np.ndarray]] = {}
        self.epoch = max(1, len(np.unique(np.concatenate(self._labels))) // batch)

    def rows(self, step: int) -> np.ndarray:
        """Positions of the clips of that step, int64 (batch,)."""
        draws = np.arange(step * self._batch, (step + 1) * self._batch)
        return np.array([self._clip(*divmod(int(draw), len(self._labels))) for draw in draws])

    def _clip(self, turn: int, place: int) -> int:
        """One clip of the label that comes at this place when all labels have had so many turns."""
        label = int(self._permuted(-1, turn, np.arange(len(self._labels)))[place])
        clips = self._labels[label]
        again, each = divmod(turn, len(clips))
        return int(self._permuted(label, again, clips)[each])

    def _permuted(self, label: int, again: int, clips: np.ndarray) -> np.ndarray:
        """A label's clips, or for -1 the labels, in the order that is drawn for this time."""
        known = self._known.get(label)  # threads may both draw it: the same
        if known is None or known[0] != again:
            known = again, np.random.default_rng([self._seed, label + 1, again]).permutation(clips)
            self._known[label] = known
        return known[1]
