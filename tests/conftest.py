"""Fixtures that the tests of several packages share, and the threads of a test worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# Each worker of pytest-xdist computes on its share of the cores: OpenMP threads of several processes on the same cores wait for
# each other in busy loops. Set before numpy and torch are imported; subprocesses inherit it.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))


@pytest.fixture(scope="session")
def tone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that tells three tones apart (tests/tone_model.py)."""
    import tone_model

    return tone_model.write(tmp_path_factory.mktemp("models") / "tones")


def named(variable: str) -> Path:
    """The folder that an environment variable names; skips where it is not set, and fails where it names no folder."""
    if variable not in os.environ:
        pytest.skip(f"{variable} names no folder")
    folder = Path(os.environ[variable]).resolve()
    assert folder.is_dir(), f"{variable} is {folder}, which is no folder"
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of recordings that docs/data.md describes, named by AURICLE_DATA."""
    return named("AURICLE_DATA")


@pytest.fixture(scope="session")
def parity() -> Path:
    """The folder of published outputs and scores that code is held to, named by AURICLE_PARITY."""
    return named("AURICLE_PARITY")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests, and the commands that they run, leave nothing in the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AURICLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
