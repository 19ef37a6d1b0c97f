"""BEATs of microsoft/unilm beats/ (MIT), fine-tuned, with random weights: `python beats.py REPOSITORIES OUT`.

Needs torch, numpy and torchaudio as files (_standing.py). `cfg` is that of a fine-tuned model: gated relative positions and deep norm.
"""

from __future__ import annotations

import sys
from pathlib import Path

import _standing as standing
import numpy as np
import torch

SOURCE, COMMIT = "microsoft/unilm", "768a3c873f598bb9b4d4dfb9267b099e35f8fe56"
CFG = {
    "input_patch_size": 16,
    "embed_dim": 512,
    "conv_bias": False,
    "encoder_layers": 12,
    "encoder_embed_dim": 768,
    "encoder_ffn_embed_dim": 3072,
    "encoder_attention_heads": 12,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "deep_norm": True,
    "conv_pos": 128,
    "conv_pos_groups": 16,
    "relative_position_embedding": True,
    "num_buckets": 320,
    "max_distance": 800,
    "gru_rel_pos": True,
    "finetuned_model": True,
    "predictor_class": 527,
}


@torch.no_grad()
def main(repositories: Path, out: Path) -> None:
    """Write OUT/checkpoint.pt, OUT/expected.npz and keys/beats.json."""
    standing.bring_kaldi()
    sys.path.insert(0, str(repositories / "microsoft+unilm" / "beats"))
    from BEATs import BEATs, BEATsConfig  # type: ignore[import-not-found]

    model = BEATs(BEATsConfig(CFG)).eval()
    standing.randomise(model, 5)
    ids = standing.audioset_ids()[::-1]  # an order of its own, as the published label_dict has
    labels = dict(enumerate(ids))
    samples = standing.sound(7.3, 16000, 5)
    states = {}
    model.encoder.register_forward_hook(lambda _, __, outputs: states.update(last=outputs[0]))
    probabilities, _ = model.extract_features(torch.from_numpy(samples)[None])
    torch.save({"cfg": CFG, "model": model.state_dict(), "label_dict": labels}, out / "checkpoint.pt")
    pooled = states["last"].mean(dim=1)
    np.savez(
        out / "expected.npz",
        samples=samples,
        rate=16000,
        pooled=pooled[0].numpy(),
        probabilities=probabilities[0].numpy(),
        label_ids=np.array(ids),
    )
    standing.write_keys("beats", source=SOURCE, commit=COMMIT, tensors=model.state_dict(), meta={"cfg": CFG})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
