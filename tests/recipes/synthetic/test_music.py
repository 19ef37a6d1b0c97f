from __future__ import annotations

import shutil

import numpy as np
import pytest

from auricle.core.errors import InputError
from recipes.synthetic import music, programs
from recipes.synthetic.midi import Note
from recipes.synthetic.pieces import Piece
from recipes.synthetic.sound import RATE


@pytest.fixture
def fluidsynth() -> None:
    if shutil.which("fluidsynth") is None:
        pytest.skip("fluidsynth is not installed")
    try:
        programs.find_sound_font()
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("fluidsynth")
def test_a_note_has_its_pitch_and_time() -> None:
    piece = Piece([Note(1.0, 2.0, 69, 100)], {0: 73}, 120.0, ("music",), {})
    samples = music.render(piece)
    assert np.abs(samples[: round(0.45 * RATE)]).max() < 1e-3 < np.abs(samples[round(0.6 * RATE) :]).max()
    flute = samples[round(0.7 * RATE) : round(1.2 * RATE)]
    spectrum = np.abs(np.fft.rfft(flute * np.hanning(len(flute))))
    assert np.fft.rfftfreq(len(flute), 1 / RATE)[spectrum.argmax()] % 440 == pytest.approx(0, abs=6)


@pytest.mark.usefixtures("fluidsynth")
def test_rows_of_music_have_the_licence_of_the_sound_font() -> None:
    sound = music.melody(np.random.default_rng(0), 3.0)
    assert (sound.licence, sound.source) == ("MIT", sound.settings["melody"]) and "Frank Wen" in sound.author
    again = music.melody(np.random.default_rng(0), 3.0)
    assert np.array_equal(sound.samples, again.samples)
