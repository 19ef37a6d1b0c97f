"""Jobs: recordings and what is asked of them in, answers out. Those that wait are heard together, on one thread over the Listener's pool.

Nobody waits for a batch to fill: whatever came while the last one was heard is the next. The model gains nothing from a batch axis on a
CPU, so a batch only shares the cores; its shortest recordings are heard first.
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
from auricle.listen.listener import Listener, Wanted
from auricle.serve.problems import Problem

Kind: TypeAlias = Literal["hear", "words", "likeness"]
Answer: TypeAlias = Analysis | np.ndarray | SoundError


class TooLongError(SoundError):
    """A recording lasts longer than the service hears."""


class _GivenUpError(SoundError):
    """Nobody waits for the answer any more."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of a recording. kind: hear it, or give its vector in the space of words or likeness. top: None is all tags."""

    kind: Kind = "hear"
    parts: tuple[Wanted, ...] = ("tags", "events")
    labels: tuple[str, ...] = ()
    top: int | None = 10


@dataclasses.dataclass(eq=False)
class Job:
    """One recording to be heard. size: bytes. seconds: how much of it was heard. given_up: set when nobody waits any more."""

    path: Path
    size: int
    question: Question
    max_seconds: float
    future: Future[Answer] = dataclasses.field(default_factory=Future)
    seconds: float = 0.0
    given_up: bool = False
    too_long: TooLongError | None = None

    def follow(self, seconds: float, declared: float) -> None:
        """Called as it is heard; raises what makes the Listener leave this recording and go on with the others."""
        self.seconds = seconds
        if self.given_up:
            raise _GivenUpError("given up")
        if max(seconds, declared) > self.max_seconds:
            lasts = f"{declared:.0f} s" if declared > self.max_seconds else f"more than {self.max_seconds:.0f} s"
            self.too_long = TooLongError(f"{self.path}: lasts {lasts}; wanted at most {self.max_seconds:.0f} s: send it in pieces")
            raise self.too_long

    def finish(self, answer: Answer) -> None:
        """Tell the answer to whoever waits."""
        with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
            self.future.set_result(self.too_long or answer)


class Places:
    """At most so many at a time. Used on the event loop only, so nothing is locked."""

    def __init__(self, count: int) -> None:
        self.count, self.taken = count, 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Take a place while the block runs; 429 where there is none."""
        if self.taken >= self.count:
            detail = f"{self.taken} requests are waiting, which is as many as are accepted; come again in a few seconds"
            raise Problem(429, detail, headers={"Retry-After": "2"})
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Jobs:
    """The thread that hears."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="auricle-hearing", daemon=True)

    def start(self) -> None:
        """Begin to hear."""
        self._thread.start()

    def stop(self) -> None:
        """Hear what was submitted, and end."""
        self._waiting.put(None)
        self._thread.join()

    def submit(self, job: Job) -> None:
        """Have a job's recording heard; its future will hold the answer."""
        self._waiting.put(job)

    def _work(self) -> None:
        going = True
        while going:
            batch = [self._waiting.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    batch.append(self._waiting.get_nowait())
            going = None not in batch
            for group in _alike([job for job in batch if job is not None and not job.given_up]):
                self._hear(group)

    def _hear(self, group: Sequence[Job]) -> None:
        """Hear one batch. What goes wrong with one recording in a way nobody foresaw does not reach the others."""
        left = list(group)
        try:
            for answer in self._answers(group):
                left.pop(0).finish(answer)
        except Exception as error:  # noqa: BLE001  told to whoever waits for it
            if len(group) > 1:
                for job in left:
                    self._hear([job])
                return
            with contextlib.suppress(InvalidStateError):
                left[0].future.set_exception(error)

    def _answers(self, group: Sequence[Job]) -> Iterator[Answer]:
        def follow(place: int, seconds: float, declared: float) -> None:
            group[place].follow(seconds, declared)

        paths = [job.path for job in group]
        kind = group[0].question.kind
        if kind != "hear":
            yield from self._listener.embed_each(paths, space=kind, progress=follow)
            return
        words = list(dict.fromkeys(word for job in group for word in job.question.labels))
        parts = sorted({part for job in group for part in job.question.parts})
        heard = self._listener.each(paths, words or None, parts=parts, top=None, progress=follow)
        for job, one in zip(group, heard, strict=True):
            yield _asked(one, job.question)


def _alike(batch: Sequence[Job]) -> Iterator[list[Job]]:
    """Jobs that one call of the Listener can answer, the smallest files first."""
    kinds: dict[Kind, list[Job]] = {}
    for job in sorted(batch, key=lambda job: job.size):
        kinds.setdefault(job.question.kind, []).append(job)
    yield from kinds.values()


def _asked(heard: Analysis, question: Question) -> Analysis:
    """Of what was heard for a whole batch, what this one asked for."""
    labels = None
    if question.labels and heard.labels is not None:  # a recording that failed has none
        by_word = {label.label: label for label in heard.labels}
        labels = tuple(by_word[word] for word in question.labels if word in by_word)
    unread = tuple(word for word in heard.unread if word in question.labels)
    whole = heard if "tags" in question.parts else dataclasses.replace(heard, tags=(), perhaps=())
    events = heard.events if "events" in question.parts else ()
    return dataclasses.replace(whole, tags=whole.tags[: question.top], events=events, labels=labels, unread=unread)
