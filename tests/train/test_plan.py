"""What a training says beforehand is what it then takes."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

import torch
import toy_training as toy

from auricle.core.errors import WriteError
from auricle.data.item import Item
from auricle.data.waves import open_waves
from auricle.train import checkpoint
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.plan import check_space, estimate, plan
from auricle.train.trainer import CHECKPOINTS, train


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_checkpoints_are_as_large_as_was_said(ema_decay: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "WIDTH", 200)  # so that the weights outweigh their names
    lines: list[str] = []
    training = toy.training(ema_decay=ema_decay, steps=12, save_every=3)
    said = plan(training)
    train(training, tmp_path, report=lines.append)
    size = checkpoint.list_paths(tmp_path / CHECKPOINTS)[-1].stat().st_size / 1e6
    parameters = sum(parameter.numel() for parameter in training.model.parameters())
    assert said.startswith(f"12 steps; {parameters:,} parameters; 3 checkpoints of about ")
    assert float(said.partition(" of about ")[2].split(" MB")[0]) == pytest.approx(size, rel=0.1)
    assert [line for line in lines if line.startswith("about 0:0") and line.endswith(" for the remaining 8 steps")]


def test_recordings_and_batches_are_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    items = [Item("a", tmp_path / "a.wav", labels=("x",))]
    training = toy.training(steps=1)
    training.batches = Batches(items, open_waves(items, tmp_path, rate=16_000), "auricle-16k", BatchConfig(batch=1, captions="none"))
    assert plan(training).startswith("1 steps of 1 clips from 1 recordings; ") and "; one checkpoint of about " in plan(training)


def test_a_disk_that_is_too_small_is_told_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = toy.training(steps=12, save_every=3)
    check_space(training, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(WriteError, match=r"0\.0 MB are free, but the checkpoints need .* MB; free some space"):
        check_space(training, tmp_path)
    (tmp_path / "step-3").write_bytes(bytes(10_000_000))  # of the run that is resumed
    check_space(training, tmp_path)


class Slow(toy.Feed):
    def batch(self, step: int) -> Batch:
        time.sleep(0.2)
        return super().batch(step)


def test_the_time_is_estimated_for_the_steps_that_are_left_and_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = toy.training(steps=20, save_every=5, dropout=0.5)
    training.batches = Slow()
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    state = torch.get_rng_state()
    said = estimate(training, tmp_path)
    stated = re.fullmatch(r"about 0:(\d\d) for 20 steps on this computer, and \d+\.\d MB of memory", said)
    assert stated and 4 <= int(stated[1]) <= 20  # 20 times 0.2 s, and more on a busy computer
    assert torch.equal(state, torch.get_rng_state()) and training.batches.waited == 0
    assert all(torch.equal(value, before[name]) for name, value in training.model.state_dict().items())
    train(toy.training(steps=20, save_every=5), tmp_path, report=lambda line: None)
    assert estimate(training, tmp_path) == ""
    checkpoint.step_path(tmp_path / CHECKPOINTS, 20).unlink()
    assert " for 5 steps on this computer" in estimate(training, tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert estimate(training, tmp_path) == ""
