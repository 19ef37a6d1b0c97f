"""Published convolutional encoders: shapes, rates and sizes, on small ones with seeded weights."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from auricle.core.errors import InputError  # noqa: E402
from auricle.models.encoders.factory import open_encoder, published_size  # noqa: E402
from auricle.models.encoders.mobilenet import rows  # noqa: E402
from auricle.models.encoders.wavegram import reflect_pad  # noqa: E402

WIDTHS = [6, 8, 10, 12, 14, 16]
SMALL: dict[str, dict[str, Any]] = {
    "cnn14": published_size("cnn14") | {"widths": WIDTHS, "size": 20},
    "cnn6": published_size("cnn6") | {"widths": WIDTHS[:4], "size": 20},
    "max": published_size("cnn14-decision-level-max") | {"widths": WIDTHS, "size": 20},
    "mean": published_size("cnn14-decision-level-avg") | {"widths": WIDTHS, "size": 20},
    "attention": published_size("cnn14-decision-level-att") | {"widths": WIDTHS, "size": 20},
    "wavegram": published_size("wavegram-logmel-cnn14") | {"wave": [6, 6, 8, 64], "widths": WIDTHS, "size": 20},
    "v1": published_size("panns-mobilenet-v1")
    | {"stem": 6, "stages": [[1, 8, 1, 1], [1, 8, 2, 2], [1, 10, 1, 2], [1, 12, 1, 2], [1, 14, 1, 2]]},
    "v2": published_size("panns-mobilenet-v2")
    | {"stem": 6, "stages": [[1, 6, 1, 1], [6, 8, 2, 2], [6, 10, 1, 2], [6, 12, 2, 2], [6, 14, 1, 2]], "last": 24},
    "mn": published_size("mobilenet-mn10") | {"width": 0.1},
    "mn convolutional": published_size("mobilenet-mn10") | {"width": 0.1, "head": "convolutional", "strides": [2, 2, 2, 1]},
    "mn attention": published_size("mobilenet-mn10") | {"width": 0.1, "head": "attention"},
    "convnext": published_size("convnext-tiny") | {"depths": [1, 1, 2, 1], "widths": [6, 8, 10, 12]},
}


def made(name: str) -> Any:
    """A small encoder with seeded weights, and norms that are far from one and zero."""
    torch.manual_seed(3)
    encoder = open_encoder(SMALL[name] | {"labels": 5})
    for part, tensor in encoder.state_dict().items():
        if part.endswith(("running_var", "scale")) or (tensor.ndim == 1 and part.endswith("weight")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1 and tensor.is_floating_point():
            tensor.normal_(0.0, 0.3)
    return encoder


def clips(encoder: Any, seconds: tuple[float, ...]) -> list[Any]:
    """Features of that many seconds each: samples for a wavegram, else something like the front-end's bands."""
    bands = getattr(encoder.config, "mels", 0)
    if encoder.frontend == "raw-32k":
        return [0.1 * torch.randn(max(1, int(length * 32000))) for length in seconds]
    level, spread = (0.0, 1.0) if encoder.frontend.startswith("mobilenet") else (-50.0, 15.0)
    return [level + spread * torch.randn(max(1, int(length * 100)), bands) for length in seconds]


@pytest.mark.parametrize("name", SMALL)
@torch.no_grad()
def test_shapes_rates_and_repeats(name: str) -> None:
    encoder = made(name)
    features = clips(encoder, (31.0,))[0][None]
    heard, again = encoder(features, with_layers=True), encoder(features)
    assert torch.equal(heard.pooled, again.pooled)
    assert torch.equal(heard.clip_logits, again.clip_logits)
    assert heard.pooled.shape == (1, encoder.size)
    assert heard.clip_logits.shape == (1, encoder.labels) == (1, 5)
    assert abs(heard.frames.shape[1] - 31.0 * heard.frame_rate) <= 1.5
    assert heard.mask is None
    assert len(heard.layers) >= 4
    assert not again.layers
    if heard.frame_logits is not None:
        assert heard.frame_logits.shape == (1, heard.frames.shape[1], 5)


@pytest.mark.parametrize("name", ["max", "mean", "attention"])
@torch.no_grad()
def test_a_clip_s_decision_is_made_of_its_moments(name: str) -> None:
    encoder = made(name)
    heard = encoder(clips(encoder, (4.0,))[0][None])
    moments, clip = heard.frame_logits[0].sigmoid(), heard.clip_logits[0].sigmoid()
    if name == "max":
        assert torch.allclose(clip, moments.amax(dim=0))
    elif name == "mean":
        assert torch.allclose(clip, moments.mean(dim=0), atol=1e-6)
    else:
        assert (clip <= moments.amax(dim=0) + 1e-6).all()
        assert (clip >= moments.amin(dim=0) - 1e-6).all()


#: Parameters of the published modules, front-ends aside; the attention's unused norm of 1054 is left out.
PUBLISHED = {
    "cnn14": 80_753_615,
    "cnn14-16k": 80_753_615,
    "cnn14-8k": 80_753_615,
    "cnn14-decision-level-max": 80_753_615,
    "cnn14-decision-level-avg": 80_753_615,
    "cnn14-decision-level-att": 81_834_492 - 1054,
    "cnn10": 5_219_279,
    "cnn6": 4_837_455,
    "wavegram-logmel-cnn14": 81_065_487,
    "panns-mobilenet-v1": 4_796_303,
    "panns-mobilenet-v2": 4_075_343,
    "mobilenet-mn04": 983_599,
    "mobilenet-mn10": 4_876_831,
    "mobilenet-mn40": 68_427_303,
    "convnext-tiny": 28_222_767,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_many_parameters_as_published(name: str) -> None:
    with torch.device("meta"):
        encoder = open_encoder(published_size(name))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == PUBLISHED[name]


def test_frames_a_second_come_from_the_front_end() -> None:
    assert made("cnn14").frame_rate == 100 / 32
    other = open_encoder(SMALL["cnn14"] | {"frontend": "msclap-2022"})
    assert other.frame_rate == pytest.approx(44100 / 320 / 32)
    with pytest.raises(InputError, match="unknown"):
        open_encoder(SMALL["cnn14"] | {"frontend": "no such ears"})


def test_widths_of_mobilenets_differ() -> None:
    every = [tuple(rows(width)) for width in (0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0, 3.0, 4.0)]
    assert len(set(every)) == len(every)


def test_clips_are_mirrored_behind_their_own_end() -> None:
    samples = torch.arange(12.0).reshape(2, 6)
    found = reflect_pad(samples, torch.tensor([6, 4]), width=3)
    assert found.tolist() == [[0, 1, 2, 3, 4, 5, 4, 3, 2], [6, 7, 8, 9, 8, 7, 6, 0, 0]]


@torch.no_grad()
def test_a_wavegram_hears_clips_whose_two_pictures_differ_in_length() -> None:
    encoder = made("wavegram")
    lengths = (64000, 64000 + 320, 64000 + 320 + 315, 64000 + 639)  # 200 hops, 201 of them twice, and nearly 202
    heard = [encoder(torch.randn(1, length)) for length in lengths]
    assert [one.frames.shape[1] for one in heard] == [6, 6, 6, 6]
    assert all(torch.isfinite(one.clip_logits).all() for one in heard)
