"""HTS-AT keeps the contract: repeatable, clips do not meet in a batch, short sounds work, sizes are the published ones, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.core.errors import InputError, ModelError  # noqa: E402
from auricle.models.convert import rules  # noqa: E402
from auricle.models.convert.checkpoint_file import Checkpoint  # noqa: E402
from auricle.models.convert.formats.htsat import FORMATS  # noqa: E402
from auricle.models.encoders.factory import open_encoder, published_size  # noqa: E402
from auricle.models.encoders.htsat import resample_frames  # noqa: E402

KEYS = Path(__file__).resolve().parents[2] / "parity" / "keys"
TINY = {"family": "htsat", "width": 16, "depths": [2, 2, 1], "heads": [2, 2, 4], "mels": 16, "side": 64, "window": 4, "labels": 5}


def made(**other: Any) -> Any:
    """A tiny encoder whose every parameter matters."""
    torch.manual_seed(0)
    encoder = open_encoder({**TINY, **other})
    for parameter in encoder.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    encoder.bn0.running_mean.normal_()
    encoder.bn0.running_var.uniform_(0.5, 2.0)
    return encoder


def features(rows: int, frames: int, *, fused: bool = False) -> torch.Tensor:
    generator = torch.Generator().manual_seed(frames)
    return torch.randn((rows, 4, frames, 16) if fused else (rows, frames, 16), generator=generator)


@torch.inference_mode()
def test_says_the_same_twice_and_has_the_shapes_it_tells() -> None:
    encoder, x = made(), features(2, 250)
    once, again = encoder(x, with_layers=True), encoder(x, with_layers=True)
    assert torch.equal(once.pooled, again.pooled) and torch.equal(once.frame_logits, again.frame_logits)
    assert once.pooled.shape == (2, encoder.size) == (2, 64)
    assert once.frames.shape == (2, 16, 64) and once.frame_logits.shape == (2, 16, 5) and once.clip_logits.shape == (2, 5)
    assert torch.allclose(once.clip_logits, once.frame_logits.mean(dim=1), atol=1e-6)
    assert torch.allclose(once.pooled, once.frames.mean(dim=1), atol=1e-6)
    assert once.frame_rate == pytest.approx(16 * 100 / 249)
    assert [state.shape[1:] for state in once.layers] == [(256, 16), (256, 16), (64, 32), (16, 64)]


@torch.inference_mode()
@pytest.mark.parametrize("fused", [False, True])
def test_clips_do_not_meet(fused: bool) -> None:
    encoder, x = made(fusion=fused), features(3, 250, fused=fused)
    if fused:
        x[1] = x[1, :1]  # a short one between long ones
    together = encoder(x)
    for row in range(3):
        alone = encoder(x[row : row + 1])
        assert (together.pooled[row] - alone.pooled[0]).abs().max() < 1e-5 * alone.pooled.abs().max()


@torch.inference_mode()
def test_short_clips_pass_the_fusion_by() -> None:
    encoder, x = made(fusion=True), features(1, 250)
    alike = x[:, None].repeat(1, 4, 1, 1)
    plain = made()
    plain.load_state_dict({key: value for key, value in encoder.state_dict().items() if key in plain.state_dict()})
    assert torch.equal(encoder(alike).pooled, plain(x).pooled)
    alike[:, 3, 7, 2] += 1.0
    assert (encoder(alike).pooled - plain(x).pooled).norm() > 1e-3 * plain(x).pooled.norm()


@torch.inference_mode()
@pytest.mark.parametrize("frames", [1, 2, 31, 255, 256])
def test_any_length_up_to_the_picture(frames: int) -> None:
    told = made()(features(1, frames))
    assert torch.isfinite(told.pooled).all() and told.frames.shape == (1, 16, 64)


@pytest.mark.parametrize(
    ("shape", "settings", "said"),
    [
        ((1, 257, 16), {}, "at most 256"),
        ((1, 4, 20, 16), {}, "wanted"),
        ((1, 20, 15), {}, "wanted"),
        ((1, 20, 16), {"fusion": True}, "4, T"),
    ],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, ...], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(**settings)(torch.zeros(shape))


@pytest.mark.parametrize("wrong", [{"depths": [2]}, {"window": 6}, {"side": 96}, {"frontend": "none"}])
def test_sizes_that_do_not_fold_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        open_encoder({**TINY, **wrong})


def test_every_parameter_is_used() -> None:
    encoder = made(fusion=True)
    told = encoder(features(2, 250, fused=True))
    (told.pooled.square().sum() + told.clip_logits.square().sum()).backward()
    unused = {key for key, parameter in encoder.named_parameters() if parameter.grad is None or not parameter.grad.abs().sum()}
    assert unused == set()


@pytest.mark.parametrize("frames", [1, 2, 7, 61, 64])
def test_drawn_out_as_torch_does(frames: int) -> None:
    x = features(2, frames)
    wanted = torch.nn.functional.interpolate(x[:, None], (64, 16), mode="bicubic", align_corners=True)[:, 0]
    assert (resample_frames(x, 64) - wanted).abs().max() < 1e-5


def test_the_published_size() -> None:
    """What the published module's tensors translate to has the shapes of the size that carries its name."""
    listed = json.loads((KEYS / "htsat.json").read_text())
    tensors = {key: torch.empty(shape, device="meta") for key, shape in listed["keys"].items()}
    found = Checkpoint(Path("checkpoint.ckpt"), tensors, {}, {})
    with torch.device("meta"):
        encoder = open_encoder(published_size("htsat-tiny"))
        assert open_encoder(FORMATS[0].settings(found)["encoder"]).config == encoder.config
    translated = rules.translate(tensors, FORMATS[0].rules(found)).tensors
    ours = {f"encoder.{key}": value.shape for key, value in encoder.state_dict().items()}
    assert {key: value.shape for key, value in translated.items() if not key.startswith("frontend.")} == ours


@pytest.mark.parametrize(("name", "count"), [("htsat-tiny", 27_534_488), ("htsat-base", 67_824_408), ("htsat-large", 270_851_992)])
def test_parameters_are_as_many_as_published(name: str, count: int) -> None:
    """Without the tagging head, as transformers' ClapAudioModel has them."""
    with torch.device("meta"):
        encoder = open_encoder({**published_size(name), "labels": 0})
    assert sum(parameter.numel() for parameter in encoder.parameters()) == count


@torch.inference_mode()
def test_export(tmp_path: Path) -> None:
    """An ONNX graph of any batch gives the same."""
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    encoder, x = made(fusion=True, depths=[2, 1], heads=[2, 2]), features(2, 250, fused=True)

    class Both(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            told = self.encoder(features)
            return told.pooled, told.frame_logits

    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.onnx.export(Both().eval(), (x,), dynamo=True, dynamic_shapes=({0: batch},), verbose=False)
    program.save(str(tmp_path / "htsat.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "htsat.onnx"), providers=["CPUExecutionProvider"])
    for rows in (1, 3):
        x = features(rows, 250, fused=True)
        pooled, scores = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        told = encoder(x)
        np.testing.assert_allclose(pooled, told.pooled.numpy(), atol=1e-4)
        np.testing.assert_allclose(scores, told.frame_logits.numpy(), atol=1e-4)
