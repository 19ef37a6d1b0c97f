"""Golden arrays of every front-end: what each preset gives for one made waveform, a few frames of it.

    python tests/golden/make_frontends.py    writes frontends.npz beside it; tests/signal/test_golden.py compares

Run it only for a preset that is new or was wrong: a difference in an old one means that published weights no longer get what they were
trained on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auricle.signal.crop import fit
from auricle.signal.frontend import open_frontend
from auricle.signal.presets import PRESETS

STORED = Path(__file__).parent / "frontends.npz"
SECONDS = 1.3
LONG = 12.0  # for stacks, which only a clip of more than ten seconds fills with four different pictures
FRAMES = 12
POINTS = 400  # of a raw waveform


def waveform(rate: int, seconds: float = SECONDS) -> np.ndarray:
    """A rising sweep, decaying clicks and noise, float32 (N,): the noise by integer arithmetic, so that every machine makes the same."""
    count = round(seconds * rate)
    times = np.arange(count) / rate
    scrambled = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    scrambled = ((scrambled ^ (scrambled >> np.uint64(15))) * np.uint64(2246822519)) % np.uint64(2**32)
    noise = scrambled.astype(np.float64) / 2**31 - 1.0
    sweep = 0.3 * np.sin(2 * np.pi * (150 * times + 0.5 * 2500 * times**2))
    clicks = np.where(times % 0.4 < 0.003, 0.5, 0.0) * np.exp(-6 * (times % 0.4))
    return (sweep + clicks + 0.01 * noise).astype(np.float32)


def sample(name: str) -> np.ndarray:
    """Some of the numbers of one preset, float32: frames (n, F), (4, n, F) of a stack, or points (n,) of a raw waveform."""
    front = open_frontend(name)
    kind = PRESETS[name].kind
    if kind == "stack":
        pictures = front.features(fit(waveform(front.rate), round(LONG * front.rate), "tile"))
        return pictures[:, :: pictures.shape[1] // 4 + 1]
    features = front.features(waveform(front.rate))
    if kind == "raw":
        return features[:: len(features) // POINTS]
    heard = round(SECONDS * front.frame_rate)  # beyond lies what a clip was filled up with: its last frame stands for that
    places = np.append(np.linspace(0, heard - 3, FRAMES - 1).astype(int), len(features) - 1)
    return np.asarray(features[places])


def main() -> None:
    """Write the file."""
    np.savez_compressed(STORED, **{name: sample(name) for name in PRESETS})
    print(f"{STORED}: {len(PRESETS)} presets, {STORED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
