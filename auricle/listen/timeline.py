"""Event detection over a whole recording, from the frame scores of its windows, in bounded memory."""

from __future__ import annotations

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.records import Event
from auricle.listen.pipeline import WindowResult
from auricle.listen.scores import label_thresholds
from auricle.tasks import detection, tagging


class Timeline:
    """Collects the frame scores of one recording and decodes them to events.

    Only scores of labels that reach the lower threshold in a window are stored, so that ten hours fit in memory. Windows overlap by twice
    the context, and each contributes its central part, so that every frame is scored with audio on both sides.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._edge = int(config.window.context * config.frame_rate)
        self._thresholds = label_thresholds(config.frame)
        self._lower = self._thresholds * detection.RULE.hold
        self._clip_thresholds = label_thresholds(config.clip)
        self._segments: dict[int, list[tuple[int, np.ndarray, bool]]] = {}
        self._end = 0

    def add(self, window: WindowResult) -> None:
        """Add the next window, in order."""
        rate = self._config.frame_rate
        origin = round(window.start * rate)
        start = origin + (self._edge if origin else 0)
        stop = origin + (window.frames.shape[0] if window.frames is not None else 0)
        if not window.last:
            stop = min(stop, origin + round(self._config.window.hop * rate) + self._edge)
        self._end = max(self._end, stop)
        if window.frames is None or stop <= start:
            return
        inside = window.frames[start - origin : stop - origin]
        gates = tagging.present(window.clip, self._clip_thresholds, exclusive=self._config.activation == "softmax")
        for index in np.flatnonzero(inside.max(axis=0) >= self._lower):
            self._segments.setdefault(int(index), []).append((start, inside[:, index].copy(), bool(gates[index])))

    def events(self, duration: float) -> tuple[Event, ...]:
        """Events of the whole recording, sorted by onset, clipped to its duration in seconds."""
        events: list[Event] = []
        config = self._config
        for index in sorted(self._segments):
            if not any(present for _, _, present in self._segments[index]):
                continue
            scores, gate = np.zeros(self._end, np.float32), np.zeros(self._end, bool)
            for start, values, present in self._segments[index]:
                scores[start : start + len(values)] = values
                gate[start : start + len(values)] = present
            threshold = float(self._thresholds[index])
            runs = detection.find_segments(scores, frame_rate=config.frame_rate, threshold=threshold, gate=gate)
            events += detection.to_events(runs, config.labels[index], frame_rate=config.frame_rate, duration=duration)
        return detection.sort_events(events)
