"""Audio-MAE of facebookresearch/AudioMAE (CC BY-NC 4.0), pretrained with its decoder: `python audiomae-pretrained.py REPOSITORIES OUT`.

See audiomae.py. What is compared is the mean of the patches that the encoder gives without a mask.
"""

from __future__ import annotations

import sys
from pathlib import Path

import _standing as standing
import numpy as np
import torch

SOURCE, COMMIT = "facebookresearch/AudioMAE", "bd60e29651285f80d32a6405082835ad26e6f19f"


@torch.no_grad()
def main(repositories: Path, out: Path) -> None:
    """Write OUT/checkpoint.pth, OUT/expected.npz and the keys."""
    standing.bring_audiomae(repositories / "facebookresearch+AudioMAE")
    kaldi = standing.bring_kaldi()
    import models_mae  # type: ignore[import-not-found]

    model = models_mae.mae_vit_base_patch16_dec512d8b(norm_pix_loss=True, in_chans=1, audio_exp=True, img_size=(1024, 128), decoder_mode=1)
    positions = model.pos_embed.clone()
    standing.randomise(model, 4)
    model.pos_embed.copy_(positions)  # its own table of sines, in its own order
    model.eval()
    samples = standing.sound(10.0, 16000, 4)
    features = standing.ast_features(kaldi, samples)[:, None]
    states, *_ = model.forward_encoder(features, 0.0)  # nothing masked, though shuffled
    pooled = states[:, 1:].mean(dim=1)
    torch.save({"model": model.state_dict(), "epoch": 32}, out / "checkpoint.pth")
    np.savez(out / "expected.npz", samples=samples, rate=16000, pooled=pooled[0].numpy())
    standing.write_keys("audiomae-pretrained", source=SOURCE, commit=COMMIT, tensors=model.state_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
