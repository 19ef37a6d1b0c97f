"""Mixtures of clips as data: which clip, how loud, from when on, through which filter and in which room; rendered for any front-end.

The mel powers of independent sounds add, whatever the bands, so one mixture gives the input of two models with different front-ends.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from auricle.core.config import Strict
from auricle.data.compose.feature_bank import FLOOR_DB, FeatureBank
from auricle.signal.frontend import Frontend

Share = Annotated[float, Field(ge=0, le=1)]
Decibels = Annotated[float, Field(ge=0)]

#: Frequencies (Hz) at which a filter has its gains; between them it is linear in dB over the logarithm of the frequency.
FILTER_HZ = (60.0, 250.0, 1000.0, 4000.0, 16_000.0)
#: Level (dB) below the loudest clip of a mixture from which a clip counts as inaudible.
INAUDIBLE_DB = -25.0
#: Band (Hz) in which the level of noise is compared with that of clips, so that front-ends of different bandwidths get the same noise.
NOISE_BAND_HZ = (60.0, 7500.0)
_NOISE_DB = (-40.0, 0.0)  # of noise, from the loud frames of the clips
_NOISE_TILT_DB = (-6.0, 1.0)  # per octave: brown noise has -6, pink -3, white 0
_ROOM_SECONDS = (0.2, 1.5)  # of reverberation
_CUT_HZ = (2000.0, 8000.0)  # of a band limit, as of telephones, old files and cheap microphones


class MixtureConfig(Strict):
    """How mixtures are drawn.

    counts: probabilities of one, two, three ... clips. level_db: standard deviation of the level of a clip. gain_db: of the whole mixture.
    filter_db: of the gains of a clip's filter. room_share: of clips in a room. cut_share: of mixtures with a band limit.
    noise_share: of mixtures with steady noise under all of it.
    """

    counts: tuple[Share, ...] = (0.35, 0.4, 0.15, 0.1)
    level_db: Decibels = 6.0
    gain_db: Decibels = 6.0
    filter_db: Decibels = 3.0
    room_share: Share = 0.2
    cut_share: Share = 0.1
    noise_share: Share = 0.0


@dataclasses.dataclass(frozen=True)
class Part:
    """One clip of a mixture.

    clip: index in the bank. speed: index of the playback speed. level: dB, of the clip's loud frames. start, at: seconds in the clip and in
    the mixture at which it begins. gains: dB at FILTER_HZ. room: seconds of reverberation, 0 for none.
    """

    clip: int
    speed: int
    level: float
    start: float
    at: float
    gains: tuple[float, ...] = (0.0,) * len(FILTER_HZ)
    room: float = 0.0


@dataclasses.dataclass(frozen=True)
class Noise:
    """Steady noise. level: dB, from the loud frames of the clips. tilt: dB per octave. seed: of its fluctuations."""

    level: float
    tilt: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Clips that sound together. gain: dB, of all. cut: Hz, above which nothing is left. noise: under all of it."""

    parts: tuple[Part, ...]
    gain: float = 0.0
    cut: float = np.inf
    noise: Noise | None = None

    def audible(self) -> list[Part]:
        """The parts that are not inaudible beside the loudest one."""
        loudest = max(part.level for part in self.parts)
        return [part for part in self.parts if part.level - loudest >= INAUDIBLE_DB]


def draw_mixture(
    rng: np.random.Generator, clips: Sequence[int], bank: FeatureBank, frame_rate: float, seconds: float, config: MixtureConfig
) -> Mixture:
    """Draw a mixture of as many of these clips as the drawn count needs, the first ones, of `seconds`.

    A clip that is longer than the mixture is cropped around a random active frame; a shorter one begins at a random time. frame_rate: of
    the bank. The loudest clip keeps its own level but for the gain.
    """
    counts = np.array(config.counts) / sum(config.counts)
    chosen = clips[: 1 + int(np.searchsorted(np.cumsum(counts), rng.random()))]
    parts = [_draw_part(rng, clip, bank, frame_rate, seconds, config) for clip in chosen]
    loudest = max(range(len(parts)), key=lambda index: parts[index].level)
    own = float(bank.level[parts[loudest].clip]) - parts[loudest].level
    cut = float(rng.uniform(*_CUT_HZ)) if rng.random() < config.cut_share else np.inf
    gain = own + float(rng.normal(0.0, config.gain_db))
    noise = None
    if config.noise_share and rng.random() < config.noise_share:
        noise = Noise(float(rng.uniform(*_NOISE_DB)), float(rng.uniform(*_NOISE_TILT_DB)), int(rng.integers(2**31)))
    return Mixture(tuple(parts), gain, cut, noise)


def _draw_part(rng: np.random.Generator, clip: int, bank: FeatureBank, frame_rate: float, seconds: float, config: MixtureConfig) -> Part:
    speed = int(rng.integers(len(bank.speeds)))
    _, active = bank.clip(clip, speed)
    spare = len(active) / frame_rate - seconds
    start = at = 0.0
    if spare > 0:
        sounding = np.flatnonzero(active)
        focus = float(rng.choice(sounding)) / frame_rate if sounding.size else float(rng.uniform(0.0, spare))
        start = float(np.clip(focus - rng.uniform(0.0, seconds), 0.0, spare))
    else:
        at = float(rng.uniform(0.0, abs(spare)))  # numpy takes no -0.0
    return Part(
        clip=clip,
        speed=speed,
        level=float(np.clip(rng.normal(0.0, config.level_db), -20.0, 20.0)),
        start=start,
        at=at,
        gains=tuple(rng.normal(0.0, config.filter_db, len(FILTER_HZ)).tolist()),
        room=float(np.exp(rng.uniform(*np.log(_ROOM_SECONDS)))) if rng.random() < config.room_share else 0.0,
    )


def place(rows: np.ndarray, part: Part, frame_rate: float, frames: int) -> np.ndarray:
    """What of a clip's rows (T, ...) at `frame_rate` is in a mixture of so many frames, where it is there; zero elsewhere."""
    start, at = round(part.start * frame_rate), round(part.at * frame_rate)
    count = max(0, min(len(rows) - start, frames - at))
    placed = np.zeros((frames, *rows.shape[1:]), rows.dtype)
    placed[at : at + count] = rows[start : start + count]
    return placed


def render(mixture: Mixture, bank: FeatureBank, frontend: Frontend, level: np.ndarray, frames: int) -> np.ndarray:
    """Mel power of a mixture for one front-end, float32 (frames, F). level: dB of each clip, from one bank for all front-ends."""
    logarithm = np.log(np.maximum(frontend.centres, 1.0))
    total = np.zeros((frames, frontend.mels), np.float32)
    for part in mixture.parts:
        gain = mixture.gain + part.level - float(level[part.clip]) + np.interp(logarithm, np.log(FILTER_HZ), part.gains)
        features, _ = bank.clip(part.clip, part.speed)
        start, at = round(part.start * frontend.frame_rate), round(part.at * frontend.frame_rate)
        count = max(0, min(len(features) - start, frames - at))
        decibels = features[start : start + count].astype(np.float32)
        power = _from_db(decibels + gain.astype(np.float32)) * (decibels > FLOOR_DB)
        if part.room:
            power = _reverberate(power, part.room * frontend.frame_rate, frames - at)
        total[at : at + len(power)] += power
    if mixture.noise is not None:
        total += _render_noise(mixture.noise, total, frontend)
    total[:, frontend.centres > mixture.cut] = 0.0
    return total


def _render_noise(noise: Noise, power: np.ndarray, frontend: Frontend) -> np.ndarray:
    """Mel power (T, F) of noise beside the power of clips; zero where those are silent throughout.

    Its power is compared with the mean of the fifth of the frames that are loudest.
    """
    mean, freedom = _white_noise(frontend)
    shape = mean * 10.0 ** (noise.tilt * np.log2(np.maximum(frontend.centres, 20.0) / 1000.0) / 10.0)
    band = (frontend.centres >= NOISE_BAND_HZ[0]) & (frontend.centres < NOISE_BAND_HZ[1])
    loud = np.sort(power[:, band].sum(axis=1))[-max(1, len(power) // 5) :].mean()
    grain = np.random.default_rng(noise.seed).standard_gamma(freedom, size=power.shape) / freedom
    return np.asarray(shape * grain * (loud / shape[band].sum() * 10.0 ** (noise.level / 10.0)), np.float32)


@functools.lru_cache(maxsize=8)
def _white_noise(frontend: Frontend) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the power of white noise in each band (F,), and how steady it is: the shape of a gamma distribution (F,)."""
    power = frontend.power(np.random.default_rng(0).standard_normal(10 * frontend.rate).astype(np.float32)).astype(np.float64)
    mean = power.mean(axis=0)
    return mean, mean**2 / np.maximum(power.var(axis=0), 1e-12 * mean**2 + 1e-30)


def _reverberate(power: np.ndarray, frames: float, room: int) -> np.ndarray:
    """Power (T, F) with a diffuse tail that falls by 60 dB in so many frames and has as much energy as the sound itself.

    Returns min(T + frames, room) frames. Late reverberation is incoherent, so its power is a convolution with an exponential: the sum of
    1, 2, 4, 8 ... past frames is made of two sums of half as many, which takes fewer operations than a Fourier transform.
    """
    length = min(len(power) + int(frames), room)
    decay = 10.0 ** (-6.0 / frames)
    result = np.zeros((length, power.shape[1]), np.float32)
    result[: min(len(power), length)] = power[:length]
    late, past = np.zeros_like(result), 1
    late[1:] = result[:-1] * np.float32((1.0 - decay) / (1.0 - 1e-6))
    while past < length:
        late[past:] += np.float32(decay**past) * late[:-past]
        past *= 2
    return result + late


def _from_db(decibels: np.ndarray) -> np.ndarray:
    """Power of dB. numpy's float32 exp is vectorised, its power is not."""
    return np.asarray(np.exp(decibels * np.float32(np.log(10.0) / 10.0)))
