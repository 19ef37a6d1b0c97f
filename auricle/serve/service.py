"""Shared state of the routes: a listener, optionally an archive, and their use from the event loop without blocking it."""

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
from auricle.serve.jobs import Answer, Job, JobQueue, JobSpec, RequestLimit
from auricle.serve.metrics import Metrics
from auricle.serve.problems import CLIENT_CLOSED, Problem
from auricle.serve.settings import Settings
from auricle.serve.uploads import Upload, receive_upload

Result = TypeVar("Result")


class Service:
    """State shared by all routes. folder: private, for uploads; exists while the service runs."""

    folder: Path

    def __init__(self, listener: Listener, archive: Archive | None, settings: Settings) -> None:
        self.listener, self.settings = listener, settings
        self.upload_limit, self.archive_limit = RequestLimit(settings.max_requests), RequestLimit(settings.max_requests)
        self.metrics = Metrics(lambda: self.upload_limit.active + self.archive_limit.active)
        self._archive = archive
        self._searcher = None if archive is None else Searcher(archive, listener, cache_large=True)
        self._recordings = None if archive is None else Recordings(archive)
        self._teacher = None if self._searcher is None else Teacher(self._searcher.archive, listener, self._searcher)
        self.teach_lock = threading.Lock()
        self._jobs = JobQueue(listener)
        self._pool = ThreadPoolExecutor(settings.threads, "auricle-archive")

    @contextlib.asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        """Context manager: process jobs during the block; on exit, finish the accepted ones."""
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
        """The archive; None where none is served."""
        return self._archive

    @property
    def searcher(self) -> Searcher:
        """Searcher of the archive; Problem 404 where there is none."""
        return _require_archive(self._searcher)

    @property
    def teacher(self) -> Teacher:
        """Teacher of the archive; Problem 404 where there is none."""
        return _require_archive(self._teacher)

    def recording(self, content: str) -> Recording:
        """The recording with this content hash; Problem 404 where there is none, 410 where the file is gone or has changed."""
        recording = _require_archive(self._recordings).by_content(content)
        if recording is None:
            raise Problem(404, f"{content}: no recording of the archive has this id; wanted the id of a hit")
        if (fault := recording.fault()) is not None:
            raise Problem(410, f"{recording.file}: {fault}")
        return recording

    async def run_in_thread(self, function: Callable[[], Result]) -> Result:
        """Run a function of the archive in a thread; Problem 429 where too many are waiting, 503 on timeout."""
        with self.archive_limit.slot():
            pending = asyncio.get_running_loop().run_in_executor(self._pool, function)
            try:
                return await asyncio.wait_for(pending, self.settings.timeout)
            except TimeoutError as error:
                raise self._timeout_problem() from error

    def hit_json(self, hit: Hit | Proposal) -> dict[str, Any] | None:
        """Convert a hit or a proposal to JSON with facts of its recording; None where that was removed from the archive."""
        recording = _require_archive(self._recordings).by_path(hit.file)
        if recording is None:
            return None
        fields = {"id": recording.content, "file": hit.file, "name": Path(hit.file).name, "duration": round(recording.duration, 4)}
        return fields | {"onset": round(hit.onset, 3), "offset": round(hit.offset, 3), "score": round(hit.score, 4)}

    # Uploads

    @contextlib.asynccontextmanager
    async def receive(self, request: Request, name: str | None) -> AsyncIterator[Upload]:
        """Context manager: receive the upload of a request; Problem 429, before its body is read, where too many are waiting."""
        with self.upload_limit.slot():
            async with receive_upload(request, self.folder, name) as upload:
                self.metrics.uploaded.inc(upload.size)
                yield upload

    async def process(self, upload: Upload, spec: JobSpec, request: Request) -> Answer:
        """Process an upload; Problem 413 where it is too long, 422 where it cannot be read, 503 on timeout."""
        job = Job(upload.path, upload.size, spec, self.settings.max_seconds)
        self._jobs.submit(job)
        disconnected: asyncio.Future[Any] = asyncio.ensure_future(_wait_for_disconnect(request))
        answered: asyncio.Future[Any] = asyncio.wrap_future(job.future)
        try:
            done, _ = await asyncio.wait({answered, disconnected}, timeout=self.settings.timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnected.cancel()
            job.cancelled = True  # has no effect on a finished job
            self.metrics.audio_seconds.inc(job.seconds)
        if not job.future.done():
            raise Problem(CLIENT_CLOSED, "the client disconnected before the response") if done else self._timeout_problem()
        answer = job.future.result()
        if job.too_long is not None:
            raise Problem(413, upload.use_client_name(str(job.too_long)))
        if isinstance(answer, SoundError):
            raise Problem(422, upload.use_client_name(str(answer)))
        return answer

    def _timeout_problem(self) -> Problem:
        detail = f"it took more than {self.settings.timeout:g} s; send a shorter recording, or try again later"
        return Problem(503, detail, headers={"Retry-After": "30"})


def _require_archive(part: Result | None) -> Result:
    """Return a part of the archive; Problem 404 where no archive is served."""
    if part is None:
        raise Problem(404, "no archive is served; start the service with --archive DIR")
    return part


async def _wait_for_disconnect(request: Request) -> None:
    """Return when the client disconnects. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]
