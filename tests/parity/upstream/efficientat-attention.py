"""An mn04 of fschmid56/EfficientAT that pools by attention: `python efficientat-attention.py REPOSITORIES OUT`.

Stands in for torchvision and torchaudio, as _efficientat.py tells.
"""

from __future__ import annotations

from _efficientat import run

if __name__ == "__main__":
    run(__file__, width_mult=0.4, head_type="multihead_attention_pooling")
