"""Front-ends side by side on one core: clips of 10 s at 48 kHz a second of processor time, and auricle's ratio to each.

    python benchmarks/frontend.py [--seconds 0.4] [--rounds 25] [--record docs/results]

Same settings on every side (LAION-CLAP's: 1024 / 480, 64 Slaney mels, 50-14000 Hz). transformers and librosa are measured where they
are installed. The floor is the Fourier transforms alone, by numpy, over frames that already lie in memory.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported: one core means one thread

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from auricle.bench.results import Figure, write_record
from auricle.signal.frontend import Frontend

SECONDS = 10


def rate_of(task: Callable[[], object], seconds: float) -> float:
    """Calls a second of processor time, after one warm-up call."""
    task()
    calls, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        task()
        calls += 1
    return calls / (time.process_time() - began)


def sides(samples: np.ndarray) -> dict[str, Callable[[], object]]:
    """What is compared, by name; packages that are not installed are left out."""
    ours, small = Frontend("laion-unfused-hf"), Frontend("auricle-16k")
    frames = np.zeros((64, 1024))
    spectrum = np.empty((64, 513), np.complex128)

    def transforms() -> None:
        for _ in range(-(-ours.frames(samples.size) // 64)):
            np.fft.rfft(frames, axis=1, out=spectrum)

    found: dict[str, Callable[[], object]] = {
        "auricle": lambda: ours.features(samples),
        "transforms_alone": transforms,
        "auricle_16k": lambda: small.features(samples[: small.rate * SECONDS]),
    }
    try:
        from transformers import ClapFeatureExtractor
    except ImportError:
        print("transformers is not installed: left out")
    else:
        extractor = ClapFeatureExtractor(truncation="rand_trunc", padding="pad")
        found["clap_feature_extractor"] = lambda: extractor(samples, sampling_rate=48000, return_tensors="np")
    try:
        import librosa
    except ImportError:
        print("librosa is not installed: left out")
    else:
        found["librosa"] = lambda: librosa.power_to_db(
            librosa.feature.melspectrogram(y=samples, sr=48000, n_fft=1024, hop_length=480, n_mels=64, fmin=50, fmax=14000)
        )
    return found


def main() -> None:
    """Measure every side in turns, many short rounds since a shared machine's speed drifts, and keep medians with quartiles."""
    parser = argparse.ArgumentParser(description="Front-ends side by side on one core.")
    parser.add_argument("--seconds", type=float, default=0.4, help="processor time for each side and round")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--record", type=Path, help="folder to write the record front-end to")
    options = parser.parse_args()
    samples = (0.1 * np.random.default_rng(0).standard_normal(48000 * SECONDS)).astype(np.float32)
    tasks = sides(samples)
    rounds = [{name: rate_of(task, options.seconds) for name, task in tasks.items()} for _ in range(options.rounds)]
    figures: list[Figure] = []
    for name in tasks:
        low, middle, high = (float(q) for q in np.quantile([one[name] for one in rounds], (0.25, 0.5, 0.75)))
        figures.append({"name": name, "value": middle, "low": low, "high": high, "n": len(rounds), "unit": "clips/s"})
        print(f"{name:24s} {middle:7.1f} clips/s", end="")
        low, middle, high = (float(q) for q in np.quantile([one["auricle"] / one[name] for one in rounds], (0.25, 0.5, 0.75)))
        print(f"   auricle is {middle:.2f}x ({low:.2f}-{high:.2f})")
        if name in ("clap_feature_extractor", "librosa", "transforms_alone"):
            figures.append({"name": f"ratio_{name}", "value": middle, "low": low, "high": high, "n": len(rounds), "unit": "x"})
    if options.record:
        about = "Log-mel of 10 s of 48 kHz, one core, clips a second of processor time; medians and quartiles of interleaved rounds."
        write_record(
            options.record,
            "front-end",
            command="python benchmarks/frontend.py --record docs/results",
            seed=0,
            figures=figures,
            extra={"about": about},
        )


if __name__ == "__main__":
    main()
