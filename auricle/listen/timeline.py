"""The frame scores of a recording's windows to its events, in bounded memory."""

from __future__ import annotations

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.records import Event
from auricle.listen.pipeline import WindowResult
from auricle.listen.scores import thresholds_of
from auricle.tasks import detection, tagging


class Timeline:
    """Frame scores of all windows of one recording, kept only where a label may sound, so that ten hours fit in memory.

    Windows overlap by twice the context; each keeps its central part, so every frame is judged with sound on both its sides.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._edge = int(config.window.context * config.frame_rate)
        self._thresholds = thresholds_of(config.frame)
        self._least = self._thresholds * detection.RULE.hold
        self._gate = thresholds_of(config.clip)
        self._kept: dict[int, list[tuple[int, np.ndarray, bool]]] = {}
        self._end = 0

    def add(self, part: WindowResult) -> None:
        """The next window's row, in order."""
        rate = self._config.frame_rate
        origin = round(part.start * rate)
        start = origin + (self._edge if origin else 0)
        stop = origin + (part.frames.shape[0] if part.frames is not None else 0)
        if not part.last:
            stop = min(stop, origin + round(self._config.window.hop * rate) + self._edge)
        self._end = max(self._end, stop)
        if part.frames is None or stop <= start:
            return
        inside = part.frames[start - origin : stop - origin]
        gates = tagging.present(part.clip, self._gate, exclusive=self._config.activation == "softmax")
        for index in np.flatnonzero(inside.max(axis=0) >= self._least):
            self._kept.setdefault(int(index), []).append((start, inside[:, index].copy(), bool(gates[index])))

    def events(self, duration: float) -> tuple[Event, ...]:
        """Events of the whole recording, by onset, clipped to its duration (s)."""
        found: list[Event] = []
        config = self._config
        for index in sorted(self._kept):
            if not any(present for _, _, present in self._kept[index]):
                continue
            scores, gate = np.zeros(self._end, np.float32), np.zeros(self._end, bool)
            for start, values, present in self._kept[index]:
                scores[start : start + len(values)] = values
                gate[start : start + len(values)] = present
            threshold = float(self._thresholds[index])
            runs = detection.stretches(scores, frame_rate=config.frame_rate, threshold=threshold, gate=gate)
            found += detection.timed(runs, config.labels[index], frame_rate=config.frame_rate, duration=duration)
        return detection.in_order(found)
