"""ConvNeXt-Tiny of topel/audioset-convnext-inf with seeded weights: `python convnext-tiny.py REPOSITORIES OUT`.

Needs torchlibrosa. Its augmentations, which evaluation does not use and which need torchaudio and pydub, are stood in for by nothing.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import torch
from _cnn import write_keys
from _convnext import begin, finish, settled


def main() -> None:
    """Write OUT/checkpoint.pth, OUT/expected.npz and the list of keys."""
    repository, out = Path(sys.argv[1]) / "topel+audioset-convnext-inf", Path(sys.argv[2])
    samples = begin(repository)
    absent = types.ModuleType("augmentations")
    absent.SpeedPerturbation = absent.pydub_augment = absent.roll_augment = None  # type: ignore[attr-defined]
    sys.modules["audioset_convnext_inf.pytorch.augmentations"] = absent
    from audioset_convnext_inf.pytorch.convnext import convnext_tiny

    # As ConvNeXt.from_pretrained makes it.
    module = convnext_tiny(pretrained=False, strict=False, drop_path_rate=0.0, after_stem_dim=[252, 56], use_speed_perturb=False).eval()
    settled(module, lambda: module(samples))
    with torch.no_grad():
        heard = module(samples)
        pooled = module.forward_scene_embeddings(samples)
        frames = module.forward_frame_embeddings(samples).mean(dim=3).transpose(1, 2)
    finish(out, samples, pooled=pooled[0], clip=heard["clipwise_logits"][0], probabilities=heard["clipwise_output"][0], frames=frames[0])
    torch.save({"model": module.state_dict()}, out / "checkpoint.pth")
    write_keys(__file__, module.state_dict(), repository=repository)


if __name__ == "__main__":
    main()
