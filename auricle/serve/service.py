"""The service: one listener and maybe one archive, and what it takes to ask them from the event loop without blocking it."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from auricle.archive.recordings import Recording, Recordings
from auricle.archive.search import Hit, Searcher
from auricle.archive.store import Archive
from auricle.archive.teaching import Proposal, Teacher
from auricle.core.errors import SoundError
from auricle.listen.listener import Listener
from auricle.serve.jobs import Answer, Job, Jobs, Places, Question
from auricle.serve.measures import Measures
from auricle.serve.problems import CLIENT_GONE, Problem
from auricle.serve.settings import Settings
from auricle.serve.uploads import Upload, received

Result = TypeVar("Result")


class Service:
    """What every route works with. folder: private, for uploads; there while the service runs."""

    folder: Path

    def __init__(self, listener: Listener, archive: Archive | None, settings: Settings) -> None:
        self.listener, self.settings = listener, settings
        self.places, self.archive_places = Places(settings.waiting), Places(settings.waiting)
        self.measures = Measures(lambda: self.places.taken + self.archive_places.taken)
        self._archive = archive
        self._searcher = None if archive is None else Searcher(archive, listener, cache_large=True)
        self._recordings = None if archive is None else Recordings(archive)
        self._teacher = None if self._searcher is None else Teacher(self._searcher.archive, listener, self._searcher)
        self.one_teacher = threading.Lock()
        self._jobs = Jobs(listener)
        self._pool = ThreadPoolExecutor(settings.threads, "auricle-archive")

    @contextlib.asynccontextmanager
    async def running(self, _: object = None) -> AsyncIterator[None]:
        """While the block runs, jobs are heard; its end waits for those that were accepted."""
        with tempfile.TemporaryDirectory(prefix="auricle-serve-") as name:
            self.folder = Path(name)
            self._jobs.start()
            if self._searcher is not None:
                self._pool.submit(self._searcher.prepare)
            try:
                yield
            finally:
                await asyncio.to_thread(self._jobs.stop)
                self._pool.shutdown()

    # The archive

    @property
    def archive(self) -> Archive | None:
        """The archive, where one is served."""
        return self._archive

    @property
    def searcher(self) -> Searcher:
        """Searches the archive; 404 where there is none."""
        return _there(self._searcher)

    @property
    def teacher(self) -> Teacher:
        """Teaches the archive; 404 where there is none."""
        return _there(self._teacher)

    def recording(self, content: str) -> Recording:
        """The archive's recording of this content, as it was heard; 404 or 410 where it is not to be had."""
        recording = _there(self._recordings).by_content(content)
        if recording is None:
            raise Problem(404, f"{content}: no recording of the archive has this id; wanted the id of a hit")
        if (fault := recording.fault()) is not None:
            raise Problem(410, f"{recording.file}: {fault}")
        return recording

    async def ask(self, function: Callable[[], Result]) -> Result:
        """What a function says that reads the archive, on a thread; 429 where too many wait, 503 where it takes too long."""
        with self.archive_places.one():
            asked = asyncio.get_running_loop().run_in_executor(self._pool, function)
            try:
                return await asyncio.wait_for(asked, self.settings.timeout)
            except TimeoutError as error:
                raise self._late() from error

    def told(self, hit: Hit | Proposal) -> dict[str, Any] | None:
        """A hit or a proposal as JSON with its recording's facts; None if that has left the archive."""
        recording = _there(self._recordings).by_path(hit.file)
        if recording is None:
            return None
        told = {"id": recording.content, "file": hit.file, "name": Path(hit.file).name, "duration": round(recording.duration, 4)}
        return told | {"onset": round(hit.onset, 3), "offset": round(hit.offset, 3), "score": round(hit.score, 4)}

    # Hearing

    @contextlib.asynccontextmanager
    async def uploaded(self, request: Request, name: str | None) -> AsyncIterator[Upload]:
        """The recording that a request brings; 429 before its body is read where too many are waiting."""
        with self.places.one():
            async with received(request, self.folder, name) as upload:
                self.measures.uploaded.inc(upload.size)
                yield upload

    async def hear(self, upload: Upload, question: Question, request: Request) -> Answer:
        """The answer to a question about an upload: 413 where it lasts too long, 422 where it cannot be heard."""
        job = Job(upload.path, upload.size, question, self.settings.max_seconds)
        self._jobs.submit(job)
        gone: asyncio.Future[Any] = asyncio.ensure_future(_left(request))
        answered: asyncio.Future[Any] = asyncio.wrap_future(job.future)
        try:
            done, _ = await asyncio.wait({answered, gone}, timeout=self.settings.timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            job.given_up = True  # no matter where it is answered already
            self.measures.heard.inc(job.seconds)
        if not job.future.done():
            raise Problem(CLIENT_GONE, "the client left before the answer") if done else self._late()
        answer = job.future.result()
        if job.too_long is not None:
            raise Problem(413, upload.told(str(job.too_long)))
        if isinstance(answer, SoundError):
            raise Problem(422, upload.told(str(answer)))
        return answer

    def _late(self) -> Problem:
        wait = {"Retry-After": "30"}
        return Problem(503, f"it took more than {self.settings.timeout:g} s; ask for less, or come again when less is asked", headers=wait)


def _there(part: Result | None) -> Result:
    """What belongs to the archive; 404 where none is served."""
    if part is None:
        raise Problem(404, "no archive is served here; start the service with --in DIR")
    return part


async def _left(request: Request) -> None:
    """Ends when the client leaves; its body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]
