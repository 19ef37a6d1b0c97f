"""What the key maps of convolutional encoders read from a checkpoint: sizes from shapes, and from the file's name what no tensor says."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.core.audioset import labels  # noqa: E402
from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert import checkpoint_file  # noqa: E402
from auricle.models.convert.checkpoint_file import Checkpoint  # noqa: E402
from auricle.models.convert.format import BANK, WINDOW, Format  # noqa: E402
from auricle.models.convert.formats import convnext, efficientat, panns  # noqa: E402
from auricle.models.convert.rules import translate  # noqa: E402

KEYS = Path(__file__).parents[2] / "parity" / "keys"
OURS = (*panns.FORMATS, *efficientat.FORMATS, *convnext.FORMATS)


def listed(name: str, file: str, **change: tuple[int, ...]) -> Checkpoint:
    """A checkpoint called `file` of the listed names and shapes, some of the shapes changed."""
    keys = json.loads((KEYS / f"{name}.json").read_text())["keys"]
    return Checkpoint(Path(file), {key: torch.empty(change.get(key, shape), device="meta") for key, shape in keys.items()}, {}, {})


def recognised(found: Checkpoint) -> Format:
    (kind,) = [kind for kind in OURS if kind.recognise(found)]
    return kind


@pytest.mark.parametrize(
    ("file", "name", "decision"),
    [
        ("Cnn14_mAP=0.431.pth", "cnn14", "clip"),
        ("Cnn14_DecisionLevelMax_mAP=0.385.pth", "cnn14-decision-level-max", "max"),
        ("cnn14_decision-level-avg/weights.pth", "cnn14-decision-level-avg", "mean"),
    ],
)
def test_the_file_s_name_tells_decisions_apart(file: str, name: str, decision: str) -> None:
    found = listed("cnn14", file)
    assert recognised(found).name == name
    assert recognised(found).settings(found)["encoder"]["decision"] == decision


def test_a_cnn14_of_other_sizes() -> None:
    head: dict[str, tuple[int, ...]] = {"fc1.weight": (128, 2048), "fc_audioset.weight": (10, 128), "fc_audioset.bias": (10,)}
    found = listed("cnn14", "mine.pth", **head)
    settings = recognised(found).settings(found)
    assert (settings["encoder"]["size"], settings["encoder"]["labels"], settings["dim"]) == (128, 10, 128)
    assert settings["labels"][9] == "label 9"
    assert recognised(listed("cnn14", "a.pth")).settings(listed("cnn14", "a.pth"))["labels"] == labels()


def test_a_checkpoint_s_own_bank_and_window() -> None:
    torch.manual_seed(0)
    tensors = {"logmel_extractor.melW": torch.rand(5, 3), "spectrogram_extractor.stft.conv_real.weight": torch.rand(5, 1, 8)}
    done = translate(tensors | {"spectrogram_extractor.stft.conv_imag.weight": torch.rand(5, 1, 8)}, panns.torchlibrosa_rules())
    assert torch.equal(done.tensors[BANK], tensors["logmel_extractor.melW"])
    assert torch.equal(done.tensors[WINDOW], tensors["spectrogram_extractor.stft.conv_real.weight"][0, 0])
    assert list(done.ignored) == ["spectrogram_extractor.stft.conv_imag.weight"]


@pytest.mark.parametrize(
    ("name", "file", "wanted"),
    [
        ("efficientat", "mn10_as_mAP_471.pt", {"width": 1.0, "strides": [2, 2, 2, 2], "head": "mlp", "mels": 128}),
        ("efficientat-mn04", "mn04_as_mAP_432.pt", {"width": 0.4, "frontend": "mobilenet-32k"}),
        ("efficientat-fc", "mn10_as_fc_s2211_mAP_466.pt", {"head": "convolutional", "strides": [2, 2, 1, 1]}),
        ("efficientat-fc", "mn10_as_fc_mAP_465.pt", {"head": "convolutional", "strides": [2, 2, 2, 2]}),
        ("efficientat", "mn10_as_hop_15_mAP_463.pt", {"frontend": "mobilenet-32k-hop-15", "mels": 128}),
        ("efficientat", "mn10_as_mels_256_mAP_474.pt", {"frontend": "mobilenet-32k-mels-256", "mels": 256}),
    ],
)
def test_efficientat_by_shapes_and_names(name: str, file: str, wanted: dict[str, object]) -> None:
    found = listed(name, file)
    encoder = recognised(found).settings(found)["encoder"]
    assert {key: encoder[key] for key in wanted} == wanted


def test_what_efficientat_did_not_publish_is_named() -> None:
    with pytest.raises(ModelError, match="hop 7"):
        efficientat.FORMATS[0].settings(listed("efficientat", "mn10_as_hop_7.pt"))
    odd: dict[str, tuple[int, ...]] = {"features.9.block.0.0.weight": (190, 80, 1, 1)}
    with pytest.raises(ModelError, match="unknown width"):
        efficientat.FORMATS[0].settings(listed("efficientat", "mn10.pt", **odd))


def test_kernels_of_efficientat_are_turned() -> None:
    found = listed("efficientat-mn04", "mn04.pt")
    kernel = torch.randn(found.tensors["features.0.0.weight"].shape)
    done = translate({"features.0.0.weight": kernel}, efficientat.FORMATS[0].rules(found))
    assert torch.equal(done.tensors["encoder.stem.conv.weight"], kernel.transpose(2, 3))


def test_conette_s_captioner_is_left_out_with_a_reason() -> None:
    found = listed("conette-encoder", "model.safetensors")
    kind = recognised(found)
    assert kind.name == "conette-encoder"
    done = translate({"model.decoder.layers.0.norm1.weight": torch.zeros(2)}, kind.rules(found))
    assert not done.tensors
    assert not done.unexpected
    assert list(done.ignored) == ["model.decoder.layers.0.norm1.weight"]


def test_another_stem_of_convnext_is_refused() -> None:
    other: dict[str, tuple[int, ...]] = {"downsample_layers.0.0.weight": (96, 1, 18, 4)}
    found = listed("convnext-tiny", "other.pth", **other)
    with pytest.raises(ModelError, match="stem"):
        recognised(found).settings(found)


@pytest.mark.parametrize("module", ["numpy._core.multiarray", "numpy.core.multiarray"])
def test_arrays_beside_the_weights_are_read_as_data(tmp_path: Path, module: str) -> None:
    """A sampler's state, as PANNs' trainer leaves it, in a file of numpy 2 and in one of numpy 1."""
    state = {"indexes_per_class": [np.arange(4)], "queue": [np.int64(3)]}
    torch.save({"model": {"fc1.bias": torch.ones(2)}, "sampler": state}, tmp_path / "new.pth")
    with zipfile.ZipFile(tmp_path / "new.pth") as new, zipfile.ZipFile(tmp_path / "old.pth", "w") as old:
        for name in new.namelist():
            data = new.read(name)
            old.writestr(name, data.replace(b"numpy._core.multiarray", module.encode()) if name.endswith("data.pkl") else data)
    found = checkpoint_file.read(tmp_path / "old.pth")
    assert found.tensors["fc1.bias"].tolist() == [1, 1]
    assert found.meta["sampler"]["indexes_per_class"][0].tolist() == [0, 1, 2, 3]
