"""Speech: one speaker, two in conversation, and crowds of many overlapped voices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recipes.synthetic import reverberation, voices
from recipes.synthetic.sound import RATE, Generator, Samples, Sound
from recipes.synthetic.voices import Voice
from recipes.synthetic.waveforms import band, coloured, convolve, count, drift, place

Draw = Callable[[np.random.Generator, str], Voice]


def speech(draw: Draw) -> Generator:
    """A generator of one speaker, drawn by `draw`, with pauses between sentences."""

    def generate(rng: np.random.Generator, seconds: float) -> Sound:
        voice = draw(rng, "")
        onset, pieces = float(rng.uniform(0.0, 0.6)), []
        while onset < seconds - 0.3:
            spoken = voices.speak(voice, voices.sentence(rng, voice.language))
            pieces.append((onset, spoken))
            onset += len(spoken) / RATE + float(rng.uniform(0.2, 0.9))
        label = {"male": "male speech", "female": "female speech"}[voice.sex]
        settings = {"voice": voice.description, "language": voice.language}
        return Sound(place(count(seconds), pieces), ("speech", label), settings, voice.licence, voice.author, source=voice.speaker)

    return generate


def conversation(rng: np.random.Generator, seconds: float) -> Sound:
    """Two speakers of one language in turn, at different distances; now and then they overlap."""
    first = voices.flite(rng) if rng.random() < 0.3 else voices.espeak(rng)
    second = voices.espeak(rng, first.language)
    speakers = [first, second]
    gains = [1.0, float(rng.uniform(0.4, 1.0))]
    onset, turn, pieces = float(rng.uniform(0.0, 0.4)), int(rng.integers(2)), []
    while onset < seconds - 0.3:
        spoken = voices.speak(speakers[turn], voices.sentence(rng, first.language))
        pieces.append((onset, gains[turn] * spoken / max(float(spoken.std()), 1e-9)))
        onset = max(0.0, onset + len(spoken) / RATE + float(rng.uniform(-0.3, 0.6)))
        turn = 1 - turn if rng.random() < 0.85 else turn
    settings = {"voices": f"{first.description}, {second.description}", "language": first.language}
    return Sound(place(count(seconds), pieces), ("speech", "conversation"), settings, first.licence, first.author)


#: Speakers that a crowd is made of; each lends its voice to several members.
_DISTINCT = 12


def crowd(rng: np.random.Generator, seconds: float) -> Sound:
    """Babble of 12 to 60 voices in one room: twelve speakers, each heard as several members at other times, pitches and distances."""
    members = int(np.exp(rng.uniform(np.log(12), np.log(60))))
    language = "en" if rng.random() < 0.4 else ""
    spoken = []
    for _ in range(_DISTINCT):
        voice = voices.espeak(rng, language)
        sound = voices.speak(voice, " ".join(voices.sentence(rng, voice.language) for _ in range(2)))
        spoken.append(sound / max(float(sound.std()), 1e-9))
    size, rt60 = count(seconds), float(rng.uniform(0.4, 1.2))
    responses = [reverberation.response(rng, rt60, direct=direct) for direct in (6.0, -2.0, -9.0)]
    groups = [np.zeros(size) for _ in responses]
    for member in range(members):
        repeated = _at_another_pitch(rng, spoken[member % _DISTINCT], float(rng.uniform(0.85, 1.2)))
        start, distance = int(rng.integers(len(repeated))), int(rng.choice([0, 1, 1, 2, 2, 2, 2, 2]))
        gain = (1.0, 0.6, 0.35)[distance] * rng.lognormal(0, 0.4)
        groups[distance] += gain * np.resize(np.roll(repeated, -start), size) * _turns(rng, size)
    babble = np.sum([convolve(group, response)[:size] for group, response in zip(groups, responses, strict=True)], axis=0)
    babble = band(babble, rng.uniform(180, 350), order=2)  # raised voices have little below their first formant
    babble += float(babble.std()) * float(rng.uniform(0.02, 0.1)) * coloured(rng, size, 3.0)
    labels = ("speech", "crowd" if members > 24 else "chatter", "babble")
    return Sound(babble, labels, {"members": members, "language": language or "several"})


def _at_another_pitch(rng: np.random.Generator, samples: Samples, factor: float) -> Samples:
    """Play faster or slower, unsteadily, by linear interpolation: the pitch of synthetic speech is too even for a crowd."""
    positions = np.cumsum(factor * (1 + 0.05 * drift(rng, int(len(samples) / factor), 3.0)))
    return np.interp(positions[positions < len(samples)], np.arange(len(samples)), samples)


def _turns(rng: np.random.Generator, size: int) -> Samples:
    """People talk about two thirds of the time."""
    return np.asarray(1 / (1 + np.exp(-6 * (drift(rng, size, 0.5) + 0.4))))


espeak, flite, neural = speech(voices.espeak), speech(voices.flite), speech(voices.neural)
