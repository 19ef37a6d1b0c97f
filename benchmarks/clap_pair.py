"""What the benchmarks of published models share: a ClapModel of transformers with weights from a seed, and the folder made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SEED = 0


def made(folder: Path) -> Path:
    """A folder as the hub has it, of the published size (HTS-AT tiny, RoBERTa base), with a tokenizer taught by AudioSet's names."""
    import torch
    import transformers
    from tokenizers import ByteLevelBPETokenizer

    from auricle.core import audioset

    folder.mkdir(parents=True)
    tokens = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokens.train_from_iterator([f"This is a sound of {name}." for name in audioset.labels()], vocab_size=2000, special_tokens=special)
    tokens.save_model(str(folder))
    merges: Any = [tuple(line.split()) for line in (folder / "merges.txt").read_text().splitlines() if not line.startswith("#version")]
    tokenizer = transformers.RobertaTokenizer(vocab=json.loads((folder / "vocab.json").read_text()), merges=merges)
    torch.manual_seed(SEED)
    model = transformers.ClapModel(transformers.ClapConfig())
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        drawn(name, tensor)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    transformers.ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc", padding="repeatpad").save_pretrained(folder)
    return folder


def drawn(name: str, tensor: Any) -> None:
    """Weights as far from zero and one as trained ones: fresh ones make every sound and every word alike."""
    import torch

    if not tensor.is_floating_point() or name.startswith("logit_scale"):
        return
    if name.endswith("running_mean"):
        torch.nn.init.constant_(tensor, -40.0)
    elif name.endswith("running_var"):
        torch.nn.init.constant_(tensor, 200.0)
    elif tensor.ndim > 1:
        torch.nn.init.normal_(tensor, std=0.7 / tensor[0].numel() ** 0.5)
