"""Cnn14_DecisionLevelAvg of qiuqiangkong/audioset_tagging_cnn with seeded weights.

`python cnn14-decision-level-avg.py REPOSITORIES OUT`. Needs torchlibrosa.
"""

from __future__ import annotations

from _panns import run

if __name__ == "__main__":
    run(__file__, "Cnn14_DecisionLevelAvg", file="checkpoint-DecisionLevelAvg.pth")
