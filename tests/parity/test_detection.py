"""The DESED 2023 baseline's scores on 20 clips (from github.com/merlresearch/sebbs, CC BY 4.0) give the published numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from auricle.core.records import Event
from auricle.metrics import detection, psds
from auricle.metrics.frames import FrameScores


class Desed(NamedTuple):
    scores: dict[str, FrameScores]
    reference: dict[str, list[Event]]
    durations: dict[str, float]
    labels: tuple[str, ...]


@pytest.fixture(scope="module")
def desed(parity: Path) -> Desed:
    root = parity / "desed20"
    scores: dict[str, FrameScores] = {}
    for path in sorted((root / "baseline2_run1_scores").glob("*.tsv")):
        head, *body = csv.reader(path.open(), delimiter="\t")
        table = np.array(body, dtype=np.float64)
        scores[path.stem] = FrameScores(table[:, 2:], np.append(table[:, 0], table[-1, 1]), head[2:])
    reference: dict[str, list[Event]] = {file: [] for file in scores}
    for row in csv.DictReader((root / "metadata" / "ground_truth.tsv").open(), delimiter="\t"):
        if (file := row["filename"].removesuffix(".wav")) in scores:
            reference[file].append(Event(row["event_label"], float(row["onset"]), float(row["offset"]), 1.0))
    rows = csv.DictReader((root / "metadata" / "audio_durations.tsv").open(), delimiter="\t")
    durations = {row["filename"].removesuffix(".wav"): float(row["duration"]) for row in rows}
    return Desed(scores, reference, durations, tuple(next(iter(scores.values())).labels))


def test_psds(desed: Desed) -> None:
    found = psds.evaluate(desed.scores, desed.reference, desed.durations)
    assert found["psds1"] == pytest.approx(0.26974328, abs=5e-9)
    assert found["psds2"] == pytest.approx(0.58105463, abs=5e-9)


def test_f1_at_half(desed: Desed) -> None:
    estimate = {file: frames.events(0.5) for file, frames in desed.scores.items()}
    collar = detection.collar_counts(desed.reference, estimate, desed.labels)
    assert collar.macro() == pytest.approx(0.446973, abs=5e-7)
    assert collar.micro() == pytest.approx(0.559387, abs=5e-7)
    segment = detection.segment_counts(desed.reference, estimate, desed.labels, durations=desed.durations)
    assert segment.macro() == pytest.approx(0.708571, abs=5e-7)
    intersection = detection.intersection_counts(desed.reference, estimate, desed.labels)
    assert intersection.macro() == pytest.approx(0.666178, abs=5e-7)
