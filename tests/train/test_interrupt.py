"""Ctrl-C during a training: the step is finished and saved, and the same training resumes with the same bits."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
import toy_training as toy

from auricle.train import checkpoint
from auricle.train.batches import Batch
from auricle.train.interrupt import delayed_interrupt
from auricle.train.trainer import CHECKPOINTS, train


class Interrupted(toy.Feed):
    """Presses Ctrl-C while the batch of step 7 is prepared."""

    def batch(self, step: int) -> Batch:
        if step == 7:
            signal.raise_signal(signal.SIGINT)
        return super().batch(step)


def test_an_interrupted_run_resumes_with_the_same_bits(tmp_path: Path) -> None:
    settings = {"dropout": 0.3, "steps": 20, "save_every": 100}
    train(toy.training(**settings), tmp_path / "whole", report=lambda line: None)
    training = toy.training(**settings)
    training.batches = Interrupted()
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="stopped at step 8 of 20; the same command resumes from there"):
        train(training, tmp_path / "stopped", report=lambda line: None)
    assert signal.getsignal(signal.SIGINT) is handler
    assert [path.name for path in checkpoint.list_paths(tmp_path / "stopped" / CHECKPOINTS)] == ["step-00000008.pt"]
    lines: list[str] = []
    train(toy.training(**settings), tmp_path / "stopped", report=lines.append)
    assert lines[0].startswith("resuming from step 8 ")
    one, other = (checkpoint.load(checkpoint.step_path(tmp_path / name / CHECKPOINTS, 20))["model"] for name in ("whole", "stopped"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_second_interrupt_stops_at_once_and_ranks_are_not_delayed() -> None:
    with delayed_interrupt(1) as interrupted:
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with delayed_interrupt(2) as interrupted, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert not interrupted()
