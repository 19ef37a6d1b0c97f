"""Synthetic sounds with captions, for a first run without recordings: two of eight simple sounds, one after the other.

They are for checking that a recipe trains: every pair is distinguishable from every other. They are not a model of real sounds.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from auricle.core.files import make_folder, write_bytes
from auricle.core.records import Event
from auricle.data.item import Caption, Item
from auricle.data.manifest import write

RATE = 16_000
_SECONDS = 0.8  # of each of the two sounds
KINDS = ("a low tone", "a high tone", "a rising whistle", "a falling whistle", "hiss", "clicks", "a beating hum", "a chirping alarm")


def make_sound(kind: int, rng: np.random.Generator) -> np.ndarray:
    """One of KINDS, float32 (N,) at RATE, with slightly varied pitch or speed."""
    times = np.arange(round(_SECONDS * RATE)) / RATE
    variation = float(rng.uniform(0.94, 1.06))
    sweep = times / _SECONDS
    waves = (
        lambda: np.sin(2 * np.pi * 180 * variation * times),
        lambda: np.sin(2 * np.pi * 2400 * variation * times),
        lambda: np.sin(2 * np.pi * variation * (600 * times + 900 * _SECONDS * sweep**2 / 2)),
        lambda: np.sin(2 * np.pi * variation * (1500 * times - 900 * _SECONDS * sweep**2 / 2)),
        lambda: 0.4 * rng.standard_normal(times.size),
        lambda: (np.arange(times.size) % round(RATE / (9 * variation)) < 40).astype(float),
        lambda: np.sin(2 * np.pi * 320 * variation * times) * (0.5 + 0.5 * np.sin(2 * np.pi * 6 * times)),
        lambda: np.sin(2 * np.pi * (900 + 500 * (times * 8 % 1 > 0.5)) * variation * times),
    )
    fade = np.minimum(1.0, np.minimum(times, _SECONDS - times) / 0.02)
    return (0.3 * fade * waves[kind]()).astype(np.float32)


def write_manifest(folder: Path, *, count: int = 32, seed: int = 0) -> Path:
    """Write `count` recordings of two different sounds each and their manifest, unless it exists; returns its path.

    The 56 ordered pairs of sounds are used once each before one is repeated.
    """
    import soundfile

    path = folder / f"made-{count}.jsonl"  # the count is in its name because recipes use different ones
    if path.exists():
        return path
    make_folder(folder)
    rng = np.random.default_rng(seed)
    pairs = [(first, second) for first in range(len(KINDS)) for second in range(len(KINDS)) if first != second]
    order = rng.permutation(len(pairs))
    items = []
    for number in range(count):
        first, second = pairs[order[number % len(pairs)]]
        file = folder / f"{number:03}.wav"
        wav = io.BytesIO()
        soundfile.write(wav, np.concatenate([make_sound(first, rng), make_sound(second, rng)]), RATE, format="WAV")
        write_bytes(file, wav.getvalue())
        captions = (
            Caption(f"{KINDS[first]}, then {KINDS[second]}"),
            Caption(f"{KINDS[second]} after {KINDS[first]}", style="rewritten"),
            Caption(f"{KINDS[second]}, then {KINDS[first]}", style="swapped", weight=0.0),
        )
        items.append(
            Item(
                id=f"made-{number:03}",
                audio=file,
                captions=captions,
                labels=tuple(sorted({KINDS[first], KINDS[second]})),
                events=tuple(Event(KINDS[kind], at * _SECONDS, (at + 1) * _SECONDS, 1.0) for at, kind in enumerate((first, second))),
                corpus="made",
                source=str(number),
                licence="CC0",
                duration=2 * _SECONDS,
            )
        )
    write(path, items)
    return path
