"""HTS-AT by its own code (RetroCirce/HTS-Audio-Transformer), with its tagging head, weights drawn here.

Run: python htsat.py REPOSITORIES OUT. Stand-ins: see _clap; numpy.core.fromnumeric, whose name numpy 2 has moved. The file is a trainer's:
names begin with 'sed_model.'. The sound is ten seconds long, so that nothing has to be filled up.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import numpy as np
import torch
from _clap import draw, save, sound, stand_in, write_keys


def main(repositories: Path, out: Path) -> None:
    stand_in()
    moved = types.ModuleType("numpy.core.fromnumeric")
    moved.clip, moved.reshape = np.clip, np.reshape  # type: ignore[attr-defined]
    sys.modules["numpy.core.fromnumeric"] = moved
    sys.path.insert(0, str(repositories / "RetroCirce+HTS-Audio-Transformer"))
    config = importlib.import_module("config")
    kind = importlib.import_module("model.htsat").HTSAT_Swin_Transformer
    made = kind(
        spec_size=config.htsat_spec_size,
        patch_size=config.htsat_patch_size,
        patch_stride=config.htsat_stride,
        num_classes=config.classes_num,
        embed_dim=config.htsat_dim,
        depths=config.htsat_depth,
        num_heads=config.htsat_num_head,
        window_size=config.htsat_window_size,
        config=config,
    )
    draw(made)
    made.eval()
    samples = sound(32000, 10.0)
    with torch.no_grad():
        heard = made(torch.from_numpy(samples)[None])
    tensors = {f"sed_model.{key}": value for key, value in made.state_dict().items()}
    save(
        out,
        None,
        {"epoch": 1, "global_step": 1, "pytorch-lightning_version": "1.5.9", "state_dict": tensors},
        name="checkpoint.ckpt",
        samples=samples,
        rate=32000,
        pooled=heard["latent_output"][0],
        probabilities=heard["clipwise_output"][0],
        frames=heard["framewise_output"][0],
    )
    write_keys("htsat", repositories, "RetroCirce/HTS-Audio-Transformer", tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
