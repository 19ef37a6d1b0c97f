"""Progress bars: late, on a terminal only, removed at the end."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from auricle.present import progress
from auricle.present.progress import DownloadProgress, FilesProgress, IndexProgress


def test_a_bar_appears_late_and_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Console(file=io.StringIO(), force_terminal=True)
    with FilesProgress(quiet, 2) as meter:
        meter(0, 1.0, 2.0)
    assert quiet.file.getvalue() == ""  # type: ignore[attr-defined]
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    busy = Console(file=io.StringIO(), force_terminal=True, width=80)
    with FilesProgress(busy, 2) as meter:
        time.sleep(0.01)
        meter(0, 1.0, 2.0)
        meter(1, 1.0, 0.0)
        meter.pause()
        meter(0, 2.0, 2.0)
    assert "listening" in busy.file.getvalue()  # type: ignore[attr-defined]
    piped = Console(file=io.StringIO(), force_terminal=False)
    with FilesProgress(piped, 1) as meter:
        meter(0, 1.0, 2.0)
    assert piped.file.getvalue() == ""  # type: ignore[attr-defined]


def test_indexing_shows_files_done_and_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    busy = Console(file=io.StringIO(), force_terminal=True, width=100)
    with IndexProgress(busy) as bar:
        time.sleep(0.01)
        bar(3, 8, 0.0)
        bar(5, 8, 20.0)
    text = busy.file.getvalue()  # type: ignore[attr-defined]
    assert "indexing" in text and "5/8" in text and "files/s" in text and "x real time" in text


def test_a_download_shows_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    busy = Console(file=io.StringIO(), force_terminal=True, width=100)
    with DownloadProgress(busy) as bar:
        time.sleep(0.01)
        for done, total in ((1_000_000, 4_000_000), (4_000_000, 4_000_000), (0, 0), (500, 1000)):  # the second file tells no size at first
            bar(done, total)
    text = busy.file.getvalue()  # type: ignore[attr-defined]
    assert "downloading" in text and "MB/s" in text and "50%" in text
