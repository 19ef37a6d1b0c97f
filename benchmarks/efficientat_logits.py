"""The 527 logits of a published EfficientAT on real recordings: its own code beside ours, for the record.

    AURICLE_UPSTREAM=DIR AURICLE_UPSTREAM_PYTHON=python \\
        python benchmarks/efficientat_logits.py --weights mn04_as_mAP_432.pt --data DIR [--dry]

Both get the same samples: the first ten seconds of each of the twenty recordings of benchmarks/golden.py, mono at 32 kHz.
docs/parity.md says how to make the environment. Writes docs/results/efficientat-logits.json.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from golden import RECORDINGS

from auricle.bench.results import Figure, write_record
from auricle.core.config import CLIP_LOGITS
from auricle.runtime.converting import convert
from auricle.runtime.open import open_runtime
from auricle.signal.frontend import Frontend
from auricle.signal.streaming import read

_RATE, _SECONDS = 32_000, 10.0
_SCRIPT = ROOT / "tests" / "parity" / "upstream" / "_efficientat_logits.py"


def differences(weights: Path, data: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Engine -> recording -> largest difference of any logit. folder: for files in between."""
    samples = {name: read(data / name, rate=_RATE, mono=True, max_seconds=_SECONDS).samples[0] for name in RECORDINGS}
    np.savez(folder / "samples.npz", **samples)
    python = os.environ.get("AURICLE_UPSTREAM_PYTHON", sys.executable)
    words = [_SCRIPT, os.environ["AURICLE_UPSTREAM"], weights, folder / "samples.npz", folder / "logits.npz"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([python, *map(str, words)], check=True, env=environment)
    convert(weights, folder / "model")
    found: dict[str, dict[str, float]] = {}
    with np.load(folder / "logits.npz") as published:
        for engine in ("torch-fp32", "onnx"):
            runtime = open_runtime(folder / "model", engine)
            frontend = Frontend(runtime.config.frontend, **runtime.frontend_parts())
            found[engine] = {}
            for name, given in samples.items():
                logits = runtime.run(frontend.features(given)[None])[CLIP_LOGITS][0]
                if logits.shape != (527,) or published[name].shape != (527,):
                    raise SystemExit(f"{name}: {logits.shape} and {published[name].shape} logits; wanted 527 of each")
                found[engine][name] = float(np.abs(logits - published[name]).max())
    return found


def main() -> None:
    """Compare, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="mn04_as_mAP_432.pt of fschmid56/EfficientAT's releases")
    parser.add_argument("--data", type=Path, default=os.environ.get("AURICLE_DATA"), help="the folder of docs/data.md")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    if "AURICLE_UPSTREAM" not in os.environ or asked.data is None:
        parser.error("needs AURICLE_UPSTREAM, a folder of published repositories (docs/parity.md), and --data or AURICLE_DATA")
    with tempfile.TemporaryDirectory() as folder:
        found = differences(asked.weights, Path(asked.data), Path(folder))
    figures: list[Figure] = []
    for engine, by_name in found.items():
        worst = max(by_name, key=lambda name: by_name[name])
        note = f"largest difference of any of 527 logits; {worst}"
        figures.append({"name": engine.replace("-", "_"), "value": by_name[worst], "n": len(by_name), "note": note})
        print(f"{engine:12} {by_name[worst]:.2e} at most, {np.median(list(by_name.values())):.2e} in the median recording; {worst}")
    if asked.dry:
        return
    about = "mn04 of EfficientAT on twenty real recordings: its own network and front-end beside ours, the same samples given to both."
    command = "AURICLE_UPSTREAM=DIR AURICLE_UPSTREAM_PYTHON=python python benchmarks/efficientat_logits.py --weights FILE --data DIR"
    hashed = hashlib.sha256(asked.weights.read_bytes()).hexdigest()
    extra = {"about": about, "differences": found}
    where = ROOT / "docs" / "results"
    print(write_record(where, "efficientat-logits", command=command, seed=None, figures=figures, extra={**extra, "checkpoint": hashed}))


if __name__ == "__main__":
    main()
