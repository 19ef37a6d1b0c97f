from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import made_sounds
import pytest

from auricle import cli
from auricle.bench import lineage

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def auricle(tmp_path: Path, tone_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in a folder with clips.jsonl, suites of its own and a model, `tones`; exit code and what was printed."""
    made_sounds.written(tmp_path, made_sounds.tones(tmp_path))
    made_sounds.copied(tone_folder, tmp_path / "tones")
    probe = {
        "format": 1,
        "name": "probe",
        "about": "Tones.",
        "protocol": "linear_probe",
        "split": {"by": "fold"},
        "metrics": ["accuracy"],
        "draws": 50,
    }
    names = {"format": 1, "name": "names", "about": "Tones.", "protocol": "zero_shot", "metrics": ["accuracy"], "draws": 50}
    for suite in (probe, names):
        (tmp_path / f"{suite['name']}.json").write_text(json.dumps(suite))

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["auricle", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(left.value.code or 0), printed.out, printed.err

    return run


def test_score_prints_one_object(auricle: Run) -> None:
    code, out, err = auricle("score", "tones", "probe.json", "--data", "clips.jsonl", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["suite"] == "probe" and told["model"] == "tones" and told["seed"] == 0 and len(told["weights"]) == 64
    assert told["scores"] == [{"metric": "accuracy", "value": 1.0, "low": 1.0, "high": 1.0, "n": 12}]
    assert [mark["level"] for mark in told["leaked"]] == ["unknown"] and {"commit", "machine", "settings"} <= set(told)


def test_score_tells_people_and_keeps_rows(auricle: Run, tmp_path: Path) -> None:
    code, out, _ = auricle("score", "tones", "names.json", "--data", "clips.jsonl", "--output", "kept", "--seed", "3")
    assert code == 0 and "accuracy" in out and "unknown" in out
    rows = [json.loads(line) for line in (tmp_path / "kept" / "items.jsonl").read_text().splitlines()]
    assert len(rows) == 12 and {"id", "group", "truth", "said", "right"} <= set(rows[0])
    assert json.loads((tmp_path / "kept" / "result.json").read_text())["seed"] == 3


def test_leaked_clips_are_refused_with_a_code_of_their_own(auricle: Run, tmp_path: Path) -> None:
    lineage.write_lineage(tmp_path / "tones", made_sounds.tones(tmp_path)[:2])
    code, out, err = auricle("score", "tones", "names.json", "--data", "clips.jsonl", "--json", "--output", "kept")
    told = json.loads(out)
    assert code == 3 and "2 of 12 clips" in err and "low0" in err and not (tmp_path / "kept").exists()
    assert told["scores"] == [] and told["leaked"] == [{"level": "clip", "source": "made", "n": 2, "note": ""}] and told["error"]
    code, out, _ = auricle("score", "tones", "names.json", "--data", "clips.jsonl", "--json", "--output", "kept", "--allow-leaked")
    levels = {mark["level"]: mark["n"] for mark in json.loads(out)["leaked"]}
    assert code == 0 and levels == {"clip": 2, "corpus": 10, "unknown": 12} and json.loads(out)["allowed"]
    assert len((tmp_path / "kept" / "leaks.jsonl").read_text().splitlines()) == 12


def test_compare_tells_which_is_better_or_that_it_cannot(auricle: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert auricle("score", "tones", "names.json", "--data", "clips.jsonl", "--output", name)[0] == 0
    code, out, err = auricle("compare", "a", "b", "--json", "--markdown", "t.md", "--html", "t.html")
    told = json.loads(out)
    assert (code, err) == (0, "") and told["better"] is None and told["metrics"][0]["p"] == 1.0
    assert (tmp_path / "t.svg").is_file() and (tmp_path / "t.html").is_file()
    code, out, _ = auricle("compare", "a", "b")
    assert code == 0 and "no significant difference" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("score", "tones", "nosuch", "--data", "clips.jsonl"), "no suite 'nosuch'"),
        (("score", "tones", "names.json"), "--data"),
        (("score", "tones", "esc50", "--data", "."), "recipes.prepare esc50"),
        (("score", "tones", "names.json", "--data", "clips.jsonl", "--output", "clips.jsonl"), "is no folder"),
        (("compare", "a", "b"), "no readable result"),
    ],
)
def test_wrong_arguments_are_one_line(auricle: Run, words: tuple[str, ...], message: str) -> None:
    code, out, err = auricle(*words)
    assert code == 2 and not out and message in " ".join(err.split())


def test_a_table_that_cannot_be_written_is_told_before_the_comparison(auricle: Run) -> None:
    code, out, err = auricle("compare", "a", "b", "--markdown", "nowhere/t.md")
    assert (code, out) == (1, "") and "nowhere/t.md: there is no such file or folder" in " ".join(err.split())
