"""MS-CLAP 2023 by its own code (microsoft/CLAP): CLAPWrapper with its HTS-AT and GPT-2, weights drawn here.

Run: python msclap-2023.py REPOSITORIES OUT. Stand-ins: see _clap; CLAPWrapper.read_audio hands over a sound made here, and the tokenizer
gets back encode_plus, which newer releases of transformers call by another name.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import transformers
from _clap import TEXTS, draw, gpt2_words, offline, save, sound, stand_in, write_keys


def main(repositories: Path, out: Path) -> None:
    stand_in()
    sys.path.insert(0, str(repositories / "microsoft+CLAP"))
    words = gpt2_words(out)
    type(words).encode_plus = type(words).__call__
    offline(words, AutoModel=lambda: transformers.GPT2Model(transformers.GPT2Config()))
    from msclap.CLAPWrapper import CLAPWrapper
    from msclap.models.clap import CLAP

    sizes = {"sample_rate": 44100, "window_size": 1024, "hop_size": 320, "mel_bins": 64, "fmin": 50, "fmax": 8000}
    made = CLAP(
        audioenc_name="HTSAT",
        **sizes,
        classes_num=527,
        out_emb=768,
        text_model="gpt2",
        transformer_embed_dim=768,
        d_proj=1024,
    )
    draw(made)
    tensors = made.state_dict()
    samples = sound(44100, 5.0)
    torch.save({"model": tensors}, out / "checkpoint.pt")
    wrapper = CLAPWrapper(model_fp=str(out / "checkpoint.pt"), version="2023")
    wrapper.read_audio = lambda path, resample: (torch.from_numpy(samples)[None], 44100)
    audio = wrapper.preprocess_audio(["a sound"], True)
    with torch.no_grad():
        save(
            out,
            words,
            {"model": tensors},
            samples=samples,
            rate=44100,
            pooled=wrapper.clap.audio_encoder.base(audio[:, 0])["embedding"][0],
            embedding=wrapper._get_audio_embeddings(audio)[0],
            text=wrapper.get_text_embeddings(TEXTS),
        )
    write_keys("msclap-2023", repositories, "microsoft/CLAP", tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
