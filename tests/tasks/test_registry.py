"""The page docs/tasks/own.md as it is: its task is trained, scored and asked with its commands."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.data.manifest import write
from auricle.tasks import registry

PAGE = Path(__file__).parents[2] / "docs" / "tasks" / "own.md"
RATE = 16_000


def tone(pitch: float, seed: int) -> np.ndarray:
    """A tone of one second with five harmonics at random levels, float32 (N,)."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * pitch * np.arange(RATE) / RATE
    wave = sum(rng.uniform(0.1, 1) / number * np.sin(number * phase) for number in range(1, 6))
    return np.asarray(0.1 * rng.uniform(0.3, 1) * wave, np.float32)


def tones(folder: Path, name: str, *, count: int, seed: int) -> None:
    items = []
    for index in range(count):
        pitch = float(110 * 2 ** np.random.default_rng([seed, index]).uniform(0, 3))
        path = folder / f"{name}-{index}.wav"
        soundfile.write(path, tone(pitch, 1000 * seed + index), RATE)
        items.append(Item(path.name, path, values={"pitch": pitch}))
    write(folder / f"{name}.jsonl", items)


def auricle(folder: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "auricle", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_task_of_the_page_is_trained_scored_and_answered(tmp_path: Path) -> None:
    page = PAGE.read_text()
    code, commands = (re.search(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("python", "sh"))
    assert code is not None and commands is not None
    assert len(code[1].splitlines()) < 80
    (tmp_path / "pitch.py").write_text(code[1])
    tones(tmp_path, "tones", count=80, seed=1)
    tones(tmp_path, "others", count=12, seed=2)
    soundfile.write(tmp_path / "tone.wav", tone(440.0, 5), RATE)
    train, score, listen = (shlex.split(line)[1:] for line in commands[1].splitlines())
    auricle(tmp_path, *train)
    scores = json.loads(auricle(tmp_path, *score, "--json"))["scores"]
    assert [one["metric"] for one in scores] == ["mae"] and scores[0]["n"] == 12
    assert scores[0]["value"] < 6  # semitones; the mean pitch would be 9 from the others
    assert "pitch  pitch " in auricle(tmp_path, *listen)
    answer = json.loads(auricle(tmp_path, *listen, "--json"))["answers"]["pitch"]["pitch"]
    assert 440 / 2 < answer < 440 * 2
    without = subprocess.run(
        [sys.executable, "-m", "auricle", "listen", "tone.wav", "--model", "runs/pitch/model"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "task pitch" in without.stderr and "--task" in without.stderr


def test_a_file_without_a_task_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(InputError, match="defines no TASK"):
        registry.find(str(tmp_path / "empty.py"))
    with pytest.raises(InputError, match="no such file"):
        registry.find(str(tmp_path / "missing.py"))
    with pytest.raises(InputError, match="wanted one of event, tagging, detection"):
        registry.find("captioning")
