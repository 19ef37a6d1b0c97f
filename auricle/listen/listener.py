"""The Listener class and load(): audio files or arrays in, tags, events and embeddings out.

The result for a file does not depend on the other files of the batch: it is bit for bit the same.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

import numpy as np

from auricle.core.arguments import check, check_choice, check_strings, describe
from auricle.core.errors import InputError, SoundError
from auricle.core.model_files import fingerprint
from auricle.core.paths import path_to_text
from auricle.core.records import Analysis, Clip, EventWindows
from auricle.listen.implied import mark_events, mark_labels, narrower_labels
from auricle.listen.pipeline import Pipeline, Progress, Recording, Source, Space, WindowResult, Worker, check_source, check_space
from auricle.listen.query import HeadScores, Query, QueryScores, TextScorer
from auricle.listen.scores import label_thresholds, sigmoid, unit
from auricle.listen.timeline import Timeline, WindowBlocks
from auricle.runtime.catalog import DEFAULT
from auricle.runtime.open import Outputs as Outputs
from auricle.runtime.open import Runtime, open_runtime
from auricle.runtime.tokens import normalise_label
from auricle.tasks import tagging

if TYPE_CHECKING:
    from auricle.listen.answers import Collector
    from auricle.listen.vocabulary import Vocabulary
    from auricle.tasks.task import Task

#: The optional parts of an Analysis.
AnalysisPart: TypeAlias = Literal["tags", "events"]


class Listener:
    """Tags, detects and embeds audio with one model. Open one with `auricle.load()`. Safe to share between threads.

    >>> listener = auricle.load()
    >>> listener.config.name
    'auricle-tiny'
    """

    def __init__(self, runtime: Runtime, *, workers: int | None = None, tasks: Sequence[Task] = ()) -> None:
        """workers: number of files, or of windows of a single file, processed in parallel; by default the number of CPU cores.

        tasks: of your own, for outputs that were trained for them. InputError for one that the model has no output for.
        """
        check(runtime, Runtime, what="runtime", wanted="a model that auricle.load opened: call auricle.load() for a Listener")
        self.pipeline = Pipeline(runtime, workers=workers)
        self.runtime, self.config = runtime, runtime.config
        self._narrower = narrower_labels(self.config.clip)
        self.tasks: Mapping[str, Task] = {}
        if tasks or any(output.task for output in self.config.outputs.values()):
            from auricle.listen.answers import find_tasks  # imported here, since most models have no further outputs

            self.tasks = find_tasks(self.config, tasks)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels (K) that the model was trained on, and that tags and events use.

        >>> "rain" in listener.labels
        True
        """
        return self.config.labels

    @property
    def unknown_tasks(self) -> list[str]:
        """Tasks of outputs that are not answered, since the files of these tasks were not given."""
        return [output.task for name, output in self.config.outputs.items() if output.task and name not in self.tasks]

    @overload
    def listen(  # type: ignore[overload-overlap]  # a str is a sequence of str too, and means one path here
        self,
        files: Source,
        labels: Sequence[str] | None = None,
        *,
        top: int | None = 10,
        heads: HeadScores | None = None,
        progress: Progress | None = None,
    ) -> Analysis: ...
    @overload
    def listen(
        self,
        files: Sequence[Source],
        labels: Sequence[str] | None = None,
        *,
        top: int | None = 10,
        heads: HeadScores | None = None,
        progress: Progress | None = None,
    ) -> list[Analysis]: ...
    def listen(
        self,
        files: Source | Sequence[Source],
        labels: Sequence[str] | None = None,
        *,
        top: int | None = 10,
        heads: HeadScores | None = None,
        progress: Progress | None = None,
    ) -> Analysis | list[Analysis]:
        """Tags, events and scores of query labels: one Analysis for one file or clip, a list for several.

        files: paths or `Clip`s. labels: query labels, any words, scored in addition to the model's own labels; one that means a label of
        the model ("a dog barking") is answered by that label. top: number of tags to
        return, best first; None returns all. heads: fitted heads, whose labels are scored too. progress: called as the files are read.
        A file that cannot be read gives an Analysis with `error`. InputError for arguments of a wrong type or value.

        >>> analysis = listener.listen("examples/siren.ogg", labels=["siren", "crying child"])
        >>> [(label.label, label.present) for label in analysis.labels]
        [('siren', True), ('crying child', False)]
        """
        analyses = list(self.each(as_list(files), labels, top=top, heads=heads, progress=progress))
        return analyses[0] if _is_single(files) else analyses

    @overload
    def tag(self, files: Source, *, top: int | None = 10) -> Analysis: ...  # type: ignore[overload-overlap]
    @overload
    def tag(self, files: Sequence[Source], *, top: int | None = 10) -> list[Analysis]: ...
    def tag(self, files: Source | Sequence[Source], *, top: int | None = 10) -> Analysis | list[Analysis]:
        """Tags without events: as `listen`, one Analysis for one file or clip, a list for several.

        >>> [tag.label for tag in listener.tag("examples/rain.ogg").tags if tag.present]
        ['rain']
        """
        analyses = list(self.each(as_list(files), parts=("tags",), top=top))
        return analyses[0] if _is_single(files) else analyses

    @overload
    def detect(self, files: Source, *, window: float | None = None, hop: float | None = None) -> Analysis: ...  # type: ignore[overload-overlap]
    @overload
    def detect(self, files: Sequence[Source], *, window: float | None = None, hop: float | None = None) -> list[Analysis]: ...
    def detect(
        self, files: Source | Sequence[Source], *, window: float | None = None, hop: float | None = None
    ) -> Analysis | list[Analysis]:
        """Events (onset and offset in seconds) without tags: as `listen`.

        window, hop: for a model without frame-level scores, the length of the windows that are scored instead and the distance of their
        starts, seconds, such as 1.0 and 0.25 (a hop of a quarter of the window by default); see docs/tasks/detection.md. InputError for
        such a model without a window, and for a window where the model has frame-level scores or windows that are shorter.

        >>> [(event.label, event.onset, event.offset) for event in listener.detect("examples/bells.ogg").events]
        [('church bells', 0.8, 10.0)]
        """
        analyses = list(self.each(as_list(files), parts=("events",), event_windows=EventWindows.of(window, hop)))
        return analyses[0] if _is_single(files) else analyses

    def each(
        self,
        files: Sequence[Source],
        labels: Sequence[str] | None = None,
        *,
        parts: Sequence[AnalysisPart] = ("tags", "events"),
        top: int | None = 10,
        heads: HeadScores | None = None,
        event_windows: EventWindows | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Analysis]:
        """Iterate over the results of `listen`, in the order of the files, each as soon as it is computed.

        parts: which parts of the answer are computed. event_windows: see `detect`; tags come from these windows too. The other arguments
        are those of `listen`; labels of heads come after query labels. Arguments are checked and query labels are embedded before this
        returns.

        >>> for analysis in listener.each(["examples/rain.ogg", "examples/missing.ogg"], top=1):
        ...     print(analysis.file, [tag.label for tag in analysis.tags], analysis.error)
        examples/rain.ogg ['rain'] None
        examples/missing.ogg [] examples/missing.ogg: ...
        """
        if top is not None and (not isinstance(top, Integral) or top < 1):
            raise InputError(f"top is {describe(top)}; wanted 1 or more, or None for the whole vocabulary")
        check(heads, (HeadScores, type(None)), what="heads", wanted="fitted heads, such as auricle.listen.heads.Heads.load(path)")
        for part in check_strings(parts, what="parts"):
            check_choice(part, ("tags", "events"), what="an item of parts")
        if not self.labels and labels is None and heads is None and not self.tasks:
            raise InputError(f"{self.config.name} has no labels of its own; wanted query labels, such as labels=['siren', 'rain']")
        if event_windows is not None:
            self.check_windows(event_windows)
        elif set(parts) == {"events"} and self.config.frame is None:
            raise InputError(
                f"{self.config.name} scores whole windows and tells no times; give --window 1 --hop 0.25 (seconds) for events from short "
                f"windows, or take a model with frame-level scores, such as {DEFAULT}"
            )
        query = None if labels is None and heads is None else self._query(_words(() if labels is None else labels), heads)
        sources = as_list(files)

        def answer(source: Source, worker: Worker) -> Analysis:
            return self._answer(source, worker, query, parts=parts, top=top, event_windows=event_windows)

        return self._each(sources, answer, progress)

    def check_windows(self, windows: EventWindows) -> None:
        """InputError where the model has frame-level scores, or where it does not take windows of this length."""
        config = self.config
        if config.frame is not None:
            raise InputError(f"{config.name} has {config.frame_rate:g} frame-level scores a second; leave out window and hop")
        if not 1 / config.frame_rate <= windows.window <= config.window.seconds:
            raise InputError(
                f"window is {windows.window:g} s; wanted {1 / config.frame_rate:g} to {config.window.seconds:g} s, as {config.name} takes"
            )

    def _each(self, files: Sequence[Source], answer: Callable[[Source, Worker], Analysis], progress: Progress | None) -> Iterator[Analysis]:
        for source, result in zip(files, self.pipeline.each(files, answer, progress=progress), strict=True):
            yield Analysis(source_name(source), error=str(result)) if isinstance(result, SoundError) else result

    def embed_audio(
        self, files: Source | Sequence[Source], *, normalize: bool = True, space: Space = "words", progress: Progress | None = None
    ) -> np.ndarray:
        """Embed files or clips: float32 (B, D), the mean of the unit vectors of their windows, weighted by duration.

        Silent windows are left out, unless all windows are silent. normalize: scale each row to unit length. space: "words" for vectors
        to compare with those of `embed_text`; "similarity" for the similarity embedding (B, E), which compares sounds with sounds better.
        SoundError for the first file that cannot be read.

        >>> audio = listener.embed_audio(["examples/siren.ogg", "examples/rain.ogg"])
        >>> audio.shape, audio.dtype
        ((2, 256), dtype('float32'))
        """
        rows = []
        for row in self.embed_each(as_list(files), normalize=normalize, space=space, progress=progress):
            if isinstance(row, SoundError):
                raise row
            rows.append(row)
        if rows:
            return np.stack(rows)
        return np.zeros((0, self.config.dim if check_space(space) == "words" else self.similarity_dim), np.float32)

    def embed_each(
        self, files: Sequence[Source], *, normalize: bool = True, space: Space = "words", progress: Progress | None = None
    ) -> Iterator[np.ndarray | SoundError]:
        """Iterate over the rows (D,) of `embed_audio`, in the order of the files. For an unreadable file: its SoundError, not raised.

        >>> [row.shape for row in listener.embed_each(["examples/siren.ogg", "examples/rain.ogg"], space="similarity")]
        [(256,), (256,)]
        """
        check_space(space)
        for row in self.pipeline.each(as_list(files), lambda source, worker: self._embedded(source, worker, space), progress=progress):
            yield unit(row) if normalize and isinstance(row, np.ndarray) else row

    def outputs(self, source: Source) -> Iterator[Outputs]:
        """Raw model outputs of each window (logits and embeddings), before calibration: to fit and study thresholds."""
        with self.pipeline.stream(source) as sound:
            yield from map(self.pipeline.outputs, sound)

    def open(self, source: Source, *, window: float | None = None, hop: float | None = None) -> Recording:
        """Iterate over one recording window by window; each window is decoded and scored when it is requested.

        window: length of a window in seconds. hop: seconds between the starts of two windows. Both are the model's own by default.
        SoundError if the file cannot be opened, or, while iterating, if a window cannot be decoded.

        >>> with listener.open("examples/siren.ogg", window=2.0, hop=1.0) as recording:
        ...     starts = [window.start for window in recording if window.sounding]
        >>> starts[:3]
        [0.0, 1.0, 2.0]
        """
        for name, seconds in (("window", window), ("hop", hop)):
            check(seconds, (Real, type(None)), what=name, wanted="seconds, or None for the model's own")
        return self.pipeline.open(source, window=window, hop=hop)

    @functools.cached_property
    def vocabulary(self) -> Vocabulary:
        """Finds the label of the model that a phrase means."""
        from auricle.listen.vocabulary import Vocabulary  # imported here, since tagging does not need it

        return Vocabulary(self.labels)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the model files that determine the answers."""
        return str(fingerprint(self.runtime.folder))

    @functools.cached_property
    def similarity_dim(self) -> int:
        """E, the dimension of the similarity embedding."""
        rate = self.pipeline.frontend.rate
        return int(self.embed_audio(Clip(np.zeros((1, rate), np.float32), rate), space="similarity").shape[1])

    def score(self, cosine: np.ndarray) -> np.ndarray:
        """Calibrated probability that a text matches a sound, of the cosine of their vectors (any shape); uncalibrated, max(cosine, 0)."""
        line = None if self.config.text is None else self.config.text.calibration
        if line is None:
            return np.asarray(np.maximum(cosine, 0), np.float32)
        return sigmoid(np.float32(line.scale) * cosine + np.float32(line.bias))

    def present(self, scores: np.ndarray) -> np.ndarray:
        """Which labels are present, bool (K,), from the scores (K,) of a window that is not silent: by threshold, or only the best one."""
        return tagging.present(scores, label_thresholds(self.config.clip), exclusive=self.config.activation == "softmax")

    def embed_text(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Embed texts into the joint audio-text space: float32 (B, D), of unit length if normalize.

        ModelError for a model without a text tower.

        >>> cosines = listener.embed_text(["a siren", "heavy rain"]) @ listener.embed_audio("examples/rain.ogg")[0]
        >>> int(cosines.argmax())
        1
        """
        return self.runtime.embed_text(texts, normalize=normalize)

    def _answer(
        self,
        source: Source,
        worker: Worker,
        query: Query | None,
        *,
        parts: Sequence[AnalysisPart],
        top: int | None,
        event_windows: EventWindows | None,
    ) -> Analysis:
        config, limits = self.config, label_thresholds(self.config.clip)
        scores = _Scores(len(config.labels), exclusive=config.activation == "softmax")
        query_scores = QueryScores(query or Query(), config, limits)
        named = query is not None and any(index is not None for index in query.indices)
        further = self._collectors()
        with worker.open(source, **({} if event_windows is None else dataclasses.asdict(event_windows))) as recording:
            timeline = self._timeline(recording, event_windows) if "events" in parts or (named and config.frame is not None) else None
            for window in recording:
                scores.add(window)
                query_scores.add(window)
                for collector in further:
                    collector.add(window)
                if timeline is not None:
                    timeline.add(window)
        silent = recording.silent
        tags = tagging.decode(scores.whole(), config.labels, thresholds=limits, silent=silent, exclusive=scores.exclusive)
        guesses = () if silent or any(tag.present for tag in tags) else tagging.guesses(scores.whole(), config.labels, thresholds=limits)
        events = timeline.events(recording.sound.end) if timeline is not None else ()
        if self._narrower:
            tags, guesses = mark_labels(tags, self._narrower), mark_labels(guesses, self._narrower, guessed=True)
            events = mark_events(events, self._narrower)
        return Analysis(
            file=source_name(source),
            tags=tags[:top] if "tags" in parts else (),
            perhaps=guesses if "tags" in parts else (),
            events=events if "events" in parts else (),
            labels=None if query is None else query_scores.answers(tags, events, silent=silent),
            unread=() if query is None else query.unread,
            negated=() if query is None else query.negated,
            event_windows=event_windows,
            answers={each.name: found for each in further if (found := each.answer(recording.sound.end)) is not None},
            **recording.facts(),
        )

    def _timeline(self, recording: Recording, windows: EventWindows | None) -> Timeline:
        return Timeline(self.config, None if windows is None else WindowBlocks(self.config, windows, hop=recording.sound.hop))

    def _collectors(self) -> list[Collector]:
        """A collector of each output that a task of its own decodes."""
        if not self.tasks:
            return []
        from auricle.listen.answers import Collector

        return [Collector(name, task, self.config.outputs[name]) for name, task in self.tasks.items()]

    def _query(self, words: Sequence[str], heads: HeadScores | None) -> Query:
        """Query of words and heads; words that deny a sound are left out, and those that mean no label and cannot be encoded."""
        negated = tuple(filter(self.vocabulary.is_negated, words))
        unread = self.unread([word for word in words if word not in negated and self.vocabulary.find(word) is None])
        labels = tuple(word for word in words if word not in (*negated, *unread))
        indices = tuple(map(self.vocabulary.find, labels))
        texts = [label for label, index in zip(labels, indices, strict=True) if index is None]
        return Query(labels, indices, self._text_scorer(texts) if texts else None, heads, unread, tuple(dict.fromkeys(negated)))

    def check_labels(self, labels: Sequence[str]) -> None:
        """InputError or ModelError for query labels that `listen` refuses: texts that are not valid, or a model that cannot score them.

        >>> listener.check_labels(["siren", "a crying child"])
        """
        self._query(_words(labels), None)

    def unread(self, words: Sequence[str]) -> tuple[str, ...]:
        """The words that the tokenizer of the model cannot encode, such as emoji, or a script that it was not trained on."""
        return tuple(dict.fromkeys(word for word in check_strings(words, what="words") if not self.runtime.has_known_words(word)))

    def _text_scorer(self, words: Sequence[str]) -> TextScorer:
        """A function from the unit vector (D,) of a window to the probabilities (K,) that words match it."""
        from auricle.listen import textcache  # imported here, since tagging needs none of these
        from auricle.listen.background import contrast, own_prompt
        from auricle.listen.prompt_set import open_prompt_set

        def embed(texts: Sequence[str]) -> np.ndarray:
            return textcache.embed_cached(texts, self.embed_text, fingerprint=self.fingerprint)

        if self.config.text is None or self.config.text.calibration is None:
            contrasted = contrast(words, self.config, embed)
            return lambda vector: contrasted.scores(contrasted.evidence(vector))
        rows = open_prompt_set(own_prompt(self.config)).weights(words, embed)
        return lambda vector: self.score(rows @ vector)

    def _embedded(self, source: Source, worker: Worker, space: Space) -> np.ndarray:
        total, seconds = np.zeros(1), 0.0
        with worker.open(source) as recording:
            for window in recording:
                vector = window.vector if space == "words" else window.similarity
                if vector is not None:
                    total, seconds = total + vector.astype(np.float64) * window.seconds, seconds + window.seconds
        if recording.error:
            raise SoundError(recording.error)
        return np.asarray(total / seconds, dtype=np.float32) if seconds else self._silence(source, space)

    def _silence(self, source: Source, space: Space) -> np.ndarray:
        """Vector of a recording whose windows are all silent: that of its first window."""
        with self.pipeline.stream(source) as sound:
            first = next(iter(sound))
        if not first.samples.size:  # resampling one or two samples can give none
            first = dataclasses.replace(first, samples=np.zeros((1, 1), np.float32))
        return self.pipeline.embed(first, space)


class _Scores:
    """Scores of a recording from those of its windows: the maximum of each label, or of exclusive labels (softmax) the mean over time.

    The mean of softmax scores still sums to one, and its best label is that of most of the recording.
    """

    def __init__(self, labels: int, *, exclusive: bool) -> None:
        self.exclusive = exclusive
        self._scores, self._seconds = np.zeros(labels, np.float64), 0.0

    def add(self, window: WindowResult) -> None:
        """Add the next window; a silent one does not count."""
        if not self.exclusive:
            np.maximum(self._scores, window.clip, out=self._scores)
        elif window.sounding:
            self._scores += window.clip.astype(np.float64) * window.seconds
            self._seconds += window.seconds

    def whole(self) -> np.ndarray:
        """Scores of the whole recording, float64 (K,)."""
        return self._scores / self._seconds if self._seconds else self._scores


def load(
    model: str | Path | None = None, runtime: str | None = None, *, device: str | None = None, tasks: Sequence[Task | str] = ()
) -> Listener:
    """Open a model and return its Listener.

    model: name of a shipped model, a model folder, or published weights: a file, a folder, or their name on the hub. None: the default
    model. runtime: one of auricle.runtime.open.ENGINES; by default the fastest whose outputs agree with torch within tolerance.
    device: where torch runs a published model; see auricle.runtime.open.open_runtime. tasks: of your own, for outputs that were trained for
    them; a text is the path of a .py file that defines TASK, which is executed. ModelError if the model cannot be opened.

    >>> listener = auricle.load("auricle-tiny")
    >>> listener.tag("examples/rain.ogg").tags[0].label
    'rain'
    """
    found = []
    if tasks:
        from auricle.tasks import registry

        found = [registry.find(task) if isinstance(task, str) else task for task in tasks]
    return Listener(open_runtime(model, runtime, device=device), tasks=found)


def _is_single(files: object) -> bool:
    return isinstance(files, (str, os.PathLike, Clip))


def as_list(files: Source | Sequence[Source]) -> list[Source]:
    """One source or several as a list; InputError for anything else."""
    if isinstance(files, (str, os.PathLike, Clip)):
        return [files]
    if hasattr(files, "__array__"):
        raise InputError("got an array without its rate; wanted auricle.Clip(samples, rate) or a path")
    several = list(files) if isinstance(files, Iterable) else [files]
    for source in several:
        check_source(source)
    return several


def source_name(source: Source) -> str:
    """The name of a source in results: its path as given, with bytes that are not UTF-8 escaped."""
    return source.name if isinstance(source, Clip) else path_to_text(source)


def _words(labels: Sequence[str]) -> tuple[str, ...]:
    words = check_strings(labels, what="labels")
    for label in words:
        normalise_label(label)
    return words
