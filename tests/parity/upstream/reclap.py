"""ReCLAP by its own code (Sreyan88/ReCLAP, a fork of LAION-CLAP): HTS-AT base with fusion, FLAN-T5 large; else as laion-clap.py.

Run: python reclap.py REPOSITORIES OUT. Nothing of the repository, which has no licence, is copied here.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch
import transformers
from _clap import t5_words, write_keys


def t5() -> torch.nn.Module:
    sizes = {"d_model": 1024, "d_kv": 64, "d_ff": 2816, "num_layers": 24, "num_heads": 16, "vocab_size": 32128}
    return transformers.T5EncoderModel(transformers.T5Config(feed_forward_proj="gated-gelu", **sizes))


if __name__ == "__main__":
    torch.set_num_threads(1)
    repositories, out = Path(sys.argv[1]), Path(sys.argv[2])
    laion = importlib.import_module("laion-clap")
    package = repositories / "Sreyan88+ReCLAP" / "train" / "src" / "laion_clap"
    tower = laion.Tower("t5", "T5EncoderModel", t5, t5_words)
    tensors = laion.run(package, out, size="HTSAT-base", fused=True, tower=tower, extra={})
    write_keys("reclap", repositories, "Sreyan88/ReCLAP", tensors)
