"""Alarms by rule: beeps, alarm clocks, smoke and fire alarms, sirens and telephones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recipes.synthetic import reverberation
from recipes.synthetic.sound import Samples, Sound
from recipes.synthetic.waveforms import band, choose, convolve, count, fade, gate, harmonics, loudest, place, ring, times, white

#: Amplitudes of the harmonics of a square wave, and of the rich tone of a horn or siren.
SQUARE = [1 / k if k % 2 else 0.0 for k in range(1, 20)]
RICH = [1 / k**0.7 for k in range(1, 24)]


def _piezo(rng: np.random.Generator, frequency: float, size: int) -> Samples:
    """A piezo sounder: a square wave in which the disc's resonance makes the first harmonic strong."""
    amplitudes = [1.0, 0.05, rng.uniform(0.05, 0.35), 0.02, rng.uniform(0.0, 0.15)]
    return harmonics(frequency, amplitudes, size)


def beep(rng: np.random.Generator, seconds: float) -> Sound:
    """Beeps of appliances, and the reversing beeps of trucks."""
    form = choose(rng, ("appliance", "reversing", "single"))
    size = count(seconds)
    if form == "reversing":
        frequency, half = rng.uniform(950, 1400), rng.uniform(0.35, 0.6)
        samples = harmonics(frequency, [1.0, 0.1, 0.3, 0.05, 0.1], size) * gate([(half, True), (half, False)], size)
        return Sound(samples, ("beep", "reversing beeps"), {"form": form, "frequency_hz": round(frequency)})
    frequency = rng.uniform(900, 3500)
    on = rng.uniform(0.06, 0.5)
    off = rng.uniform(0.08, 0.6) if form == "appliance" else rng.uniform(1.0, 3.0)
    group = int(rng.integers(1, 5))
    pattern = [(on, True), (off, False)] * group + [(rng.uniform(0.0, 1.5), False)]
    return Sound(_piezo(rng, frequency, size) * gate(pattern, size), ("beep",), {"form": form, "frequency_hz": round(frequency)})


def alarm(rng: np.random.Generator, seconds: float) -> Sound:
    """An alarm clock, a smoke detector, a fire alarm or a car alarm."""
    form = choose(rng, tuple(_ALARMS))
    labels, generate = _ALARMS[form]
    return Sound(generate(rng, seconds), labels, {"form": form})


def _clock(rng: np.random.Generator, seconds: float) -> Samples:
    """Bursts of four short beeps, as of a digital clock, or of one."""
    size, on = count(seconds), rng.uniform(0.05, 0.12)
    beeps = [(on, True), (on * rng.uniform(0.7, 1.2), False)] * int(rng.choice([2, 4, 4, 4]))
    return _piezo(rng, rng.uniform(1900, 4100), size) * gate([*beeps, (rng.uniform(0.3, 0.6), False)], size)


def _smoke(rng: np.random.Generator, seconds: float) -> Samples:
    """Three beeps of half a second and a pause of 1.5 s (temporal three, ISO 8201), or a steady row of beeps."""
    size = count(seconds)
    three = [(0.5, True), (0.5, False), (0.5, True), (0.5, False), (0.5, True), (1.5, False)]
    steady = [(rng.uniform(0.2, 0.6), True), (rng.uniform(0.1, 0.3), False)]
    return _piezo(rng, rng.uniform(2900, 3400), size) * gate(three if rng.random() < 0.6 else steady, size)


def _fire(rng: np.random.Generator, seconds: float) -> Samples:
    """A horn in temporal three, a fast sweep, or a bell with a motor-driven hammer."""
    size, form = count(seconds), rng.integers(3)
    if form == 0:
        pattern = [(0.5, True), (0.5, False), (0.5, True), (0.5, False), (0.5, True), (1.5, False)]
        return band(harmonics(rng.uniform(480, 900), RICH, size), 400) * gate(pattern, size)
    if form == 1:
        sweep = times(seconds) * rng.uniform(1.0, 7.0) % 1.0
        return band(harmonics(rng.uniform(500, 900) * (1 + 0.9 * sweep), SQUARE, size), 500)
    return hammered_bell(rng, seconds, rng.uniform(600, 1100), rng.uniform(9, 18))


def _car(rng: np.random.Generator, seconds: float) -> Samples:
    """The sequence of a car alarm: several sirens in turn, about two seconds each."""
    parts: list[Samples] = []
    length = rng.uniform(1.2, 2.2)
    while sum(map(len, parts)) < count(seconds):
        parts.append(_horn_filter(harmonics(_siren_pitch(rng, choose(rng, tuple(_SIRENS)), length), RICH, count(length))))
    return np.concatenate(parts)[: count(seconds)]


_ALARMS: dict[str, tuple[tuple[str, ...], Callable[[np.random.Generator, float], Samples]]] = {
    "clock": (("alarm", "clock alarm"), _clock),
    "smoke detector": (("alarm", "smoke detector"), _smoke),
    "fire alarm": (("alarm", "fire alarm"), _fire),
    "car alarm": (("alarm", "car alarm"), _car),
}


def _horn_filter(samples: Samples) -> Samples:
    """The band and the saturation of a horn loudspeaker."""
    return np.asarray(np.tanh(2.0 * loudest(band(samples, 450, 4500))))


def _triangle(position: Samples) -> Samples:
    return np.asarray(1 - np.abs(2 * (position % 1.0) - 1))


def _step(position: Samples) -> Samples:
    return np.asarray((position % 1.0 < 0.5).astype(float))


#: Form of a siren -> (periods in seconds, lowest and highest frequency in Hz, course of the pitch over a period).
_SIRENS: dict[str, tuple[tuple[float, float], tuple[float, float], Callable[[Samples], Samples]]] = {
    "wail": ((3.0, 6.0), (550, 1500), _triangle),
    "yelp": ((0.25, 0.4), (600, 1500), _triangle),
    "two-tone": ((0.9, 1.4), (400, 620), _step),
    "phaser": ((0.06, 0.12), (700, 1600), _triangle),
}


def _siren_pitch(rng: np.random.Generator, form: str, seconds: float) -> Samples:
    (short, long), (low, high), course = _SIRENS[form]
    position = times(seconds) / rng.uniform(short, long) + rng.random()
    low, high = low * rng.uniform(0.9, 1.1), high * rng.uniform(0.9, 1.1)
    return np.asarray(low * (high / low) ** course(position))


def siren(rng: np.random.Generator, seconds: float) -> Sound:
    """An emergency vehicle, standing or passing by, or the siren of civil defence."""
    form = choose(rng, ("wail", "wail", "yelp", "two-tone", "civil defence"))
    size = count(seconds)
    if form == "civil defence":
        rise = np.clip(times(seconds) / rng.uniform(2.0, 4.0), 0, 1) ** 0.7
        wave = 1 - 0.35 * _triangle(times(seconds) / rng.uniform(4, 8))
        samples = band(harmonics(rng.uniform(380, 480) * np.maximum(rise * wave, 0.05), RICH, size), 200, 5000) * rise
        # It is heard from far away, with the echoes of a town.
        samples = convolve(samples, reverberation.response(rng, rng.uniform(0.8, 2.0), direct=rng.uniform(-3, 8)))[:size]
        return Sound(samples, ("siren", "civil defence siren"), {"form": form})
    if form == "yelp" and rng.random() < 0.5:
        half = seconds / 2
        pitch = np.concatenate([_siren_pitch(rng, "wail", half), _siren_pitch(rng, "yelp", seconds - half)])[:size]
        pitch = np.pad(pitch, (0, size - len(pitch)), mode="edge")
    else:
        pitch = _siren_pitch(rng, form, seconds)
    passing = rng.random() < 0.4
    shift, gain = passing_by(rng, seconds) if passing else (np.ones(size), np.ones(size))
    amplitudes = [1.0, 0.5, 0.4, 0.2, 0.15, 0.1, 0.08] if form == "two-tone" else RICH
    samples = _horn_filter(harmonics(pitch * shift, amplitudes, size)) * gain
    return Sound(samples, ("siren",), {"form": form, "passing": int(passing)})


def passing_by(rng: np.random.Generator, seconds: float) -> tuple[Samples, Samples]:
    """Doppler shift (factor of frequency) and gain of a source that passes at 8 to 25 m/s, 5 to 20 m away."""
    speed, distance = rng.uniform(8, 25), rng.uniform(5, 20)
    along = speed * (times(seconds) - seconds * rng.uniform(0.3, 0.8))
    away = np.hypot(along, distance)
    return 1 / (1 + speed / 343.0 * along / away), distance / away


def hammered_bell(rng: np.random.Generator, seconds: float, frequency: float, strikes: float) -> Samples:
    """A bell struck by a motor `strikes` times a second: the partials of a small gong."""
    ratios = (1.0, 2.0, 2.76, 3.9, 5.4, 7.2)
    decays = [rng.uniform(0.3, 0.6) / ratio**0.6 for ratio in ratios]
    body = ring([frequency * r * rng.uniform(0.99, 1.01) for r in ratios], decays, [rng.uniform(0.4, 1.0) for _ in ratios])
    onsets = np.arange(0, seconds, 1 / strikes) + rng.normal(0, 0.002, len(np.arange(0, seconds, 1 / strikes)))
    pulses = place(count(seconds), [(max(0.0, onset), np.array([rng.uniform(0.8, 1.0)])) for onset in onsets])
    return convolve(pulses, body)[: count(seconds)]


def telephone(rng: np.random.Generator, seconds: float) -> Sound:
    """A telephone: its bell, an electronic ring, the dial tone, the busy signal, or dialling (DTMF)."""
    form = choose(rng, tuple(_TELEPHONES))
    labels, generate = _TELEPHONES[form]
    return Sound(generate(rng, seconds), ("telephone", *labels), {"form": form})


def _bell(rng: np.random.Generator, seconds: float) -> Samples:
    """Two gongs struck in turn 20 to 25 times a second; rings as in North America or Britain, shortened."""
    size, rate = count(seconds), rng.uniform(10, 13)
    base = rng.uniform(1100, 1900)
    gongs = hammered_bell(rng, seconds, base, rate) + np.roll(
        hammered_bell(rng, seconds, base * rng.uniform(1.1, 1.3), rate), count(0.5 / rate)
    )
    on = [(rng.uniform(1.2, 2.0), True), (rng.uniform(1.0, 2.5), False)]
    british = [(0.4, True), (0.2, False), (0.4, True), (rng.uniform(1.0, 2.0), False)]
    envelope = gate(on if rng.random() < 0.7 else british, size)
    struck = gongs * envelope
    tail = ring([base, base * 2.76], [0.35, 0.2], [1.0, 0.5])  # the gongs ring on when the hammer stops
    stops = np.flatnonzero((envelope[:-1] >= 0.5) & (envelope[1:] < 0.5)) / 32_000
    return struck + loudest(place(size, [(float(stop), tail) for stop in stops]), 0.4 * float(np.abs(struck).max()))


def _ringtone(rng: np.random.Generator, seconds: float) -> Samples:
    """The warble of an electronic ringer: two or three tones in fast turn."""
    size = count(seconds)
    notes = rng.uniform(600, 1300) * np.array([1.0, 1.25, 1.5])[: int(rng.integers(2, 4))]
    index = (times(seconds) * rng.uniform(12, 30)).astype(int) % len(notes)
    samples = harmonics(notes[index], [1.0, 0.2, 0.35, 0.1, 0.15], size)
    return samples * gate([(rng.uniform(0.8, 2.0), True), (rng.uniform(0.6, 2.0), False)], size)


def _pair(frequencies: tuple[float, ...], size: int) -> Samples:
    return np.asarray(np.sum([harmonics(frequency, [1.0], size) for frequency in frequencies], axis=0))


#: Dial and busy tones of telephone networks: tones (Hz), on and off (seconds) of the busy signal. ITU-T E.180 supplement 2.
NETWORKS = (((350.0, 440.0), (480.0, 620.0), 0.5, 0.5), ((350.0, 450.0), (400.0,), 0.375, 0.375))


def _dial_tone(rng: np.random.Generator, seconds: float) -> Samples:
    size = count(seconds)
    tones = NETWORKS[int(rng.integers(len(NETWORKS)))][0]
    samples = np.tanh(rng.uniform(0.3, 1.2) * _pair(tones, size)) + 10 ** (rng.uniform(-45, -25) / 20) * white(rng, size)
    return band(samples, 300, 3400)


def _busy(rng: np.random.Generator, seconds: float) -> Samples:
    size = count(seconds)
    _, tones, on, off = NETWORKS[int(rng.integers(len(NETWORKS)))]
    return band(_pair(tones, size) * gate([(on, True), (off, False)], size) + 0.01 * white(rng, size), 300, 3400)


def _dialling(rng: np.random.Generator, seconds: float) -> Samples:
    """Digits as pairs of tones (ITU-T Q.23), sometimes after a dial tone."""
    rows, columns = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0)
    onset, pieces = rng.uniform(0.1, 0.8), []
    while onset < seconds - 0.2:
        length = rng.uniform(0.08, 0.25)
        digit = _pair((rows[int(rng.integers(4))], columns[int(rng.integers(3))]), count(length))
        pieces.append((onset, fade(digit)))
        onset += length + rng.uniform(0.05, 0.3)
    return place(count(seconds), pieces)


_TELEPHONES: dict[str, tuple[tuple[str, ...], Callable[[np.random.Generator, float], Samples]]] = {
    "bell": (("telephone bell ringing",), _bell),
    "ringtone": (("ringtone",), _ringtone),
    "dial tone": (("dial tone",), _dial_tone),
    "busy signal": (("busy signal",), _busy),
    "dialling": (("telephone dialling",), _dialling),
}
