"""Queue of uploads to process. Waiting jobs are processed as one batch, on one thread over the Listener's pool.

A batch does not wait to fill: it is whatever arrived during the previous one. A batch axis does not speed up the model on a CPU, so a
batch only shares the cores; its smallest files come first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from auricle.core.errors import SoundError
from auricle.core.records import Analysis
from auricle.listen.listener import AnalysisPart, Listener
from auricle.serve.problems import Problem

Kind: TypeAlias = Literal["listen", "words", "similarity", "likeness"]
Answer: TypeAlias = Analysis | np.ndarray | SoundError


class TooLongError(SoundError):
    """A recording is longer than the limit of the service."""


class _CancelledError(SoundError):
    """The request has ended: timeout or disconnect."""


@dataclasses.dataclass(frozen=True)
class JobSpec:
    """What to compute. kind: an analysis, or an embedding in one of the spaces of the Listener. top: number of tags, None for all."""

    kind: Kind = "listen"
    parts: tuple[AnalysisPart, ...] = ("tags", "events")
    labels: tuple[str, ...] = ()
    top: int | None = 10


@dataclasses.dataclass(eq=False)
class Job:
    """One recording to process. size: bytes. seconds: audio processed so far. cancelled: set when its request has ended."""

    path: Path
    size: int
    spec: JobSpec
    max_seconds: float
    future: Future[Answer] = dataclasses.field(default_factory=Future)
    seconds: float = 0.0
    cancelled: bool = False
    too_long: TooLongError | None = None

    def report_progress(self, seconds: float, declared: float) -> None:
        """Progress callback. Raises a SoundError to make the Listener skip the rest of this recording."""
        self.seconds = seconds
        if self.cancelled:
            raise _CancelledError("cancelled")
        if max(seconds, declared) > self.max_seconds:
            duration = f"{declared:.0f} s" if declared > self.max_seconds else f"more than {self.max_seconds:.0f} s"
            self.too_long = TooLongError(f"{self.path}: lasts {duration}; wanted at most {self.max_seconds:.0f} s: send it in parts")
            raise self.too_long

    def finish(self, answer: Answer) -> None:
        """Set the result of the future."""
        with contextlib.suppress(InvalidStateError):  # the future was cancelled
            self.future.set_result(self.too_long or answer)


class RequestLimit:
    """Limit on concurrent requests. Used on the event loop only, so it needs no lock."""

    def __init__(self, count: int) -> None:
        self.count, self.active = count, 0

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Context manager: occupy a slot; Problem 429 where there is none."""
        if self.active >= self.count:
            detail = f"{self.active} requests are waiting, which is the limit; try again in a few seconds"
            raise Problem(429, detail, headers={"Retry-After": "2"})
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


class JobQueue:
    """The queue and its worker thread."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="auricle-jobs", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Process what was submitted, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def submit(self, job: Job) -> None:
        """Add a job; its future gets the result."""
        self._waiting.put(job)

    def _work(self) -> None:
        running = True
        while running:
            batch = [self._waiting.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    batch.append(self._waiting.get_nowait())
            running = None not in batch
            for group in _group_by_kind([job for job in batch if job is not None and not job.cancelled]):
                self._process(group)

    def _process(self, group: Sequence[Job]) -> None:
        """Process one batch. After an unexpected error the remaining jobs are processed one by one."""
        left = list(group)
        try:
            for answer in self._answers(group):
                left.pop(0).finish(answer)
        except Exception as error:  # noqa: BLE001  raised again in the request
            if len(group) > 1:
                for job in left:
                    self._process([job])
                return
            with contextlib.suppress(InvalidStateError):
                left[0].future.set_exception(error)

    def _answers(self, group: Sequence[Job]) -> Iterator[Answer]:
        def progress(place: int, seconds: float, declared: float) -> None:
            group[place].report_progress(seconds, declared)

        paths = [job.path for job in group]
        kind = group[0].spec.kind
        if kind != "listen":
            yield from self._listener.embed_each(paths, space=kind, progress=progress)
            return
        labels = list(dict.fromkeys(label for job in group for label in job.spec.labels))
        parts = sorted({part for job in group for part in job.spec.parts})
        analyses = self._listener.each(paths, labels or None, parts=parts, top=None, progress=progress)
        for job, analysis in zip(group, analyses, strict=True):
            yield _select_answer(analysis, job.spec)


def _group_by_kind(batch: Sequence[Job]) -> Iterator[list[Job]]:
    """Group jobs of one kind for one call of the Listener, smallest files first."""
    kinds: dict[Kind, list[Job]] = {}
    for job in sorted(batch, key=lambda job: job.size):
        kinds.setdefault(job.spec.kind, []).append(job)
    yield from kinds.values()


def _select_answer(analysis: Analysis, spec: JobSpec) -> Analysis:
    """Reduce an analysis with the labels and parts of a whole batch to those of one job."""
    labels = None
    if spec.labels and analysis.labels is not None:  # a recording that failed has none
        by_name = {label.label: label for label in analysis.labels}
        labels = tuple(by_name[name] for name in spec.labels if name in by_name)
    unread = tuple(label for label in analysis.unread if label in spec.labels)
    negated = tuple(label for label in analysis.negated if label in spec.labels)
    whole = analysis if "tags" in spec.parts else dataclasses.replace(analysis, tags=(), perhaps=())
    events = analysis.events if "events" in spec.parts else ()
    return dataclasses.replace(whole, tags=whole.tags[: spec.top], events=events, labels=labels, unread=unread, negated=negated)
