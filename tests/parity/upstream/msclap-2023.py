"""MS-CLAP 2023 by its own code (microsoft/CLAP): CLAPWrapper with its HTS-AT and GPT-2, weights drawn here.

Run: python msclap-2023.py REPOSITORIES OUT. Stand-ins: see _clap; CLAPWrapper.read_audio hands over a sound made here, and the tokenizer
gets back encode_plus, which newer releases of transformers call by another name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from _clap import TEXTS, draw, gpt2_words, offline, save, sound, stand_in, write_keys

RATE = 44100


def gpt2() -> torch.nn.Module:
    return transformers.GPT2Model(transformers.GPT2Config())


def run(repositories: Path, out: Path, *, version: str, words: Any, tower: Callable[[], Any], sizes: Mapping[str, Any]) -> None:
    stand_in()
    sys.path.insert(0, str(repositories / "microsoft+CLAP"))
    type(words).encode_plus = type(words).__call__
    offline(words, AutoModel=tower)
    from msclap.CLAPWrapper import CLAPWrapper
    from msclap.models.clap import CLAP

    made = CLAP(
        sample_rate=RATE,
        window_size=1024,
        hop_size=320,
        mel_bins=64,
        fmin=50,
        classes_num=527,
        transformer_embed_dim=768,
        d_proj=1024,
        **sizes,
    )
    draw(made)
    tensors = made.state_dict()
    samples = sound(RATE, 3.9)
    torch.save({"model": tensors}, out / "checkpoint.pt")
    wrapper = CLAPWrapper(model_fp=str(out / "checkpoint.pt"), version=version)
    wrapper.read_audio = lambda path, resample: (torch.from_numpy(samples)[None], RATE)
    audio = wrapper.preprocess_audio(["a sound"], True)
    with torch.no_grad():
        pooled = wrapper.clap.audio_encoder.base(audio[:, 0])["embedding"][0]
        embedding = wrapper._get_audio_embeddings(audio)[0]
        text = wrapper.get_text_embeddings(TEXTS)
    save(out, words, {"model": tensors}, samples=samples, rate=RATE, pooled=pooled, embedding=embedding, text=text)
    write_keys(f"msclap-{version}", repositories, "microsoft/CLAP", tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    settings = {"audioenc_name": "HTSAT", "out_emb": 768, "text_model": "gpt2", "fmax": 8000}
    place = Path(sys.argv[2])
    run(Path(sys.argv[1]), place, version="2023", words=gpt2_words(place), tower=gpt2, sizes=settings)
