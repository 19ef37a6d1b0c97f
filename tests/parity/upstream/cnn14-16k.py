"""Cnn14_16k of qiuqiangkong/audioset_tagging_cnn with seeded weights.

`python cnn14-16k.py REPOSITORIES OUT`. Needs torchlibrosa.
"""

from __future__ import annotations

from _panns import run

if __name__ == "__main__":
    run(__file__, "Cnn14_16k", rate=16000, own_bank=True)
