"""What the scripts of PANNs share: one module of qiuqiangkong/audioset_tagging_cnn, made, heard through and saved as its trainer saves."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from _cnn import caught, settle, sound, write, write_keys
from torch import Tensor

#: Rate -> samples a window, between windows, and the highest frequency of the bank, as the README runs them.
_FRONT = {32000: (1024, 320, 14000), 16000: (512, 160, 8000), 8000: (256, 80, 4000)}


def run(script: str, kind: str, *, rate: int = 32000, seconds: float = 5.3, own_bank: bool = False, file: str = "checkpoint.pth") -> None:
    """Make `kind` with seeded weights, and write OUT/file, OUT/expected.npz and the list of keys.

    own_bank: bend the mel matrix a little, so that only who reads the checkpoint's own one agrees.
    """
    repository, out = Path(sys.argv[1]) / "qiuqiangkong+audioset_tagging_cnn", Path(sys.argv[2])
    sys.path.insert(0, str(repository / "pytorch"))
    import models  # the published code

    torch.manual_seed(7)
    torch.set_num_threads(1)
    window, hop, high = _FRONT[rate]
    module = getattr(models, kind)(
        sample_rate=rate, window_size=window, hop_size=hop, mel_bins=64, fmin=50, fmax=high, classes_num=527
    ).eval()
    samples = torch.from_numpy(sound(seconds, rate, 3))[None]
    if own_bank:
        with torch.no_grad():
            module.logmel_extractor.melW *= 0.7 + 0.6 * torch.rand(64)
    settle(module, lambda: module(samples), 11)
    expected: dict[str, Tensor] = {}

    def heard() -> None:
        expected.update(module(samples))

    with torch.no_grad():
        if hasattr(module, "fc_audioset"):
            logits = caught(module.fc_audioset, heard)
        else:
            logits = None
            heard()
    found = {"probabilities": expected["clipwise_output"][0]}
    if "embedding" in expected:
        assert logits is not None
        found |= {"pooled": expected["embedding"][0], "clip": logits[0]}
    else:
        found["frame_probabilities"] = expected["framewise_output"][0]
        if logits is not None and kind.endswith("Max"):
            found["clip"] = logits[0].amax(dim=0)
    out.mkdir(parents=True, exist_ok=True)
    write(out, rate=rate, samples=samples[0].numpy(), **found)
    sampler = {"indexes_per_class": [np.arange(5)], "queue": [3], "pointers_of_classes": [0]}  # as its balanced sampler leaves them
    torch.save({"iteration": 0, "model": module.state_dict(), "sampler": sampler}, out / file)
    write_keys(script, module.state_dict(), repository=repository)
