"""The fully convolutional mn10 of fschmid56/EfficientAT with strides 2, 2, 2, 1: `python efficientat-fc.py REPOSITORIES OUT`.

Stands in for torchvision and torchaudio, as _efficientat.py tells.
"""

from __future__ import annotations

from _efficientat import run

if __name__ == "__main__":
    run(__file__, head_type="fully_convolutional", strides=(2, 2, 2, 1), file="checkpoint-mn10_as_fc_s2221.pt")
