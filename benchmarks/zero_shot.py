"""Zero-shot over files, end to end: auricle beside the zero-shot-audio-classification pipeline of transformers, on the same weights.

    python benchmarks/zero_shot.py --data DIR [--files 100] [--rounds 3] [--dry]

A hundred ogg files of ESC-50, ten labels, HTS-AT tiny and RoBERTa base with weights from a seed. The pipeline is given samples that librosa
loaded at 48 kHz, as its page shows, and reads the labels again for every file. auricle reads them once a run; its cache on disk is empty at
the start of each. Opening the models, words' half and all, is not counted on either side. Writes docs/results/zero-shot-speed.json. Needs
transformers, librosa.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import clap_pair
import numpy as np

import auricle
from auricle.bench.results import Figure, write_record
from auricle.core.workers import cpu_count
from auricle.models.convert.convert import convert
from auricle.runtime.exporting import export

ROOT = Path(__file__).resolve().parents[1]
LABELS = ("dog", "rain", "church bells", "siren", "crying baby", "clock tick", "helicopter", "rooster", "sea waves", "hand saw")


def theirs(folder: Path, files: Sequence[Path]) -> Callable[[], np.ndarray]:
    """The pipeline over all files: shares (N, K)."""
    import librosa
    from transformers import ClapFeatureExtractor, ClapModel, RobertaTokenizer, pipeline

    model = ClapModel.from_pretrained(folder)
    model.train(mode=False)
    parts = {
        "model": model,
        "feature_extractor": ClapFeatureExtractor.from_pretrained(folder),
        "tokenizer": RobertaTokenizer.from_pretrained(folder),
    }
    classify = pipeline("zero-shot-audio-classification", **parts)

    def run() -> np.ndarray:
        rows = []
        for file in files:
            samples, _ = librosa.load(file, sr=48_000)
            told = classify(samples, candidate_labels=list(LABELS), hypothesis_template="This is a sound of {}.")
            shares = {one["label"]: one["score"] for one in told}
            rows.append([shares[label] for label in LABELS])
        return np.array(rows)

    return run


def ours(folder: Path, files: Sequence[Path], runtime: str | None) -> tuple[Callable[[], np.ndarray], str]:
    """auricle over all files, with a model opened anew that has read no label yet: shares (N, K). And the engine that was chosen."""
    listener = auricle.load(folder, runtime)
    listener.embed_text(["a text that is not asked for"])  # the words' graph is opened when the first come

    def run() -> np.ndarray:
        told = auricle.ZeroShot(listener, LABELS, prompt="This is a sound of {label}.").classify([str(file) for file in files])
        shares = [{label.label: label.score for label in one.labels} for one in told]
        return np.array([[row[label] for label in LABELS] for row in shares])

    return run, listener.runtime.engine.name


def main() -> None:
    """Measure in turns, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime", help="engine of auricle; by default the one it chooses")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    files = sorted((asked.data / "esc50_16k").rglob("*.ogg"))[: asked.files]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        convert(clap_pair.made(folder / "hub"), folder / "ours")
        export(folder / "ours")
        pipeline = theirs(folder / "hub", files)
        speeds: dict[str, list[float]] = {"pipeline": [], "auricle": []}
        for turn in range(asked.rounds):
            os.environ["AURICLE_CACHE"] = str(folder / f"cache{turn}")
            run, engine = ours(folder / "ours", files, asked.runtime)
            began = time.perf_counter()
            shares = run()
            speeds["auricle"].append(len(files) / (time.perf_counter() - began))
            began = time.perf_counter()
            wanted = pipeline()
            speeds["pipeline"].append(len(files) / (time.perf_counter() - began))
    figures: list[Figure] = []
    ratios = [one / other for one, other in zip(speeds["auricle"], speeds["pipeline"], strict=True)]
    sides = (("pipeline", speeds["pipeline"], "files/s"), ("auricle", speeds["auricle"], "files/s"), ("ratio", ratios, "x"))
    for label, values, unit in sides:
        figures.append(
            {"name": label, "value": float(np.median(values)), "low": min(values), "high": max(values), "unit": unit, "n": len(files)}
        )
    figures[1]["note"] = f"engine {engine}, {cpu_count()} cores"
    apart = float(np.abs(shares - wanted).max())
    figures.append({"name": "apart", "value": apart, "n": shares.size, "note": "largest difference of a label's share between the two"})
    same = float((shares.argmax(axis=1) == wanted.argmax(axis=1)).mean())
    figures.append({"name": "same_label", "value": same, "n": len(files), "note": "files for which both put the same label first"})
    for figure in figures:
        print(f"{figure['name']:12} {figure['value']:10.4f} {figure.get('unit', ''):8} {figure.get('note', '')}", flush=True)
    if not asked.dry:
        about = "Zero-shot over ogg files, ten labels, end to end, beside transformers' pipeline on the same weights; least to most."
        command = "python benchmarks/zero_shot.py --data DIR"
        print(write_record(ROOT / "docs" / "results", "zero-shot-speed", command=command, seed=0, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
