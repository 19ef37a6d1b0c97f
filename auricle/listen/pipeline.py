"""From recordings to numbers: path or clip -> windows -> features -> engine -> one row a window. Whatever hears, hears by this.

A Pipeline belongs to one model. `hear` opens one by its Spec, which another process can be sent, and hears one recording with it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from auricle.core.arguments import check
from auricle.core.config import CLIP_LOGITS, EMBEDDING, FRAME_LOGITS, SIMILARITY
from auricle.core.errors import SoundError
from auricle.core.records import Band, Clip
from auricle.core.workers import cpu_count, map_ordered
from auricle.listen.scores import clip_logits, scores_of, unit
from auricle.listen.silence import loudness, quiet, settled
from auricle.runtime.open import Outputs, Runtime, open_runtime
from auricle.signal.crop import fit
from auricle.signal.frontend import open_frontend
from auricle.signal.streaming import Stream, Window, printable, stream, stream_clip

#: What can be listened to: a path, or sound in memory.
Source: TypeAlias = str | os.PathLike[str] | Clip

#: What a vector of sound is for: to be compared with words, or with other sounds.
Space: TypeAlias = Literal["words", "likeness"]

#: Called from worker threads: place of the file in the batch, seconds heard of it, seconds that it declares (0: unknown).
Progress: TypeAlias = Callable[[int, float, float], None]

#: Share of a window's energy in the band that is heard below which it is taken for traces of a sound above the band: clicks where that
#: starts and stops, distortion of the recorder. 40 dB.
_LEAKED = 1e-4

Item = TypeVar("Item")
Result = TypeVar("Result")


class _StoppedError(Exception):
    """The batch was given up; what a worker was hearing is not wanted any more."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """What decides a pipeline's rows, in a form that can be sent to another process.

    model, runtime, device: as in runtime.open.open_runtime. window, hop: seconds a window lasts and from one to the next, by default the
    model's own.
    """

    model: str
    runtime: str | None = None
    device: str | None = None
    window: float | None = None
    hop: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One window's row. start, seconds: its place in the recording. clip: probabilities (K,). frames: probabilities (T, K).

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


class Pipeline:
    """Hears with one model. Safe to share between threads.

    workers: files, or windows of a single file, heard at the same time; one a core by default.
    """

    def __init__(self, runtime: Runtime, *, workers: int | None = None) -> None:
        self.runtime, self.config = runtime, runtime.config
        self.workers = workers or cpu_count()
        self.frontend = open_frontend(runtime.config.frontend, **runtime.frontend_parts())
        self._scores = {name: scores_of(output) for name, output in runtime.config.outputs.items() if output.kind != "vectors"}

    def each(
        self, items: Sequence[Item], tell: Callable[[Item, Worker], Result], *, progress: Progress | None = None
    ) -> Iterator[Result | SoundError]:
        """What `tell` says of each item, one by one in their order, each as soon as it is known; for bad input the SoundError, not raised.

        tell: called on a worker with an item and with that by which it hears a source. Several items are heard side by side, of a
        single one its windows are. Giving up, by closing the iterator, never waits for a long file.
        """
        check(progress, (Callable, type(None)), what="progress", wanted="a function of place, seconds heard and seconds declared")
        stop = threading.Event()
        with ThreadPoolExecutor(self.workers, "auricle") as pool:
            # on one core a second thread only gets in the way of the one that decodes
            windows = pool if len(items) == 1 and self.workers > 1 else None

            def told(item: tuple[int, Item]) -> Result | SoundError:
                try:
                    return tell(item[1], Worker(self, item[0], stop, windows, progress))
                except SoundError as error:
                    return error
                except OSError as error:  # a disk that fails half-way
                    name = printable(os.fsdecode(error.filename)) if error.filename else "a file"
                    return SoundError(f"{name}: cannot be read ({error.strerror or error}); check that it is there and the disk")

            try:
                if len(items) == 1:
                    yield told((0, items[0]))
                else:
                    yield from map_ordered(told, enumerate(items), pool=pool, ahead=2 * self.workers)
            finally:
                stop.set()  # workers leave at their next window
                pool.shutdown(wait=False, cancel_futures=True)

    def hear(self, source: Source, *, window: float | None = None, hop: float | None = None) -> Recording:
        """One recording, each window heard when it is asked for. SoundError where the file cannot be opened.

        window, hop: seconds a window lasts and from one to the next, by default the model's own. A window that cannot be decoded raises
        SoundError while iterating.
        """
        return Recording(self, self.stream(source, window=window, hop=hop))

    def stream(self, source: Source, *, window: float | None = None, hop: float | None = None) -> Stream:
        """A recording's windows of sound, mono at the front-end's rate."""
        check_source(source)
        own = self.config.window
        window = window or own.seconds
        hop = hop or window * own.hop / own.seconds
        cut: dict[str, Any] = {"seconds": window, "context": (window - hop) / 2, "high": self.frontend.band[1]}
        if isinstance(source, Clip):
            return stream_clip(source, rate=self.frontend.rate, **cut)
        return stream(source, rate=self.frontend.rate, **cut)

    def row(self, window: Window) -> Part:
        """Scores and vectors of one window of mono samples (1, N) at the front-end's rate."""
        config, rate = self.config, self.frontend.rate
        seconds = window.samples.shape[1] / rate
        samples = settled(window.samples[0], rate=rate, first=window.start == 0, last=window.last)
        # Less than one frame tells no source from another: nothing is recognised in it, rather than something made up.
        silent = window.inside < _LEAKED or loudness(samples, rate=rate) < config.silence_dbfs
        if silent or seconds * config.frame_rate < 1:
            return Part(window.start, seconds, window.last, False, np.zeros(len(config.labels), np.float32), None, None, None)
        outputs = self.outputs(window)
        clip, frames = np.zeros(0, np.float32), None
        if config.clip is not None:
            clip = self._scores[CLIP_LOGITS](clip_logits(outputs, config.clip))
        if config.frame is not None:
            frames = self._scores[FRAME_LOGITS](outputs[FRAME_LOGITS][0, : math.ceil(seconds * config.frame_rate)])
        return Part(window.start, seconds, window.last, True, clip, frames, unit(outputs[EMBEDDING][0]), unit(outputs[SIMILARITY][0]))

    def outputs(self, window: Window) -> Outputs:
        """What the model itself gives for a window of mono samples (1, N), before any calibration.

        A short window is filled up as the config says; one that is longer than the model's own is cut by the same policy.
        """
        config, samples = self.config.window, window.samples[0]
        shortest, longest = (round(seconds * self.frontend.rate) for seconds in (config.shortest, config.seconds))
        filled = fit(samples, max(shortest, min(samples.size, longest)), config.pad)
        return self.runtime.run(self.frontend.features(filled)[None])

    def vector(self, window: Window, space: Space = "words") -> np.ndarray:
        """Unit vector of one window, silent or not: in the space shared with words (D,), or that of likeness (E,)."""
        return unit(self.outputs(window)[EMBEDDING if space == "words" else SIMILARITY][0])


class Recording:
    """One recording as its windows' rows, decoded as they are asked for. Iterate once; a context manager closes the file early."""

    def __init__(self, pipeline: Pipeline, sound: Stream, worker: Worker | None = None) -> None:
        self.sound = sound
        self._pipeline, self._worker = pipeline, worker
        self._sounding = False

    def __iter__(self) -> Iterator[Part]:
        rows: Callable[[Callable[[Window], Part], Iterable[Window]], Iterable[Part]] = map
        if self._worker is not None and self._worker.windows is not None:
            rows = functools.partial(map_ordered, pool=self._worker.windows, ahead=2 * self._pipeline.workers)
        for part in rows(self._pipeline.row, self._windows()):
            self._sounding |= part.sounding
            if self._worker is not None and self._worker.progress is not None:
                self._worker.progress(self._worker.place, part.start + part.seconds, self.sound.info.duration)
            yield part

    def _windows(self) -> Iterator[Window]:
        for window in self.sound:
            if self._worker is not None and self._worker.stopped:
                raise _StoppedError
            yield window

    @property
    def silent(self) -> bool:
        """Nothing above the threshold of hearing; final once the iteration has ended."""
        return not self._sounding and quiet(self.sound.swing, self._pipeline.config.silence_dbfs)

    @property
    def error(self) -> str | None:
        """None, or one line saying how much is missing; final once the iteration has ended."""
        return self.sound.error

    def facts(self) -> dict[str, Any]:
        """duration, coverage, silent, error, band, gaps and tracks, as in Analysis; final once the iteration has ended."""
        sound, (low, high) = self.sound, self._pipeline.frontend.band
        return {
            "duration": sound.duration,
            "coverage": sound.coverage,
            "silent": self.silent,
            "error": sound.error,
            "band": Band(low, min(high, sound.info.rate / 2), sound.above),
            "gaps": sound.gaps,
            "tracks": sound.info.tracks,
        }

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.sound.close()


@dataclasses.dataclass(frozen=True, eq=False)
class Worker:
    """By which one item of a batch is heard. windows: where windows of a single file are heard side by side."""

    pipeline: Pipeline
    place: int
    stop: threading.Event
    windows: Executor | None
    progress: Progress | None

    @property
    def stopped(self) -> bool:
        """Whether the batch was given up."""
        return self.stop.is_set()

    def hear(self, source: Source, *, window: float | None = None, hop: float | None = None) -> Recording:
        """As Pipeline.hear; progress is told as the windows are."""
        return Recording(self.pipeline, self.pipeline.stream(source, window=window, hop=hop), self)


def hear(source: Source, spec: Spec) -> tuple[list[Part], dict[str, Any]]:
    """All rows of one recording, and its facts (Recording.facts): the same in any process, which opens each model once."""
    with _opened(spec.model, spec.runtime, spec.device).hear(source, window=spec.window, hop=spec.hop) as recording:
        return list(recording), recording.facts()


@functools.lru_cache(maxsize=2)
def _opened(model: str, runtime: str | None, device: str | None) -> Pipeline:
    return Pipeline(open_runtime(model, runtime, device=device), workers=1)


def check_source(source: object) -> None:
    """InputError for what is neither a path nor a Clip."""
    check(source, (str, os.PathLike, Clip), what="a recording", wanted="a path or auricle.Clip(samples, rate)")
