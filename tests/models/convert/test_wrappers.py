"""Checkpoints as training code leaves them: below the names of wrappers, with an average beside, in files of any suffix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402
from torch.optim.swa_utils import AveragedModel  # noqa: E402

import auricle  # noqa: E402
from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert import checkpoint_file  # noqa: E402
from auricle.models.convert.convert import convert, load_checkpoint, model_config, recognise  # noqa: E402

KEYS = Path(__file__).parents[2] / "parity" / "keys"
LISTED = json.loads((KEYS / "efficientat-mn04.json").read_text())["keys"]


def published(seed: int = 0) -> dict[str, Any]:
    """Tensors with the names and shapes of mn04, drawn from a seed."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in LISTED.items():
        drawn = 0.1 * torch.randn(shape, generator=generator)
        tensors[name] = torch.tensor(0) if name.endswith("num_batches_tracked") else drawn.abs() + 0.5 if len(shape) == 1 else drawn
    return tensors


class Tree(nn.Module):
    """A module whose state dict has these names."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        super().__init__()
        below: dict[str, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            first, dot, rest = name.partition(".")
            if dot:
                below.setdefault(first, {})[rest] = tensor
            else:
                self.register_buffer(first, tensor)
        for first, inner in below.items():
            self.add_module(first, Tree(inner))


def under(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def vector(path: Path) -> np.ndarray:
    """What the encoder makes of noise."""
    model, _, _ = load_checkpoint(checkpoint_file.read(path), name="it")
    with torch.no_grad():
        return np.asarray(model(torch.randn(1, 100, 128, generator=torch.Generator().manual_seed(1)))["clip_logits"].numpy())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    path = tmp_path_factory.mktemp("plain") / "mn04.pt"
    torch.save(published(), path)
    return vector(path)


WRAPPED = {
    "DataParallel": lambda module: nn.DataParallel(module),
    "compile": lambda module: torch.compile(module),
    "compile of DataParallel": lambda module: torch.compile(nn.DataParallel(module)),
    "AveragedModel": lambda module: AveragedModel(module),
    "a system": lambda module: nn.ModuleDict({"model": module}),
    "a system of a system": lambda module: nn.ModuleDict({"net": nn.ModuleDict({"base": module})}),
}


@pytest.mark.parametrize("how", WRAPPED)
@pytest.mark.parametrize("nest", [None, "state_dict", "ema_state_dict", "weights of mine"])
def test_wrapped_modules_are_unwrapped_and_the_report_tells(how: str, nest: str | None, tmp_path: Path, plain: np.ndarray) -> None:
    state = WRAPPED[how](Tree(published())).state_dict()
    torch.save(state if nest is None else {nest: state, "epoch": 3, "optimizer": {"state": {0: torch.ones(1)}}}, tmp_path / "it.pt")
    report, _ = convert(tmp_path / "it.pt", tmp_path / "folder")
    prefix = next(iter(state)).removesuffix(next(iter(published()))) if "n_averaged" not in state else "module."
    assert report.format == "efficientat" and f"the prefix {prefix!r} of a wrapper was removed" in " ".join(report.notes)
    assert report.loaded + len(report.ignored) == len(state)
    assert set(report.ignored) == ({"n_averaged"} if "n_averaged" in state else set())
    assert json.loads((tmp_path / "folder" / "card.json").read_text())["notes"][0] == report.notes[0]
    assert np.array_equal(vector(tmp_path / "it.pt"), plain)


def test_the_average_is_taken_where_both_are_there(tmp_path: Path, plain: np.ndarray) -> None:
    """As timm and others evaluate: the average is what figures are published of."""
    ours, others = published(), published(1)
    torch.save({"state_dict": others, "ema_state_dict": ours}, tmp_path / "nests.pt")
    torch.save({**under("student.", others), **under("ema.module.", ours)}, tmp_path / "names.pt")
    for name, notes in (
        ("nests.pt", "weights were taken from 'ema_state_dict', the averaged ones; left out: 'state_dict'"),
        (
            "names.pt",
            f"the prefix 'ema.module.' of a wrapper was removed from tensor names; {len(others)} other tensors were left out",
        ),
    ):
        _, _, report = load_checkpoint(checkpoint_file.read(tmp_path / name), name="it")
        assert report.notes[0] == notes
        assert np.array_equal(vector(tmp_path / name), plain)
    assert set(report.ignored) == set(under("student.", others))


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    torch.save({**under("one.", published()), **under("two.", published(1))}, tmp_path / "names.pt")
    with pytest.raises(ModelError, match=r"holds several models, below 'one.', 'two.'; wanted one"):
        load_checkpoint(checkpoint_file.read(tmp_path / "names.pt"), name="it")
    torch.save({"one": published(), "two": published(1)}, tmp_path / "nests.pt")
    with pytest.raises(ModelError, match=r"has several sets of tensors \('one', 'two'\); wanted one"):
        checkpoint_file.read(tmp_path / "nests.pt")
    first = next(iter(published()))
    torch.save({**under("net.", published()), first: torch.zeros(1)}, tmp_path / "both.pt")
    with pytest.raises(ModelError, match=f"has '{first}' both with and without 'net.'; wanted one"):
        load_checkpoint(checkpoint_file.read(tmp_path / "both.pt"), name="it")


def test_what_lies_beside_the_wrapped_module_is_refused_and_named(tmp_path: Path) -> None:
    torch.save({"state_dict": {**under("net.", published()), "loss.pos_weight": torch.ones(527)}}, tmp_path / "it.ckpt")
    with pytest.raises(ModelError, match=r"1 tensors of efficientat are unexpected: loss.pos_weight; nothing was loaded"):
        convert(tmp_path / "it.ckpt", tmp_path / "folder")
    assert convert(tmp_path / "it.ckpt", tmp_path / "folder", allow=[r"loss\..*"])[0].unexpected == ("loss.pos_weight",)


@pytest.mark.parametrize("suffix", [".safetensors", ".SAFETENSORS", ".pt", ".PTH", ".ckpt", ".bin", ""])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "before torch 1.6"])
def test_the_content_and_not_the_suffix_decides(kind: str, suffix: str, tmp_path: Path) -> None:
    tensors = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1)}
    path = tmp_path / f"it{suffix}"
    if kind == "safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip")
    found = checkpoint_file.read(path).tensors
    assert set(found) == set(tensors) and all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "pointer of Git LFS"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\x1f\x8b\x08\x00" + bytes(300), "gunzip"),
        (b"GGUF" + bytes(300), "GGUF"),
        (b"", "begins with b'', which is neither safetensors nor torch.save"),
        (b"RIFF" + bytes(300), "neither safetensors nor torch.save"),
    ],
)
def test_what_is_given_instead_of_weights_is_named(content: bytes, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=wanted):
        checkpoint_file.read(tmp_path / "model.safetensors")


def test_a_folder_is_read_in_any_case_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file({"a": torch.ones(1)}, tmp_path / "MODEL.SAFETENSORS")
    assert set(checkpoint_file.read(tmp_path).tensors) == {"a"}
    (tmp_path / "MODEL.SAFETENSORS").rename(tmp_path / "best.PT")
    assert set(checkpoint_file.read(tmp_path).tensors) == {"a"}
    torch.save({"a": torch.ones(1)}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match=r"several files that may be weights \(best.PT, last.pt\)"):
        checkpoint_file.read(tmp_path)


def test_parts_are_read_by_their_index_and_not_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    for name, part in parts.items():
        save_file({name: torch.ones(1)}, tmp_path / part)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": parts}))
    assert set(checkpoint_file.read(index).tensors) == set(checkpoint_file.read(tmp_path).tensors) == {"a", "b"}
    with pytest.raises(ModelError, match="is part 2 of 2; wanted the folder"):
        checkpoint_file.read(tmp_path / parts["b"])
    (tmp_path / parts["b"]).unlink()
    with pytest.raises(ModelError, match=parts["b"]):
        checkpoint_file.read(tmp_path)
    for broken in ({}, {"weight_map": []}, {"weight_map": {}}):
        index.write_text(json.dumps(broken))
        with pytest.raises(ModelError, match="has no weight_map"):
            checkpoint_file.read(tmp_path)


def test_a_wrapped_checkpoint_is_heard_with(tmp_path: Path) -> None:
    torch.save({"state_dict": under("module.", published())}, tmp_path / "it.pt")
    clip = auricle.Clip(np.random.default_rng(0).standard_normal((1, 32_000)).astype(np.float32) * 0.1, 32_000)
    assert len(auricle.load(tmp_path / "it.pt").tag(clip, top=None).tags) == 527


@pytest.mark.parametrize(("labels", "activation"), [(527, "sigmoid"), (50, "softmax"), (10, "softmax"), (200, "sigmoid"), (7, None)])
def test_what_makes_probabilities_is_what_the_head_was_trained_with(labels: int, activation: str | None, tmp_path: Path) -> None:
    """EfficientAT's scripts: ex_audioset, ex_esc50, ex_dcase20, ex_fsd50k; of another head nothing is known, and the report says so."""
    tensors = published()
    tensors["classifier.5.weight"], tensors["classifier.5.bias"] = (tensors[f"classifier.5.{part}"][:labels] for part in ("weight", "bias"))
    torch.save(tensors, tmp_path / "it.pt")
    report, _ = convert(tmp_path / "it.pt", tmp_path / "folder")
    told = [note for note in report.notes if "are exclusive" in note]
    assert bool(told) == (activation is None)
    assert auricle.load(tmp_path / "folder").config.activation == (activation or "sigmoid")


@pytest.mark.parametrize(("labels", "frames", "frontend"), [(50, 512, "esc50"), (35, 128, "commands"), (527, 1024, ""), (50, 1024, "")])
def test_ast_tuned_to_another_corpus_has_its_statistics(labels: int, frames: int, frontend: str) -> None:
    """They are in no tensor: YuanGongND/ast egs/esc50 and egs/speechcommands."""
    keys = json.loads((KEYS / "ast-original.json").read_text())["keys"]
    times = (frames - 16) // 10 + 1
    change = {name: (labels, *shape[1:]) for name, shape in keys.items() if "mlp_head.1" in name}
    change |= {name: (1, 2 + 12 * times, shape[2]) for name, shape in keys.items() if name.endswith("v.pos_embed")}
    tensors = {name: torch.empty(change.get(name, shape), device="meta") for name, shape in keys.items()}
    config = model_config(found := checkpoint_file.Checkpoint(Path("it.pth"), tensors, {}, {}), recognise(found), "it")
    assert config.frontend == ("kaldi-ast" + (f"-{frontend}" if frontend else ""))
    assert config.activation == ("softmax" if labels == 50 else "sigmoid") and config.window.seconds == frames / 100
