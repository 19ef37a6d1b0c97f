"""Made sounds that the model of tones (tests/tone_model.py) tells apart, as files with a manifest, and a lineage for the model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import tone_model

from auricle.bench import lineage
from auricle.bench.embeddings import embed_items
from auricle.bench.sounds import fingerprint_items
from auricle.data import manifest
from auricle.data.item import Caption, Item
from auricle.listen.listener import Listener, load

LABELS = tuple(tone_model.TONES)
RATE = tone_model.RATE


def chord(levels: Sequence[float], seconds: float = 2.0) -> np.ndarray:
    """The three tones together, each at its level, float32 (N,)."""
    return np.sum([tone_model.tone(label, seconds, level=level) for label, level in zip(LABELS, levels, strict=True)], axis=0)


def item(folder: Path, name: str, samples: np.ndarray, label: str, **fields: object) -> Item:
    """A file NAME.wav in the folder, and its Item."""
    path = folder / f"{name}.wav"
    soundfile.write(path, samples, RATE)
    given = {"labels": (label,), "corpus": "made", "source": name, "site": "studio", "captions": (Caption(label),)} | fields
    return Item(id=name, audio=path, **given)  # type: ignore[arg-type]


def tones(folder: Path, *, each: int = 4, seed: int = 0) -> list[Item]:
    """So many clips of each tone, a little of the others in each: folds 1 and 2, a source for every second clip."""
    rng = np.random.default_rng(seed)
    made = []
    for place, label in enumerate(LABELS):
        for number in range(each):
            levels = rng.uniform(0.001, 0.004, 3)
            levels[place] = 0.3
            name = f"{label.split()[0]}{number}"
            made.append(item(folder, name, chord(levels), label, source=f"{label}{number // 2}", fold=str(1 + number // 2 % 2)))
    return made


def written(folder: Path, items: Sequence[Item]) -> Path:
    """Their manifest."""
    manifest.write(folder / "clips.jsonl", items)
    return folder / "clips.jsonl"


def copied(model: Path, folder: Path) -> Path:
    """The model's folder again, to state a lineage in."""
    return Path(shutil.copytree(model, folder))


def taught(model: Path, folder: Path, items: Sequence[Item], *, vectors: bool = True) -> Listener:
    """The model, in a folder that says it was trained on these items."""
    own = copied(model, folder)
    listener = load(own)
    heard = np.stack([one.mean("similarity") for one in embed_items(listener, items)])
    lineage.write_lineage(own, items, heard if vectors else None, fingerprints=fingerprint_items(items) if vectors else None)
    return listener


def bursts(seed: int, seconds: float = 5) -> np.ndarray:
    """Chirps at random times over a little noise, (N,) at 16 kHz: a sound with an audio fingerprint."""
    rng = np.random.default_rng(seed)
    samples = 0.001 * rng.normal(size=round(seconds * 16_000))
    for start in rng.uniform(0, seconds - 0.3, max(3, round(4 * seconds))):
        length = round(rng.uniform(0.1, 0.3) * 16_000)
        times = np.arange(length) / 16_000
        first, last = rng.uniform(300, 5000, 2)
        burst = np.sin(2 * np.pi * (first + (last - first) * times) * times) * np.exp(-times * rng.uniform(3, 20))
        samples[round(start * 16_000) :][:length] += rng.uniform(0.1, 0.5) * burst[: len(samples) - round(start * 16_000)]
    return samples.astype(np.float32)
