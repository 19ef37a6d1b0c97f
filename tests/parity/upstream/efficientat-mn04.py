"""mn04 of fschmid56/EfficientAT with seeded weights: `python efficientat-mn04.py REPOSITORIES OUT`.

Stands in for torchvision and torchaudio, as _efficientat.py tells.
"""

from __future__ import annotations

from _efficientat import run

if __name__ == "__main__":
    run(__file__, width_mult=0.4)
