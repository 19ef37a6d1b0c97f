"""The command that makes the shipped model: its trainings, what it does after a failure, records of all folds, and the card."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

from auricle.bench.card import read_clips
from auricle.core.model_files import read_config
from auricle.data.corpora.clip_table import FOLDS
from auricle.runtime.catalog import find_folder
from recipes.tiny import distilled, ship

ROOT = Path(__file__).resolve().parents[3]
WRITE = "import sys, pathlib, os; pathlib.Path(sys.argv[1]).write_text(os.environ['OMP_NUM_THREADS']); print('step 1'); print('step 2')"


def test_commands_run_with_one_core_each_and_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = [sys.executable, "-c", "import time; print('step 7', flush=True); time.sleep(2)"]
    commands = {name: [sys.executable, "-c", WRITE, str(tmp_path / name)] for name in ("one", "two", "three")} | {"slow": slow}
    ship.run_side_by_side(commands, tmp_path / "logs", processes=2, every=0.05)
    assert [(tmp_path / name).read_text() for name in ("one", "two", "three")] == ["1"] * 3
    assert (tmp_path / "logs" / "two.log").read_text() == "step 1\nstep 2\n"
    assert "slow: step 7" in capsys.readouterr().out


def test_a_failure_is_told_after_the_others_have_ended(tmp_path: Path) -> None:
    commands = {
        "bad": [sys.executable, "-c", "raise SystemExit('no memory')"],
        "good": [sys.executable, "-c", WRITE, str(tmp_path / "good")],
    }
    with pytest.raises(SystemExit, match=r"bad failed; see .*bad\.log"):
        ship.run_side_by_side(commands, tmp_path / "logs", processes=1)
    assert (tmp_path / "good").exists() and "no memory" in (tmp_path / "logs" / "bad.log").read_text()


def test_every_fold_is_left_out_once_and_the_model_to_ship_leaves_none_out(tmp_path: Path) -> None:
    settings = {
        "data": tmp_path,
        "teacher": "mn04",
        "steps": 10,
        "all_steps": 15,
        "seed": 3,
        "precision": "float32",
        "noise": 0.2,
        "work": tmp_path,
    }
    asked = argparse.Namespace(**settings, no_synthetic=False, folds=[1, 3])
    commands = ship.training_commands(asked)
    assert list(commands) == ["all", "fold1", "fold3"]
    left = [command[command.index("--leave") + 1] for command in commands.values() if "--leave" in command]
    assert left == ["1", "3"] and "--leave" not in commands["all"]
    assert [command[command.index("--steps") + 1] for command in commands.values()] == ["15", "10", "10"]
    assert not any("--record" in command for command in commands.values())  # records of single trainings are not this command's
    assert all(command[command.index("--made") + 1] == str(tmp_path / "made") for command in commands.values())


def test_the_record_of_all_folds_waits_for_all_folds(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    for fold in FOLDS:
        assert ship.folds_record(tmp_path, "command", 0, results) is None and not list(results.iterdir())
        (tmp_path / f"fold{fold}").mkdir()
        figures = {"esc50_accuracy": 0.8 + 0.01 * fold, "low": 0.7, "high": 0.9, "n": 400}
        (tmp_path / f"fold{fold}" / "esc50.json").write_text(json.dumps(figures))
    path = ship.folds_record(tmp_path, "command", 0, results)
    assert path is not None
    mean, *each = json.loads(path.read_text())["figures"]
    assert mean["value"] == pytest.approx(0.825) and mean["n"] == 1600 and mean["low"] < 0.825 < mean["high"]
    assert [one["value"] for one in each] == pytest.approx([0.81, 0.82, 0.83, 0.84])


def test_the_card_names_the_teacher_and_every_clip(three_classes: Path, small_run: distilled.Run, tmp_path: Path) -> None:
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", small_run, None, leave=None)
    place = tmp_path / "installed"
    place.mkdir()
    (place / "old").touch()
    ship.install(find_folder(None), place)
    ship.finish(corpus, place, {"steps": 300})
    card = json.loads((place / "card.json").read_text())
    assert "distilled from EfficientAT mn04 (MIT" in card["notes"][0] and "AudioSet" in card["notes"][0]
    assert sum(author["clips"] for author in card["authors"]) == len(read_clips(place)) == len(corpus.trainable) == 30
    assert card["recipe"] == {"steps": 300}
    assert read_config(place / "config.json").labels and not (place / "old").exists()


def test_a_folder_that_is_too_large_is_refused(
    three_classes: Path, small_run: distilled.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", small_run, None, leave=None)
    ship.install(find_folder(None), tmp_path / "model")
    monkeypatch.setattr(ship, "LARGEST", 1_000_000)
    with pytest.raises(SystemExit, match="MB; wanted at most 1"):
        ship.finish(corpus, tmp_path / "model", {})


def test_trainings_are_stopped_with_the_command(tmp_path: Path) -> None:
    sleeping = [sys.executable, "-c", "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)", "pid"]
    script = f"""import sys; from pathlib import Path; from recipes.tiny import ship
ship.run_side_by_side({{"one": {sleeping!r}}}, Path("logs"), processes=1)"""
    command = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    pid = tmp_path / "pid"
    for _ in range(300):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.1)
    command.terminate()
    assert command.wait(30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
