"""An exported convolutional encoder, one for all: any batch and any length, clips shorter than a frame among them, as torch gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

from auricle.models.encoders.factory import open_encoder, published_size  # noqa: E402

SMALL = published_size("cnn14") | {"widths": [6, 8], "halvings": 2, "size": 20, "labels": 5}


class _Both(torch.nn.Module):
    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, features: Any) -> tuple[Any, Any, Any]:
        heard = self.encoder(features)
        return heard.pooled, heard.clip_logits, heard.frames


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_any_batch_and_any_length(tmp_path: Path) -> None:
    torch.manual_seed(0)
    both = _Both(open_encoder(SMALL)).eval()
    bands = SMALL["mels"]
    free = torch.export.Dim.DYNAMIC
    program = torch.onnx.export(both, (torch.randn(2, 150, bands),), dynamo=True, dynamic_shapes=({0: free, 1: free},), verbose=False)
    assert program is not None
    program.save(tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    for shape in ((1, 333, bands), (3, 100, bands), (1, 2, bands)):
        features = 15.0 * torch.randn(shape) - 50.0
        with torch.no_grad():
            wanted = both(features)
        for ours, theirs in zip(session.run(None, {session.get_inputs()[0].name: features.numpy()}), wanted, strict=True):
            assert ours.shape == tuple(theirs.shape)
            assert torch.allclose(torch.from_numpy(ours), theirs, rtol=1e-4, atol=1e-5)
