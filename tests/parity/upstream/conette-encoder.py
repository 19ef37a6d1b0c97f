"""The ear of CoNeTTE (Labbeti/conette-audio-captioning) with seeded weights: `python conette-encoder.py REPOSITORIES OUT`.

Needs torchlibrosa. Only the ear is made, under the names that the whole model gives it: its captioner needs spaCy, nltk and downloads.
Its speed perturbation, which evaluation does not use and which needs torchoutil, is stood in for by nothing.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import torch
from _cnn import write_keys
from _convnext import begin, finish, settled
from safetensors.torch import save_file


def main() -> None:
    """Write OUT/checkpoint.safetensors, OUT/expected.npz and the list of keys."""
    repository, out = Path(sys.argv[1]) / "Labbeti+conette-audio-captioning", Path(sys.argv[2])
    samples = begin(repository)
    package = types.ModuleType("conette")  # without what its __init__ brings in
    package.__path__ = [str(repository / "src" / "conette")]  # type: ignore[attr-defined]
    sys.modules["conette"] = package
    absent = types.ModuleType("speed_perturb")
    absent.SpeedPerturbation = None  # type: ignore[attr-defined]
    sys.modules["conette.transforms.audio.speed_perturb"] = absent
    from conette.nn.encoders.convnext import convnext_tiny

    # As CoNeTTEPreprocessor makes it.
    module = convnext_tiny(
        pretrained=False,
        strict=False,
        drop_path_rate=0.0,
        after_stem_dim=[252, 56],
        use_speed_perturb=False,
        waveform_input=True,
        use_specaug=False,
        return_clip_outputs=True,
        return_frame_outputs=True,
    ).eval()
    shapes = torch.tensor([list(samples[0].shape)])
    settled(module, lambda: module(samples, shapes))
    with torch.no_grad():
        heard = module(samples, shapes)
    finish(out, samples, probabilities=heard["clipwise_output"][0], frames=heard["frame_embs"][0].T)
    tensors = {f"preprocessor.encoder.{name}": tensor.contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, out / "checkpoint.safetensors")
    write_keys(__file__, tensors, repository=repository)


if __name__ == "__main__":
    main()
