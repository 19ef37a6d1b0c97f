"""Kill -9 at ten random steps of a training, each resumed to its end: do the final weights differ in a single bit?

    python benchmarks/train_kills.py [--steps 60]          prints, and writes docs/results/train-kills.json

A convolutional encoder with batch norms and dropout learns made sounds from their captions, with a running average, in two threads of data.
Weights, averages, optimiser and the log are compared with those of a run that nobody killed. One thread of arithmetic.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from auricle.bench.results import Figure, write_record
from auricle.data.item import Caption, Item
from auricle.data.waves import open_waves
from auricle.models.encoders.convolutional import ConvConfig, ConvEncoder
from auricle.nn.losses.contrast import InfoNce
from auricle.train import checkpoint, log
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.trainer import CHECKPOINTS, TrainConfig, Training, train

ROOT = Path(__file__).resolve().parents[1]
SEED, MOMENTS, CLIPS, RATE = 0, 10, 96, 16_000
PITCHES = (200, 400, 800, 1600, 3200)
TIMED = ("clips_per_second", "data_wait", "flops_per_second")  # columns of the log that no two runs share


class Model(nn.Module):
    """Sounds through an encoder, captions from a table."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = ConvEncoder(ConvConfig(widths=(8, 12, 16, 24, 32), size=48))
        self.words = nn.Embedding(len(PITCHES), 48)


class Objective(nn.Module):
    """Contrast of sounds and captions."""

    def __init__(self) -> None:
        super().__init__()
        self.contrast = InfoNce()

    def forward(self, model: Model, batch: Batch) -> dict[str, Tensor]:
        """One part; captions that are the same are pairs of each other."""
        said = torch.tensor([int(text.split()[0]) for text in batch.texts])
        return {"contrast": self.contrast(model.sound(batch.features, batch.mask).pooled, model.words(said), said)}


def sounds(folder: Path) -> list[Item]:
    """Tones in noise, of half a second to two, captioned with the number of their pitch; written where they are not there."""
    rng = np.random.default_rng(SEED)
    for number in range(CLIPS if not (folder / "0.wav").exists() else 0):
        times = np.arange(rng.integers(RATE // 2, 2 * RATE)) / RATE
        samples = 0.1 * rng.standard_normal(times.size) + 0.2 * np.sin(2 * np.pi * PITCHES[number % 5] * times)
        soundfile.write(folder / f"{number}.wav", samples, RATE)
    return [Item(f"clip{number}", folder / f"{number}.wav", (Caption(f"{number % 5} beeps"),)) for number in range(CLIPS)]


def training(folder: Path, steps: int) -> Training:
    """What is killed; the same each time."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    items = sounds(folder)
    waves = open_waves(items, folder / "waves", rate=RATE)
    config = BatchConfig(batch=16, seconds=1.0, workers=2)
    settings = TrainConfig(steps=steps, learning_rate=2e-3, ema_decay=0.98, save_every=5, log_every=1, device="cpu")
    return Training(Model(), Objective(), Batches(items, waves, "auricle-16k", config), settings)


def run(data: Path, out: Path, steps: int, *, kill_at: int | None = None) -> bool:
    """Train in a fresh process, killed as soon as its log tells of that step. Returns whether it was killed."""
    words = [sys.executable, __file__, "--run", str(data), str(out), "--steps", str(steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment) as process:
        while kill_at is not None and process.poll() is None and len(log.read(out)) < kill_at:
            time.sleep(0.001)
        if kill_at is not None:
            process.send_signal(signal.SIGKILL)
        code = process.wait()
        assert code == 0 or (kill_at is not None and code == -signal.SIGKILL), code
        return code != 0


def ended(out: Path, steps: int) -> tuple[dict[str, object], list[dict[str, str]]]:
    """Everything in the last checkpoint, flat, and the log without what is timed."""
    rows = [{name: value for name, value in row.items() if name not in TIMED} for row in log.read(out)]
    return flat(checkpoint.load(checkpoint.step_path(out / CHECKPOINTS, steps))), rows


def flat(value: object, path: str = "") -> dict[str, object]:
    """Nested values as one flat mapping."""
    if isinstance(value, (dict, list, tuple)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, each in pairs for name, leaf in flat(each, f"{path}.{key}").items()}
    return {path: value}


def same(one: dict[str, object], other: dict[str, object]) -> bool:
    """Whether all is equal, tensors to the bit."""
    if one.keys() != other.keys():
        return False
    pairs = zip(one.values(), other.values(), strict=True)
    return all(torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b for a, b in pairs)


def kills(folder: Path, steps: int) -> list[Figure]:
    """Ten trainings, killed at random steps, resumed, and compared with an undisturbed one."""
    sounds(folder)
    run(folder, folder / "whole", steps)
    expected, lines = ended(folder / "whole", steps)
    equal = logged = midway = 0
    for moment, step in enumerate(np.random.default_rng(SEED).choice(np.arange(1, steps), MOMENTS, replace=False).tolist()):
        out = folder / f"killed{moment}"
        was = run(folder, out, steps, kill_at=step)
        found = checkpoint.list_paths(out / CHECKPOINTS)
        reached = found[-1].stem if found else "no checkpoint"
        midway += was and bool(found)
        run(folder, out, steps)
        state, rows = ended(out, steps)
        equal += same(state, expected)
        logged += rows == lines
        print(f"killed at step {step}, with {reached}: {same(state, expected)}", flush=True)
    note = f"{steps} steps, a checkpoint every 5; weights, averages and optimiser equal to the bit"
    return [
        {"name": "equal", "value": equal / MOMENTS, "n": MOMENTS, "note": note},
        {"name": "log_equal", "value": logged / MOMENTS, "n": MOMENTS, "note": "the log, without what is timed"},
        {"name": "midway", "value": midway / MOMENTS, "n": MOMENTS, "note": "kills after the first checkpoint and before the end"},
    ]


def main() -> None:
    """Kill, compare, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--run", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        train(training(asked.run[0], asked.steps), asked.run[1])
        return
    with tempfile.TemporaryDirectory() as name:
        figures = kills(Path(name), asked.steps)
    for figure in figures:
        print(f"{figure['name']:12} {figure['value']:6.2f} {figure['n']:4} {figure.get('note', '')}")
    about = "Kill -9 at ten random steps of a small training, each resumed by the same command."
    command = "python benchmarks/train_kills.py"
    print(write_record(ROOT / "docs/results", "train-kills", command=command, seed=SEED, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
