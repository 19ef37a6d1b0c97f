"""A masked batch equals one clip at a time within 1e-5, for every family of encoders: small sizes, seeded weights."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from auricle.models.encoders.factory import FAMILIES, open_encoder, published_size  # noqa: E402

_WIDTHS = [6, 8, 10, 12, 14, 16]
_BLOCKS = {"width": 32, "depth": 2, "heads": 4}
_PATCHES = {"family": "vit", **_BLOCKS, "hidden": 48, "frames": 160, "bands": 32, "labels": 5}
_SPEECH = {"family": "speech", **_BLOCKS, "hidden": 48, "conv_widths": [12] * 7, "conv": 16, "groups": 4}
_GATED = {"family": "gated", "stem": [8, 8, 16, 16, 16], **_BLOCKS, "hidden": 48, "labels": 5}
_HTSAT = {"family": "htsat", "width": 16, "depths": [2, 2, 1], "heads": [2, 2, 4], "mels": 16, "side": 64, "window": 4, "labels": 5}
SMALL: dict[str, dict[str, Any]] = {
    "cnn14": published_size("cnn14") | {"widths": _WIDTHS, "size": 20, "labels": 5},
    "cnn6": published_size("cnn6") | {"widths": _WIDTHS[:4], "size": 20, "labels": 5},
    "cnn14 max": published_size("cnn14-decision-level-max") | {"widths": _WIDTHS, "size": 20, "labels": 5},
    "cnn14 mean": published_size("cnn14-decision-level-avg") | {"widths": _WIDTHS, "size": 20, "labels": 5},
    "cnn14 attention": published_size("cnn14-decision-level-att") | {"widths": _WIDTHS, "size": 20, "labels": 5},
    "cnn14 none": published_size("cnn14") | {"widths": _WIDTHS, "size": 16, "decision": "none", "labels": 0},
    "wavegram": published_size("wavegram-logmel-cnn14") | {"wave": [6, 6, 8, 64], "widths": _WIDTHS, "size": 20, "labels": 5},
    "panns-mobilenet v1": published_size("panns-mobilenet-v1")
    | {"stem": 6, "stages": [[1, 8, 1, 1], [1, 8, 2, 2], [1, 10, 1, 2], [1, 12, 1, 2], [1, 14, 1, 2]], "labels": 5},
    "panns-mobilenet v2": published_size("panns-mobilenet-v2")
    | {"stem": 6, "stages": [[1, 6, 1, 1], [6, 8, 2, 2], [6, 10, 1, 2], [6, 12, 2, 2], [6, 14, 1, 2]], "last": 24, "labels": 5},
    "mobilenet mlp": published_size("mobilenet-mn10") | {"width": 0.1, "labels": 5},
    "mobilenet convolutional": published_size("mobilenet-mn10")
    | {"width": 0.1, "head": "convolutional", "strides": [2, 2, 2, 1], "labels": 5},
    "mobilenet attention": published_size("mobilenet-mn10") | {"width": 0.1, "head": "attention", "labels": 5},
    "convnext": published_size("convnext-tiny") | {"depths": [1, 1, 2, 1], "widths": [6, 8, 10, 12], "labels": 5},
    "convolutional": {"family": "convolutional", "widths": [4, 8, 8, 12, 16], "size": 20},
    "gated": _GATED,
    "gated narrow": _GATED | {"reach": 3},
    "gated ordered": _GATED | {"ordered": True},
    "htsat": _HTSAT,
    "htsat fused": _HTSAT | {"fusion": True},
    "ast": _PATCHES | {"patch": [16, 16], "stride": [10, 10]},
    "ssast-patch": _PATCHES | {"stride": [16, 16], "pooling": "patches"},
    "ssast-frame": _PATCHES | {"patch": [2, 32], "stride": [2, 32], "pooling": "patches"},
    "audiomae": _PATCHES
    | {"leading": 1, "stride": [16, 16], "positions": "sincos", "pooling": "patches", "norm": "after", "head": "linear"},
    "beats": {"family": "beats", **_BLOCKS, "hidden": 48, "bands": 32, "embedding": 24, "conv": 16, "groups": 4, "labels": 5},
    "whisper": {"family": "whisper", **_BLOCKS, "mels": 16, "frames": 200},
    "wav2vec2": _SPEECH,
    "hubert": _SPEECH | {"project_norm": False, "conv_bias": True},
    "wavlm": _SPEECH | {"conv_norm": "layer", "first": True, "buckets": 32, "farthest": 60, "gate": "input"},
    "leaf": {"family": "leaf", "encoder": published_size("cnn14-16k") | {"widths": _WIDTHS, "size": 20, "labels": 5}},
}
#: Frames of 10 ms that the clips of a batch have; all shorter than one patch or one pooled frame, and of all lengths.
BATCHES = {"short": (9, 1, 5, 9), "mixed": (30, 100, 5, 237, 1, 17, 33, 64, 30, 160, 16, 200)}


def made(name: str) -> Any:
    """A small encoder with seeded weights, each of which matters, and norms that are far from one and zero."""
    torch.manual_seed(3)
    encoder = open_encoder(SMALL[name])
    for part, tensor in encoder.state_dict().items():
        if part.endswith(("running_var", "scale")) or (tensor.ndim == 1 and part.endswith("weight") and "leaf." not in part):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1 and tensor.is_floating_point() and "leaf." not in part:
            tensor.normal_(0.0, 0.3)
    return encoder


def clip(encoder: Any, frames: int) -> Any:
    """Features of one clip: samples, decibels or normalised bands, as the front-end gives; the last tenth as quiet as can be."""
    generator = torch.Generator().manual_seed(frames)
    if encoder.frontend.startswith("raw"):
        step = int(encoder.frontend.split("-")[1].removesuffix("k")) * 10
        return 0.1 * torch.randn(frames * step + frames % 7, generator=generator)
    bands = getattr(encoder.config, "mels", None) or encoder.config.bands
    stack = (4,) if getattr(encoder.config, "fusion", False) else ()
    drawn = torch.randn(*stack, frames, bands, generator=generator).clamp(min=-2.0)
    drawn[..., frames - frames // 10 :, :] = -2.0
    if stack and frames % 2:  # a short clip, whose four log-mels are alike
        drawn[:] = drawn[0]
    return drawn if encoder.config.family in ("mobilenet", "vit", "beats", "whisper", "htsat") else -50.0 + 15.0 * drawn


def batch(clips: list[Any], axis: int, over: int) -> tuple[Any, Any]:
    """Clips one under another, with what is no sound after each, and the mask of real frames."""
    longest = max(one.shape[axis] for one in clips) + over
    rows, mask = [], torch.zeros(len(clips), longest, dtype=torch.bool)
    for row, one in enumerate(clips):
        before = list(one.shape)
        before[axis] = longest - one.shape[axis]
        rows.append(torch.cat((one, torch.full(before, 77.0)), dim=axis))
        mask[row, : one.shape[axis]] = True
    return torch.stack(rows), mask


def near(found: Any, wanted: Any) -> bool:
    assert torch.isfinite(wanted).all()
    return bool((found - wanted).abs().max() <= 1e-5 * wanted.abs().max())


def outputs(encoded: Any, row: int, frames: int) -> dict[str, Any]:
    """All outputs for one row, those in time as far as so many frames."""
    of_clip = {"pooled": encoded.pooled[row], "clip": None if encoded.clip_logits is None else encoded.clip_logits[row]}
    in_time = {"frames": encoded.frames, "scores": encoded.frame_logits}
    return of_clip | {name: None if output is None else output[row, :frames] for name, output in in_time.items()}


def test_every_family_is_here() -> None:
    assert {settings["family"] for settings in SMALL.values()} == set(FAMILIES)


@pytest.mark.parametrize("over", [0, 13])
@pytest.mark.parametrize("lengths", BATCHES)
@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_a_masked_batch_is_one_clip_at_a_time(name: str, lengths: str, over: int) -> None:
    encoder = made(name)
    clips = [clip(encoder, frames) for frames in BATCHES[lengths]]
    together = encoder(*batch(clips, 1 if getattr(encoder.config, "fusion", False) else 0, over), with_layers=True)
    resized = encoder.config.family == "htsat"  # every clip to the whole picture: all frames are real
    assert (together.mask is None) == resized
    for row, one in enumerate(clips):
        alone = encoder(one[None], with_layers=True)
        count = alone.frames.shape[1] if alone.mask is None else int(alone.mask.sum())
        assert count >= 1
        assert resized or together.mask[row].tolist() == [frame < count for frame in range(together.frames.shape[1])]
        found, wanted = outputs(together, row, count), outputs(alone, 0, count)
        for output, values in wanted.items():
            assert (values is None) == (found[output] is None)
            assert values is None or near(found[output], values), (output, len(one))
        for layer, values in zip(together.layers, alone.layers, strict=True):
            assert near(layer[row, : values.shape[1]], values[0]), ("layers", len(one))
