"""Augmentation of a generated sound: a room, ambience, a limited band, a codec, and a level. What was applied is in the clip's row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile

from auricle.signal.resample import resample
from recipes.synthetic import reverberation
from recipes.synthetic.sound import RATE, Samples
from recipes.synthetic.waveforms import band, choose, coloured, convolve, count, drift

#: Sample rate of stored clips, Hz.
STORED_RATE = 16_000


@dataclass(frozen=True)
class Treatment:
    """How the clips of a kind are augmented. Each share is a probability.

    rt60: shortest and longest reverberation time, seconds. direct: level of the direct
    sound over that of the room, dB. snr: of ambience, dB. level: of the loudest 0.1 s of the stored clip, dBFS.
    """

    room: float = 0.5
    rt60: tuple[float, float] = (0.15, 1.2)
    direct: tuple[float, float] = (0.0, 15.0)
    ambience: float = 0.4
    snr: tuple[float, float] = (10.0, 40.0)
    band: float = 0.15
    codec: float = 0.25
    level: tuple[float, float] = (-32.0, -9.0)


@dataclass(frozen=True, eq=False)
class Background:
    """A recording of ambience: samples (N,) at RATE, the labels of what sounds in it, and columns of its row."""

    samples: Samples
    labels: tuple[str, ...]
    name: str
    licence: str
    author: str
    fold: int


#: Recorded ambience is used where it is this much below the sound at most (dB), so that its labels can be heard.
AUDIBLE = 25.0


def augmented(
    rng: np.random.Generator, samples: Samples, treatment: Treatment, backgrounds: Sequence[Background] = ()
) -> tuple[Samples, dict[str, str], Background | None]:
    """Augment samples (N,) at RATE; returns (n,) at STORED_RATE, of the same length in seconds, what was applied, and the ambience.

    backgrounds: half of the ambiences that are loud enough are one of these recordings, the others are noise; the ambience returned is
    None for noise.
    """
    applied: dict[str, str] = {}
    size, background = len(samples), None
    if rng.random() < treatment.room:
        samples, applied["room"] = _in_room(rng, samples, treatment)
    if rng.random() < treatment.ambience:
        snr, recorded = rng.uniform(*treatment.snr), rng.random() < 0.5
        if backgrounds and recorded and snr <= AUDIBLE:
            background = backgrounds[int(rng.integers(len(backgrounds)))]
        samples, applied["ambience"] = _over_ambience(rng, samples, snr, background)
    if rng.random() < treatment.band:
        samples, applied["band"] = _limited(rng, samples)
    stored = resample(samples[:size].astype(np.float32)[None], RATE, STORED_RATE)[0].astype(np.float64)
    level = rng.uniform(*treatment.level)
    stored = at_level(stored, level)
    applied["level"] = f"{level:.1f} dBFS"
    if rng.random() < treatment.codec:
        stored, applied["codec"] = _coded(rng, stored)
    return stored, applied, background


def at_level(samples: Samples, level: float) -> Samples:
    """Scale so that the loudest 0.1 s has this level, dBFS; the peak stays at or below 0.95."""
    block = STORED_RATE // 10
    power = np.convolve(samples**2, np.full(min(block, len(samples)), 1 / block), "valid").max()
    gain = 10 ** (level / 20) / np.sqrt(max(float(power), 1e-20))
    return np.asarray(samples * min(gain, 0.95 / max(float(np.abs(samples).max(initial=0.0)), 1e-12)))


def _in_room(rng: np.random.Generator, samples: Samples, treatment: Treatment) -> tuple[Samples, str]:
    rt60 = float(np.exp(rng.uniform(*np.log(treatment.rt60))))
    direct = rng.uniform(*treatment.direct)
    wet = convolve(samples, reverberation.response(rng, rt60, direct=direct))[: len(samples)]
    return wet, f"RT60 {rt60:.2f} s, direct sound at {direct:.0f} dB"


def _over_ambience(rng: np.random.Generator, samples: Samples, snr: float, background: Background | None) -> tuple[Samples, str]:
    """Add ambience; the ratio (dB) is that of the loudest 0.1 s of the sound to the mean of the ambience."""
    if background is None:
        slope = rng.uniform(2.0, 8.0)
        sound, name = coloured(rng, len(samples), slope) * (1 + 0.15 * drift(rng, len(samples), 1.0)), f"noise of -{slope:.1f} dB an octave"
    else:
        start = int(rng.integers(max(1, len(background.samples) - len(samples) + 1)))
        sound, name = np.resize(np.roll(background.samples, -start), len(samples)), background.name
    block = count(0.1)
    loud = np.sqrt(max(float(np.max(_block_power(samples, block))), 1e-20))
    gain = loud * 10 ** (-snr / 20) / max(float(np.sqrt(np.mean(sound**2))), 1e-12)
    return samples + gain * sound, f"{name} at {snr:.0f} dB"


def _block_power(samples: Samples, block: int) -> Samples:
    energy = np.concatenate([[0.0], np.cumsum(samples**2)])
    block = min(block, len(samples))
    return np.asarray((energy[block:] - energy[:-block]) / block)


#: Limited bands: name -> lowest and highest frequency in Hz. Telephone: ITU-T G.712.
LIMITS = {"telephone": (300.0, 3400.0), "small speaker": (250.0, 7500.0), "AM radio": (120.0, 4500.0), "behind a wall": (30.0, 900.0)}


def _limited(rng: np.random.Generator, samples: Samples) -> tuple[Samples, str]:
    name = choose(rng, tuple(LIMITS))
    low, high = LIMITS[name]
    return band(samples, low, high, order=4), name


#: Codecs that libsndfile writes: name -> format, subtype, lowest and highest compression level (0 best, 1 smallest).
CODECS = {
    "mp3": ("MP3", "MPEG_LAYER_III", (0.6, 0.95)),
    "vorbis": ("OGG", "VORBIS", (0.8, 1.0)),
    "opus": ("OGG", "OPUS", (0.9, 1.0)),
}


def _coded(rng: np.random.Generator, samples: Samples) -> tuple[Samples, str]:
    """Through a codec at a low bit rate and back, with the delay of the codec cut off or filled up at the end."""
    name = choose(rng, tuple(CODECS))
    container, subtype, (low, high) = CODECS[name]
    level = rng.uniform(low, high)
    file = io.BytesIO()
    soundfile.write(file, samples, STORED_RATE, format=container, subtype=subtype, compression_level=level)
    bits = 8 * file.tell() / len(samples) * STORED_RATE
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float64")
    decoded = np.pad(decoded, (0, max(0, len(samples) - len(decoded))))[: len(samples)]
    return np.clip(decoded, -1.0, 1.0), f"{name} at {bits / 1000:.0f} kbit/s"
