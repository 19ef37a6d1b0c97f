"""LAION-CLAP with feature fusion by its own code (LAION-AI/CLAP), HTS-AT base, RoBERTa; else as laion-clap.py.

Run: python laion-clap-fused.py REPOSITORIES OUT. The sound is shorter than ten seconds: of longer ones the published code (1fd4c37) calls
np.random.integers, which no numpy has.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    torch.set_num_threads(1)
    main = importlib.import_module("laion-clap").main
    main(Path(sys.argv[1]), Path(sys.argv[2]), name="laion-clap-fused", size="HTSAT-base", fused=True)
