"""Whisper of openai/whisper (MIT), size base, with random weights: `python whisper-openai.py REPOSITORIES OUT`.

Needs the package openai-whisper and tiktoken (pip install --no-deps openai-whisper; pip install tiktoken). REPOSITORIES is not read.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import sys
from pathlib import Path

import _standing as standing
import numpy as np
import torch

DIMS = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 512,
    "n_audio_head": 8,
    "n_audio_layer": 6,
    "n_vocab": 51865,
    "n_text_ctx": 448,
    "n_text_state": 512,
    "n_text_head": 8,
    "n_text_layer": 6,
}


@torch.no_grad()
def main(out: Path) -> None:
    """Write OUT/checkpoint.pt, OUT/expected.npz and keys/whisper-openai.json."""
    import whisper  # type: ignore[import-not-found]
    from whisper.audio import log_mel_spectrogram, pad_or_trim  # type: ignore[import-not-found]
    from whisper.model import ModelDimensions, Whisper  # type: ignore[import-not-found]

    dims = ModelDimensions(**DIMS)
    model = Whisper(dims).eval()
    positions = model.encoder.positional_embedding.clone()
    standing.randomise(model, 6)
    model.encoder.positional_embedding.copy_(positions)
    samples = standing.sound(30.0, 16000, 6)
    states = model.encoder(log_mel_spectrogram(pad_or_trim(torch.from_numpy(samples)))[None])
    torch.save({"dims": dataclasses.asdict(dims), "model_state_dict": model.state_dict()}, out / "checkpoint.pt")
    np.savez(out / "expected.npz", samples=samples, rate=16000, pooled=states[0].mean(dim=0).numpy())
    version = importlib.metadata.version("openai-whisper")
    assert whisper.__version__ == version
    standing.write_keys("whisper-openai", source="openai/whisper", commit=f"PyPI {version}", tensors=model.state_dict())


if __name__ == "__main__":
    main(Path(sys.argv[2]))
