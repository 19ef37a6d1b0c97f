"""Wavegram_Logmel_Cnn14 of qiuqiangkong/audioset_tagging_cnn with seeded weights.

`python wavegram-logmel-cnn14.py REPOSITORIES OUT`. Needs torchlibrosa.
"""

from __future__ import annotations

from _panns import run

if __name__ == "__main__":
    run(__file__, "Wavegram_Logmel_Cnn14", seconds=5.0, own_bank=True)
