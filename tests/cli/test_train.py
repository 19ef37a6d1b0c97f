"""`auricle train`: a recipe by path, its settings by words, a folder that goes on, and errors that say what was wanted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from auricle import cli
from auricle.core.errors import InputError
from auricle.train import registry
from auricle.train.settings import build_config

RECIPE = '''"""Learns to say nothing.

More is not told.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from auricle.core.config import Strict
from auricle.train.batches import Batch
from auricle.train.trainer import TrainConfig, Training


class Inner(Strict):
    width: int = 4
    names: tuple[str, ...] = ()


class Config(Strict):
    train: TrainConfig = TrainConfig(steps=4, save_every=2, log_every=1, device="cpu")
    inner: Inner | None = None
    title: str = "none"
    kind: Literal["a", "b"] = "a"
    data: Path | None = None


class Feed:
    waited, left_out = 0.0, 3

    def stream(self, start, stop):
        for step in range(start, stop):
            x = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(step))
            yield Batch(x, torch.ones(4, 3, dtype=torch.bool), [], None, torch.arange(4), torch.arange(4))

    def name(self, item):
        return str(item)


def build(config: Config) -> Training:
    def finish(model, folder: Path) -> dict[str, float]:
        (folder / "made.txt").write_text(config.title)
        return {"loudness": 0.25, "peak": float("inf")}

    return Training(nn.Linear(2, 2), lambda model, batch: {"loud": model(batch.features).square().mean()}, Feed(), config.train, finish)
'''


@pytest.fixture
def auricle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in a folder that has the recipe quiet.py."""
    (tmp_path / "quiet.py").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["auricle", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_a_recipe_is_trained_and_goes_on(auricle: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, err = auricle("train", "quiet.py", "--set", "title=5", "--set", "train.learning_rate=0.5", "--output", "here")
    assert code == 0 and "loudness" in out and "0.25" in out and "step 4/4  loud " in err and "3 clips cannot be read" in err
    assert "output goes to here" in err and "4 steps; 6 parameters; 2 checkpoints of about 0.0 MB" in err
    folder = tmp_path / "here"
    assert (folder / "made.txt").read_text() == "5"
    noted = json.loads((folder / "config.json").read_text())
    assert noted["recipe"] == "quiet" and noted["config"]["title"] == "5" and noted["config"]["train"]["learning_rate"] == 0.5
    assert len((folder / "log.csv").read_text().splitlines()) == 5 and len(list((folder / "checkpoints").iterdir())) == 2
    code, out, err = auricle("train", "quiet.py", "--set", "title=5", "--set", "train.learning_rate=0.5", "--output", "here")
    assert code == 0 and "resuming from step 4" in err and "finished" in err and "0.25" in out
    code, _, err = auricle("train", "quiet.py", "--set", "title=5", "--set", "train.learning_rate=0.6", "--output", "here")
    assert code == 2 and "here holds another run (train.learning_rate is 0.5 there and 0.6 here); wanted the same settings" in err


def test_its_own_folder_is_named_after_it(auricle: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    assert auricle("train", "quiet.py")[0] == 0
    assert (tmp_path / "runs" / "quiet" / "config.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["quiet.py", "--set", "train.stepz=3"], "there is no setting train.stepz; did you mean train.steps?"),
        (["quiet.py", "--set", "steps=3"], "there is no setting steps; did you mean train.steps?"),
        (["quiet.py", "--set", "xyz=3"], "there is no setting xyz; auricle train RECIPE --settings lists them"),
        (["quiet.py", "--set", "train.steps=many"], "setting train.steps is 'many': input should be a valid integer"),
        (["quiet.py", "--set", "train.keep=0"], "setting train.keep is '0': input should be greater than 0"),
        (["quiet.py", "--set", "kind=c"], "setting kind is 'c': input should be 'a' or 'b'"),
        (["quiet.py", "--set", "title.more=1"], "there is no setting title.more, since title has no fields; wanted title=VALUE"),
        (["quiet.py", "--set", "title"], "wanted KEY=VALUE"),
        (["missing.py"], "no such file"),
        (["no-such-recipe"], "recipe 'no-such-recipe' is unknown"),
        ([], "no recipe was named"),
    ],
)
def test_errors_name_the_setting_and_what_was_wanted(auricle: Callable[..., tuple[int, str, str]], words: list[str], message: str) -> None:
    code, _, err = auricle("train", *words)
    assert code == 2 and message in err


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("Config = 1\n")
    with pytest.raises(InputError, match=r"is not a recipe; wanted a file with Config"):
        registry.load(str(tmp_path / "other.py"))


def test_values_are_what_their_field_wants(tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text(RECIPE)
    module: Any = registry.load(str(tmp_path / "quiet.py"))
    words = [
        "title=true",
        'inner.names=["a", "1"]',
        "inner.width=7",
        "data=here/there",
        "train.freeze=[]",
        "train.gradient_limit=null",
        "kind=b",
    ]
    config = build_config(module.Config, words)
    assert config == module.Config(
        title="true",
        kind="b",
        data=Path("here/there"),
        inner=module.Inner(width=7, names=("a", "1")),
        train=module.Config().train.model_copy(update={"gradient_limit": None}),
    )
    assert registry.summary(tmp_path / "quiet.py") == "Learns to say nothing."


def test_threads_of_torch_do_not_wait_in_busy_loops(auricle: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    for before, after in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):  # unless it was chosen
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False) if before is None else monkeypatch.setenv("OMP_WAIT_POLICY", before)
        assert auricle("train", "quiet.py")[0] == 0 and os.environ["OMP_WAIT_POLICY"] == after


def test_figures_are_printed_as_json_and_notes_in_order(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = auricle("train", "quiet.py", "--json")
    figures = {"version": 1, "recipe": "quiet.py", "folder": "runs/quiet", "figures": {"loudness": 0.25, "peak": None}, "next": ""}
    assert code == 0 and json.loads(out) == figures
    places = [err.find(line) for line in ("loading torch", "output goes to", "4 steps; 6 parameters", "about 0:01 for 4 steps", "step 4/4")]
    assert places == sorted(places) and places[0] >= 0


def test_an_interrupted_run_says_that_the_same_command_resumes(auricle: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """The recipe presses Ctrl-C in step 2 of its second stream, that of the run; the first is that of the estimate."""
    interrupt = """
            if step == 1 and self.streams == 2:
                signal.raise_signal(signal.SIGINT)
"""
    start, loop = "    def stream(self, start, stop):\n", "        for step in range(start, stop):"
    assert start in RECIPE and loop in RECIPE
    recipe = RECIPE.replace(start, "    streams = 0\n\n" + start + "        self.streams += 1\n").replace(loop, loop + interrupt)
    (tmp_path / "quiet.py").write_text(recipe.replace("import json\n", "import json\nimport signal\n"))
    code, out, err = auricle("train", "quiet.py")
    assert code == 130 and not out and err.endswith("stopped at step 2 of 4; the same command resumes from there\n")
    (tmp_path / "quiet.py").write_text(RECIPE)
    code, out, err = auricle("train", "quiet.py")
    assert code == 0 and "resuming from step 2 of" in err and "0.25" in out


def test_settings_are_listed_with_values_meanings_and_choices(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = auricle("train", "quiet.py", "--settings", "--json", "--set", "train.steps=9")
    listed = {setting["name"]: setting for setting in json.loads(out)}
    assert code == 0 and listed["train.steps"]["value"] == "9" and listed["kind"]["choices"] == ["a", "b"]
    code, out, _ = auricle("train", "quiet.py", "--settings")
    assert code == 0 and "train.keep" in out and "number of newest checkpoints kept" in out and "one of a, b" in out


def test_the_recipes_that_come_along_are_listed(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = auricle("train", "--list")
    assert code == 0 and all(name in out for name in registry.list_recipes())
