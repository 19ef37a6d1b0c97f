"""Front-ends: the features of an encoder from a waveform, by a named preset, in numpy.

nn.spectral has the torch equivalent of the log-mel front-ends.
"""

from __future__ import annotations

import functools

import numpy as np

from auricle.core.errors import InputError
from auricle.signal import crop, fusion, kaldi
from auricle.signal.banks import mel_bank
from auricle.signal.presets import PRESETS, Preset
from auricle.signal.spectrum import MelPower
from auricle.signal.tapers import hann, taper

__all__ = ["PRESETS", "Frontend", "Preset", "hann", "open_frontend"]

_UNITS = {"decibel": 10.0 / np.log(10.0), "natural": 1.0, "decade": 1.0 / np.log(10.0)}  # factors of the natural logarithm
_VARIANCE_FLOOR = 1e-7  # as in Wav2Vec2FeatureExtractor


class Frontend:
    """Computes the features of one preset.

    name: of the preset. bank (bins, mels), window (W,): a checkpoint's own, None: the preset's. Attributes: rate: sample rate, Hz. hop:
    samples between frames. mels: F, 0 for a raw waveform. frame_rate: frames per second. fixed_frames: number of frames of every clip, or
    None. bank, window: float32, None for a raw waveform. InputError for an unknown name or an array of another shape.
    """

    bank: np.ndarray | None
    window: np.ndarray | None

    def __init__(self, name: str, bank: np.ndarray | None = None, window: np.ndarray | None = None) -> None:
        if name not in PRESETS:
            raise InputError(f"front-end {name!r} is unknown; wanted one of {', '.join(PRESETS)}")
        self.name = name
        self.preset = preset = PRESETS[name]
        self.rate, self.hop, self.frame_rate, self.fixed_frames = preset.rate, preset.hop, preset.frame_rate, preset.fixed_frames
        self._is_own_bank = bank is not None
        if preset.kind == "raw":
            if bank is not None or window is not None:
                raise InputError(f"front-end {name} is a raw waveform; wanted no mel bank and no window for it")
            self.mels, self.bank, self.window = 0, None, None
            return
        self.bank = mel_bank(preset)
        self.window = taper(preset.taper, preset.window)
        if bank is not None:
            self.bank = _checked_array(bank, (len(self.bank), None), f"mel bank of front-end {name}")
        if window is not None:
            self.window = _checked_array(window, self.window.shape, f"window of front-end {name}")
        self.mels = self.bank.shape[1]
        extract = kaldi.extract_frames if preset.kaldi_frames else None
        self._power = MelPower(self.window * np.float32(preset.gain), self.bank, hop=preset.hop, edge=preset.edge, extract=extract)

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest frequency (Hz) that the features cover."""
        preset = self.preset
        if self.bank is None:
            return 0.0, preset.rate / 2
        if self._is_own_bank:
            bins = np.flatnonzero(self.bank.any(axis=1)) * preset.rate / (2 * (len(self.bank) - 1))
            return (float(bins[0]), float(bins[-1])) if len(bins) else (0.0, 0.0)
        stretch = preset.rate / (preset.mel_rate or preset.rate)
        return preset.low * stretch, min(preset.high * stretch, preset.rate / 2)

    def frames(self, samples: int) -> int:
        """Number of frames of a signal of this many samples; for a raw waveform, the number of samples."""
        if self.preset.kind == "raw":
            return samples
        if self.fixed_frames is not None:
            return self.fixed_frames
        return self._power.frames(samples - 1 if self.preset.preemphasis and samples > 1 else samples)

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Compute the input of the encoder.

        samples: float32 (N,) or (1, N) at `rate`, full scale +-1. Returns float32 (T, F), (4, T, F) for a stack, (N,) for raw.
        """
        preset = self.preset
        if preset.kind == "raw":
            samples = self._as_mono(samples)
            return _standardise(samples) if preset.standardised else samples
        if preset.kind == "stack":
            assert preset.fixed_frames is not None
            size = (preset.fixed_frames - 1) * preset.hop
            samples = self._as_mono(samples)
            if samples.size < size:
                samples = crop.fit(samples, size, "repeatpad")
            return fusion.stack(self._normalise(self._log(self.power(samples))), preset.fixed_frames, shrink=preset.shrink)
        if preset.fixed_frames is None:
            return self._normalise(self._log(self.power(samples)))
        return self._normalise(self._pad_features(self._as_mono(samples), preset.fixed_frames))

    def power(self, samples: np.ndarray) -> np.ndarray:
        """Compute the mel power before the logarithm, float32 (T, F), of any length. The powers of independent sounds add."""
        samples = self._as_mono(samples)
        if self.preset.kind == "raw":
            raise InputError(f"front-end {self.name} is a raw waveform and has no mel power; wanted one with bands")
        if self.preset.quantised:
            samples = _round_to_int16(samples)
        if self.preset.preemphasis:
            samples = _preemphasise(samples, self.preset.preemphasis)
        return self._power(samples)

    def from_power(self, power: np.ndarray) -> np.ndarray:
        """Features of mel power (T, F), such as the sum of that of several sounds: `features` of a recording is that of its `power`.

        Returns float32 (T, F), or (fixed_frames, F). InputError for a stack and for a raw waveform.
        """
        preset = self.preset
        if preset.kind != "mel":
            raise InputError(f"front-end {self.name} is a {preset.kind}; wanted one whose features are a log-mel (T, F)")
        if preset.fixed_frames is None:
            return self._normalise(self._log(np.array(power, np.float32)))
        return self._normalise(self._pad_power(np.array(power[: preset.fixed_frames], np.float32), preset.fixed_frames))

    @functools.cached_property
    def centres(self) -> np.ndarray:
        """Frequency (Hz) of each band, float64 (F,): the mean of its filter. InputError for a raw waveform."""
        if self.bank is None:
            raise InputError(f"front-end {self.name} is a raw waveform and has no bands; wanted one with bands")
        bins = np.arange(len(self.bank)) * self.rate / (2 * (len(self.bank) - 1))
        weights = self.bank.astype(np.float64)
        return np.asarray(bins @ weights / np.maximum(weights.sum(axis=0), 1e-12))

    def _as_mono(self, samples: np.ndarray) -> np.ndarray:
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim == 2 and samples.shape[0] == 1:
            samples = samples[0]
        if samples.ndim != 1 or not samples.size:
            raise InputError(f"front-end {self.name} got samples of shape {samples.shape}; wanted one channel (N,) with N >= 1")
        return samples

    def _pad_features(self, samples: np.ndarray, fixed: int) -> np.ndarray:
        """Logarithm of the first `fixed` frames (fixed, F); a short clip is padded according to the preset."""
        preset = self.preset
        if preset.padding == "zeros":
            return self._pad_power(self.power(samples[: fixed * preset.hop + preset.window])[:fixed], fixed)
        size = fixed * preset.hop
        silence = min(preset.window, max(0, size - samples.size))  # later frames are silent and need no FFT
        return self._pad_power(self.power(np.pad(samples[:size], (0, silence)))[:fixed], fixed)

    def _pad_power(self, power: np.ndarray, fixed: int) -> np.ndarray:
        """Logarithm (fixed, F) of power (T, F), T at most `fixed`, padded after it or before it according to the preset."""
        padded = np.zeros((fixed, self.mels), np.float32)
        padded[: len(power)] = self._log(power) if self.preset.padding == "zeros" else power
        return padded if self.preset.padding == "zeros" else self._log(padded)

    def _log(self, power: np.ndarray) -> np.ndarray:
        """Convert power to the preset's logarithmic unit, in place."""
        preset = self.preset
        np.maximum(power, np.float32(preset.floor), out=power)
        if preset.log_offset:
            power += np.float32(preset.log_offset)
        np.log(power, out=power)  # numpy's float32 log is vectorised, its log10 is not: ten times as fast
        if preset.unit != "natural":
            power *= np.float32(_UNITS[preset.unit])
        if preset.dynamic_range is not None:
            np.maximum(power, power.max() - np.float32(preset.dynamic_range), out=power)
        return power

    def _normalise(self, features: np.ndarray) -> np.ndarray:
        """Normalise features by the preset's mean and std, in place."""
        if self.preset.mean:
            features -= np.float32(self.preset.mean)
        if self.preset.std != 1.0:
            features /= np.float32(self.preset.std)
        return features


def _checked_array(array: np.ndarray, wanted: tuple[int | None, ...], what: str) -> np.ndarray:
    """A checkpoint's array as float32. wanted: its shape, None for any size. InputError for another shape or values that are not finite."""
    own = np.ascontiguousarray(array, dtype=np.float32)
    fits = own.ndim == len(wanted) and all(size in (None, actual) for size, actual in zip(wanted, own.shape, strict=True))
    if not fits or not own.size or not np.isfinite(own).all():
        shape = ", ".join("any" if size is None else str(size) for size in wanted)
        raise InputError(f"{what} has shape {own.shape}; wanted ({shape}), all of it finite")
    return own


def _round_to_int16(samples: np.ndarray) -> np.ndarray:
    """Round to 16-bit integers and back, towards zero (LAION-AI/CLAP laion_clap/training/data.py, float32_to_int16)."""
    whole: np.ndarray = np.clip(samples, -1.0, 1.0)
    whole *= np.float32(32767.0)
    np.trunc(whole, out=whole)
    whole /= np.float32(32767.0)
    return whole


def _preemphasise(samples: np.ndarray, emphasis: float) -> np.ndarray:
    """x[n + 1] - emphasis * x[n], one sample shorter; a single sample is returned unchanged."""
    return np.asarray(samples[1:] - np.float32(emphasis) * samples[:-1]) if samples.size > 1 else samples


def _standardise(samples: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance over the clip."""
    wide = samples.astype(np.float64)
    return np.asarray((wide - wide.mean()) / np.sqrt(wide.var() + _VARIANCE_FLOOR), dtype=np.float32)


@functools.cache
def _cached(name: str) -> Frontend:
    return Frontend(name)


def open_frontend(name: str, bank: np.ndarray | None = None, window: np.ndarray | None = None) -> Frontend:
    """The front-end of this name, from a cache; or a new one with a checkpoint's own bank (bins, mels) or window (W,)."""
    return _cached(name) if bank is None and window is None else Frontend(name, bank, window)
