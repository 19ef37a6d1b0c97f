"""Transformer encoders keep the contract: repeatable, awkward lengths work, sizes are the published ones, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.models.convert import rules  # noqa: E402
from auricle.models.convert.checkpoint_file import Checkpoint  # noqa: E402
from auricle.models.convert.formats import formats  # noqa: E402
from auricle.models.encoders.factory import open_encoder, published_size  # noqa: E402

KEYS = Path(__file__).resolve().parents[2] / "parity" / "keys"
BLOCKS = {"width": 32, "depth": 2, "heads": 4}
PATCHES = {"family": "vit", **BLOCKS, "hidden": 48, "frames": 160, "bands": 32, "labels": 5}
TINY: dict[str, dict[str, Any]] = {
    "ast": {**PATCHES, "patch": [16, 16], "stride": [10, 10]},
    "ssast-frame": {**PATCHES, "patch": [2, 32], "stride": [2, 32], "pooling": "patches"},
    "audiomae": {
        **PATCHES,
        "leading": 1,
        "stride": [16, 16],
        "positions": "sincos",
        "pooling": "patches",
        "norm": "after",
        "head": "linear",
    },
    "beats": {"family": "beats", **BLOCKS, "hidden": 48, "bands": 32, "embedding": 24, "conv": 16, "groups": 4, "labels": 5},
    "whisper": {"family": "whisper", **BLOCKS, "mels": 16, "frames": 200},
    "wav2vec2": {"family": "speech", **BLOCKS, "hidden": 48, "conv_widths": [12] * 7, "conv": 16, "groups": 4},
    "wavlm": {
        **{"family": "speech", **BLOCKS, "hidden": 48, "conv_widths": [12] * 7, "conv": 16, "groups": 4},
        **{"conv_norm": "layer", "first": True, "buckets": 32, "farthest": 60, "gate": "input"},
    },
}
FIXED = ("ast", "ssast-frame", "audiomae", "whisper")


def made(name: str, **other: int) -> Any:
    """A tiny encoder whose every parameter matters."""
    torch.manual_seed(0)
    encoder = open_encoder({**TINY[name], **other})
    for parameter in encoder.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    return encoder


def inputs(name: str, rows: int, length: int) -> Any:
    """Features, or samples for speech, of so many frames (of 10 ms)."""
    generator = torch.Generator().manual_seed(length)
    if TINY[name]["family"] == "speech":
        return torch.randn((rows, 160 * length), generator=generator)
    return torch.randn((rows, length, TINY[name].get("bands", 16)), generator=generator)


@pytest.fixture(params=list(TINY))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@torch.inference_mode()
def test_says_the_same_twice_and_has_the_shapes_it_tells(name: str) -> None:
    encoder, x = made(name), inputs(name, 2, 150)
    once, again = encoder(x, with_layers=True), encoder(x, with_layers=True)
    assert torch.equal(once.pooled, again.pooled) and torch.equal(once.frames, again.frames)
    assert once.pooled.shape == (2, encoder.size) and once.frames.shape[::2] == (2, encoder.size)
    assert once.frames.shape[1] == pytest.approx(1.5 * once.frame_rate, abs=1)
    assert len(once.layers) == BLOCKS["depth"] + 1 and {layer.ndim for layer in once.layers} == {3}
    assert (once.clip_logits is None) == (encoder.labels == 0)
    assert encoder(x).layers == ()
    assert encoder.frontend in {"kaldi-ast", "kaldi-beats", "whisper-80", "raw-16k"}


@torch.inference_mode()
@pytest.mark.parametrize("length", [1, 30, 3100])
def test_awkward_lengths(name: str, length: int) -> None:
    """10 ms, 0.3 s and 31 s. Where the published length is fixed, the end of a longer clip is left out."""
    encoder, x = made(name), inputs(name, 1, length)
    told = encoder(x)
    assert torch.isfinite(told.pooled).all() and torch.isfinite(told.frames).all() and told.frames.shape[1] >= 1
    if name in FIXED and length == 3100:
        assert torch.equal(told.pooled, encoder(x[:, : TINY[name]["frames"]]).pooled)
    elif length == 3100:
        assert told.frames.shape[1] == pytest.approx(31 * told.frame_rate, abs=1)


def test_every_parameter_is_used(name: str) -> None:
    """All of them have a gradient, so a frozen or forgotten part would show."""
    encoder = made(name)
    told = encoder(inputs(name, 2, 100))
    (told.pooled.square().sum() + (0.0 if told.clip_logits is None else told.clip_logits.square().sum())).backward()
    unused = {key for key, parameter in encoder.named_parameters() if parameter.grad is None or not parameter.grad.abs().sum()}
    keys = {key for key in unused if key.endswith("qkv.bias")}  # a bias of keys moves all scores of a query alike
    assert unused - keys == set()


@torch.inference_mode()
def test_beats_hears_each_moment() -> None:
    """Its clip logits are the mean of those in time."""
    told = made("beats")(inputs("beats", 2, 100))
    assert torch.allclose(told.clip_logits, told.frame_logits.mean(dim=1), atol=1e-6)


@torch.inference_mode()
def test_whisper_does_not_count_what_fills_a_short_clip() -> None:
    """Silence behind a clip, as the front-end writes it, is left out of the mean just as a mask would leave it out."""
    encoder, x = made("whisper"), inputs("whisper", 1, 200)
    floor = x.max() - 2.0  # the front-end cuts there, silence included
    x = x.clamp(min=floor)
    x[:, 81:] = floor
    told = encoder(x)
    assert told.mask.sum() == 41 and torch.equal(told.pooled, told.frames[:, :41].mean(dim=1))
    assert torch.equal(told.pooled, encoder(x, torch.arange(200)[None] < 81).pooled)
    assert torch.isfinite(encoder(torch.full_like(x, -1.5)).pooled).all()


@torch.inference_mode()
def test_positions_of_another_length() -> None:
    """Weights of one length heard at another: a table cut from its middle, or stretched."""
    settings = TINY["ast"]
    short, long = (open_encoder({**settings, "frames": frames, "grid": [15, 2]}) for frames in (60, 400))
    weights = {**made("ast").state_dict()}
    for encoder in (short, long):
        encoder.load_state_dict(weights, strict=True)
        assert torch.isfinite(encoder(torch.randn(1, 90, 32)).pooled).all()
    assert short.positions().shape[1] == 2 + 5 * 2
    table = weights["positions.table"][0, 2:].view(15, 2, 32)
    assert torch.equal(short.positions()[0, 2:].view(5, 2, 32), table[5:10])
    assert torch.equal(short.positions()[0, :2], weights["positions.table"][0, :2])
    assert long.positions().shape[1] == 2 + 39 * 2


PUBLISHED = {
    "ast-original": "ast-base-384",
    "ssast-patch": "ssast-base-patch",
    "ssast-frame": "ssast-base-frame",
    "audiomae": "audiomae-base",
    "beats": "beats-base",
    "whisper-openai": "whisper-base",
}


@pytest.mark.parametrize(("format_name", "size_name"), list(PUBLISHED.items()))
def test_sizes_are_the_published_ones(format_name: str, size_name: str) -> None:
    """What the published modules' tensors translate to has the shapes of the size that carries their name."""
    listed = json.loads((KEYS / f"{format_name}.json").read_text())
    tensors = {key: torch.empty(shape, device="meta") for key, shape in listed["keys"].items()}
    found = Checkpoint(Path("checkpoint.pt"), tensors, listed.get("meta", {}), {})
    form = next(form for form in formats() if form.name == format_name)
    translated = rules.translate(tensors, form.rules(found)).tensors
    with torch.device("meta"):
        wanted = open_encoder(published_size(size_name)).state_dict()
        assert open_encoder(form.settings(found)["encoder"]).config == open_encoder(published_size(size_name)).config
    assert {key: value.shape for key, value in translated.items()} == {f"encoder.{key}": value.shape for key, value in wanted.items()}


@pytest.mark.parametrize(
    ("size_name", "count"),
    [
        ("ast-base-384", 86_594_063),
        ("audiomae-base", 85_659_407),  # Huang et al.'s log of fine-tuning
        ("wav2vec2-base", 94_371_712 - 128 - 768),  # of Wav2Vec2Model, less the lengths of weight norm and what training masks with
        ("hubert-large", 315_438_720 - 128 - 1024),
        ("wavlm-base", 94_381_936 - 128 - 768 - 12 * 6 * 65),  # less the six of eight outputs of a gate that are added up
    ],
)
def test_parameters_are_as_many_as_published(size_name: str, count: int) -> None:
    with torch.device("meta"):
        encoder = open_encoder(published_size(size_name))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == count


@pytest.mark.slow
def test_export_keeps_the_numbers_for_any_batch(tmp_path: Path) -> None:
    """An ONNX graph made from two clips hears five. One graph of three encoders: most of the time goes into starting the exporter."""
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    names = ("ast", "beats", "whisper")

    class Told(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoders = torch.nn.ModuleList(made(name, depth=1) for name in names)

        def forward(self, *features: Any) -> Any:
            heard = [encoder(x) for encoder, x in zip(self.encoders, features, strict=True)]
            return tuple(output for one in heard for output in (one.pooled, one.frames, one.clip_logits) if output is not None)

    told = Told().eval().requires_grad_(False)  # with gradients the exporter takes another way through attention, and fails on its strides
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.onnx.export(
        told,
        tuple(inputs(name, 2, 160) for name in names),
        dynamo=True,
        input_names=list(names),
        dynamic_shapes=(tuple({0: batch} for _ in names),),
        verbose=False,
    )
    program.save(tmp_path / "encoders.onnx")
    many = {name: inputs(name, 5, 160) for name in names}
    found = runtime.InferenceSession(tmp_path / "encoders.onnx").run(None, {name: x.numpy() for name, x in many.items()})
    with torch.inference_mode():
        wanted = told(*many.values())
    assert len(found) == len(wanted) == 8
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one - other.numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("ast-base-384", 1212),  # Gong et al. 2021, section 2.1: 12 by 101 patches of ten seconds
        ("ssast-base-patch", 512),  # Gong et al. 2022: 400 of 512 are hidden
        ("ssast-base-frame", 512),
        ("audiomae-base", 512),  # Huang et al. 2022: 64 by 8
    ],
)
def test_a_published_size_has_as_many_tokens(name: str, tokens: int) -> None:
    with torch.device("meta"):
        encoder = open_encoder(published_size(name))
    times, bands = encoder.grid
    assert times * bands == tokens


@torch.no_grad()
def test_thirty_seconds_are_1500_tokens_to_whisper() -> None:
    heard = open_encoder(published_size("whisper-tiny"))(torch.zeros(1, 3000, 80))
    assert heard.frames.shape == (1, 1500, 384)
