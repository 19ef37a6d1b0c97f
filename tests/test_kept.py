"""What earlier releases wrote still opens and answers as it did: archive, taught class, heads, scales, model folders of format 1."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

KEPT = Path(__file__).parent / "golden" / "kept.py"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    pytest.importorskip("lancedb")
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("kept", KEPT)
    assert spec is not None and spec.loader is not None
    kept = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kept)
    return kept.answers(tmp_path_factory.mktemp("kept"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    return json.loads((KEPT.parent / "before" / "answers.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("what", ["fingerprint", "files", "hits", "heads", "scale one", "scale any", "tagger", "tagger-graphs"])
def test_what_was_kept_answers_as_before(what: str, found: dict[str, Any], stored: dict[str, Any]) -> None:
    assert _close(found[what], stored[what])


def _close(found: Any, stored: Any) -> bool:
    if isinstance(stored, dict):
        return found.keys() == stored.keys() and all(_close(found[key], stored[key]) for key in stored)
    if isinstance(stored, list):
        return len(found) == len(stored) and all(map(_close, found, stored))
    return abs(found - stored) <= 1e-5 if isinstance(stored, float) else bool(found == stored)
