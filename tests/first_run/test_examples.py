"""The examples: small, of one, two and four channels, and what their script makes."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from auricle.signal.streaming import inspect, read, stream

FOLDER = Path(__file__).parent.parent.parent / "examples"
NAMES = sorted(path.name for path in FOLDER.glob("*.ogg"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples made anew."""
    folder = tmp_path_factory.mktemp("examples")
    runpy.run_path(str(FOLDER / "make_examples.py"))["main"](folder)
    return folder


def test_the_examples_are_small_and_differ_in_channels() -> None:
    assert sum((FOLDER / name).stat().st_size for name in NAMES) <= 300_000
    assert {inspect(FOLDER / name).channels for name in NAMES} == {1, 2, 4}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_heard_whole(name: str) -> None:
    windows = stream(FOLDER / name, rate=16000, seconds=10.0)
    for _ in windows:
        pass
    assert windows.error is None and 5.0 <= windows.decoded <= 10.0 and 0.1 < windows.peak < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_what_is_there(made: Path, name: str) -> None:
    there, anew = read(FOLDER / name).samples, read(made / name).samples
    assert there.shape == anew.shape
    assert np.abs(there - anew).max() < 1e-3
