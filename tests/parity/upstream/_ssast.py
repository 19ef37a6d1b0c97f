"""What both scripts of SSAST do: build the pretrained model at its published size, and ask it for the mean of its patches.

Needs what ast-original.py needs. The mean is the one that upstream's fine-tuned model takes (`finetuningavgtok`); it is asked for through a
head that changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import _standing as standing
import numpy as np
import torch

SOURCE, COMMIT = "YuanGongND/ssast", "a1a3eecb94731e226308a6812f2fbf268d789caf"
#: Patch of each kind: frequency, time.
PATCHES = {"patch": (16, 16), "frame": (128, 2)}


@torch.no_grad()
def main(repositories: Path, out: Path, *, kind: str) -> None:
    """Write OUT/checkpoint.pth, OUT/expected.npz and the keys."""
    standing.bring_timm()
    standing.stand_in("matplotlib", "matplotlib.pyplot")
    kaldi = standing.bring_kaldi()
    sys.path.insert(0, str(repositories / "YuanGongND+ssast" / "src" / "models"))
    from ast_models import ASTModel  # type: ignore[import-not-found]

    fshape, tshape = PATCHES[kind]
    model = ASTModel(
        fshape=fshape,
        tshape=tshape,
        fstride=fshape,
        tstride=tshape,
        input_fdim=128,
        input_tdim=1024,
        model_size="base",
        pretrain_stage=True,
    )
    standing.randomise(model, 2)
    wrapped = torch.nn.DataParallel(model).eval()
    state = {name: tensor.clone() for name, tensor in wrapped.state_dict().items()}
    samples = standing.sound(10.0, 16000, 2)
    model.mlp_head = torch.nn.Identity()
    pooled = model(standing.ast_features(kaldi, samples), task="ft_avgtok")
    torch.save(state, out / "checkpoint.pth")
    np.savez(out / "expected.npz", samples=samples, rate=16000, pooled=pooled[0].numpy())
    standing.write_keys(f"ssast-{kind}", source=SOURCE, commit=COMMIT, tensors=state)
