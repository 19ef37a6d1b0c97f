"""The first run of recipes.tiny.zero_shot, on made sounds and in seconds; its intervals and its longer recordings."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auricle
from auricle.bench.results import write_record
from auricle.data import prompts
from auricle.data.corpora.clip_table import COLUMNS
from recipes.tiny import zero_shot


def corpus(root: Path, folder: str, rows: list[dict[str, str]], rng: np.random.Generator) -> None:
    """Bursts of noise in the layout of docs/data.md."""
    (root / folder / "audio").mkdir(parents=True)
    with (root / folder / "clips.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for row in rows:
            soundfile.write(root / folder / row["filename"], 0.1 * rng.standard_normal(16000), 16000)
            table.writerow({"licence": "CC0", "duration_s": "1", "sample_rate": "16000", "channels": "1"} | row)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes of each fifth of ESC-50, a clip a fold, and a bed."""
    rng, root = np.random.default_rng(0), tmp_path / "data"
    labels = list(prompts.load_class_names("esc50").names)
    clips = [
        {"filename": f"audio/{f}-{n}-A-{n}.wav", "label": labels[n], "target": str(n), "fold": str(f), "source_id": f"{f}{n}"}
        for f in (1, 2, 3, 4)
        for n in range(10)
    ]
    corpus(root, "esc50_16k", clips, rng)
    corpus(root, "ambience", [{"filename": "audio/city.wav", "label": "city", "source_id": "city"}], rng)
    groups = [{"target": str(n), "category": label, "group": "All"} for n, label in enumerate(labels)][:10]
    with (root / "esc50_16k" / "classes.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ("target", "category", "group"))
        table.writeheader()
        table.writerows(groups)
    return root


def test_first_run(data: Path, tone_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero_shot, "load", lambda folder=None: auricle.load(tone_folder))
    monkeypatch.setattr(zero_shot, "SECONDS", 4.0)
    figures = zero_shot.study(data, tmp_path, 0)
    assert write_record(tmp_path / "results", "zero-shot", command="", seed=0, figures=figures).is_file()
    named = {figure["name"]: figure for figure in figures}
    assert len(named) == len(figures)
    assert {"top1_bare", "over_bare_ensemble", "ece_one_before", "ece_any_after", "map_background", "heard_top1", "steady_max"} <= set(
        named
    )
    assert named["top1_bare"]["n"] == 40 and named["ece_any_before"]["n"] == 80 and 0 <= named["rule_mean"]["value"] <= 1


def test_intervals_draw_whole_recordings() -> None:
    values, groups = np.repeat([0.0, 1.0], 50), np.repeat(np.arange(4), 25)
    together = zero_shot.mean_figure("x", values, groups, 0)
    alone = zero_shot.mean_figure("x", values, np.arange(100), 0)
    assert together["value"] == alone["value"] == 0.5
    widths = [float(found["high"] or 0) - float(found["low"] or 0) for found in (together, alone)]
    assert widths[0] > 2 * widths[1]
