"""Audio-MAE of facebookresearch/AudioMAE (CC BY-NC 4.0), fine-tuned, with random weights: `python audiomae.py REPOSITORIES OUT`.

Runs the published code beside ours and takes nothing from it. Needs what ast-original.py needs; the repository's own copy of timm's Swin
block is put where its timm_patch.sh puts it, and numpy's old name for float is brought back.
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
    import models_vit  # type: ignore[import-not-found]
    from util.patch_embed import PatchEmbed_new  # type: ignore[import-not-found]

    model = models_vit.vit_base_patch16(num_classes=527, global_pool=True, mask_2d=True, use_custom_patch=False)
    model.patch_embed = PatchEmbed_new(img_size=(1024, 128), patch_size=(16, 16), in_chans=1, embed_dim=768, stride=16)
    count = model.patch_embed.num_patches
    model.pos_embed = torch.nn.Parameter(torch.zeros(1, count + 1, 768), requires_grad=False)
    standing.randomise(model, 3)
    model.eval()
    trained = sum(tensor.numel() for tensor in model.parameters() if tensor.requires_grad)
    samples = standing.sound(10.0, 16000, 3)
    features = standing.ast_features(kaldi, samples)[:, None]
    pooled = model.forward_features(features)
    clip = model(features)
    torch.save({"model": model.state_dict(), "epoch": 60}, out / "checkpoint.pth")
    np.savez(
        out / "expected.npz", samples=samples, rate=16000, pooled=pooled[0].numpy(), clip=clip[0].numpy(), parameters=np.int64(trained)
    )
    standing.write_keys("audiomae", source=SOURCE, commit=COMMIT, tensors=model.state_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
