"""The inference pipeline: path or clip -> windows -> features -> engine -> scores and embeddings per window.

The Listener, zero-shot classification, archives and benchmarks all use it. A Pipeline belongs to one model. `score_file` runs the pipeline
that a Spec describes; a Spec can be pickled and sent to another process.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np

from auricle.core.arguments import check, check_choice
from auricle.core.config import CLIP_LOGITS, EMBEDDING, FRAME_LOGITS, SIMILARITY
from auricle.core.errors import SoundError
from auricle.core.records import Band, Clip
from auricle.core.workers import cpu_count, map_ordered
from auricle.listen.scores import clip_logits, score_function, unit
from auricle.listen.silence import is_quiet, max_block_dbfs, trim_offset_steps
from auricle.runtime.open import Outputs, Runtime, open_runtime
from auricle.signal.crop import fit
from auricle.signal.frontend import open_frontend
from auricle.signal.streaming import Stream, Window, printable, stream, stream_clip

#: An audio source: a path, or audio in memory.
Source: TypeAlias = str | os.PathLike[str] | Clip

#: Embedding space: "words" is shared with texts, "similarity" compares sounds with sounds; "likeness" is the earlier name of "similarity".
Space: TypeAlias = Literal["words", "similarity", "likeness"]

#: Called from worker threads: index of the file in the batch, seconds processed, duration that the file declares in seconds (0: unknown).
Progress: TypeAlias = Callable[[int, float, float], None]

#: Least share of a window's energy that lies in the band of the model (-40 dB). Below it the window holds only traces of a sound above the
#: band: clicks where that sound starts and stops, distortion of the recorder.
_LEAKED = 1e-4

Item = TypeVar("Item")
Result = TypeVar("Result")


class _StoppedError(Exception):
    """The batch was cancelled: a worker leaves its file."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """Settings of a pipeline, picklable.

    model, runtime, device: as in runtime.open.open_runtime. window, hop: length of a window and distance between the starts of two windows
    in seconds, by default the model's own.
    """

    model: str
    runtime: str | None = None
    device: str | None = None
    window: float | None = None
    hop: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class WindowResult:
    """Scores and embeddings of one window. start, seconds: its position and length in the recording. last: whether it ends the recording.

    clip: probabilities (K,). frames: probabilities (T, K). vector: joint audio-text embedding (D,), similarity: similarity embedding (E,),
    both of unit length. further: values of the outputs of other tasks by name, probabilities for scores. A silent window has sounding
    False, zeros in clip, None for frames and embeddings, and no further values.
    """

    start: float
    seconds: float
    last: bool
    sounding: bool
    clip: np.ndarray
    frames: np.ndarray | None
    vector: np.ndarray | None
    similarity: np.ndarray | None
    further: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def map_files(
    function: Callable[[Item, Executor | None], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Result]:
    """Results of function(item, windows) in the order of the items, computed by so many threads, by default as many as CPUs.

    windows: the threads, where there is a single item and more than one of them, for what can be done at once within it; else None. Closing
    the iterator sets `stop` and cancels the rest without waiting for a long file.
    """
    workers = workers or cpu_count()
    with ThreadPoolExecutor(workers, "auricle") as pool:
        try:
            if len(items) == 1:  # with one core, a second thread only competes with the one that decodes
                yield function(items[0], pool if workers > 1 else None)
            else:
                yield from map_ordered(lambda item: function(item, None), items, pool=pool, ahead=2 * workers)
        finally:
            if stop is not None:
                stop.set()  # workers check it at each window
            pool.shutdown(wait=False, cancel_futures=True)


class Pipeline:
    """Runs one model over recordings. Safe to share between threads.

    workers: number of files, or of windows of a single file, processed in parallel; by default the number of CPU cores.
    """

    def __init__(self, runtime: Runtime, *, workers: int | None = None) -> None:
        self.runtime, self.config = runtime, runtime.config
        self.workers = workers or cpu_count()
        self.frontend = open_frontend(runtime.config.frontend, **runtime.frontend_parts())
        self._scores = {name: score_function(output) for name, output in runtime.config.outputs.items() if output.kind.endswith("_scores")}

    def each(
        self, items: Sequence[Item], function: Callable[[Item, Worker], Result], *, progress: Progress | None = None
    ) -> Iterator[Result | SoundError]:
        """Apply function to each item in parallel, and iterate over the results in the order of the items.

        function: called on a worker thread with the item and a Worker, which opens sources. Several items are processed in parallel; of a
        single item its windows are. A SoundError or OSError of an item is returned in place of its result, as a SoundError. Closing the
        iterator cancels the rest without waiting for a long file.
        """
        check(progress, (Callable, type(None)), what="progress", wanted="a function of index, seconds processed and seconds declared")
        stop = threading.Event()

        def process(item: tuple[int, Item], windows: Executor | None) -> Result | SoundError:
            try:
                return function(item[1], Worker(self, item[0], stop, windows, progress))
            except SoundError as error:
                return error
            except OSError as error:  # such as a disk that fails while it is read
                name = printable(os.fsdecode(error.filename)) if error.filename else "a file"
                return SoundError(f"{name}: cannot be read ({error.strerror or error}); check that the file exists, and the disk")

        yield from map_files(process, list(enumerate(items)), workers=self.workers, stop=stop)

    def open(self, source: Source, *, window: float | None = None, hop: float | None = None) -> Recording:
        """Open one recording; each window is decoded and processed when it is requested. SoundError if the file cannot be opened.

        window, hop: length of a window and distance between the starts of two windows in seconds, by default the model's own. A window that
        cannot be decoded raises SoundError while iterating.
        """
        return Recording(self, self.stream(source, window=window, hop=hop))

    def stream(self, source: Source, *, window: float | None = None, hop: float | None = None) -> Stream:
        """Windows of the waveform of a recording, mono at the rate of the front-end. Arguments as for `open`."""
        check_source(source)
        own = self.config.window
        window = window or own.seconds
        hop = hop or window * own.hop / own.seconds
        cut: dict[str, Any] = {"seconds": window, "context": (window - hop) / 2, "high": self.frontend.band[1]}
        if isinstance(source, Clip):
            return stream_clip(source, rate=self.frontend.rate, **cut)
        return stream(source, rate=self.frontend.rate, **cut)

    def process(self, window: Window) -> WindowResult:
        """Scores and embeddings of one window of mono samples (1, N) at the rate of the front-end."""
        config = self.config
        seconds = window.samples.shape[1] / self.frontend.rate
        if self.is_silent(window):
            return WindowResult(window.start, seconds, window.last, False, np.zeros(len(config.labels), np.float32), None, None, None)
        outputs = self.outputs(window)
        clip, frames = np.zeros(0, np.float32), None
        if config.clip is not None:
            clip = self._scores[CLIP_LOGITS](clip_logits(outputs, config.clip))
        if config.frame is not None:
            frames = self._scores[FRAME_LOGITS](outputs[FRAME_LOGITS][0, : math.ceil(seconds * config.frame_rate)])
        vector, similarity = unit(outputs[EMBEDDING][0]), unit(outputs[SIMILARITY][0])
        further = {name: self._further(name, outputs[name][0], seconds) for name, output in config.outputs.items() if output.task}
        return WindowResult(window.start, seconds, window.last, True, clip, frames, vector, similarity, further)

    def _further(self, name: str, values: np.ndarray, seconds: float) -> np.ndarray:
        """Scores or values of one output of a window."""
        output = self.config.outputs[name]
        if output.rate is not None:
            values = values[: math.ceil(seconds * output.rate)]
        return self._scores[name](values) if name in self._scores else values

    def is_silent(self, window: Window) -> bool:
        """Whether a window is not scored: it has no sound in the band of the model, or is shorter than a frame."""
        rate = self.frontend.rate
        samples = trim_offset_steps(window.samples[0], rate=rate, first=window.start == 0, last=window.last)
        # Less than one frame holds too little to recognise a sound; scores of such a window would be arbitrary.
        silent = window.energy_in_band < _LEAKED or max_block_dbfs(samples, rate=rate) < self.config.silence_dbfs
        return bool(silent or window.samples.shape[1] / rate * self.config.frame_rate < 1)

    def outputs(self, window: Window) -> Outputs:
        """Raw model outputs for a window of mono samples (1, N), before calibration.

        A window that is too short for the model is padded by the policy in its config; one that is too long is cut by the same policy.
        """
        config, samples = self.config.window, window.samples[0]
        shortest, longest = (round(seconds * self.frontend.rate) for seconds in (config.shortest, config.seconds))
        fitted = fit(samples, max(shortest, min(samples.size, longest)), config.pad)
        return self.runtime.run(self.frontend.features(fitted)[None])

    def embed(self, window: Window, space: Space = "words") -> np.ndarray:
        """Unit vector of one window, even if it is silent: the joint audio-text embedding (D,), or the similarity embedding (E,)."""
        return unit(self.outputs(window)[EMBEDDING if check_space(space) == "words" else SIMILARITY][0])


class Recording:
    """Iterator over the windows of one recording, each decoded and processed when it is requested. Iterate once.

    As a context manager it closes the file. Its properties are final once the iteration has ended.
    """

    def __init__(self, pipeline: Pipeline, sound: Stream, worker: Worker | None = None) -> None:
        self.sound = sound
        self._pipeline, self._worker = pipeline, worker
        self._sounding = False

    def __iter__(self) -> Iterator[WindowResult]:
        apply: Callable[[Callable[[Window], WindowResult], Iterable[Window]], Iterable[WindowResult]] = map
        if self._worker is not None and self._worker.windows is not None:
            apply = functools.partial(map_ordered, pool=self._worker.windows, ahead=2 * self._pipeline.workers)
        for result in apply(self._pipeline.process, self._windows()):
            self._sounding |= result.sounding
            if self._worker is not None and self._worker.progress is not None:
                self._worker.progress(self._worker.index, result.start + result.seconds, self.sound.info.duration)
            yield result

    def _windows(self) -> Iterator[Window]:
        for window in self.sound:
            if self._worker is not None and self._worker.is_stopped:
                raise _StoppedError
            yield window

    @property
    def silent(self) -> bool:
        """Whether the whole recording is silent."""
        return not self._sounding and is_quiet(self.sound.ac_peak, self._pipeline.config.silence_dbfs)

    @property
    def error(self) -> str | None:
        """None, or one line that says how much of the recording could not be read."""
        return self.sound.error

    def facts(self) -> dict[str, Any]:
        """duration, coverage, silent, error, band, gaps and tracks, as in Analysis."""
        sound, (low, high) = self.sound, self._pipeline.frontend.band
        return {
            "duration": sound.duration,
            "coverage": sound.coverage,
            "silent": self.silent,
            "error": sound.error,
            "band": Band(low, min(high, sound.info.rate / 2), sound.energy_above),
            "gaps": sound.gaps,
            "tracks": sound.info.tracks,
        }

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.sound.close()


@dataclasses.dataclass(frozen=True, eq=False)
class Worker:
    """Opens the sources of one item of a batch. index: of the item. windows: the executor that processes the windows of a single file."""

    pipeline: Pipeline
    index: int
    stop: threading.Event
    windows: Executor | None
    progress: Progress | None

    @property
    def is_stopped(self) -> bool:
        """Whether the batch was cancelled."""
        return self.stop.is_set()

    def open(self, source: Source, *, window: float | None = None, hop: float | None = None) -> Recording:
        """As Pipeline.open, with calls of progress and cancellation."""
        return Recording(self.pipeline, self.pipeline.stream(source, window=window, hop=hop), self)


def score_file(source: Source, spec: Spec) -> tuple[list[WindowResult], dict[str, Any]]:
    """Results of all windows of one recording, and its facts (Recording.facts). A process opens each model once."""
    with _open_pipeline(spec.model, spec.runtime, spec.device).open(source, window=spec.window, hop=spec.hop) as recording:
        return list(recording), recording.facts()


@functools.lru_cache(maxsize=2)
def _open_pipeline(model: str, runtime: str | None, device: str | None) -> Pipeline:
    return Pipeline(open_runtime(model, runtime, device=device), workers=1)


def check_space(space: Space) -> Literal["words", "similarity"]:
    """The name of an embedding space, "similarity" for the earlier name "likeness". InputError for any other value."""
    check_choice(space, get_args(Space), what="space")
    return "words" if space == "words" else "similarity"


def check_source(source: object) -> None:
    """InputError for a value that is neither a path nor a Clip."""
    check(source, (str, os.PathLike, Clip), what="a recording", wanted="a path or auricle.Clip(samples, rate)")
