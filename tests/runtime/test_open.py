from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tone_model

from auricle.core.errors import InputError, ModelError
from auricle.runtime import catalog
from auricle.runtime.open import open_runtime


@pytest.fixture
def copied(tone_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tone_folder, tmp_path / "model"))


def features(frames: int, *, batch: int = 1) -> np.ndarray:
    return np.random.default_rng(3).uniform(-80, 0, (batch, frames, 64)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 3, 31, 32, 33, 501])
def test_shapes(tone_folder: Path, frames: int) -> None:
    outputs = open_runtime(tone_folder).run(features(frames, batch=2))
    steps = -(-frames // 4)
    assert outputs["embedding"].shape == (2, tone_model.DIM) and outputs["clip_logits"].shape == (2, 5)
    assert outputs["frame_logits"].shape == (2, steps, 5) and outputs["similarity"].shape == (2, 5)
    assert all(output.dtype == np.float32 for output in outputs.values())


def test_batch_changes_nothing(tone_folder: Path) -> None:
    runtime, sound = open_runtime(tone_folder), features(100, batch=3)
    together = runtime.run(sound)
    alone = [runtime.run(sound[row : row + 1]) for row in range(3)]
    for name, output in together.items():
        np.testing.assert_allclose(output, np.concatenate([one[name] for one in alone]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(10, 64), (1, 0, 64), (1, 40, 63)])
def test_wrong_features_are_refused(tone_folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises((InputError, ModelError)) as caught:
        open_runtime(tone_folder).run(np.zeros(shape, np.float32))
    assert "\n" not in str(caught.value)


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'no-such-model'; wanted a shipped name"):
        open_runtime("no-such-model")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="file: cannot be read as a checkpoint"):
        open_runtime(tmp_path / "file")


def test_unknown_engine_is_refused(tone_folder: Path) -> None:
    with pytest.raises(InputError, match="wanted one of onnx, openvino"):
        open_runtime(tone_folder, "tensorrt")


@pytest.mark.parametrize("part", ["config.json", "model.onnx"])
@pytest.mark.parametrize("damage", [None, b"", b"not what it was"])
def test_missing_and_damaged_parts_are_one_line(copied: Path, part: str, damage: bytes | None) -> None:
    (copied / part).unlink()
    if damage is not None:
        (copied / part).write_bytes(damage)
    with pytest.raises(ModelError) as caught:
        open_runtime(copied)
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_a_graph_of_another_model_is_refused(copied: Path) -> None:
    config = tone_model.config()
    config["dim"] = 9
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"output embedding has width 8; wanted 9, as in config\.json"):
        open_runtime(copied).run(features(40))


def test_the_catalogue_reads_cards(copied: Path) -> None:
    assert catalog.read_card(copied)["licence"] == "CC0-1.0"
    assert catalog.folder_size(copied) > 1000 and len(catalog.digest(copied)) == 64
    (copied / "card.json").write_text("[]")
    with pytest.raises(ModelError, match="wanted a JSON object"):
        catalog.read_card(copied)
    (copied / "card.json").unlink()
    with pytest.raises(ModelError, match="needs its card"):
        catalog.read_card(copied)


@pytest.mark.parametrize("name", catalog.shipped())
def test_shipped_models_open(name: str) -> None:
    runtime = open_runtime(name)
    assert runtime.config.name == name and catalog.read_card(runtime.folder)
    outputs = runtime.run(features(501))
    assert all(np.isfinite(output).all() for output in outputs.values())
    assert abs(float(np.linalg.norm(runtime.embed_text(["dog"]))) - 1) < 1e-4


@pytest.mark.parametrize("name", catalog.shipped())
@pytest.mark.parametrize("frames", [32, 127, 501])
def test_torch_agrees(name: str, frames: int) -> None:
    pytest.importorskip("torch")
    sound = features(frames)
    ours, theirs = open_runtime(name).run(sound), open_runtime(name, "torch-fp32").run(sound)
    assert list(ours) == list(theirs)
    for one, other in zip(ours.values(), theirs.values(), strict=True):
        # The graph's weights have batch norms folded in before they are rounded to half precision, so its last digits differ.
        assert np.abs(one - other).max() <= 1e-3 * np.abs(other).max()
