"""Whether models call sounds with a known truth by right labels, as `auricle doctor` judges them.

    python benchmarks/known_sounds.py --model auricle-tiny mn04_as_mAP_432.pt

Writes docs/results/known-sounds.json: for each model how many of the twelve recordings of auricle/bench/known_sounds.py have each outcome,
and in `extra` every judgement. Hardware: 2 cores, seconds per model.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import auricle
from auricle.bench.known_sounds import SEED, Judgement, count, judge
from auricle.bench.results import Figure, write_record

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"


def figures(model: str, judged: Sequence[Judgement]) -> list[Figure]:
    """Number of recordings by outcome, and of those that the model is judged on."""
    prefix = re.sub(r"[^a-z0-9]+", "_", model.lower())
    counted = count(judged)
    found: list[Figure] = [
        {"name": f"{prefix}_{re.sub(' ', '_', outcome)}", "value": number, "n": len(judged), "unit": "recordings"}
        for outcome, number in counted.items()
    ]
    return [*found, {"name": f"{prefix}_judged", "value": len(judged) - counted["no label for it"], "n": len(judged), "unit": "recordings"}]


def main() -> None:
    """Judge, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["auricle-tiny"], help="models by name or path")
    asked = parser.parse_args()
    found: list[Figure] = []
    told: dict[str, Any] = {}
    for model in asked.model:
        short = Path(model).name.removesuffix(".pt")
        judged = judge(auricle.load(model))
        found += figures(short, judged)
        told[short] = [one.to_dict() for one in judged]
        for one in judged:
            print(f"{short:20} {one.sound.name:12} {one}")
    command = "python benchmarks/known_sounds.py --model " + " ".join(Path(model).name for model in asked.model)
    print(write_record(RESULTS, "known-sounds", command=command, seed=SEED, figures=found, extra={"judged": told}))


if __name__ == "__main__":
    main()
