from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from auricle.train import checkpoint


def test_a_checkpoint_is_whole_or_absent(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.pt", {"epoch": 1})
    with pytest.raises(AttributeError):
        checkpoint.save(tmp_path / "a.pt", {"epoch": lambda: None})
    assert checkpoint.load(tmp_path / "a.pt") == {"epoch": 1}
