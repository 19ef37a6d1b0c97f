"""AST of YuanGongND/ast (BSD-3) with random weights: `python ast-original.py REPOSITORIES OUT`.

Needs torch, numpy, and timm 0.4.5 and torchaudio as files (pip install --no-deps). timm's list of models and its loaders, torchaudio's
compiled library and wget are stood in for (_standing.py); the model, its blocks and Kaldi's filter bank are the published ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import _standing as standing
import numpy as np
import torch

SOURCE, COMMIT = "YuanGongND/ast", "31088be8a3f6ef96416145c4b8d43c81f99eba7a"


@torch.no_grad()
def main(repositories: Path, out: Path) -> None:
    """Write OUT/checkpoint.pth, OUT/expected.npz and keys/ast-original.json."""
    standing.bring_timm()
    standing.stand_in("wget")
    kaldi = standing.bring_kaldi()
    sys.path.insert(0, str(repositories / "YuanGongND+ast" / "src" / "models"))
    from ast_models import ASTModel  # type: ignore[import-not-found]

    model = ASTModel(imagenet_pretrain=False, audioset_pretrain=False, model_size="base384", verbose=False)
    standing.randomise(model, 1)
    wrapped = torch.nn.DataParallel(model).eval()
    samples = standing.sound(10.0, 16000, 1)
    features = standing.ast_features(kaldi, samples)
    pooled = {}
    model.mlp_head.register_forward_hook(lambda _, inputs, __: pooled.update(pooled=inputs[0]))
    clip = model(features)
    torch.save(wrapped.state_dict(), out / "checkpoint.pth")
    np.savez(out / "expected.npz", samples=samples, rate=16000, pooled=pooled["pooled"][0].numpy(), clip=clip[0].numpy())
    standing.write_keys("ast-original", source=SOURCE, commit=COMMIT, tensors=wrapped.state_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
