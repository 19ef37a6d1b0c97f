"""Waveforms that the generators are made of: oscillators, noise, filters, resonances. All float64 (N,) at sound.RATE.

Filters are applied to the spectrum of the whole sound, so that no recursive filter is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from recipes.synthetic.sound import RATE, Samples


def count(seconds: float) -> int:
    """Number of samples in so many seconds, at least one."""
    return max(1, round(seconds * RATE))


def times(seconds: float) -> Samples:
    """The time of each sample, seconds."""
    return np.arange(count(seconds)) / RATE


def phase(frequency: ArrayLike, size: int) -> Samples:
    """Phase (size,) in radians of an oscillator of this frequency (Hz), constant or (size,)."""
    return np.asarray(2 * np.pi * np.cumsum(np.broadcast_to(np.asarray(frequency, dtype=float), size)) / RATE)


def harmonics(frequency: ArrayLike, amplitudes: Sequence[float], size: int) -> Samples:
    """A harmonic sum: amplitude k belongs to (k + 1) times the frequency (Hz); parts above 0.45 of the sample rate are left out."""
    frequencies = np.broadcast_to(np.asarray(frequency, dtype=float), size)
    fundamental, highest = phase(frequencies, size), float(frequencies.max())
    total = np.zeros(size)
    for number, amplitude in enumerate(amplitudes, start=1):
        if amplitude and number * highest < 0.45 * RATE:
            total += amplitude * np.sin(number * fundamental)
    return total


def white(rng: np.random.Generator, size: int) -> Samples:
    """White noise of standard deviation 1."""
    return rng.standard_normal(size)


def coloured(rng: np.random.Generator, size: int, slope: float) -> Samples:
    """Noise whose power spectrum falls by `slope` dB an octave above 20 Hz: 0 white, 3 pink, 6 brown. Standard deviation 1."""
    noise = filtered(white(rng, _fast_size(size)), lambda frequency: np.maximum(frequency, 20.0) ** (-slope / (20 * np.log10(2))))[:size]
    return noise / max(float(noise.std()), 1e-12)


def filtered(samples: Samples, gain: Callable[[Samples], Samples]) -> Samples:
    """Multiply the spectrum by gain(frequency in Hz)."""
    size = _fast_size(len(samples))
    spectrum = np.fft.rfft(samples, size)
    return np.asarray(np.fft.irfft(spectrum * gain(np.fft.rfftfreq(size, 1 / RATE).astype(np.float64)), size)[: len(samples)])


def _fast_size(size: int) -> int:
    """The next multiple of a large power of two: transforms of prime sizes take several times as long."""
    step = 1 << max(0, size.bit_length() - 4)
    return -(-size // step) * step


def band(samples: Samples, low: float = 0.0, high: float = 0.0, *, order: int = 2) -> Samples:
    """Keep low to high (Hz; 0: open) with the magnitude of Butterworth filters of that order."""

    def gain(frequency: Samples) -> Samples:
        total = np.ones_like(frequency)
        if low:
            total /= np.sqrt(1 + (low / np.maximum(frequency, 1e-3)) ** (2 * order))
        if high:
            total /= np.sqrt(1 + (frequency / high) ** (2 * order))
        return total

    return filtered(samples, gain)


def ring(frequencies: Sequence[float], decays: Sequence[float], amplitudes: Sequence[float], *, seconds: float = 0.0) -> Samples:
    """A sum of damped sines, the impulse response of a resonating body. decays: seconds to 1/e. seconds: length; 0: until -60 dB."""
    time = times(seconds or 7.0 * max(decays))
    total = np.zeros(len(time))
    for frequency, decay, amplitude in zip(frequencies, decays, amplitudes, strict=True):
        if frequency < 0.45 * RATE:
            size = min(len(time), count(8.0 * decay))
            total[:size] += amplitude * np.exp(-time[:size] / decay) * np.sin(2 * np.pi * frequency * time[:size])
    return total


def convolve(samples: Samples, response: Samples) -> Samples:
    """Linear convolution, (N + M - 1,)."""
    length = len(samples) + len(response) - 1
    size = _fast_size(length)
    return np.asarray(np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[:length])


def place(size: int, pieces: Sequence[tuple[float, Samples]]) -> Samples:
    """Add pieces, each at its onset (seconds), into silence of `size` samples; what is outside is cut off."""
    total = np.zeros(size)
    for onset, piece in pieces:
        start = round(onset * RATE)
        if 0 <= start < size:
            part = piece[: size - start]
            total[start : start + len(part)] += part
    return total


def drift(rng: np.random.Generator, size: int, per_second: float) -> Samples:
    """A smooth random curve with about `per_second` turns a second, standard deviation about 1."""
    knots = max(4, round(size / RATE * per_second) + 3)
    values = rng.standard_normal(knots)
    fraction = np.linspace(0, knots - 1.001, size)
    left = fraction.astype(int)
    weight = 0.5 - 0.5 * np.cos(np.pi * (fraction - left))
    return np.asarray(values[left] * (1 - weight) + values[left + 1] * weight)


def fade(samples: Samples, seconds: float = 0.005) -> Samples:
    """Fade in and out, so that a sound does not start or end with a click."""
    size = min(count(seconds), len(samples) // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, size)) ** 2
    faded = samples.copy()
    faded[:size] *= ramp
    faded[len(faded) - size :] *= ramp[::-1]
    return faded


def gate(pattern: Sequence[tuple[float, bool]], size: int, *, edge: float = 0.004) -> Samples:
    """An on-off envelope (size,): (seconds, is_on) pairs, repeated; edges last `edge` seconds."""
    steps = np.concatenate([np.full(count(seconds), float(on)) for seconds, on in pattern])
    smooth = np.hanning(count(edge) + 2)
    return np.convolve(np.resize(steps, size), smooth / smooth.sum(), "same")


def loudest(samples: Samples, peak: float = 1.0) -> Samples:
    """Scale to this peak; silence stays."""
    return samples * (peak / max(float(np.abs(samples).max(initial=0.0)), 1e-12))


def choose(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of several names, each equally often."""
    return options[int(rng.integers(len(options)))]
