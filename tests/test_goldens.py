"""Golden answers: the examples by the shipped model always; real recordings, and a real published model, where their folders are given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
STORED = ROOT / "tests" / "golden" / "answers"


def compared(*options: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "AURICLE_DATA"}
    command = [sys.executable, "benchmarks/golden.py", "compare", str(STORED), *options]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_examples_get_their_golden_answers() -> None:
    compared("--model", "auricle-tiny")


def test_real_recordings_get_their_golden_answers() -> None:
    data = os.environ.get("AURICLE_DATA")
    if not data:
        pytest.skip("wants AURICLE_DATA, the folder of recordings that docs/data.md describes")
    compared("--model", "auricle-tiny", "--data", data)


def test_a_real_published_model_gives_its_golden_answers() -> None:
    pytest.importorskip("torch")
    data = os.environ.get("AURICLE_DATA")
    weights = Path(data or ".").resolve().parent / "weights" / "mn04_as_mAP_432.pt"
    if not data or not weights.is_file():
        pytest.skip("wants AURICLE_DATA and, beside it, weights/mn04_as_mAP_432.pt of EfficientAT")
    compared("--model", f"mn04={weights}", "--data", data)


def test_a_difference_is_found_and_named(tmp_path: Path) -> None:
    for name in ("auricle-tiny.json", "auricle-tiny.npz"):
        (tmp_path / name).write_bytes((STORED / name).read_bytes())
    answers = json.loads((tmp_path / "auricle-tiny.json").read_text())
    answers["examples/bells.ogg"]["tag"]["silent"] = True
    (tmp_path / "auricle-tiny.json").write_text(json.dumps(answers))
    command = [sys.executable, "benchmarks/golden.py", "compare", str(tmp_path), "--model", "auricle-tiny"]
    environment = {key: value for key, value in os.environ.items() if key != "AURICLE_DATA"}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert found.returncode == 1
    assert "auricle-tiny/examples/bells.ogg/tag/silent is False; was True" in found.stdout


def test_one_recording_is_stored_anew_and_no_other(tmp_path: Path) -> None:
    for name in ("auricle-tiny.json", "auricle-tiny.npz"):
        (tmp_path / name).write_bytes((STORED / name).read_bytes())
    was = json.loads((tmp_path / "auricle-tiny.json").read_text())
    changed = was | {place: {"tag": "changed"} for place in ("examples/bells.ogg", "examples/rain.ogg")}
    (tmp_path / "auricle-tiny.json").write_text(json.dumps(changed))
    command = [sys.executable, "benchmarks/golden.py", "store", str(tmp_path), "--only", "examples/bells.ogg", "--model", "auricle-tiny"]
    environment = {key: value for key, value in os.environ.items() if key != "AURICLE_DATA"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    now = json.loads((tmp_path / "auricle-tiny.json").read_text())
    assert now.keys() == was.keys() and [place for place in now if now[place] != changed[place]] == ["examples/bells.ogg"]
    with np.load(tmp_path / "auricle-tiny.npz") as new, np.load(STORED / "auricle-tiny.npz") as old:
        assert set(new.files) == set(old.files)
        assert all(np.allclose(new[key], old[key], atol=1e-5) for key in new.files)
