"""A listener, an archive, and services that run: real ones, on a free port of this machine."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tone_model import RATE, silence, tone

import auricle
from auricle.listen.listener import Listener

if TYPE_CHECKING:
    import httpx2 as httpx

    from auricle.archive.store import Archive
    from serve.running import Serve

if any(importlib.util.find_spec(name) is None for name in ("lancedb", "fastapi", "uvicorn", "httpx2", "schemathesis")):
    collect_ignore_glob = ["test_*.py"]  # the extra serve is not installed


@pytest.fixture(scope="session")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    soundfile.write(folder / "low.wav", tone("low tone", 3), RATE)
    soundfile.write(folder / "high.flac", tone("high tone", 3), RATE)
    pieces = [tone("low tone", 12), silence(8), tone("middle tone", 12), silence(8), tone("low tone", 4)]
    soundfile.write(folder / "long.wav", np.concatenate(pieces), RATE)
    return folder


@pytest.fixture(scope="session")
def archive(sounds: Path, listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    from auricle.archive import sources
    from auricle.archive.indexing import index
    from auricle.archive.store import Archive

    made = Archive.create(tmp_path_factory.mktemp("archives") / "a", listener, window=4.0, hop=4.0)
    index(made, listener, sources.find_recordings([str(sounds)]))
    return made


@pytest.fixture(scope="session")
def client(listener: Listener, archive: Archive) -> Iterator[httpx.Client]:
    """Of a service with the archive, as it runs by default."""
    from serve.running import served

    with served(listener, archive) as one:
        yield one


@pytest.fixture
def serve(listener: Listener, archive: Archive) -> Iterator[Serve]:
    """Start a service of other settings."""
    from serve.running import served

    with contextlib.ExitStack() as stack:

        def start(**settings: Any) -> httpx.Client:
            return stack.enter_context(served(listener, settings.pop("archive", archive), **settings))

        yield start
