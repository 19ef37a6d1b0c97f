"""The Listener: files or arrays in, what was heard out. Same call, same bits, whatever else is in the batch."""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from auricle.core.config import fingerprint
from auricle.core.errors import InputError, SoundError
from auricle.core.machine import cores as cores
from auricle.core.records import Clip, Heard, Label
from auricle.listen.hearing import Hearing, band
from auricle.listen.windows import Ear, Part, Space, Timeline, ordered, quiet, sigmoid, text_threshold, thresholds_of, unit
from auricle.runtime.catalog import DEFAULT
from auricle.runtime.open import Outputs as Outputs
from auricle.runtime.open import Runtime, open_runtime
from auricle.runtime.tokens import plain
from auricle.signal.files import Stream, Window, printable, stream, stream_clip
from auricle.signal.frontend import open_frontend
from auricle.tasks import tagging

#: What can be listened to: a path, or sound in memory.
Source: TypeAlias = str | os.PathLike[str] | Clip

#: What an answer can hold besides what it always does.
Wanted: TypeAlias = Literal["tags", "events"]

#: Called from worker threads: place of the file in the batch, seconds heard of it, seconds that it declares (0: unknown).
Progress: TypeAlias = Callable[[int, float, float], None]

Result = TypeVar("Result")


class HeadScores(Protocol):
    """Labels of one's own that are scored besides: fitted heads (listen.heads)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """K words."""

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors of likeness (E,) to probabilities (K,); from one half on a label is present."""


class _StoppedError(Exception):
    """The batch was given up; what a worker was hearing is not wanted any more."""


@dataclasses.dataclass(frozen=True)
class _Job:
    """What one batch asks of every file. by_file: files run side by side on the pool; else the windows of the only file do."""

    pool: Executor
    stop: threading.Event
    by_file: bool
    progress: Progress | None
    wanted: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    judge: Callable[[np.ndarray], np.ndarray] | None = None
    heads: HeadScores | None = None
    top: int | None = None


class Listener:
    """Hears with one model. Open one with `auricle.load()`; safe to share between threads."""

    def __init__(self, runtime: Runtime, *, workers: int | None = None) -> None:
        """workers: files, or windows of a single file, heard at the same time; one a core by default."""
        self.runtime = runtime
        self.config = runtime.config
        self.workers = workers or cores()
        self._frontend = open_frontend(runtime.config.frontend, **runtime.frontend_parts())
        self._ear = Ear(runtime, self._frontend)
        self._places = {plain(label): index for index, label in enumerate(runtime.config.labels)}

    @property
    def labels(self) -> tuple[str, ...]:
        """The vocabulary: every word that tags and events can use."""
        return self.config.labels

    @overload
    def listen(  # type: ignore[overload-overlap]  # a str is a sequence of str too, and means one path here
        self,
        files: Source,
        labels: Sequence[str] | None = None,
        *,
        top: int | None = 10,
        heads: HeadScores | None = None,
        progress: Progress | None = None,
    ) -> Heard: ...
    @overload
    def listen(
        self,
        files: Sequence[Source],
        labels: Sequence[str] | None = None,
        *,
        top: int | None = 10,
        heads: HeadScores | None = None,
        progress: Progress | None = None,
    ) -> list[Heard]: ...
    def listen(
        self,
        files: Source | Sequence[Source],
        labels: Sequence[str] | None = None,
        *,
        top: int | None = 10,
        heads: HeadScores | None = None,
        progress: Progress | None = None,
    ) -> Heard | list[Heard]:
        """Tags, events and asked words of files or clips: one Heard for one, a list for several. Bad input gives Heard.error.

        labels: any words, scored besides. top: best tags to keep; None keeps the whole vocabulary. heads: fitted heads, scored too.
        """
        heard = list(self.each(listed(files), labels, top=top, heads=heads, progress=progress))
        return heard[0] if _single(files) else heard

    @overload
    def tag(self, files: Source, *, top: int | None = 10) -> Heard: ...  # type: ignore[overload-overlap]
    @overload
    def tag(self, files: Sequence[Source], *, top: int | None = 10) -> list[Heard]: ...
    def tag(self, files: Source | Sequence[Source], *, top: int | None = 10) -> Heard | list[Heard]:
        """Which sounds: as `listen`, without events."""
        heard = list(self.each(listed(files), parts=("tags",), top=top))
        return heard[0] if _single(files) else heard

    @overload
    def detect(self, files: Source) -> Heard: ...  # type: ignore[overload-overlap]
    @overload
    def detect(self, files: Sequence[Source]) -> list[Heard]: ...
    def detect(self, files: Source | Sequence[Source]) -> Heard | list[Heard]:
        """Which sounds and when: as `listen`, without tags."""
        heard = list(self.each(listed(files), parts=("events",)))
        return heard[0] if _single(files) else heard

    def each(
        self,
        files: Sequence[Source],
        labels: Sequence[str] | None = None,
        *,
        parts: Sequence[Wanted] = ("tags", "events"),
        top: int | None = 10,
        heads: HeadScores | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Heard]:
        """What `listen` gives, one by one in the order of the files, each as soon as it is known.

        heads: fitted heads, whose labels are scored after those that were asked for. Words are read before this returns.
        """
        if top is not None and top < 1:
            raise InputError(f"top is {top}; wanted 1 or more, or None for the whole vocabulary")
        if not self.labels and labels is None and heads is None:
            raise InputError(f"{self.config.name} has no labels of its own; wanted words to listen for, such as labels=['siren', 'rain']")
        if set(parts) == {"events"} and self.config.frame is None:
            raise InputError(
                f"{self.config.name} scores whole windows and tells no times; wanted a model that does, such as {DEFAULT}, or ask for tags"
            )
        words = () if labels is None else _words(labels)
        judge = None if labels is None else self._judge(words)
        return self._each(files, progress, wanted=frozenset(parts), words=words, judge=judge, heads=heads, top=top)

    def _each(self, files: Sequence[Source], progress: Progress | None, **asked: Any) -> Iterator[Heard]:
        with self._batch(files, progress) as plain_job:
            job = dataclasses.replace(plain_job, **asked)
            yield from self._over(lambda item: self._heard(item[1], item[0], job), files, job)

    def embed_audio(
        self, files: Source | Sequence[Source], *, normalize: bool = True, space: Space = "words", progress: Progress | None = None
    ) -> np.ndarray:
        """Vectors of files or clips, float32 (B, D): the mean of their windows' unit vectors by length.

        Silent windows count only where there are no others. Unit length unless normalize is False. Bad input raises SoundError.
        space: "words" to compare with embed_text, "likeness" to compare sounds with sounds, which it does better.
        """
        rows = []
        for row in self.embed_each(listed(files), normalize=normalize, space=space, progress=progress):
            if isinstance(row, SoundError):
                raise row
            rows.append(row)
        return np.stack(rows) if rows else np.zeros((0, self.config.dim), np.float32)

    def embed_each(
        self, files: Sequence[Source], *, normalize: bool = True, space: Space = "words", progress: Progress | None = None
    ) -> Iterator[np.ndarray | SoundError]:
        """Rows (D,) of `embed_audio`, one by one in the order of the files; for bad input the SoundError, not raised."""
        with self._batch(files, progress) as job:
            for row in self._over(lambda item: self._embedded(item[1], item[0], job, space), files, job):
                yield unit(row) if normalize and isinstance(row, np.ndarray) else row

    def outputs(self, source: Source) -> Iterator[Outputs]:
        """What the model itself says of each window, before any calibration: for fitting and studying decisions."""
        with self._stream(source) as sound:
            for window in sound:
                yield self._ear.run(window)

    def hearing(self, source: Source, *, window: float | None = None, hop: float | None = None, pool: Executor | None = None) -> Hearing:
        """One recording, window by window: seconds a window lasts and from one to the next, the model's own by default.

        pool: hears as many windows ahead as this listener has workers; without it, each is heard when it is asked for.
        SoundError where the file cannot be opened; a window that cannot be decoded raises it while iterating.
        """
        check_source(source)
        own = self.config.window
        window = window or own.seconds
        hop = hop or window * own.hop / own.seconds
        return Hearing(self._stream(source, window, (window - hop) / 2), self._ear, pool=pool, ahead=2 * self.workers)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 over what decides this model's answers."""
        return str(fingerprint(self.runtime.folder))

    @functools.cached_property
    def likeness_dim(self) -> int:
        """E, the width of vectors in the space of likeness."""
        return int(self.embed_audio(Clip(np.zeros((1, self._frontend.rate), np.float32), self._frontend.rate), space="likeness").shape[1])

    def score(self, cosine: np.ndarray) -> np.ndarray:
        """Calibrated probability that words fit a sound, of the cosine of their vectors; where nothing is calibrated, the cosine from 0."""
        line = None if self.config.text is None else self.config.text.calibration
        if line is None:
            return np.asarray(np.maximum(cosine, 0), np.float32)
        return sigmoid(np.float32(line.scale) * cosine + np.float32(line.bias))

    def present(self, scores: np.ndarray) -> np.ndarray:
        """Which labels are present where something sounds, bool (K,), of their scores (K,): by their thresholds, or the best one alone."""
        return tagging.present(scores, thresholds_of(self.config.clip), exclusive=self.config.activation == "softmax")

    def embed_text(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of words in the joint space, float32 (B, D); unit length unless normalize is False."""
        return self.runtime.embed_text(texts, normalize=normalize)

    @contextmanager
    def _batch(self, files: Sequence[Source], progress: Progress | None) -> Iterator[_Job]:
        for source in files:
            check_source(source)
        stop = threading.Event()
        with ThreadPoolExecutor(self.workers, "auricle") as pool:
            try:
                yield _Job(pool, stop, by_file=len(files) > 1, progress=progress)
            finally:
                stop.set()  # workers leave at their next window: giving up never waits for a long file
                pool.shutdown(wait=False, cancel_futures=True)

    def _over(self, function: Callable[[tuple[int, Source]], Result], files: Sequence[Source], job: _Job) -> Iterator[Result]:
        items = enumerate(files)
        if job.by_file:
            return ordered(function, items, pool=job.pool, ahead=2 * self.workers)
        return map(function, items)

    def _heard(self, source: Source, place: int, job: _Job) -> Heard:
        name = name_of(source)
        try:
            return self._answer(name, source, place, job)
        except SoundError as error:
            return Heard(name, error=str(error))
        except OSError as error:  # a disk that fails half-way
            return Heard(name, error=f"{printable(name)}: cannot be read ({error.strerror or error}); check the disk")

    def _answer(self, name: str, source: Source, place: int, job: _Job) -> Heard:
        config = self.config
        scores = _Scores(len(config.labels), exclusive=config.activation == "softmax")
        asked = None if job.judge is None else np.zeros(len(job.words), np.float32)
        own = None if job.heads is None else np.zeros(len(job.heads.labels), np.float32)
        timeline = Timeline(config) if "events" in job.wanted else None
        sounding = False
        with self._stream(source) as sound:
            for part in self._parts(sound, job):
                sounding |= part.sounding
                scores.add(part)
                if asked is not None and job.judge is not None and part.vector is not None:
                    np.maximum(asked, job.judge(part.vector), out=asked)
                if own is not None and job.heads is not None and part.likeness is not None:
                    np.maximum(own, job.heads.scores(part.likeness), out=own)
                if timeline is not None:
                    timeline.add(part)
                if job.progress is not None:
                    job.progress(place, part.start + part.seconds, sound.info.duration)
        silent = not sounding and quiet(sound.swing, config.silence_dbfs)
        limits = thresholds_of(config.clip)
        tags = tagging.decode(scores.whole(), config.labels, thresholds=limits, silent=silent, exclusive=scores.exclusive)
        return Heard(
            file=name,
            duration=sound.duration,
            coverage=sound.coverage,
            silent=silent,
            tags=tags[: job.top] if "tags" in job.wanted else (),
            events=timeline.events(sound.end) if timeline is not None else (),
            labels=self._answered(asked, tags, own, job, silent=silent),
            error=sound.error,
            band=band(sound, self._frontend),
            gaps=sound.gaps,
            tracks=sound.info.tracks,
        )

    def _judge(self, words: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
        """What makes probabilities (K,) that words fit of a window's unit vector (D,)."""
        if self.config.text is None or self.config.text.calibration is None:  # words compete with AudioSet's names (gathering.Contrast)
            from auricle.listen.zeroshot import ZeroShot

            judge, _, _ = ZeroShot(self, words).judge("any")
            return lambda vector: judge.scores(judge.evidence(vector))
        rows = self.runtime.embed_text(words)
        return lambda vector: self.score(rows @ vector)

    def _answered(
        self, asked: np.ndarray | None, tags: Sequence[Label], own: np.ndarray | None, job: _Job, *, silent: bool
    ) -> tuple[Label, ...] | None:
        """Scores of the asked words, then of fitted heads. A word of the vocabulary has its trained score: it agrees with the tags."""
        if asked is None and own is None:
            return None
        answers = []
        trained = {tag.label: tag for tag in tags}
        for word, score in zip(job.words, () if asked is None else asked, strict=True):
            place = self._places.get(plain(word))
            if place is None:
                answers.append(Label(word, float(score), bool(score >= text_threshold(self.config)) and not silent))
            else:
                answers.append(dataclasses.replace(trained[self.labels[place]], label=word))
        if own is not None and job.heads is not None:
            answers += [
                Label(word, float(score), bool(score >= 0.5) and not silent) for word, score in zip(job.heads.labels, own, strict=True)
            ]
        return tuple(answers)

    def _embedded(self, source: Source, place: int, job: _Job, space: Space) -> np.ndarray | SoundError:
        total, seconds = np.zeros(1), 0.0
        try:
            with self._stream(source) as sound:
                for part in self._parts(sound, job):
                    vector = part.vector if space == "words" else part.likeness
                    if vector is not None:
                        total, seconds = total + vector.astype(np.float64) * part.seconds, seconds + part.seconds
                    if job.progress is not None:
                        job.progress(place, part.start + part.seconds, sound.info.duration)
            if sound.error:
                return SoundError(sound.error)
            return np.asarray(total / seconds, dtype=np.float32) if seconds else self._silence(source, space)
        except SoundError as error:
            return error

    def _silence(self, source: Source, space: Space) -> np.ndarray:
        """Vector of a recording in which nothing sounds: that of its first window."""
        with self._stream(source) as sound:
            first = next(iter(sound))
        if not first.samples.size:  # resampling can leave nothing of a sample or two
            first = dataclasses.replace(first, samples=np.zeros((1, 1), np.float32))
        return self._ear.vector(first, space)

    def _parts(self, sound: Stream, job: _Job) -> Iterator[Part]:
        windows = _until(job.stop, sound)
        if job.by_file or self.workers == 1:  # on one core a second thread only gets in the way of the one that decodes
            return map(self._ear.hear, windows)
        return ordered(self._ear.hear, windows, pool=job.pool, ahead=2 * self.workers)

    def _stream(self, source: Source, seconds: float | None = None, context: float | None = None) -> Stream:
        seconds = self.config.window.seconds if seconds is None else seconds
        context = self.config.window.context if context is None else context
        if isinstance(source, Clip):
            return stream_clip(source, rate=self._frontend.rate, seconds=seconds, context=context, high=self._frontend.band[1])
        return stream(source, rate=self._frontend.rate, seconds=seconds, context=context, high=self._frontend.band[1])


class _Scores:
    """Scores of a recording, of those of its windows: the greatest of each label, or of labels that exclude each other the mean by time.

    Shares of one whole stay shares of one whole that way, and the best one is what most of the recording is.
    """

    def __init__(self, labels: int, *, exclusive: bool) -> None:
        self.exclusive = exclusive
        self._scores, self._seconds = np.zeros(labels, np.float64), 0.0

    def add(self, part: Part) -> None:
        """The next window; a silent one has no say."""
        if not self.exclusive:
            np.maximum(self._scores, part.clip, out=self._scores)
        elif part.sounding:
            self._scores += part.clip.astype(np.float64) * part.seconds
            self._seconds += part.seconds

    def whole(self) -> np.ndarray:
        """(K,), float64."""
        return self._scores / self._seconds if self._seconds else self._scores


def load(model: str | Path | None = None, runtime: str | None = None, *, device: str | None = None) -> Listener:
    """A Listener with a shipped model by name, a model folder, or published weights: a file, a folder, or their name on the hub.

    The default model when none is given. runtime: one of auricle.runtime.open.ENGINES; by default the quickest that keeps the numbers.
    device: where torch runs a published model; see auricle.runtime.open.open_runtime.
    """
    return Listener(open_runtime(model, runtime, device=device))


def _until(stop: threading.Event, windows: Stream) -> Iterator[Window]:
    for window in windows:
        if stop.is_set():
            raise _StoppedError
        yield window


def _single(files: object) -> bool:
    return isinstance(files, (str, os.PathLike, Clip))


def listed(files: Source | Sequence[Source]) -> list[Source]:
    """One source or several as a list."""
    if isinstance(files, (str, os.PathLike, Clip)):
        return [files]
    if isinstance(files, np.ndarray):
        raise InputError("got an array without its rate; wanted auricle.Clip(samples, rate) or a path")
    return list(files)


def check_source(source: object) -> None:
    """InputError for what is neither a path nor a Clip."""
    if not _single(source):
        raise InputError(f"cannot listen to a {type(source).__name__}; wanted a path or auricle.Clip(samples, rate)")


def name_of(source: Source) -> str:
    """What results call a source: its path as given, with bytes that no text can hold spelled out."""
    if isinstance(source, Clip):
        return source.name
    return os.fspath(source).encode("utf-8", "backslashreplace").decode()


def _words(labels: Sequence[str]) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise InputError(f"labels is the string {labels!r}; wanted a list of strings")
    for label in labels:
        plain(label)
    return tuple(labels)
