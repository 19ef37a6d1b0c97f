"""MS-CLAP 2022 by its own code (microsoft/CLAP): CLAPWrapper with its Cnn14 and BERT, weights drawn here. Stand-ins: as msclap-2023.py.

Run: python msclap-2022.py REPOSITORIES OUT.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch
import transformers
from _clap import bert_words


def bert() -> torch.nn.Module:
    return transformers.BertModel(transformers.BertConfig())


if __name__ == "__main__":
    torch.set_num_threads(1)
    run = importlib.import_module("msclap-2023").run
    sizes = {"audioenc_name": "Cnn14", "out_emb": 2048, "text_model": "bert-base-uncased", "fmax": 14000}
    run(Path(sys.argv[1]), Path(sys.argv[2]), version="2022", words=bert_words(Path(sys.argv[2])), tower=bert, sizes=sizes)
