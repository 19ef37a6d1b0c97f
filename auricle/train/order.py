"""Which clips make up a step: a pure function of the seed and the step, so that training can go on from any step."""

from __future__ import annotations

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
