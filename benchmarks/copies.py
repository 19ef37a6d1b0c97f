"""Recall and false positives of the leak check of `auricle score`: copies of training clips in other formats, and pairs of other clips.

    python benchmarks/copies.py --data DIR [--each 40] [--dry]

Clips of every corpus that the shipped model was trained on are written again in other formats, at other rates and levels, cut and played
faster. Found: the cosine of copy and original is at least leak_guard.COPY_THRESHOLD. False: pairs of clips of different sources, of all
corpora, of which that is true too; a pair whose waveforms match (greatest normalised correlation over shifts from 0.8 on) is one recording
under two names, not a false one. Writes docs/results/copies.json. Two minutes a core.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from auricle.bench import suite as suites
from auricle.bench.embeddings import embed_items
from auricle.bench.leak_guard import COPY_THRESHOLD
from auricle.bench.results import Figure, write_record
from auricle.data import corpora, manifest
from auricle.data.item import Item
from auricle.listen.listener import load
from auricle.metrics.bootstrap import wilson

ROOT = Path(__file__).resolve().parents[1]
TRAINED = ("esc50", "sonicpi", "wakewords", "kenney", "opensfx", "ambience", "librosa_examples")
#: Corpora among which false pairs are sought.
COMPARED = (*TRAINED, "speech_text", "fsdd", "minetest", "donateacry")
LONGEST = 30.0  # seconds of a copy
MATCH = 0.8
#: Rates that MP3 has.
RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def mono(item: Item, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Samples (N,) of an item's first half minute, and their rate."""
    samples, own = soundfile.read(item.audio, always_2d=True)
    mixed = samples.mean(axis=1)[: int(LONGEST * own)]
    return (mixed, own) if rate is None else (soxr.resample(mixed, own, rate), rate)


def copies(samples: np.ndarray, rate: int) -> dict[str, tuple[np.ndarray, int, dict[str, Any]]]:
    """Name of each way of copying: samples, rate, and how soundfile writes them."""

    def at(other: int) -> np.ndarray:
        return np.asarray(soxr.resample(samples, rate, other))

    fit = rate if rate in RATES else 32_000
    wav: dict[str, Any] = {"format": "WAV", "subtype": "PCM_16"}
    return {
        "vorbis": (samples, rate, {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.5}),
        "vorbis_least": (samples, rate, {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.9}),
        "mp3": (at(fit), fit, {"format": "MP3", "compression_level": 0.5}),
        "mp3_least": (at(fit), fit, {"format": "MP3", "compression_level": 0.9}),
        "opus": (at(48_000), 48_000, {"format": "OGG", "subtype": "OPUS", "compression_level": 0.5}),
        "opus_least": (at(48_000), 48_000, {"format": "OGG", "subtype": "OPUS", "compression_level": 0.9}),
        "rate_48000": (at(48_000), 48_000, wav),
        "rate_22050": (at(22_050), 22_050, wav),
        "rate_11025": (at(11_025), 11_025, wav),
        "quieter_12_db": (0.25 * samples, rate, wav),
        "quieter_24_db": (10 ** (-24 / 20) * samples, rate, wav),
        "clipped_6_db": (np.clip(2 * samples, -1, 1), rate, wav),
        "first_four_fifths": (samples[: max(1, int(0.8 * len(samples)))], rate, wav),
        "faster_3_percent": (at(round(rate / 1.03)), rate, wav),
    }


def found(listener: Any, items: list[Item], each: int, say: Callable[[str], None]) -> list[Figure]:
    """Share of copies, of each kind, that are taken for the clip they were made of."""
    rng = np.random.default_rng(0)
    chosen = [item for corpus in TRAINED for item in _some(rng, [item for item in items if item.corpus == corpus], each)]
    originals = embed_items(listener, chosen)
    kept = [(item, one.mean("similarity")) for item, one in zip(chosen, originals, strict=True) if not one.silent]
    same: dict[str, list[bool]] = {}
    with tempfile.TemporaryDirectory() as name:
        for place, (item, vector) in enumerate(kept):
            made = []
            for kind, (samples, rate, how) in copies(*mono(item)).items():
                path = Path(name) / f"{kind}.{'flac' if how['format'] == 'FLAC' else how['format'].lower()}"
                soundfile.write(path, samples, rate, **how)
                made.append(Item(id=kind, audio=path))
            for copy, heard in zip(made, embed_items(listener, made), strict=True):
                same.setdefault(copy.id, []).append(float(heard.mean("similarity") @ vector) >= COPY_THRESHOLD)
            say(f"{place + 1} of {len(kept)} clips copied")
    figures: list[Figure] = []
    for kind, hits in same.items():
        low, high = wilson(sum(hits), len(hits))
        figures.append({"name": f"found_{kind}", "value": sum(hits) / len(hits), "low": low, "high": high, "n": len(hits)})
    return figures


def _some(rng: np.random.Generator, items: list[Item], most: int) -> list[Item]:
    return [items[place] for place in sorted(rng.permutation(len(items))[:most])]


def alarms(listener: Any, items: list[Item]) -> tuple[list[Figure], list[list[Any]]]:
    """Pairs of different sources with a cosine from COPY_THRESHOLD on: their number, how many are one recording, and the pairs."""
    heard = embed_items(listener, items)
    kept = [place for place, one in enumerate(heard) if not one.silent]
    vectors = np.stack([heard[place].mean("similarity") for place in kept])
    group = np.unique([suites.groups(items)[place] for place in kept], return_inverse=True)[1]
    cosines = np.triu(vectors @ vectors.T, 1)
    cosines[group[:, None] == group[None, :]] = 0.0
    pairs = []
    for one, other in np.argwhere(cosines >= COPY_THRESHOLD):
        first, second = items[kept[one]], items[kept[other]]
        pairs.append(
            [first.id, second.id, round(float(cosines[one, other]), 4), round(correlation(mono(first, 8000)[0], mono(second, 8000)[0]), 3)]
        )
    matched = sum(pair[3] >= MATCH for pair in pairs)
    wrong = [pair for pair in pairs if pair[3] < MATCH]
    compared = int(sum((group != one).sum() for one in group) // 2)
    figures: list[Figure] = [
        {"name": "pairs_same_recording", "value": matched, "n": compared, "note": "different names, waveforms that match"},
        {"name": "pairs_false", "value": len(wrong), "n": compared, "note": "different recordings"},
        {
            "name": "pairs_false_esc50_fsdd",
            "value": sum(pair[0].startswith(("esc50", "fsdd")) and pair[1].startswith(("esc50", "fsdd")) for pair in wrong),
            "n": sum(item.corpus in ("esc50", "fsdd") for item in items),
            "note": "of them, pairs of these corpora; n counts clips",
        },
    ]
    return figures, pairs


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Greatest normalised correlation of two waveforms (N,), (M,) over all shifts."""
    size = 1 << int(np.ceil(np.log2(len(one) + len(other))))
    product = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    return float(np.abs(product).max() / max(np.sqrt((one**2).sum() * (other**2).sum()), 1e-12))


def main() -> None:
    """Measure, print, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--each", type=int, default=40, help="clips of each corpus that are copied")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    rows = [row for row in corpora.read(asked.data) if row.corpus in COMPARED]
    listener, items = load(), manifest.items_from_rows(rows)
    wrong, pairs = alarms(listener, items)
    figures: list[Figure] = [{"name": "threshold", "value": COPY_THRESHOLD, "note": "cosine of likeness"}, *wrong]
    figures += found(listener, items, asked.each, lambda told: print(f"\r{told}", end="", file=sys.stderr, flush=True))
    print(file=sys.stderr)
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:8.4g}  n {figure.get('n') or ''}")
    if not asked.dry:
        about = (
            "Copies of training clips that the guard still takes for the same by sound alone, by kind of copy, and what else it takes for "
            "the same: pairs of clips of different sources among all corpora. Clips in which the model hears nothing are left out."
        )
        extra = {"about": about, "pairs": pairs}
        command = "python benchmarks/copies.py --data DIR"
        print(
            write_record(
                ROOT / "docs/results", "copies", command=command, seed=0, figures=figures, weights=listener.fingerprint, extra=extra
            )
        )


if __name__ == "__main__":
    main()
