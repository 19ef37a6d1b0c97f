"""One recording's windows: samples to calibrated scores, and the scores of all windows to one answer, in bounded memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from auricle.core.config import CLIP_LOGITS, EMBEDDING, FRAME_LOGITS, SIMILARITY, ModelConfig, Output
from auricle.core.records import Event
from auricle.runtime.open import Outputs, Runtime
from auricle.signal.crop import fit
from auricle.signal.files import Window
from auricle.signal.frontend import Frontend
from auricle.tasks import detection, tagging

#: What a vector of sound is for: to be compared with words, or with other sounds.
Space: TypeAlias = Literal["words", "likeness"]

_BLOCK = 0.1  # seconds over which loudness is taken to tell silence
_SMALLEST = np.float32(1e-6)
_EDGE = 0.025  # seconds at each end of a recording in which a step may ring: soxr's filter at 4 kHz, the lowest rate
_RINGING = 1.6e-4  # seconds: energy of that ringing, as a multiple of the offset's power; twice the most from 4 to 768 kHz
#: Share of a window's energy in the band that is heard below which it is taken for traces of a sound above the band: clicks where that
#: starts and stops, distortion of the recorder. 40 dB.
_LEAKED = 1e-4
_PEAK_OVER_RMS = 20.0  # dB. A recording whose peaks stand this far over the threshold of silence is not called silent.

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """What one window says. start, seconds: its place in the recording. clip: probabilities (K,). frames: probabilities (T, K).

    vector, likeness: unit length (D,), (E,). A silent window has sounding False, zeros for scores, and neither frames nor vectors.
    """

    start: float
    seconds: float
    last: bool
    sounding: bool
    clip: np.ndarray
    frames: np.ndarray | None
    vector: np.ndarray | None
    likeness: np.ndarray | None


def ordered(function: Callable[[Item], Result], items: Iterable[Item], *, pool: Executor, ahead: int) -> Iterator[Result]:
    """Results in the order of the items, each as soon as it and those before it are done; at most `ahead` + 1 are under way."""
    waiting: list[Future[Result]] = []
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        for future in waiting:
            future.cancel()


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) for any x, float32."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shares (..., K) of logits (..., K): they add up to one."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., D) made unit length; one that is all zeros stays so."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _SMALLEST), dtype=np.float32)


def loudness(samples: np.ndarray, *, rate: int) -> float:
    """Loudest 100 ms block of mono samples (N,), dB re full scale; a constant offset is no sound. -inf for digital silence."""
    size = round(_BLOCK * rate)
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    power = float(np.einsum("ij,ij->i", blocks, blocks).max(initial=0.0)) / size
    rest = samples[blocks.size :]
    if samples.size > size // 4:  # in less, an offset cannot be told from a sound
        rest = rest - samples[-size:].mean()
    power = max(power, float(rest @ rest) / size)  # what is left counts as followed by nothing
    return 10.0 * math.log10(power) if power > 0 else -math.inf


def settled(samples: np.ndarray, *, rate: int, first: bool, last: bool) -> np.ndarray:
    """Mono samples (N,) without the edges of a recording where a constant offset sets in or ends: the step rings in a resampler.

    first, last: the samples begin, end the recording. An edge is taken off where an offset explains its energy; a sound is left there.
    """
    edge = round(_EDGE * rate)
    if samples.size < 4 * edge:
        return samples
    offset = float(samples[edge:-edge].mean(dtype=np.float64))
    most = offset * offset * _RINGING * rate
    left, right = samples[:edge] - offset, samples[-edge:] - offset
    start = edge if first and float(left @ left) <= most else 0
    stop = samples.size - edge if last and float(right @ right) <= most else samples.size
    return samples[start:stop]


def quiet(peak: float, silence_dbfs: float) -> bool:
    """True where a recording in which no window sounds is to be called silent. peak: its largest |x|, without a constant offset."""
    return peak < 10 ** ((silence_dbfs + _PEAK_OVER_RMS) / 20)


class Ear:
    """Scores windows with one model. Safe to share between threads."""

    def __init__(self, runtime: Runtime, frontend: Frontend) -> None:
        self.runtime, self.frontend = runtime, frontend
        self._scores = {name: scores_of(output) for name, output in runtime.config.outputs.items() if output.kind != "vectors"}

    def hear(self, window: Window) -> Part:
        """Scores of one window of mono samples (1, N) at the front-end's rate."""
        config, rate = self.runtime.config, self.frontend.rate
        seconds = window.samples.shape[1] / rate
        samples = settled(window.samples[0], rate=rate, first=window.start == 0, last=window.last)
        # Less than one frame tells no source from another: nothing is recognised in it, rather than something made up.
        silent = window.inside < _LEAKED or loudness(samples, rate=rate) < config.silence_dbfs
        if silent or seconds * config.frame_rate < 1:
            return Part(window.start, seconds, window.last, False, np.zeros(len(config.labels), np.float32), None, None, None)
        return self._scored(window, seconds)

    def vector(self, window: Window, space: Space = "words") -> np.ndarray:
        """Unit vector of one window, silent or not: in the space shared with words (D,), or that of likeness (E,)."""
        outputs = self.run(window)
        return unit(outputs[EMBEDDING if space == "words" else SIMILARITY][0])

    def run(self, window: Window) -> Outputs:
        """What the model itself says of a window of mono samples (1, N); a short one is followed by silence."""
        return self.runtime.run(self.frontend.features(self._filled(window.samples[0]))[None])

    def _filled(self, samples: np.ndarray) -> np.ndarray:
        """A short window (N,) filled up as the config says; one that is longer than the model's own is cut by the same policy."""
        window, rate = self.runtime.config.window, self.frontend.rate
        shortest = round(window.shortest * rate)
        size = shortest if samples.size < shortest else max(shortest, min(samples.size, round(window.seconds * rate)))
        return fit(samples, size, window.pad)

    def _scored(self, window: Window, seconds: float) -> Part:
        outputs = self.run(window)
        config = self.runtime.config
        real = math.ceil(seconds * config.frame_rate)
        clip, frames = np.zeros(0, np.float32), None
        if config.clip is not None:
            clip = self._scores[CLIP_LOGITS](clip_logits(outputs, config.clip))
        if config.frame is not None:
            frames = self._scores[FRAME_LOGITS](outputs[FRAME_LOGITS][0, :real])
        return Part(window.start, seconds, window.last, True, clip, frames, unit(outputs[EMBEDDING][0]), unit(outputs[SIMILARITY][0]))


def clip_logits(outputs: Outputs, output: Output) -> np.ndarray:
    """Logits (K,) of one window's labels, joined with the frame-level ones where the config says so."""
    own = outputs[CLIP_LOGITS][0]
    return own if output.joined is None else tagging.evidence(own, outputs[output.joined][0])


def scores_of(output: Output) -> Callable[[np.ndarray], np.ndarray]:
    """What makes scores (..., K) of an output's logits (..., K)."""
    if output.activation == "softmax":
        return lambda logits: softmax(logits).astype(np.float32)
    if output.calibration is None:
        return sigmoid
    scale, bias = (np.asarray(values, np.float32) for values in (output.calibration.scale, output.calibration.bias))
    return lambda logits: sigmoid(logits * scale + bias)


def thresholds_of(output: Output | None) -> np.ndarray:
    """Scores (K,) from which labels are present: one half where the config has none."""
    if output is None:
        return np.zeros(0)
    return np.full(len(output.labels), 0.5) if output.thresholds is None else np.asarray(output.thresholds)


def text_threshold(config: ModelConfig) -> float:
    """Score from which any text is present."""
    return 0.5 if config.text is None else config.text.threshold


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

    def add(self, part: Part) -> None:
        """The next window, in order."""
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
