"""WavCaps' retrieval model with Cnn14 by its own code (XinhaoMei/WavCaps); else as wavcaps-htsat.py.

Run: python wavcaps-cnn14.py REPOSITORIES OUT.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    torch.set_num_threads(1)
    main = importlib.import_module("wavcaps-htsat").main
    main(Path(sys.argv[1]), Path(sys.argv[2]), name="wavcaps-cnn14", encoder=("cnn", "Cnn14"))
