"""Voices: text to samples by espeak-ng (many languages; formants), flite (recorded American and Scottish speakers) and Kokoro (a network).

The programs are not part of auricle. What espeak-ng (GPL) puts out is not covered by the licence of the program; the voices of flite and
Kokoro have licences of their own, which the rows of their clips carry.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from auricle.core.records import Clip
from auricle.signal.resample import resample
from auricle.signal.streaming import read
from recipes.synthetic import kokoro, programs
from recipes.synthetic.sound import OWN_LICENCE, RATE, Samples
from recipes.synthetic.waveforms import choose

#: Variants of espeak-ng's voices that sound like people of that sex, also to an AudioSet tagger (mn04: the share of `Female speech` is
#: under 0.45 or over 0.65); robots, whispers and comic voices are left out.
MEN = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "klatt", "klatt2", "klatt3", "klatt4", "Andy", "Diogo", "Gene", "Lee", "Marco",
       "Michael", "Mike", "adam", "antonio", "benjamin", "boris", "caleb", "david", "ed", "edward", "gustave", "john", "michel", "miguel",
       "norbert", "pablo", "paul", "pedro", "sandro", "travis", "victor", "grandpa")  # fmt: skip
WOMEN = ("f1", "f2", "f3", "f4", "f5", "Alicia", "Andrea", "Annie", "anika", "aunty", "belinda", "linda", "grandma")
#: Accents of English, which share their sentences.
ENGLISH = ("en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-gb-x-gbclan", "en-us-nyc", "en-029")
#: flite's voices: name -> (sex, licence). X11-like terms of Carnegie Mellon University (COPYING of flite 2.2).
FLITE = {"rms": "male", "slt": "female", "awb": "male", "kal16": "male"}
FLITE_LICENCE, FLITE_AUTHOR = "MIT-like (CMU Flite)", "Carnegie Mellon University (voice {})"


@dataclass(frozen=True)
class Voice:
    """A speaker. engine: espeak-ng, flite or kokoro. name: of the voice. language: of espeak-ng, by which sentences are chosen.

    pitch: 0 to 99, 50 is the voice's own. speed: 1 is normal. licence, author: of what the voice was made from.
    """

    engine: str
    name: str
    sex: str
    language: str
    pitch: int
    speed: float
    licence: str = OWN_LICENCE
    author: str = "auricle"

    @property
    def speaker(self) -> str:
        """The speaker, whatever the language, pitch and speed."""
        return f"{self.engine} {self.name.rpartition('+')[2] if self.engine == 'espeak-ng' else self.name}"

    @property
    def description(self) -> str:
        """Engine, voice and settings for the row of a clip."""
        return f"{self.engine} {self.name} pitch {self.pitch} speed {self.speed:.2f}"


def espeak(rng: np.random.Generator, language: str = "") -> Voice:
    """A random voice of espeak-ng; half of them speak English, the others any language of sentences.json."""
    language = language or ("en" if rng.random() < 0.5 else choose(rng, languages()))
    sex = choose(rng, ("male", "female"))
    accent = choose(rng, ENGLISH) if language == "en" else language
    name = f"{accent}+{choose(rng, MEN if sex == 'male' else WOMEN)}"
    return Voice("espeak-ng", name, sex, language, int(rng.integers(30, 75)), float(rng.uniform(0.75, 1.3)))


def flite(rng: np.random.Generator, language: str = "en") -> Voice:
    """A random voice of flite, which speaks English."""
    name = choose(rng, tuple(FLITE))
    pitch, speed = int(rng.integers(35, 66)), float(rng.uniform(0.8, 1.25))
    return Voice("flite", name, FLITE[name], "en", pitch, speed, FLITE_LICENCE, FLITE_AUTHOR.format(name))


def neural(rng: np.random.Generator, language: str = "") -> Voice:
    """A voice of Kokoro: one of its speakers, or a mixture of two."""
    language = language or choose(rng, kokoro.LANGUAGES)
    name, sex = kokoro.mixed_name(rng)
    return Voice("kokoro", name, sex, language, 50, float(rng.uniform(0.8, 1.25)), kokoro.LICENCE, kokoro.AUTHOR)


def speak(voice: Voice, text: str) -> Samples:
    """The text spoken by a voice, (N,) at RATE, without the silence around it. InputError where its program is missing or fails."""
    clip = _ENGINES[voice.engine](voice, text)
    samples = resample(clip.samples, clip.rate, RATE)[0].astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * max(float(np.abs(samples).max(initial=0.0)), 1e-9))
    return np.asarray(samples[loud[0] : loud[-1] + 1] if len(loud) else samples)


def _espeak(voice: Voice, text: str) -> Clip:
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "speech.wav")
        speed = str(round(165 * voice.speed))
        programs.run("espeak-ng", ["-v", voice.name, "-p", str(voice.pitch), "-s", speed, "-w", str(sound), "--stdin"], text=text)
        return read(sound, mono=True)


def _flite(voice: Voice, text: str) -> Clip:
    with tempfile.TemporaryDirectory() as folder:
        sound, words = Path(folder, "speech.wav"), Path(folder, "text.txt")
        words.write_text(text, encoding="utf-8")
        mean = {"male": 105, "female": 175}[voice.sex] * 2 ** ((voice.pitch - 50) / 60)
        settings = ["--setf", f"duration_stretch={1 / voice.speed:.3f}", "--setf", f"int_f0_target_mean={mean:.0f}"]
        programs.run("flite", ["-voice", voice.name, *settings, "-f", str(words), "-o", str(sound)])
        return read(sound, mono=True)


def _kokoro(voice: Voice, text: str) -> Clip:
    phonemes = programs.run("espeak-ng", ["-q", "--ipa", "-v", "en-us" if voice.language == "en" else voice.language, "--stdin"], text=text)
    return kokoro.synthesise(voice.name, phonemes.decode(), speed=voice.speed)


_ENGINES = {"espeak-ng": _espeak, "flite": _flite, "kokoro": _kokoro}


@cache
def sentences() -> dict[str, tuple[str, ...]]:
    """All sentences by language."""
    content = json.loads((Path(__file__).parent / "sentences.json").read_text(encoding="utf-8"))
    joined: dict[str, tuple[str, ...]] = {}
    for part in ("everyday", "literature"):
        for language, texts in content[part].items():
            joined[language] = (*joined.get(language, ()), *texts)
    return joined


def languages() -> tuple[str, ...]:
    """The languages of sentences.json, by their names in espeak-ng."""
    return tuple(sorted(sentences()))


def sentence(rng: np.random.Generator, language: str) -> str:
    """A sentence of a language."""
    return choose(rng, sentences()[language])
