"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that tells three tones apart (tests/tone_model.py)."""
    import tone_model

    return tone_model.write(tmp_path_factory.mktemp("models") / "tones")
