"""The trainer: it learns, says what it does, goes on after a kill to the bit, stops at bad numbers, and two processes are as one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import toy_training as toy  # noqa: E402
from torch import Tensor  # noqa: E402

from auricle.core.errors import InputError, ModelError  # noqa: E402
from auricle.train import checkpoint, log  # noqa: E402
from auricle.train.trainer import CHECKPOINTS, train  # noqa: E402


def quiet(line: str) -> None:
    """Nothing is told."""


def weights(path: Path, step: int = 6) -> dict[str, Tensor]:
    """Of a step's checkpoint, averages and all."""
    state = checkpoint.load(checkpoint.step_path(path / CHECKPOINTS, step))
    return {**state["model"], **{f"average.{name}": value for name, value in state.get("ema", {}).items()}}


def gap(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def test_it_learns_logs_and_keeps_the_newest_checkpoints(tmp_path: Path) -> None:
    lines: list[str] = []
    train(toy.training(steps=60, save_every=10), tmp_path, report=lines.append)
    rows = log.read(tmp_path)
    assert [int(row["step"]) for row in rows] == list(range(2, 61, 2))
    assert float(rows[-1]["contrast"]) < 0.5 * float(rows[0]["contrast"])
    assert float(rows[0]["flops_per_second"]) > 0 and 0 <= float(rows[0]["data_wait"]) <= 1
    assert [path.name for path in checkpoint.list_paths(tmp_path / CHECKPOINTS)] == ["step-00000050.pt", "step-00000060.pt"]
    assert "log.csv" in lines[0] and lines[-1].startswith("step 60/60  contrast ")


class Validated:
    """Figures that fall after the second validation; the weights that the result has are compared with those it was shown."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.shown: list[dict[str, Tensor]] = []
        self.result: dict[str, Tensor] = {}
        self.stop_after = stop_after

    def validate(self, model: torch.nn.Module) -> dict[str, float]:
        assert not model.training
        if len(self.shown) == self.stop_after:
            raise KeyboardInterrupt
        self.shown.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"quality": [0.1, 0.5, 0.9, 0.4, 0.3, 0.2, 0.1][len(self.shown) - 1]}

    def finish(self, model: torch.nn.Module, folder: Path) -> dict[str, float]:
        self.result = model.state_dict()
        return {}

    def training(self, **settings: Any) -> Any:
        made = toy.training(dropout=0.3, steps=60, save_every=5, validate_every=5, patience=2, **settings)
        made.validate, made.finish = self.validate, self.finish
        return made


@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.5}])
def test_it_stops_without_improvement_and_the_best_weights_are_the_result(tmp_path: Path, settings: dict[str, Any]) -> None:
    lines: list[str] = []
    run = Validated()
    train(run.training(**settings), tmp_path, report=lines.append)
    assert len(run.shown) == 5  # before the first step, three better ones in all, then two worse
    assert gap(run.result, run.shown[2]) == 0 and gap(run.result, run.shown[4]) > 0
    assert any("the weights of step 10 are kept" in line for line in lines)
    train(run.training(**settings), tmp_path, report=lines.append)  # finished: nothing is trained again
    assert len(run.shown) == 5


def test_a_stopped_run_goes_on_with_what_it_had_validated(tmp_path: Path) -> None:
    whole, first = Validated(), Validated(stop_after=4)
    train(whole.training(), tmp_path / "whole", report=quiet)
    with pytest.raises(KeyboardInterrupt):
        train(first.training(), tmp_path / "parts", report=quiet)
    second = Validated()
    second.shown = first.shown[:3]  # the validation at its last checkpoint
    train(second.training(), tmp_path / "parts", report=quiet)
    assert gap(second.result, whole.result) == 0


def test_what_prepares_a_training_runs_once(tmp_path: Path) -> None:
    made, calls = toy.training(steps=4), []
    made.prepare = lambda model, report: calls.append(model)
    train(made, tmp_path, report=quiet)
    train(made, tmp_path, report=quiet)
    assert calls == [made.model]


def test_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train(toy.training(dropout=0.5), tmp_path, report=quiet)
    assert torch.equal(before, torch.random.get_rng_state())


KILLED = """
import sys, time, torch
from pathlib import Path
torch.set_num_threads(int(sys.argv[2]))  # other sums of floats would have other roundings
import toy_training as toy
from auricle.train.trainer import train

class Slow(toy.Feed):
    def batch(self, step):
        time.sleep(0.05)  # leaves time to be killed in
        return super().batch(step)

asked = toy.training(dropout=0.3, steps=30, ema_decay=0.9, save_every=4)
asked.batches = Slow()
train(asked, Path(sys.argv[1]))
"""


def killed(path: Path, at: int) -> None:
    """A training that is killed with -9 once the checkpoint of that step is there."""
    search = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": search}
    command = [sys.executable, "-c", KILLED, str(path), str(torch.get_num_threads())]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while not checkpoint.step_path(path / CHECKPOINTS, at).exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_bits(tmp_path: Path) -> None:
    settings = {"dropout": 0.3, "steps": 30, "ema_decay": 0.9, "save_every": 4}
    train(toy.training(**settings), tmp_path / "whole", report=quiet)
    killed(tmp_path / "killed", 8)
    assert not checkpoint.step_path(tmp_path / "killed" / CHECKPOINTS, 30).exists()
    lines: list[str] = []
    train(toy.training(**settings), tmp_path / "killed", report=lines.append)
    assert lines[0].startswith("resuming from step ")
    one, other = weights(tmp_path / "whole", 30), weights(tmp_path / "killed", 30)
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    told = [
        [{name: row[name] for name in ("step", "contrast", "gradient")} for row in log.read(tmp_path / name)]
        for name in ("whole", "killed")
    ]
    assert told[0] == told[1]


def test_other_settings_are_refused(tmp_path: Path) -> None:
    train(toy.training(), tmp_path, report=quiet)
    with pytest.raises(InputError, match=r"written with learning_rate = 0.01, not 0.02; wanted the same settings, or another folder"):
        train(toy.training(learning_rate=0.02), tmp_path, report=quiet)


@pytest.mark.parametrize("accumulate", [2, 3])
def test_parts_of_a_batch_teach_what_the_whole_does(accumulate: int, tmp_path: Path) -> None:
    train(toy.training(objective=toy.squares), tmp_path / "whole", report=quiet)
    train(toy.training(objective=toy.squares, accumulate=accumulate), tmp_path / "parts", report=quiet)
    assert gap(weights(tmp_path / "whole"), weights(tmp_path / "parts")) < 1e-6


def test_bad_numbers_stop_it_before_a_weight_has_changed(tmp_path: Path) -> None:
    train(toy.training(steps=4, schedule="constant"), tmp_path / "good", report=quiet)
    asked = toy.training(steps=4, schedule="constant", spoilt=2)
    bad = asked.batches.batch(2).items.tolist()
    with pytest.raises(
        ModelError, match=rf"step 2: contrast is nan, .* with clips clip{bad[0]}, clip{bad[1]}.*features of clip{bad[3]} are not"
    ):
        train(asked, tmp_path / "bad", report=quiet)
    now = {f"model.{name}": value for name, value in asked.model.state_dict().items()}
    then = weights(tmp_path / "good", 2)
    assert all(torch.equal(value, then[name]) for name, value in now.items())


def test_averaged_weights_are_what_comes_of_it(tmp_path: Path) -> None:
    asked = toy.training(ema_decay=0.5)
    asked.finish = lambda model, folder: {"sum": float(model.state_dict()["entry.weight"].sum()), "training": float(model.training)}
    figures = train(asked, tmp_path, report=quiet)
    state = weights(tmp_path)
    assert figures == {"sum": pytest.approx(float(state["average.model.entry.weight"].sum())), "training": 0.0}
    assert gap({"": state["average.model.entry.weight"]}, {"": state["model.entry.weight"]}) > 1e-4
    again = toy.training(ema_decay=0.5)
    again.finish = lambda model, folder: pytest.fail("finished twice")
    assert train(again, tmp_path, report=quiet) == figures


def test_adaptations_are_merged_into_what_comes_of_it(tmp_path: Path) -> None:
    asked = toy.training(lora={"targets": (r"blocks\.\d\.1$",), "rank": 2})
    before = {name: value.clone() for name, value in asked.model.state_dict().items()}
    after: dict[str, Tensor] = {}
    asked.finish = lambda model, folder: after.update(model.state_dict()) or {}
    train(asked, tmp_path, report=quiet)
    assert after.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"blocks.0.1.weight", "blocks.1.1.weight"}


def test_an_objective_cannot_hide_what_should_learn(tmp_path: Path) -> None:
    hidden = toy.Contrast()
    with pytest.raises(InputError, match=r"uses Contrast, whose parameters would not be trained"):
        train(toy.training(objective=lambda model, batch: hidden(model, batch)), tmp_path, report=quiet)


def test_half_precision_learns_too(tmp_path: Path) -> None:
    train(toy.training(steps=40, precision="bfloat16"), tmp_path, report=quiet)
    rows = log.read(tmp_path)
    assert float(rows[-1]["contrast"]) < 0.7 * float(rows[0]["contrast"])


def ports(count: int) -> list[int]:
    free = [socket.socket() for _ in range(count)]
    for each in free:
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in free]
    for each in free:
        each.close()
    return found


KINDS: dict[str, dict[str, Any]] = {
    "copies": {},
    "parts": {"accumulate": 2, "objective": toy.squares},
    "shards": {"parallel": "fsdp", "ema_decay": 0.9},
}


def one_of_two(rank: int, folder: str, chosen: list[int]) -> None:
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1")
    for (name, settings), port in zip([*KINDS.items(), ("resumed", KINDS["shards"])], chosen, strict=True):
        os.environ["MASTER_PORT"] = str(port)
        path = Path(folder) / name
        if name == "resumed":
            path = Path(folder) / "shards"
            if rank == 0:
                checkpoint.step_path(path / CHECKPOINTS, 3).rename(path / "last.pt")
                (path / "figures.json").unlink()
        train(toy.training(steps=3, save_every=1, **settings), path, report=quiet)


@pytest.mark.slow
def test_two_processes_are_as_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(one_of_two, (str(tmp_path), ports(len(KINDS) + 1)), nprocs=2)
    for name, settings in KINDS.items():
        alone = {key: value for key, value in settings.items() if key not in ("parallel", "accumulate")}
        train(toy.training(steps=3, save_every=1, **alone), tmp_path / f"{name}-alone", report=quiet)
        assert gap(weights(tmp_path / name, 3), weights(tmp_path / f"{name}-alone", 3)) < 1e-5, name
    last = checkpoint.load(tmp_path / "shards" / "last.pt")["model"]
    assert gap(last, checkpoint.load(checkpoint.step_path(tmp_path / "shards" / CHECKPOINTS, 3))["model"]) < 1e-6
