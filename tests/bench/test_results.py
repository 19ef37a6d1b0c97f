from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from auricle.bench import results
from auricle.core.errors import InputError


def record(folder: Path, name: str = "folds", **changes: object) -> Path:
    given: dict = {
        "command": "python -m recipes.tiny --study folds",
        "seed": 0,
        "figures": [
            {"name": "accuracy", "value": 0.8125, "low": 0.79, "high": 0.83, "n": 1600},
            {"name": "speed", "value": 12.0, "unit": "s"},
        ],
    }
    return results.write_record(folder, name, **(given | changes))


def test_a_record_says_where_it_comes_from(tmp_path: Path) -> None:
    path = record(tmp_path / "docs" / "results", extra={"about": "Leave one fold out."})
    found = json.loads(path.read_text())
    assert found["packages"]["numpy"] and found["machine"]["cores"] >= 1 and len(found["date"]) == 10
    assert found["figures"][0]["high"] == 0.83 and found["commit"] is None  # no checkout here
    assert [each.name for each in path.parent.iterdir()] == ["folds.json"]
    assert results.read_records(path.parent)["folds"] == found


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"name": "Accuracy", "value": 1.0}, "small letters"),
        ({"name": "accuracy", "value": float("nan")}, "finite"),
        ({"name": "accuracy", "value": None}, "finite"),
        ({"name": "accuracy", "value": 1.0, "std": 0.1}, "known: name, value"),
    ],
)
def test_a_bad_figure_leaves_no_file(tmp_path: Path, figure: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        record(tmp_path, figures=[figure])
    with pytest.raises(TypeError):
        record(tmp_path, extra={"odd": {1, 2}})
    assert list(tmp_path.iterdir()) == []


def test_the_commit_is_marked_when_code_has_changed_since(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "code.py").write_text("1\n")
    record(tmp_path / "docs" / "results")
    git("add", ".")
    git("commit", "-m", "first")
    commits = []
    for text in ("1\n", "2\n"):
        (tmp_path / "code.py").write_text(text)
        commits.append(json.loads(record(tmp_path / "docs" / "results", seed=1).read_text())["commit"])
    assert len(commits[0]) == 40 and commits[1] == commits[0] + "+"


def test_numpy_numbers_are_kept_as_numbers(tmp_path: Path) -> None:
    path = record(tmp_path, figures=[{"name": "a", "value": np.float32(0.5), "n": np.int64(3)}], extra={"table": np.arange(2)})
    found = json.loads(path.read_text())
    assert found["figures"][0] == {"name": "a", "value": 0.5, "n": 3} and found["extra"]["table"] == [0, 1]


def test_page_marks_and_staleness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "auricle" / "weights" / "auricle-tiny"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(b"first")
    first = results.fingerprint(weights)
    (weights / "card.json").write_text("{}")
    assert results.fingerprint(weights) == first
    record(tmp_path / "docs" / "results", weights=first, extra={"about": "Leave one fold out."})
    marks = "<!--r:folds.accuracy-->?<!--/r--> <!--r:folds.accuracy:.1%--><!--/r--> <!--r:folds.accuracy.n-->1<!--/r-->"
    (tmp_path / "README.md").write_text(f"{marks} <!--r:folds.accuracy.low:.3f-->?<!--/r--> <!--r:none.such-->0.9<!--/r-->\n")

    results.main(["--root", str(tmp_path)])
    shown = results.MARK.findall((tmp_path / "README.md").read_text())
    assert [each[-1] for each in shown] == ["0.81", "81.2%", "1600", "0.790", results.DASH]
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "| accuracy | 0.8125 | 0.79 to 0.83 | 1600 |" in page and "| speed | 12 s |" in page and "Stale" not in page
    assert "Leave one fold out." in page

    (weights / "model.safetensors").write_bytes(b"second")
    results.main(["--root", str(tmp_path)])
    assert "**Stale" in (tmp_path / "docs" / "results.md").read_text()
    assert "1 stale" in capsys.readouterr().out


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no docs folder"):
        results.main(["--root", str(tmp_path)])
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "docs" / "results" / "odd.json").write_text("{}")
    with pytest.raises(InputError, match="not a record"):
        results.main(["--root", str(tmp_path)])
