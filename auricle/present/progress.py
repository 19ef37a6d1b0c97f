"""Progress bars: shown only on a terminal, after two seconds, and removed at the end."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console

_DELAY = 2.0  # seconds of work before a bar appears


class _Bar:
    """A rich progress bar that appears after `_DELAY` seconds. It can be updated from any thread."""

    def __init__(self, console: Console, total: int, description: str) -> None:
        self._console, self._total, self._description = console, total, description
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Any = None

    def _update(self, completed: float, *, total: int | None = None, rate: str = "") -> None:
        """Show `completed` of `total` if the bar is due. Called with the lock held."""
        if self._bar is None and self._console.is_terminal and time.monotonic() - self._started > _DELAY:
            self._bar = self._open()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=completed, total=self._total if total is None else total, rate=rate)

    def _open(self) -> Any:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        bar = Progress(*columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False)
        bar.add_task(self._description, total=self._total, rate="")
        bar.start()
        return bar

    def pause(self) -> None:
        """Remove the bar, so that a result can be printed; the next update shows it again."""
        with self._lock:
            bar, self._bar = self._bar, None
            if bar is not None:
                bar.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pause()


class FilesProgress(_Bar):
    """Progress over a known number of files, each counted by the share of its duration that is done."""

    def __init__(self, console: Console, files: int, *, description: str = "listening") -> None:
        super().__init__(console, files, description)
        self._shares: dict[int, float] = {}

    def __call__(self, index: int, seconds: float, declared: float) -> None:
        """Record that `seconds` of the `declared` duration of the file at `index` are done."""
        with self._lock:
            self._shares[index] = min(1.0, seconds / declared) if declared else 0.0
            self._update(sum(self._shares.values()))


class DownloadProgress(_Bar):
    """Progress of a download: bytes that are there of all, and the rate of this call."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, 0, "downloading")
        self._first: int | None = None
        self._started_bytes = self._started

    def __call__(self, done: int, total: int) -> None:
        """Record that `done` bytes of `total` are there; total is 0 while it is unknown."""
        with self._lock:
            if self._first is None or done < self._first:  # a further file, or one that starts again
                self._first, self._started_bytes = done, time.monotonic()
            seconds = max(1e-3, time.monotonic() - self._started_bytes)
            self._update(done, total=total, rate=f"{(done - self._first) / seconds / 1e6:.1f} MB/s")


class IndexProgress(_Bar):
    """Progress of indexing: files done of all, files per second, and how many times faster than real time."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, 0, "indexing")
        self._first: int | None = None

    def __call__(self, done: int, total: int, seconds: float) -> None:
        """Record that `done` of `total` files and `seconds` of audio are done."""
        with self._lock:
            self._first = done if self._first is None else self._first
            elapsed = max(time.monotonic() - self._started, 1e-9)
            self._update(
                done, total=total, rate=f"{done}/{total}  {(done - self._first) / elapsed:.0f} files/s, {seconds / elapsed:.0f} x real time"
            )
