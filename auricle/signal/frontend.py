"""Front-ends: waveform in, the features that an encoder was trained on out, each a named preset of plain numbers (numpy).

The torch twin of the log-mel ones is nn.spectral.
"""

from __future__ import annotations

import functools

import numpy as np

from auricle.core.errors import InputError
from auricle.signal import crop, fusion, kaldi
from auricle.signal.banks import bank_of
from auricle.signal.presets import PRESETS, Preset
from auricle.signal.spectrum import MelPower
from auricle.signal.tapers import hann, taper

__all__ = ["PRESETS", "Frontend", "Preset", "hann", "open_frontend"]

_UNITS = {"decibel": 10.0 / np.log(10.0), "natural": 1.0, "decade": 1.0 / np.log(10.0)}  # what a natural logarithm is multiplied by
_VARIANCE_FLOOR = 1e-7  # Wav2Vec2FeatureExtractor's


class Frontend:
    """Features of one preset.

    rate: Hz that samples come at. hop: samples between frames. mels: F, 0 for a raw waveform. frame_rate: frames a second.
    fixed: T where every clip becomes so many frames, else None. bank (bins, mels), window (W,): float32, None for a raw waveform.
    """

    bank: np.ndarray | None
    window: np.ndarray | None

    def __init__(self, name: str, bank: np.ndarray | None = None, window: np.ndarray | None = None) -> None:
        if name not in PRESETS:
            raise InputError(f"front-end {name!r} is unknown; wanted one of {', '.join(PRESETS)}")
        self.name = name
        self.preset = preset = PRESETS[name]
        self.rate, self.hop, self.frame_rate, self.fixed = preset.rate, preset.hop, preset.frame_rate, preset.fixed
        self._is_own_bank = bank is not None
        if preset.kind == "raw":
            if bank is not None or window is not None:
                raise InputError(f"front-end {name} is a raw waveform; wanted no mel bank and no window for it")
            self.mels, self.bank, self.window = 0, None, None
            return
        self.bank = bank_of(preset)
        self.window = taper(preset.taper, preset.window)
        if bank is not None:
            self.bank = _own(bank, (len(self.bank), None), f"mel bank of front-end {name}")
        if window is not None:
            self.window = _own(window, self.window.shape, f"window of front-end {name}")
        self.mels = self.bank.shape[1]
        clean = kaldi.clean if preset.cleaned else None
        self._power = MelPower(self.window * np.float32(preset.gain), self.bank, hop=preset.hop, edge=preset.edge, clean=clean)

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest frequency (Hz) that the features cover; what lies outside is not heard."""
        preset = self.preset
        if self.bank is None:
            return 0.0, preset.rate / 2
        if self._is_own_bank:
            bins = np.flatnonzero(self.bank.any(axis=1)) * preset.rate / (2 * (len(self.bank) - 1))
            return (float(bins[0]), float(bins[-1])) if len(bins) else (0.0, 0.0)
        stretch = preset.rate / (preset.laid or preset.rate)
        return preset.low * stretch, min(preset.high * stretch, preset.rate / 2)

    def frames(self, samples: int) -> int:
        """Number of frames of a signal of so many samples; of a raw waveform, the samples themselves."""
        if self.preset.kind == "raw":
            return samples
        if self.fixed is not None:
            return self.fixed
        return self._power.frames(samples - 1 if self.preset.emphasis and samples > 1 else samples)

    def features(self, samples: np.ndarray) -> np.ndarray:
        """What the encoder takes, after every step that is not learned.

        samples: float32 (N,) or (1, N) at `rate`, full scale +-1. Returns float32 (T, F), (4, T, F) for a stack, (N,) for raw.
        """
        preset = self.preset
        if preset.kind == "raw":
            samples = self._checked(samples)
            return _standardised(samples) if preset.standardised else samples
        if preset.kind == "stack":
            assert preset.fixed is not None
            size = (preset.fixed - 1) * preset.hop
            samples = self._checked(samples)
            if samples.size < size:
                samples = crop.fit(samples, size, "repeatpad")
            return fusion.stack(self._normal(self._logarithm(self.power(samples))), preset.fixed, shrink=preset.shrink)
        if preset.fixed is None:
            return self._normal(self._logarithm(self.power(samples)))
        return self._normal(self._filled(self._checked(samples), preset.fixed))

    def power(self, samples: np.ndarray) -> np.ndarray:
        """Mel power before the logarithm, float32 (T, F), of any length. Powers of independent sounds add, which mixing relies on."""
        samples = self._checked(samples)
        if self.preset.kind == "raw":
            raise InputError(f"front-end {self.name} is a raw waveform and has no mel power; wanted one with bands")
        if self.preset.quantised:
            samples = _quantised(samples)
        if self.preset.emphasis:
            samples = _emphasised(samples, self.preset.emphasis)
        return self._power(samples)

    def _checked(self, samples: np.ndarray) -> np.ndarray:
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim == 2 and samples.shape[0] == 1:
            samples = samples[0]
        if samples.ndim != 1 or not samples.size:
            raise InputError(f"front-end {self.name} got samples of shape {samples.shape}; wanted one channel (N,) with N >= 1")
        return samples

    def _filled(self, samples: np.ndarray, fixed: int) -> np.ndarray:
        """Logarithm of the first `fixed` frames (fixed, F); a short clip is filled up as the preset says."""
        preset = self.preset
        if preset.filled == "zeros":
            found = np.zeros((fixed, self.mels), np.float32)
            heard = self._logarithm(self.power(samples[: fixed * preset.hop + preset.window])[:fixed])
            found[: len(heard)] = heard
            return found
        size = fixed * preset.hop
        silence = min(preset.window, max(0, size - samples.size))  # frames beyond it hear nothing, and need no transform
        power = np.zeros((fixed, self.mels), np.float32)
        heard = self.power(np.pad(samples[:size], (0, silence)))[:fixed]
        power[: len(heard)] = heard
        return self._logarithm(power)

    def _logarithm(self, power: np.ndarray) -> np.ndarray:
        """Power to the preset's unit, in place."""
        preset = self.preset
        np.maximum(power, np.float32(preset.floor), out=power)
        if preset.added:
            power += np.float32(preset.added)
        np.log(power, out=power)  # numpy's float32 log runs on vector units, its log10 does not: ten times the speed
        if preset.unit != "natural":
            power *= np.float32(_UNITS[preset.unit])
        if preset.depth is not None:
            np.maximum(power, power.max() - np.float32(preset.depth), out=power)
        return power

    def _normal(self, features: np.ndarray) -> np.ndarray:
        """Features less the preset's mean over its spread, in place."""
        if self.preset.mean:
            features -= np.float32(self.preset.mean)
        if self.preset.spread != 1.0:
            features /= np.float32(self.preset.spread)
        return features


def _own(array: np.ndarray, wanted: tuple[int | None, ...], what: str) -> np.ndarray:
    """A checkpoint's own array, as long as the preset's along the axes that a number is wanted of."""
    own = np.ascontiguousarray(array, dtype=np.float32)
    fits = own.ndim == len(wanted) and all(size in (None, found) for size, found in zip(wanted, own.shape, strict=True))
    if not fits or not own.size or not np.isfinite(own).all():
        shape = ", ".join("any" if size is None else str(size) for size in wanted)
        raise InputError(f"{what} has shape {own.shape}; wanted ({shape}), all of it finite")
    return own


def _quantised(samples: np.ndarray) -> np.ndarray:
    """Through 16-bit integers and back, towards zero (LAION-AI/CLAP laion_clap/training/data.py, float32_to_int16)."""
    whole: np.ndarray = np.clip(samples, -1.0, 1.0)
    whole *= np.float32(32767.0)
    np.trunc(whole, out=whole)
    whole /= np.float32(32767.0)
    return whole


def _emphasised(samples: np.ndarray, emphasis: float) -> np.ndarray:
    """x[n + 1] - emphasis * x[n]: one sample less, and as it is where there is but one."""
    return np.asarray(samples[1:] - np.float32(emphasis) * samples[:-1]) if samples.size > 1 else samples


def _standardised(samples: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance over the clip."""
    wide = samples.astype(np.float64)
    return np.asarray((wide - wide.mean()) / np.sqrt(wide.var() + _VARIANCE_FLOOR), dtype=np.float32)


@functools.cache
def _named(name: str) -> Frontend:
    return Frontend(name)


def open_frontend(name: str, bank: np.ndarray | None = None, window: np.ndarray | None = None) -> Frontend:
    """The front-end of that name, built once; with a bank (bins, mels) or a window (W,) of a checkpoint's own, one that uses these."""
    return _named(name) if bank is None and window is None else Frontend(name, bank, window)
