"""WavCaps' retrieval model with HTS-AT by its own code (XinhaoMei/WavCaps): its text rules, HTS-AT tiny, BERT, weights drawn here.

Run: python wavcaps-htsat.py REPOSITORIES OUT. Stand-ins: see _clap. Nothing of the repository, which has no licence, is copied here.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch
import transformers
from _clap import TEXTS, bert_words, draw, offline, save, sound, stand_in, write_keys

RATE = 32000


def bert() -> torch.nn.Module:
    return transformers.BertModel(transformers.BertConfig(), add_pooling_layer=False)


def main(repositories: Path, out: Path, *, name: str = "wavcaps-htsat", encoder: tuple[str, str] = ("transformer", "htsat")) -> None:
    stand_in()
    sys.path.insert(0, str(repositories / "XinhaoMei+WavCaps" / "retrieval"))
    words = bert_words(out)
    offline(words, BertModel=bert)
    made = importlib.import_module("models.ase_model").ASE(
        {
            "embed_size": 1024,
            "temp": 0.07,
            "embed_regularization": True,
            "audio_args": {"sr": RATE, "n_fft": 1024, "hop_length": 320, "f_min": 50, "f_max": 14000, "n_mels": 64, "max_length": 30},
            "audio_encoder_args": {"type": encoder[0], "model": encoder[1], "pretrained": False, "freeze": False},
            "text_encoder_args": {"type": "bert-base-uncased", "freeze": False},
            "training": {"spec_augmentation": True, "dropout": 0.2},
        }
    )
    draw(made)
    made.eval()
    plain = importlib.import_module("data_handling.text_transform").text_preprocess
    samples = sound(RATE, 7.7)
    filled = torch.nn.functional.pad(torch.from_numpy(samples), (0, 10 * RATE - samples.size))[None]
    with torch.no_grad():
        pooled = made.audio_encoder(filled)
        said = made.text_encoder([plain(text) for text in TEXTS])[:, 0]
        embedding, text = made.audio_proj(pooled)[0], made.text_proj(said)
    tensors = made.state_dict()
    save(out, words, {"epoch": 1, "model": tensors}, samples=samples, rate=RATE, pooled=pooled[0], embedding=embedding, text=text)
    write_keys(name, repositories, "XinhaoMei/WavCaps", tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
