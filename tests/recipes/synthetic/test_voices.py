from __future__ import annotations

import shutil

import numpy as np
import pytest

from recipes.synthetic import voices
from recipes.synthetic.sound import RATE
from recipes.synthetic.voices import Voice


def needs(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def test_every_language_has_sentences() -> None:
    assert len(voices.languages()) > 20 and all(text.strip() for texts in voices.sentences().values() for text in texts)
    assert len(voices.sentences()["en"]) > 40


def test_voices_vary_and_say_who_speaks() -> None:
    drawn = [voices.espeak(np.random.default_rng(seed)) for seed in range(200)]
    assert len({voice.speaker for voice in drawn}) > 30 and len({voice.language for voice in drawn}) > 15
    assert {voice.sex for voice in drawn} == {"male", "female"}
    voice = Voice("espeak-ng", "en-gb+f3", "female", "en", 60, 1.1)
    assert (voice.speaker, voice.description) == ("espeak-ng f3", "espeak-ng en-gb+f3 pitch 60 speed 1.10")


def pitch(samples: np.ndarray) -> float:
    """Median fundamental of voiced frames by autocorrelation, Hz."""
    found = []
    for start in range(0, len(samples) - 2048, 1024):
        frame = samples[start : start + 2048]
        if frame.std() > 0.3 * samples.std():
            correlation = np.correlate(frame, frame, "full")[2047:]
            lags = correlation[RATE // 400 : RATE // 60]
            if lags.max() > 0.5 * correlation[0]:
                found.append(RATE / (RATE // 400 + lags.argmax()))
    return float(np.median(found))


def test_espeak_speaks_faster_and_higher_as_asked() -> None:
    needs("espeak-ng")
    text = voices.sentences()["en"][0]
    plain = voices.speak(Voice("espeak-ng", "en-us+m1", "male", "en", 50, 1.0), text)
    fast = voices.speak(Voice("espeak-ng", "en-us+m1", "male", "en", 50, 1.3), text)
    high = voices.speak(Voice("espeak-ng", "en-us+m1", "male", "en", 90, 1.0), text)
    assert len(fast) < 0.9 * len(plain) and pitch(high) > 1.2 * pitch(plain)
    assert np.array_equal(plain, voices.speak(Voice("espeak-ng", "en-us+m1", "male", "en", 50, 1.0), text))


@pytest.mark.parametrize("language", voices.languages())
def test_espeak_speaks_every_language(language: str) -> None:
    needs("espeak-ng")
    name = "en-us" if language == "en" else language
    spoken = voices.speak(Voice("espeak-ng", f"{name}+f2", "female", language, 50, 1.0), voices.sentences()[language][0])
    assert len(spoken) > 0.5 * RATE


@pytest.mark.parametrize("name", voices.FLITE)
def test_flite_speaks(name: str) -> None:
    needs("flite")
    spoken = voices.speak(Voice("flite", name, voices.FLITE[name], "en", 50, 1.0), "Good morning, and welcome to the museum.")
    assert 1.0 * RATE < len(spoken) < 6.0 * RATE
