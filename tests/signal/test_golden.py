"""Every front-end still gives the numbers that are stored for it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from auricle.signal.presets import PRESETS

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def golden() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_frontends", GOLDEN / "make_frontends.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_preset_has_its_numbers_and_they_are_few(golden: ModuleType) -> None:
    with np.load(golden.STORED) as stored:
        assert set(stored.files) == set(PRESETS)
    assert golden.STORED.stat().st_size < 300_000


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_its_numbers(name: str, golden: ModuleType) -> None:
    with np.load(golden.STORED) as stored:
        wanted = stored[name]
    found = golden.sample(name)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    assert np.linalg.norm(found - wanted) <= 1e-6 * np.linalg.norm(wanted)
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()
