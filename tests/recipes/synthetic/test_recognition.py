from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from auricle.core.records import Analysis, Label
from auricle.data.corpora.clip_table import Row
from recipes.synthetic import recognition


def analysis(*names: str, silent: bool = False) -> Analysis:
    return Analysis("x.ogg", duration=1.0, tags=tuple(Label(name, 0.5, True) for name in names), silent=silent)


def test_a_clip_is_recognised_by_its_best_labels() -> None:
    result = recognition.Recognition()
    recognition._compare(result, ("music", "violin"), analysis("Music", "Musical instrument", "Flute", "Violin, fiddle"))
    recognition._compare(result, ("music", "violin"), analysis("Siren", "Alarm", "Flute", "Music"))
    recognition._compare(result, ("silence",), analysis("Speech", silent=True))
    assert (result.fits, result.particular) == ([True, False, True], [True, False, True])
    assert result.mistaken_for == Counter({"Siren": 1})
    shares = {figure["name"]: figure["value"] for figure in recognition.figures({"speech-flite": result})}
    assert shares == pytest.approx({"speech_flite": 2 / 3, "speech_flite_particular": 2 / 3})


def test_the_kind_is_read_from_the_settings() -> None:
    row = Row(Path("x.ogg"), "tone", ("tone",), "synthetic", "x", "CC0", extra="synthetic;generator=recipes.synthetic 1;kind=tone;seed=0")
    assert recognition.kind_of(row) == "tone"


def test_names_are_those_of_audioset() -> None:
    assert "Violin, fiddle" in recognition.fitting_names()["violin"]
