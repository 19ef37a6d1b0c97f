from __future__ import annotations

import shutil

import numpy as np
import pytest

from recipes.synthetic import speech
from recipes.synthetic.sound import RATE


@pytest.fixture(autouse=True)
def programs() -> None:
    for name in ("espeak-ng", "flite"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")


def test_one_speaker_is_a_source_and_pauses() -> None:
    sound = speech.flite(np.random.default_rng(1), 5.0)
    assert sound.labels[0] == "speech" and sound.labels[1] in ("male speech", "female speech")
    assert sound.source.startswith("flite ") and sound.licence.startswith("MIT-like") and "Carnegie Mellon" in sound.author
    levels = np.abs(sound.samples[: 5 * RATE]).reshape(-1, RATE // 20).max(axis=1)
    assert (levels < 0.02 * levels.max()).any()


def test_a_conversation_has_two_voices() -> None:
    sound = speech.conversation(np.random.default_rng(2), 4.0)
    assert sound.labels == ("speech", "conversation") and len(str(sound.settings["voices"]).split(", ")) == 2


def test_a_crowd_has_no_pauses() -> None:
    sound = speech.crowd(np.random.default_rng(3), 4.0)
    levels = (sound.samples[: 4 * RATE] ** 2).reshape(-1, RATE // 5).mean(axis=1)
    assert levels.min() > 0.02 * levels.max() and sound.labels[0] == "speech"
