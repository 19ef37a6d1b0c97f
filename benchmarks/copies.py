"""What the leak check of `auricle score` finds by sound: copies of training clips, made in many ways, and what it takes for copies wrongly.

    python benchmarks/copies.py --data DIR [--each 40] [--dry]

Clips of every corpus that the shipped model was trained on are written again in other formats, at other rates and levels, cut, shifted,
at other speeds, with noise and inside other sound. Found: the guard takes the copy for a training clip, by fingerprint (found_GROUP_KIND)
or by embedding (embedding_KIND). Groups: esc50; others, of a second and more; short, others of less than a second. False: clips of sources
that the model was not trained on; pairs of clips of different sources, of all corpora; steady and repeated sounds made here. A pair whose
waveforms match (greatest normalised correlation over shifts from 0.8 on) is one recording under two names, not a false one. Writes
docs/results/copies.json. Fifteen minutes a core.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soundfile
import soxr

from auricle.bench import suite as suites
from auricle.bench.embeddings import embed_items
from auricle.bench.fingerprint import LEAD, LEAST_SEGMENTS, LONGEST, RATE, SPEEDS, THRESHOLD, FingerprintIndex, fingerprint
from auricle.bench.leak_guard import COPY_THRESHOLD, find_by_embedding, find_by_name
from auricle.bench.lineage import Lineage, read_lineage
from auricle.bench.results import Figure, write_record
from auricle.bench.sounds import find_copies, fingerprint_items
from auricle.data import corpora, manifest
from auricle.data.item import Item
from auricle.listen.listener import load
from auricle.metrics.bootstrap import wilson

ROOT = Path(__file__).resolve().parents[1]
TRAINED = ("esc50", "sonicpi", "wakewords", "kenney", "opensfx", "ambience", "librosa_examples")
#: Corpora among which false pairs are sought.
COMPARED = (*TRAINED, "speech_text", "fsdd", "minetest", "donateacry")
MATCH = 0.8
CHANGES = (2, 3, 4, 6)  # of speed, per cent
#: Rates that MP3 has.
RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def mono(item: Item, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Samples (N,) of an item's first half minute, and their rate."""
    samples, own = soundfile.read(item.audio, always_2d=True)
    mixed = samples.mean(axis=1)[: int(LONGEST * own)]
    return (mixed, own) if rate is None else (soxr.resample(mixed, own, rate), rate)


Copy: TypeAlias = tuple[np.ndarray, int, dict[str, Any]]
WAV: dict[str, Any] = {"format": "WAV", "subtype": "PCM_16"}


def copies(samples: np.ndarray, rate: int, other: np.ndarray, rng: np.random.Generator) -> dict[str, Copy]:
    """Name of each way of copying: samples, rate, and how soundfile writes them. other: a sound at RATE that surrounds `inside`."""

    def at(new: float) -> np.ndarray:
        return np.asarray(soxr.resample(samples, rate, round(new)))

    def silence(seconds: float) -> np.ndarray:
        return np.zeros(round(seconds * rate))

    fit, count, level = rate if rate in RATES else 32_000, len(samples), float(np.sqrt((samples**2).mean()))
    around = np.asarray(soxr.resample(other, RATE, rate))
    around = np.clip(around * level / max(float(np.sqrt((around**2).mean())), 1e-6), -1, 1)
    cut = round(rng.uniform(2, 3) * rate)
    changed = {
        "quieter_12_db": 10 ** (-12 / 20) * samples,
        "quieter_24_db": 10 ** (-24 / 20) * samples,
        "clipped_6_db": np.clip(2 * samples, -1, 1),
        "noise_20_db": samples + 0.1 * level * rng.normal(size=count),
        "shifted_10_ms": np.concatenate([silence(0.01), samples]),
        "first_four_fifths": samples[: max(1, int(0.8 * count))],
        "middle_half": samples[count // 4 : count // 4 + max(1, count // 2)],
        "padded": np.concatenate([silence(0.77), samples, silence(1.0)]),
        "rolled": np.roll(samples, count // 3),
        "inside": np.concatenate([around[:cut], samples, around[cut:]]),
        **{f"faster_{part}_percent": at(rate / (1 + part / 100)) for part in CHANGES},
        **{f"slower_{part}_percent": at(rate * (1 + part / 100)) for part in CHANGES},
    }
    return {
        "vorbis": (samples, rate, {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.5}),
        "vorbis_least": (samples, rate, {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.9}),
        "mp3": (at(fit), fit, {"format": "MP3", "compression_level": 0.5}),
        "mp3_least": (at(fit), fit, {"format": "MP3", "compression_level": 0.9}),
        "opus": (at(48_000), 48_000, {"format": "OGG", "subtype": "OPUS", "compression_level": 0.5}),
        "opus_least": (at(48_000), 48_000, {"format": "OGG", "subtype": "OPUS", "compression_level": 0.9}),
        **{f"rate_{new}": (at(new), new, WAV) for new in (48_000, 22_050, 11_025)},
        **{kind: (changed_samples, rate, WAV) for kind, changed_samples in changed.items()},
    }


def found(
    listener: Any, items: list[Item], clean: list[Item], lineage: Lineage, each: int, say: Callable[[str], None]
) -> tuple[list[Figure], list[list[str]]]:
    """Share of copies, of each kind, that are taken for training clips, and [clip, kind] of those that no fingerprint finds.

    Copies in which the model hears nothing are left out.
    """
    assert lineage.fingerprints is not None
    rng = np.random.default_rng(0)
    chosen = [item for corpus in TRAINED for item in _some(rng, [item for item in items if item.corpus == corpus], each)]
    same: dict[str, list[bool]] = {}
    missed = []
    with tempfile.TemporaryDirectory() as name:
        for place, item in enumerate(chosen):
            samples, rate = mono(item)
            group = "esc50" if item.corpus == "esc50" else "others" if len(samples) >= rate else "short"
            made = []
            other = mono(clean[int(rng.integers(len(clean)))], RATE)[0]
            for kind, (changed, new_rate, how) in copies(samples, rate, other, rng).items():
                path = Path(name) / f"{kind}.{how['format'].lower()}"
                soundfile.write(path, changed, new_rate, **how)
                made.append(Item(id=kind, audio=path))
            embeddings = embed_items(listener, made)
            likenesses = find_by_embedding(made, embeddings, lineage)
            for copy, heard, match in zip(made, embeddings, find_copies(made, lineage.fingerprints), strict=True):
                if heard.silent:
                    continue
                same.setdefault(f"found_{group}_{copy.id}", []).append(match is not None)
                same.setdefault(f"embedding_{copy.id}", []).append(copy.id in likenesses)
                if match is None and group != "short":
                    missed.append([item.id, copy.id])
            say(f"{place + 1} of {len(chosen)} clips copied")
    return [_share(kind, hits) for kind, hits in sorted(same.items())], missed


def _share(name: str, hits: Sequence[bool]) -> Figure:
    low, high = wilson(sum(hits), len(hits))
    return {"name": name, "value": sum(hits) / len(hits), "low": low, "high": high, "n": len(hits)}


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


def false_matches(items: list[Item], clean: list[Item], lineage: Lineage) -> tuple[list[Figure], list[list[Any]]]:
    """What fingerprints take for copies: clean clips, and pairs of different sources; figures, and the pairs with their correlation."""
    assert lineage.fingerprints is not None
    files = {(item.corpus, item.audio.name): item for item in items}
    pairs, refused = [], set()
    for item, match in zip(clean, find_copies(clean, lineage.fingerprints), strict=True):
        if match is not None:
            clip = lineage.clips[match.index]
            pairs.append(_pair(item, files[clip.corpus, clip.file], match.score))
            refused.add(item.id)
    figures = _false("clean", pairs, len(clean), "clips of sources that the model was not trained on, against its training clips")
    index, groups = FingerprintIndex(fingerprint_items(items)), suites.groups(items)
    among: dict[tuple[str, str], list[Any]] = {}
    for place, item in enumerate(items):
        for match in index.matches(mono(item, RATE)[0]):
            if match.is_copy and groups[match.index] != groups[place]:
                first, second = sorted((item, items[match.index]), key=lambda one: one.id)
                among.setdefault((first.id, second.id), _pair(first, second, match.score))
    figures += _false("pairs", list(among.values()), len(items), "pairs of different sources among all corpora; n counts clips")
    return figures, [*pairs, *among.values()]


def _false(name: str, pairs: list[list[Any]], count: int, note: str) -> list[Figure]:
    matched = sum(pair[3] >= MATCH for pair in pairs)
    return [
        {"name": f"fingerprint_{name}_false", "value": len(pairs) - matched, "n": count, "note": note},
        {"name": f"fingerprint_{name}_same_recording", "value": matched, "n": count, "note": "of them, those whose waveforms match"},
    ]


def _pair(first: Item, second: Item, score: float) -> list[Any]:
    return [first.id, second.id, round(score, 3), round(correlation(mono(first, 8000)[0], mono(second, 8000)[0]), 3)]


def made_sounds(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Steady and repeated sounds of five seconds at RATE, by kind and number: different sounds that are alike."""
    times = np.arange(5 * RATE) / RATE
    spectrum = np.fft.rfftfreq(len(times), 1 / RATE)
    sounds: dict[str, np.ndarray] = {}
    for number in range(20):
        white, pink, low, little = np.fft.rfft(rng.normal(size=(4, len(times))))
        period = 0.5 + 0.01 * (number % 5)
        beeping = (times + rng.uniform(0, period)) % period < 0.1
        sounds |= {
            f"white noise {number}": np.fft.irfft(white),
            f"pink noise {number}": np.fft.irfft(pink / np.sqrt(np.maximum(spectrum, 20))),
            f"low noise {number}": np.fft.irfft(low / np.maximum(spectrum, 50)),
            f"tone {number}": np.sin(2 * np.pi * (440 + 3 * number) * times),
            f"hum {number}": sum(np.sin(2 * np.pi * 50 * k * times + rng.uniform(0, 6)) / k for k in range(1, 20))
            + 0.01 * np.fft.irfft(little),
            f"beeps {number}": beeping * np.sin(2 * np.pi * 2000 * times),
            f"clicks {number}": (np.diff(beeping.astype(float), prepend=0.0) > 0) * 1.0,
        }
    return {name: 0.3 * sound / np.abs(sound).max() for name, sound in sounds.items()}


def false_made() -> list[Figure]:
    """Made sounds that are taken for each other, and how many of them have no fingerprint."""
    sounds = list(made_sounds(np.random.default_rng(0)).values())
    fingerprints = np.stack([fingerprint(sound) for sound in sounds])
    index = FingerprintIndex(fingerprints)
    wrong = sum(any(match.is_copy and match.index != place for match in index.matches(sound)) for place, sound in enumerate(sounds))
    empty = int((fingerprints[:, 0, :2] == 0xFF).all(axis=1).sum())
    return [
        {"name": "fingerprint_made_false", "value": wrong, "n": len(sounds), "note": "noises, tones, hums, beeps and clicks"},
        {"name": "fingerprint_made_empty", "value": empty, "n": len(sounds), "note": "of them, those too steady for a fingerprint"},
    ]


def costs(items: list[Item], lineage: Lineage) -> list[Figure]:
    """Milliseconds of the fingerprint of a clip of five seconds, and of the search for it among 5,000 training clips."""
    assert lineage.fingerprints is not None
    many = np.concatenate([lineage.fingerprints] * 3)[:5000]
    index, sounds = FingerprintIndex(many), [mono(item, RATE)[0] for item in items[:100]]
    spent = []
    for function in (fingerprint, index.find):
        taken = []
        for sound in sounds:
            start = time.thread_time()
            function(sound)
            taken.append(1000 * (time.thread_time() - start))
        spent.append(float(np.median(taken)))
    note = "CPU milliseconds, median of 100 clips"
    return [
        {"name": "milliseconds_fingerprint", "value": spent[0], "n": len(sounds), "note": note},
        {
            "name": "milliseconds_search",
            "value": spent[1],
            "n": len(sounds),
            "note": f"{note}, among 5,000 clips, with the query's descriptors",
        },
        {"name": "bytes_per_clip", "value": lineage.fingerprints[0].nbytes},
    ]


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
    lineage = read_lineage(listener.runtime.folder)
    trained = find_by_name(items, lineage)
    clean = [item for item in items if item.id not in trained or trained[item.id].level != "clip"]
    esc50 = [item for item in clean if item.corpus == "esc50"]
    wrong, pairs = alarms(listener, items)
    false, matches = false_matches(items, clean, lineage)
    figures: list[Figure] = [
        {"name": "threshold", "value": COPY_THRESHOLD, "note": "cosine of similarity embeddings"},
        {"name": "fingerprint_threshold", "value": THRESHOLD, "note": "score"},
        {"name": "fingerprint_lead", "value": LEAD, "note": "score above that of the next best offset"},
        {"name": "fingerprint_segments", "value": LEAST_SEGMENTS, "note": "least number inside the query"},
        {"name": "fingerprint_fastest", "value": round(100 * (max(SPEEDS) - 1)), "note": "per cent; as much slower"},
        *wrong,
        *false,
        *false_made(),
        *costs(esc50, lineage),
    ]
    heard = [item for item in items if item.id in trained and trained[item.id].level == "clip"]
    shares, missed = found(
        listener, heard, esc50, lineage, asked.each, lambda told: print(f"\r{told}", end="", file=sys.stderr, flush=True)
    )
    figures += shares
    print(file=sys.stderr)
    for figure in figures:
        print(f"{figure['name']:36} {figure['value']:8.4g}  n {figure.get('n') or ''}")
    if not asked.dry:
        about = (
            "Copies of training clips that the guard finds by sound alone, by kind of copy: by fingerprint, of clips of ESC-50 "
            "(found_esc50_), of other corpora (found_others_) and of others shorter than a second (found_short_), and by embedding, of all "
            "(embedding_). And what else it takes for copies. Copies in which the model hears nothing are left out."
        )
        extra = {"about": about, "pairs": pairs, "fingerprint_pairs": matches, "missed": missed}
        command = "python benchmarks/copies.py --data DIR"
        print(
            write_record(
                ROOT / "docs/results", "copies", command=command, seed=0, figures=figures, weights=listener.fingerprint, extra=extra
            )
        )


if __name__ == "__main__":
    main()
