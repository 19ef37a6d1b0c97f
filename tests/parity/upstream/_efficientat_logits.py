"""Logits of EfficientAT's own code with published weights: REPOSITORIES WEIGHTS SAMPLES.npz OUT.npz.

SAMPLES.npz: float32 (N,) at 32 kHz an array. OUT.npz: 527 logits for each, by the same names. Network (width 0.4) and front-end are those
of inference.py in fschmid56/EfficientAT.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from _efficientat import published


def main() -> None:
    """Run the published network on every array."""
    repositories, weights, samples, out = (Path(word).resolve() for word in sys.argv[1:5])
    module, frontend = published(repositories / "fschmid56+EfficientAT", width_mult=0.4)
    module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    with torch.no_grad(), np.load(samples) as arrays:
        logits = {name: module(frontend(torch.from_numpy(arrays[name])[None])[None])[0].reshape(-1).numpy() for name in arrays.files}
    np.savez(out, **logits)


if __name__ == "__main__":
    main()
