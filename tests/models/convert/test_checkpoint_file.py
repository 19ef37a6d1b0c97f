from __future__ import annotations

import argparse
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert.checkpoint_file import read  # noqa: E402

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1)}


class Bomb:
    """What a hostile checkpoint holds: unpickling it runs a command."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("nest", [None, "state_dict", "model"])
def test_tensors_are_found_where_trainers_put_them(tmp_path: Path, nest: str | None) -> None:
    torch.save(TENSORS if nest is None else {nest: TENSORS, "epoch": 3}, tmp_path / "x.pt")
    found = read(tmp_path / "x.pt")
    assert set(found.tensors) == set(TENSORS) and torch.equal(found.tensors["a.weight"], TENSORS["a.weight"])
    assert found.meta == ({} if nest is None else {"epoch": 3})


def test_plain_things_beside_the_weights_are_read(tmp_path: Path) -> None:
    beside = {"args": argparse.Namespace(width=3), "best": np.float64(0.5), "cfg": {"layers": 2}}
    torch.save({"model": TENSORS, **beside}, tmp_path / "x.pth")
    assert read(tmp_path / "x.pth").meta["cfg"] == {"layers": 2}


def test_safetensors_and_folders(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "clap"}')
    assert set(read(tmp_path / "model.safetensors").tensors) == set(TENSORS)
    assert read(tmp_path).config == {"model_type": "clap"}


def test_a_folder_in_parts(tmp_path: Path) -> None:
    for number, name in enumerate(TENSORS):
        save_file({name: TENSORS[name]}, tmp_path / f"part{number}.safetensors")
    names = {name: f"part{number}.safetensors" for number, name in enumerate(TENSORS)}
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert set(read(tmp_path).tensors) == set(TENSORS)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"b": "../../etc/passwd"}}))
    with pytest.raises(ModelError, match="names files outside its folder"):
        read(tmp_path)


@pytest.mark.parametrize("how", ["pickle", "torch", "zip"])
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, how: str) -> None:
    path, target = tmp_path / "x.pt", tmp_path / "ran"
    hostile = {"model": {**TENSORS, "bomb": Bomb(target)}}
    if how == "pickle":
        path.write_bytes(pickle.dumps(hostile))
    else:
        torch.save(hostile, path, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(ModelError, match="never does"):
        read(path)
    assert not target.exists()


def test_damage_is_one_line(tmp_path: Path) -> None:
    torch.save({"model": {"w": torch.randn(1000)}}, tmp_path / "good.pt")
    whole = (tmp_path / "good.pt").read_bytes()
    save_file({"w": torch.randn(1000)}, tmp_path / "good.safetensors")
    cut = (tmp_path / "good.safetensors").read_bytes()[:-500]
    contents = {"cut.pt": whole[: len(whole) // 2], "empty.pt": b"", "text.pt": b"hello", "cut.safetensors": cut}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"epoch": 1}, tmp_path / "bare.pt")
    with pytest.raises(ModelError, match="contains a list"):
        read(tmp_path / "list.pt")
    with pytest.raises(ModelError, match="has no tensors"):
        read(tmp_path / "bare.pt")
    with pytest.raises(ModelError, match="does not exist"):
        read(tmp_path / "absent.pt")
    with pytest.raises(ModelError, match=r"config.json"):
        read(tmp_path)


def test_a_zip_that_swells_is_not_unpacked(tmp_path: Path) -> None:
    """A made archive whose entry says it is a tensor of a terabyte."""
    torch.save({"model": {"w": torch.zeros(4)}}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as whole, zipfile.ZipFile(tmp_path / "y.pt", "w") as swollen:
        for item in whole.infolist():
            body = whole.read(item)
            if item.filename.endswith("data.pkl"):
                body = body.replace(b"K\x04", b"J\x00\x00\x00\x40")  # the number of elements
            swollen.writestr(item.filename, body)
    with pytest.raises(ModelError):
        read(tmp_path / "y.pt")
