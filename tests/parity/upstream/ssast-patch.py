"""SSAST of YuanGongND/ssast (BSD-3), pretrained on patchs, with random weights: `python ssast-patch.py REPOSITORIES OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

import _ssast

if __name__ == "__main__":
    _ssast.main(Path(sys.argv[1]), Path(sys.argv[2]), kind="patch")
