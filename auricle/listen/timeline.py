"""Event detection over a whole recording, from the scores of its windows, in bounded memory.

Frame scores come from the windows of a model with frame-level scores (`FrameBlocks`), or, for a model that scores whole windows only, from
short overlapping windows (`WindowBlocks`). `Timeline` decodes them to events.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from typing import Protocol

import numpy as np

from auricle.core.config import Decoding, ModelConfig
from auricle.core.records import Event, EventWindows
from auricle.listen.pipeline import WindowResult
from auricle.listen.scores import label_thresholds
from auricle.tasks import detection, tagging

_BLOCK = 64  # frames from windows that are kept together, which costs less memory than one by one
_TOLERANCE = 1e-6  # of a frame, for rounding of times


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Scores (T, K) of consecutive frames of a recording, from frame `start` on. gate: bool (K,) or (T, K), labels that are present."""

    start: int
    scores: np.ndarray
    gate: np.ndarray


class Blocks(Protocol):
    """Turns the windows of one recording, added in order, into frame scores.

    rate: frames per second. thresholds (K,): scores from which a label is present in a frame. rule: how frame scores are decoded.
    """

    rate: float
    thresholds: np.ndarray
    rule: Decoding

    def add(self, window: WindowResult) -> Block | None:
        """Frames that are complete with this window; each frame of the recording is in one block, or in none where it is silent."""


class FrameBlocks:
    """Frame scores of a model that has them. Windows overlap by twice the context, and each contributes its central part."""

    def __init__(self, config: ModelConfig) -> None:
        self.rate, self.rule = config.frame_rate, (config.frame and config.frame.decoding) or detection.RULE
        self.thresholds = label_thresholds(config.frame)
        self._config, self._clip_thresholds = config, label_thresholds(config.clip)
        self._edge = int(config.window.context * config.frame_rate)

    def add(self, window: WindowResult) -> Block | None:
        """See Blocks."""
        if window.frames is None:
            return None
        origin = round(window.start * self.rate)
        start, stop = (self._edge if origin else 0), len(window.frames)
        if not window.last:
            stop = min(stop, round(self._config.window.hop * self.rate) + self._edge)
        if stop <= start:
            return None
        gate = tagging.present(window.clip, self._clip_thresholds, exclusive=self._config.activation == "softmax")
        return Block(origin + start, window.frames[start:stop], gate)


class WindowBlocks:
    """Frame scores from those of overlapping windows: a frame lasts one hop, its score is the mean of the windows that cover it.

    A label is present where one of these windows has it, and its event lasts while the mean stays over the hold (config.Decoding) of the
    threshold: a short sound fills no window, and its mean stays below that of a long one. docs/tasks/detection.md has figures.
    """

    def __init__(self, config: ModelConfig, windows: EventWindows, *, hop: float) -> None:
        """hop: seconds between the starts of two windows, which whole samples make differ slightly from that of `windows`."""
        self.rate, self.rule = 1 / hop, detection.WINDOW_RULE
        self._present = label_thresholds(config.clip)
        self.thresholds = self._present * detection.RULE.hold
        self._exclusive = config.activation == "softmax"
        self._count = windows.count
        self._covering: deque[np.ndarray] = deque(maxlen=self._count)
        self._scores: list[np.ndarray] = []
        self._gates: list[np.ndarray] = []
        self._start = 0

    def add(self, window: WindowResult) -> Block | None:
        """See Blocks."""
        self._covering.append(window.clip)
        frames = max(1, math.ceil(window.seconds * self.rate - _TOLERANCE)) if window.last else 1
        for frame in range(frames):
            # The first frame of this window is covered by all windows here, and each later one by one less of the earliest.
            several = np.stack(self._covering)[max(0, len(self._covering) - self._count + frame) :]
            present = [tagging.present(one, self._present, exclusive=self._exclusive) for one in several]
            self._scores.append(several.mean(axis=0))
            self._gates.append(np.any(present, axis=0))
        if len(self._scores) < _BLOCK and not window.last:
            return None
        block = Block(self._start, np.stack(self._scores), np.stack(self._gates))
        self._start += len(self._scores)
        self._scores, self._gates = [], []
        return block


class Timeline:
    """Collects the frame scores of one recording and decodes them to events.

    Only scores of labels that reach the lower threshold in a block are stored, so that ten hours fit in memory.
    """

    def __init__(self, config: ModelConfig, blocks: Blocks | None = None) -> None:
        """blocks: where frame scores come from, by default the model's own."""
        self._labels = config.labels
        self._blocks = blocks or FrameBlocks(config)
        self._lower = self._blocks.thresholds * self._blocks.rule.hold
        self._segments: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
        self._end = 0

    def add(self, window: WindowResult) -> Block | None:
        """Add the next window, in order, and return the frame scores that it completes."""
        block = self._blocks.add(window)
        if block is None:
            return None
        self._end = max(self._end, block.start + len(block.scores))
        for index in np.flatnonzero(block.scores.max(axis=0) >= self._lower):
            self._segments.setdefault(int(index), []).append((block.start, block.scores[:, index].copy(), block.gate[..., index].copy()))
        return block

    def events(self, duration: float) -> tuple[Event, ...]:
        """Events of the whole recording, sorted by onset, clipped to its duration in seconds."""
        events: list[Event] = []
        rate, rule = self._blocks.rate, self._blocks.rule
        for index in sorted(self._segments):
            if not any(present.any() for _, _, present in self._segments[index]):
                continue
            scores, gate = np.zeros(self._end, np.float32), np.zeros(self._end, bool)
            for start, values, present in self._segments[index]:
                scores[start : start + len(values)] = values
                gate[start : start + len(values)] = present
            threshold = float(self._blocks.thresholds[index])
            runs = detection.find_segments(scores, frame_rate=rate, threshold=threshold, gate=gate, rule=rule)
            events += detection.to_events(runs, self._labels[index], frame_rate=rate, duration=duration)
        return detection.sort_events(events)
