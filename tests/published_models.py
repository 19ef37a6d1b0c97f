"""Small published-style models with weights from a seed, for tests that need one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auricle.core.config import encoder_config

CNN = {"family": "cnn14", "frontend": "panns-32k", "mels": 64, "widths": [8, 8, 16, 16], "kernel": 5, "halvings": 4, "size": 24}


def tagger(folder: Path, *, labels: int = 5, seed: int = 0, **changes: Any) -> Path:
    """A model folder of a small PANNs-like encoder without words; labels: of its own head."""
    import torch

    from auricle.models.folder import save
    from auricle.models.model import Model

    torch.manual_seed(seed)
    settings = {
        "name": "small tagger",
        "source": "weights from a seed",
        "frontend": "panns-32k",
        "window": 4.0,
        "policy": "any",
        "encoder": {**CNN, "labels": labels},
        "dim": 24,
        "labels": [f"label {place}" for place in range(labels)],
        **changes,
    }
    save(folder, Model(encoder_config(**settings)), {})
    return folder


def clap_folder(folder: Path) -> Path:
    """A folder as the hub has it of a small transformers ClapModel, with a tokenizer taught by a few words."""
    import torch
    import transformers
    from tokenizers import ByteLevelBPETokenizer

    folder.mkdir(parents=True, exist_ok=True)
    made = ByteLevelBPETokenizer()
    words = ["a dog barks", "rain on a tin roof", "this is a sound of a siren", "church bells", "an engine"]
    made.train_from_iterator(words * 3, vocab_size=330, min_frequency=2, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    made.save_model(str(folder))
    merges = [tuple(line.split()) for line in (folder / "merges.txt").read_text().splitlines() if not line.startswith("#version")]
    tokens = transformers.RobertaTokenizer(vocab=json.loads((folder / "vocab.json").read_text()), merges=merges)
    tokens.save_pretrained(folder)
    narrow = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": len(tokens)}
    sound = {"patch_embeds_hidden_size": 16, "hidden_size": 64, "depths": [1, 1, 1], "num_attention_heads": [2, 2, 4]}
    torch.manual_seed(0)
    model = transformers.ClapModel(transformers.ClapConfig(text_config=narrow, audio_config=sound, projection_dim=32))
    for tensor in model.parameters():
        if tensor.ndim > 1:
            torch.nn.init.normal_(tensor, std=0.7 / tensor[0].numel() ** 0.5)
    model.save_pretrained(folder)
    return folder
