from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path

import made_sounds
import pytest

from auricle import cli
from auricle.bench import lineage
from auricle.data.item import Item

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Six sources of each tone, two clips each; some of the low tone are called the middle one."""
    made = made_sounds.tones(tmp_path, each=12)
    return [dataclasses.replace(item, labels=("middle tone", "whale") if item.id in ("low2", "low7") else item.labels) for item in made]


@pytest.fixture
def auricle(
    tmp_path: Path, tone_folder: Path, items: list[Item], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command line in a folder with clips.jsonl and a model, `tones`; exit code and what was printed."""
    made_sounds.written(tmp_path, items)
    made_sounds.copied(tone_folder, tmp_path / "tones")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["auricle", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(left.value.code or 0), printed.out, printed.err

    return run


def test_calibrate_writes_a_model_and_prints_one_object(auricle: Run, tmp_path: Path) -> None:
    code, out, err = auricle("calibrate", "tones", "--data", "clips.jsonl", "-o", "mine", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["folder"] == "mine" and told["data"] == "clips.jsonl" and told["clips"] == 36 and told["sources"] == 18
    assert told["outputs"][0]["output"] == "clip_logits" and told["absent"] == ["whale"]
    assert set(told["outputs"][0]["calibration"]["bias"]) == set(made_sounds.LABELS)
    config = json.loads((tmp_path / "mine" / "config.json").read_text())
    assert config["calibration"]["clip"]["scale"][0] == told["outputs"][0]["calibration"]["scale"]
    assert (tmp_path / "mine" / lineage.CALIBRATED).read_text().count("\n") == 36
    assert auricle("listen", "low0.wav", "-m", "mine", "--json")[0] == 0
    assert auricle("calibrate", "mine", "--data", "clips.jsonl", "-o", "mine")[0] == 2  # not over the model itself


def test_calibrate_prints_tables_and_writes_diagrams(auricle: Run, tmp_path: Path) -> None:
    words = (
        "calibrate",
        "tones",
        "--data",
        "clips.jsonl",
        "--outputs",
        "clip_logits",
        "--by",
        "fold",
        "--html",
        "c.html",
        "--plot",
        "c.svg",
    )
    code, out, _ = auricle(*words)
    assert code == 0 and "clip_logits: before, after and change (labels: 3, decisions: 108)" in out
    assert "ece, fold 1" in out and "macro f1" in out and "not among the model's labels: whale" in " ".join(out.split())
    assert "clip_logits" in (tmp_path / "c.html").read_text() and (tmp_path / "c.svg").read_text().startswith("<svg")


def test_clips_of_the_training_are_refused_with_the_code_of_score(auricle: Run, items: list[Item], tmp_path: Path) -> None:
    lineage.write_lineage(tmp_path / "tones", items[:2])
    code, out, err = auricle("calibrate", "tones", "--data", "clips.jsonl", "-o", "mine")
    assert code == 3 and out == "" and "2 of 36 clips" in err and not (tmp_path / "mine").exists()
    code, out, _ = auricle("calibrate", "tones", "--data", "clips.jsonl", "-o", "mine", "--allow-leaked")
    assert code == 0 and "leaked: clip made 2" in " ".join(out.split()) and (tmp_path / "mine").is_dir()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", "clips.jsonl", "--share", "0"), "--share is 0; wanted a number over 0 and at most 1"),
        (("--data", "clips.jsonl", "--fold", "7"), "wanted one of the manifest's: 1, 2"),
        (("--data", "clips.jsonl", "--outputs", "scenes"), "has no output 'scenes'"),
        (("--data", "clips.jsonl", "-o", "."), "was not written by a calibration"),
        (("--data", "none.jsonl"), "none.jsonl: cannot be read"),
    ],
)
def test_wrong_arguments_are_one_line(auricle: Run, words: tuple[str, ...], message: str) -> None:
    code, out, err = auricle("calibrate", "tones", *words)
    assert code == 2 and out == "" and message in err and err.count("\n") == 1
