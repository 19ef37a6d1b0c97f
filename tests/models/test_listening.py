"""The listening model: padding, batch, folder and ONNX give the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.core.config import ModelConfig, Window, heads_config  # noqa: E402
from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.encoders.convolutional import ConvConfig  # noqa: E402
from auricle.models.export import export_half  # noqa: E402
from auricle.models.folder import load, save  # noqa: E402
from auricle.models.model import LABELS_WEIGHT, Model  # noqa: E402
from auricle.runtime.open import open_runtime  # noqa: E402
from recipes.tiny.heads import fit_similarity  # noqa: E402

LABELS = ["dog", "rain", "siren"]


def config() -> ModelConfig:
    encoder = ConvConfig(widths=(4, 8, 8, 12, 16), size=24).model_dump(mode="json")
    window = Window(seconds=10.0, hop=8.0, pad="zero", shortest=2.0, min_frames=32)
    return heads_config(name="small", frontend="auricle-16k", encoder=encoder, labels=LABELS, dim=10, rate=12.5, window=window)


@pytest.fixture(scope="module")
def model() -> Model:
    """A small model with running statistics that are not those of a fresh one."""
    torch.manual_seed(0)
    made = Model(config())
    for _ in range(3):
        made(torch.randn(4, 96, 64) * 15 - 40)
    return made.eval()


@pytest.fixture(scope="module")
def folder(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a folder, with its ONNX."""
    path = tmp_path_factory.mktemp("model") / "small"
    save(path, model, {}, half=True)
    export_half(load(path), path)
    return path


@torch.no_grad()
@pytest.mark.parametrize("length", [33, 40, 77, 100])
def test_padding_never_leaks(model: Model, length: int) -> None:
    features = torch.randn(3, 101, 64) * 15 - 40
    mask = torch.zeros(3, 101, dtype=torch.bool)
    mask[0], mask[1, :length], mask[2, :50] = True, True, True
    padded, alone = model(features, mask), model(features[1:2, :length])
    assert torch.allclose(padded["embedding"][1], alone["embedding"][0], atol=1e-5)
    assert torch.allclose(padded["clip_logits"][1], alone["clip_logits"][0], atol=1e-5)
    frames = alone["frame_logits"].shape[1]
    assert frames == -(-length // 4)
    assert torch.allclose(padded["frame_logits"][1, :frames], alone["frame_logits"][0], atol=1e-5)


@torch.no_grad()
def test_level_changes_nothing(model: Model) -> None:
    features = torch.randn(1, 80, 64) * 15 - 40
    assert torch.allclose(model(features)["clip_logits"], model(features - 17.0)["clip_logits"], atol=1e-4)


@torch.no_grad()
def test_order_in_the_batch_changes_nothing(model: Model) -> None:
    features = torch.randn(5, 64, 64) * 15 - 40
    order = torch.tensor([3, 0, 4, 1, 2])
    assert torch.allclose(model(features)["clip_logits"][order], model(features[order])["clip_logits"], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 32), (1, 501), (4, 101)])
def test_onnx_and_torch_agree(folder: Path, shape: tuple[int, int]) -> None:
    features = (np.random.default_rng(0).standard_normal((*shape, 64)) * 15 - 40).astype(np.float32)
    ours, theirs = (open_runtime(folder, name).run(features) for name in ("onnx", "torch-fp32"))
    assert list(ours) == list(theirs) == ["embedding", "clip_logits", "frame_logits", "similarity"]
    for part in ours:
        assert np.allclose(ours[part], theirs[part], atol=1e-4), part


def test_numpy_and_torch_front_ends_give_one_embedding(folder: Path) -> None:
    from auricle.models.torch_frontend import torch_frontend
    from auricle.signal.frontend import Frontend

    samples = (0.2 * np.random.default_rng(1).standard_normal(16000 * 4)).astype(np.float32)
    runtime = open_runtime(folder)
    ours = runtime.run(Frontend("auricle-16k").features(samples)[None])["embedding"][0]
    theirs = runtime.run(torch_frontend("auricle-16k")(torch.from_numpy(samples)[None]).numpy())["embedding"][0]
    assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) >= 0.99999


def test_a_tensor_too_few_is_named(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["projection.bias"]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(ModelError, match=r"projection\.bias"):
        load(tmp_path)


@torch.no_grad()
def test_likeness_compares_components_and_labels(model: Model) -> None:
    """Two sounds' product is the cosine of their components, and the Bhattacharyya coefficient of their labels by its weight."""
    outputs = model(torch.randn(2, 80, 64) * 15 - 40)
    one, other = outputs["similarity"]
    shares = outputs["clip_logits"].softmax(dim=-1)
    alike = LABELS_WEIGHT**2 * (shares[0] * shares[1]).sqrt().sum()
    assert torch.allclose(one @ other, one[:7] @ other[:7] + alike, atol=1e-5)
    assert torch.allclose(one[:7].norm(), torch.tensor(1.0)) and outputs["similarity"].shape == (2, 10)


@torch.no_grad()
def test_components_are_whitened() -> None:
    rng = torch.Generator().manual_seed(0)
    pooled = torch.randn(4000, 6, generator=rng) @ torch.diag(torch.tensor([9.0, 5, 3, 1, 1, 0.1])) @ torch.randn(6, 6, generator=rng)
    head = torch.nn.Linear(6, 3)
    fit_similarity(head, pooled, floor=0.5)
    found = head(pooled)
    spread = found.T.cov()
    values = torch.linalg.eigvalsh(((pooled - pooled.mean(0)) / pooled.std(0)).T.cov()).flip(0)[:3]
    assert torch.allclose(found.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(spread, torch.diag(values / (values + 0.5)), atol=1e-3)
