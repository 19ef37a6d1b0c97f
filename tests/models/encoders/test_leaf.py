"""LEAF before an encoder: what is refused, and its graph beside torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.core.config import ModelConfig, Output, encoder_config  # noqa: E402
from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.encoders.factory import open_encoder  # noqa: E402
from auricle.models.model import Model  # noqa: E402

CNN: dict[str, Any] = {
    "family": "cnn14", "frontend": "panns-16k", "mels": 64, "widths": [4, 8], "halvings": 2, "size": 16, "labels": 3,
}  # fmt: skip
SETTINGS = {"family": "leaf", "encoder": CNN}


def opened(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return open_encoder(SETTINGS)


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_frames_come_at_the_presets_rate() -> None:
    encoder = opened()
    encoded = encoder(noise(1, 16000))
    assert encoder.leaf.frame_rate == 100.0 and encoded.frame_rate == 25.0 and encoded.frames.shape == (1, 25, 16)


def test_every_parameter_learns() -> None:
    encoder = opened().train()
    encoder(noise(4, 8000)).clip_logits.square().sum().backward()
    grads = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    assert all((grads[f"leaf.{name}"] != 0).all() for name in ("filters.centre", "filters.deviation", "pooling.width", "compression.alpha"))


def test_an_encoder_of_something_else_than_log_mel_is_refused() -> None:
    for encoder in ({**CNN, "frontend": "panns-32k"}, SETTINGS):
        with pytest.raises(ModelError, match=r"LEAF at 16000 Hz cannot replace front-end .*; wanted one of panns-16k, auricle-16k"):
            open_encoder({"family": "leaf", "encoder": encoder})


@pytest.mark.slow
def test_the_graph_holds_the_front_end_and_equals_torch(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from auricle.models.export import export

    torch.manual_seed(0)
    encoder = {"family": "leaf", "encoder": {**CNN, "widths": [4, 8, 8]}}
    config = encoder_config(name="leaf", source="", frontend="raw-16k", window=1.0, encoder=encoder, dim=16, labels=["a", "b", "c"])
    further = Output(kind="clip_scores", head="linear", labels=("x", "y"))  # another head on the same encoder is another output
    model = Model(ModelConfig(**{**dict(config), "outputs": {**config.outputs, "further": further}})).eval()
    assert export(model, tmp_path, {}).outputs == ("embedding", "similarity", "clip_logits", "further")
    session = onnxruntime.InferenceSession(str(tmp_path / "encode.onnx"))
    for count in (2, 1600, 16000, 40001):  # of any length, from almost nothing
        samples = noise(2, count)
        found = session.run(None, {"features": samples.numpy()})
        for ours, theirs in zip(found, model(samples).values(), strict=True):
            assert np.abs(ours - theirs.numpy()).max() < 1e-4 * float(theirs.abs().max())
