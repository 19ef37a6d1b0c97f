"""LAION-CLAP with Cnn14 in place of HTS-AT, by its own code (LAION-AI/CLAP, PANN-14); else as laion-clap.py.

Run: python laion-clap-cnn14.py REPOSITORIES OUT.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    torch.set_num_threads(1)
    main = importlib.import_module("laion-clap").main
    main(Path(sys.argv[1]), Path(sys.argv[2]), name="laion-clap-cnn14", size="PANN-14")
