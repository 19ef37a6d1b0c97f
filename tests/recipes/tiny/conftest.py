"""Made sounds in the layout of the prepared corpora."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from auricle.data.compose.mixtures import MixtureConfig
from auricle.data.corpora.clip_table import COLUMNS
from auricle.models.encoders.convolutional import ConvConfig
from recipes.tiny.distilled import Run

CLASSES = {0: "dog", 1: "rooster", 10: "rain"}
RATE = 16_000


@pytest.fixture(scope="session")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of ESC-50 (low and high tones, noise) in two folds; of each the third take is not for training."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("corpora")
    (root / "esc50_16k" / "audio").mkdir(parents=True)
    times = np.arange(RATE) / RATE
    with (root / "esc50_16k" / "clips.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for f, take, target in [(f, take, target) for f in (1, 2) for take in range(6) for target in CLASSES]:
            name = f"audio/{f}-{take}{target}-A-{target}.wav"
            wave = {0: np.sin(2 * np.pi * 300 * times), 1: np.sin(2 * np.pi * 3000 * times), 10: rng.standard_normal(RATE)}[target]
            soundfile.write(root / "esc50_16k" / name, 0.2 * wave + 1e-4 * rng.standard_normal(RATE), RATE)
            licence = "CC-BY-NC 3.0" if take == 2 else "CC0"
            row = {"filename": name, "label": CLASSES[target], "target": str(target), "fold": str(f), "source_id": f"{f}{take}{target}"}
            table.writerow({**row, "licence": licence, "author": "nobody", "duration_s": "1", "sample_rate": "16000", "channels": "1"})
    return root


@pytest.fixture(scope="session")
def small_run() -> Run:
    """Settings of a distilled training that takes seconds."""
    return Run(
        batch=8,
        steps=300,
        seconds=1.28,
        short_share=0.0,
        speeds=(1.0,),
        encoder=ConvConfig(widths=(8, 8, 16, 16, 16), size=48, dropout=0.0),
        mixtures=MixtureConfig(counts=(1.0,), room_share=0.0, cut_share=0.0, filter_db=0.0),
    )
