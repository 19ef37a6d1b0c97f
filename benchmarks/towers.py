"""The sound tower of CLAP (HTS-AT tiny, 10 s of 48 kHz) by every engine, beside transformers in eager single precision: clips a second.

    python benchmarks/towers.py [--rounds 7] [--engines onnx openvino ...] [--dry]

The same weights on every side, from a seed, features ready in memory. transformers runs one clip after another with torch on all cores,
which is quicker than batches; auricle runs as its Listener does, one thread a call and as many calls as there are cores. Sides take turns,
so that a machine whose speed drifts is fair to all. Writes docs/results/towers.json. Needs transformers and the extra `export`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clap_pair
import numpy as np
import torch

from auricle.bench.results import Figure, write_record
from auricle.core.config import EMBEDDING
from auricle.core.model_files import read_config
from auricle.core.workers import cpu_count
from auricle.models.convert.convert import convert
from auricle.models.convert.health import features as made_features
from auricle.runtime.exporting import export
from auricle.runtime.open import open_runtime

ROOT = Path(__file__).resolve().parents[1]
GFLOP = 11.8  # of one clip: products of the linear layers and of attention, counted from the sizes
ENGINES = ("torch-fp32", "torch-bf16", "onnx", "openvino")

MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
from auricle.runtime.open import open_runtime
runtime = open_runtime(sys.argv[1], sys.argv[2])
for _ in range(3):
    runtime.run(np.load(sys.argv[3]))
print(int(re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[0]) * 1024 / 1e6)
"""


def eager(folder: Path, clip: np.ndarray) -> tuple[Callable[[int], None], np.ndarray]:
    """transformers: a function that runs so many clips, and the vector of one."""
    from transformers import ClapModel

    model = ClapModel.from_pretrained(folder)
    model.train(mode=False)
    given = torch.from_numpy(clip[:, None])

    @torch.inference_mode()
    def vector() -> torch.Tensor:
        heard = model.audio_model(input_features=given, is_longer=torch.zeros(1, 1, dtype=torch.bool))
        told: torch.Tensor = model.audio_projection(heard.pooler_output)
        return told

    def run(count: int) -> None:
        torch.set_num_threads(cpu_count())
        for _ in range(count):
            vector()

    return run, vector().numpy()


def ours(folder: Path, engine: str, clip: np.ndarray) -> tuple[Callable[[int], None], np.ndarray]:
    """One engine: a function that runs so many clips on all cores, and the vector of one."""
    runtime = open_runtime(folder, engine)

    def run(count: int) -> None:
        with ThreadPoolExecutor(cpu_count()) as pool:
            list(pool.map(lambda _: runtime.run(clip), range(count)))

    return run, runtime.run(clip)[EMBEDDING]


def rate(run: Callable[[int], None], count: int) -> float:
    """Clips a second of wall time."""
    began = time.perf_counter()
    run(count)
    return count / (time.perf_counter() - began)


def compared(folder: Path, clip: np.ndarray, engines: list[str], *, rounds: int, count: int) -> list[Figure]:
    """Every engine beside eager, in turns."""
    theirs, vector = eager(folder / "hub", clip)
    sides = {engine: ours(folder / "ours", engine, clip) for engine in engines}
    for run in (theirs, *(run for run, _ in sides.values())):
        run(2)
    speeds: dict[str, list[float]] = {name: [] for name in ("eager", *sides)}
    for _ in range(rounds):
        speeds["eager"].append(rate(theirs, count))
        for name, (run, _) in sides.items():
            speeds[name].append(rate(run, count))
    figures = [spread("eager_clips", speeds["eager"], "clips/s", "transformers, eager, single precision, all cores")]
    for name, (_, found) in sides.items():
        label = name.replace("-", "_")
        ratios = [one / other for one, other in zip(speeds[name], speeds["eager"], strict=True)]
        cosine = float((found * vector).sum() / np.linalg.norm(found) / np.linalg.norm(vector))
        figures += [
            spread(f"{label}_clips", speeds[name], "clips/s", f"{float(np.median(speeds[name])) * GFLOP / cpu_count():.0f} GFLOP/s a core"),
            spread(f"{label}_ratio", ratios, "x", "over transformers, round by round"),
            {"name": f"{label}_cosine", "value": cosine, "n": 1, "note": "to transformers' vector"},
        ]
    return figures


def spread(name: str, values: list[float], unit: str, note: str) -> Figure:
    """Median and quartiles."""
    low, middle, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    return {"name": name, "value": middle, "low": low, "high": high, "n": len(values), "unit": unit, "note": note}


def memory(folder: Path, clip: np.ndarray, engine: str) -> Figure:
    """Peak of a process that opens the model and runs three clips."""
    np.save(folder / "clip.npy", clip)
    words = [sys.executable, "-c", MEMORY, str(folder / "ours"), engine, str(folder / "clip.npy")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    label = engine.replace("-", "_")
    return {"name": f"{label}_memory", "value": float(done.stdout), "unit": "MB", "n": 1, "note": "peak of a process that runs it"}


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=8, help="clips a side and round")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        convert(clap_pair.made(folder / "hub"), folder / "ours")
        export(folder / "ours")
        config = read_config(folder / "ours" / "config.json")
        clip = made_features(config, {})[:1]
        figures = compared(folder, clip, asked.engines, rounds=asked.rounds, count=asked.count)
        figures += [memory(folder, clip, engine) for engine in asked.engines]
    for figure in figures:
        print(f"{figure['name']:20} {figure['value']:10.4f} {figure.get('unit', ''):8} {figure.get('note', '')}", flush=True)
    if not asked.dry:
        about = "CLAP's sound tower (HTS-AT tiny), clips of 10 s on all cores; medians and quartiles of rounds in turns."
        command = "python benchmarks/towers.py"
        print(write_record(ROOT / "docs" / "results", "towers", command=command, seed=0, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
