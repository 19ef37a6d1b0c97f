"""A real published model on named recordings: what they are named after is what is found in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import auricle

pytest.importorskip("torch")

DATA = Path(os.environ.get("AURICLE_DATA") or "missing").resolve()
WEIGHTS = DATA.parent / "weights" / "mn04_as_mAP_432.pt"

pytestmark = pytest.mark.skipif(
    not WEIGHTS.is_file(), reason="wants AURICLE_DATA and, beside it, weights/mn04_as_mAP_432.pt of EfficientAT"
)


@pytest.fixture(scope="module")
def listener() -> auricle.Listener:
    return auricle.load(str(WEIGHTS))


def scores(listener: auricle.Listener, folder: str, names: list[str]) -> list[dict[str, float]]:
    analyses = listener.tag([str(DATA / folder / "audio" / name) for name in names], top=None)
    assert [analysis.error for analysis in analyses] == [None] * len(names)
    return [{tag.label: tag.score for tag in analysis.tags or ()} for analysis in analyses]


def test_readings_are_speech(listener: auricle.Listener) -> None:
    names = sorted(path.name for path in (DATA / "speech_text" / "audio").iterdir())
    assert len(names) >= 6
    for name, found in zip(names, scores(listener, "speech_text", names), strict=True):
        assert found["Speech"] > 0.5, name


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("guit_e_fifths", "Guitar"),
        ("drum_roll", "Drum"),
        ("drum_roll", "Drum roll"),
        ("loop_amen", "Drum kit"),
        ("loop_amen_full", "Drum"),
        ("loop_mika", "Drum"),
        ("loop_tabla", "Tabla"),
    ],
)
def test_instruments_are_found_by_name(name: str, label: str, listener: auricle.Listener) -> None:
    (found,) = scores(listener, "sonicpi_cc0", [f"{name}.flac"])
    assert found[label] >= 0.5
    assert sum(score > found[label] for score in found.values()) < 6


@pytest.mark.parametrize("name", ["drum_cymbal_open", "drum_tom_lo_hard", "drum_tom_lo_soft", "drum_tom_hi_soft", "drum_splash_hard"])
def test_single_strokes_are_percussion_before_any_other_instrument(name: str, listener: auricle.Listener) -> None:
    (found,) = scores(listener, "sonicpi_cc0", [f"{name}.flac"])
    assert max(found["Drum"], found["Cymbal"]) > 0.2
    assert max(found["Drum"], found["Cymbal"]) > max(found[label] for label in ("Guitar", "Piano", "Flute", "Bell", "Violin, fiddle"))


def test_dogs_bark(listener: auricle.Listener) -> None:
    names = sorted(path.name for path in (DATA / "esc50_16k" / "audio").iterdir() if path.stem.endswith("-0"))
    assert len(names) >= 30 and {"1-100032-A-0", "1-110389-A-0"} <= {name.rsplit(".", 1)[0] for name in names}
    found = [max(scores["Dog"], scores["Bark"]) > 0.5 for scores in scores(listener, "esc50_16k", names)]
    assert found[names.index("1-100032-A-0.ogg")] and found[names.index("1-110389-A-0.ogg")]
    assert sum(found) >= 0.8 * len(names)
