"""mn04 of fschmid56/EfficientAT with 64 bands: `python efficientat-mels.py REPOSITORIES OUT`.

Stands in for torchvision and torchaudio, as _efficientat.py tells.
"""

from __future__ import annotations

from _efficientat import run

if __name__ == "__main__":
    run(__file__, width_mult=0.4, mels=64, file="checkpoint-mn04_as_mels_64.pt")
