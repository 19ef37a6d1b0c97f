"""Cnn10 of qiuqiangkong/audioset_tagging_cnn with seeded weights.

`python cnn10.py REPOSITORIES OUT`. Needs torchlibrosa.
"""

from __future__ import annotations

from _panns import run

if __name__ == "__main__":
    run(__file__, "Cnn10")
