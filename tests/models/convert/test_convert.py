"""Conversion of a checkpoint with published names and shapes (those of PANNs' Cnn6): what is accounted for, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import auricle  # noqa: E402
from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert.convert import convert  # noqa: E402
from auricle.signal.banks import mel_bank  # noqa: E402
from auricle.signal.presets import PRESETS  # noqa: E402

LISTED = json.loads((Path(__file__).parents[2] / "parity" / "keys" / "cnn6.json").read_text())


def published() -> dict[str, Any]:
    """Tensors with the published names and shapes, drawn from a seed; the mel matrix is the preset's, as it is in the real files."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, shape in LISTED["keys"].items():
        drawn = 0.05 * torch.randn(shape, generator=generator)
        tensors[name] = drawn.abs() + 0.5 if name.endswith(("running_var", "weight")) and len(shape) == 1 else drawn
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(0)
    tensors["logmel_extractor.melW"] = torch.from_numpy(mel_bank(PRESETS["panns-32k"]).copy())
    tensors["spectrogram_extractor.stft.conv_real.weight"][0, 0] = torch.hann_window(1024)
    return tensors


def saved(tmp_path: Path, tensors: dict[str, Any], name: str = "Cnn6.pth") -> Path:
    torch.save({"iteration": 1, "model": tensors}, tmp_path / name)
    return tmp_path / name


def test_every_tensor_is_accounted_for(tmp_path: Path) -> None:
    tensors = published()
    report, _ = convert(saved(tmp_path, tensors), tmp_path / "folder")
    assert report.format == "cnn6" and report.parameters == 4_837_455 and not report.missing and not report.unexpected
    assert report.loaded + len(report.ignored) == len(tensors)
    assert report.bank is not None and "the same as that of preset panns-32k" in report.bank
    assert all(report.ignored.values())
    listener = auricle.load(tmp_path / "folder")
    assert len(listener.labels) == 527 and listener.labels[0] == "Speech"
    clip = auricle.Clip(np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32), 16_000)
    assert len(listener.tag(clip, top=None).tags) == 527


def test_the_checkpoints_own_mel_matrix_is_heard_through(tmp_path: Path) -> None:
    tensors = published()
    convert(saved(tmp_path, tensors), tmp_path / "plain")
    tensors["logmel_extractor.melW"] = tensors["logmel_extractor.melW"].flip(1)
    report, _ = convert(saved(tmp_path, tensors, "turned.pth"), tmp_path / "turned")
    assert report.bank is not None and "away from" in report.bank
    clip = auricle.Clip(np.random.default_rng(0).standard_normal((1, 64_000)).astype(np.float32), 32_000)
    plain, turned = (auricle.load(tmp_path / name).embed_audio(clip) for name in ("plain", "turned"))
    assert not np.allclose(plain, turned, atol=1e-4)


def test_what_is_missing_or_left_over_is_refused_and_named(tmp_path: Path) -> None:
    tensors = published()
    del tensors["fc1.bias"]
    path = saved(tmp_path, tensors)
    with pytest.raises(ModelError, match=r"1 tensors of cnn6 are missing: encoder.head.embed.bias; nothing was loaded"):
        convert(path, tmp_path / "folder")
    report, _ = convert(path, tmp_path / "allowed", allow=[r"encoder\.head\.embed\.bias"])
    assert report.missing == ("encoder.head.embed.bias",)
    path = saved(tmp_path, {**published(), "extra.weight": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"unexpected: extra.weight"):
        convert(path, tmp_path / "other")
    assert convert(path, tmp_path / "other", allow=["extra.*"])[0].unexpected == ("extra.weight",)


def test_another_architecture_under_the_same_names_is_refused(tmp_path: Path) -> None:
    tensors = published()
    tensors["conv_block3.conv1.weight"] = torch.zeros(256, 64, 5, 5)
    with pytest.raises(ModelError, match="have another shape than this architecture's"):
        convert(saved(tmp_path, tensors), tmp_path / "folder")


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    tensors = published()
    tensors["conv_block2.conv1.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(ModelError, match="contain NaN or infinity"):
        convert(saved(tmp_path, tensors), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = saved(tmp_path, published())
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("kept")
    with pytest.raises(ModelError, match="exists and is not empty"):
        convert(path, tmp_path / "taken")
    assert [file.name for file in (tmp_path / "taken").iterdir()] == ["mine.txt"]
