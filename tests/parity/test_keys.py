"""Every tensor that published code makes has a place in ours, and none of ours is left without one.

The lists of names and shapes in keys/ were written by the published modules themselves (tests/parity/upstream, docs/parity.md).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from auricle.models.convert.checkpoint_file import Checkpoint  # noqa: E402
from auricle.models.convert.convert import model_config, recognise  # noqa: E402
from auricle.models.convert.formats import formats  # noqa: E402
from auricle.models.convert.rules import translate  # noqa: E402
from auricle.models.model import Model  # noqa: E402

LISTS = sorted((Path(__file__).parent / "keys").glob("*.json"))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_nothing_is_missing_and_nothing_left_over(path: Path) -> None:
    listed = json.loads(path.read_text())
    tensors = {name: torch.empty(shape, device="meta") for name, shape in listed["keys"].items()}
    found = Checkpoint(Path(path.stem + ".pt"), tensors, listed.get("meta", {}), listed.get("config", {}))
    kind = recognise(found)
    assert kind.name == listed.get("format", path.stem)
    assert [one.name for one in formats() if one.recognise(found)] == [kind.name]
    with torch.device("meta"):
        wanted = Model(model_config(found, kind, path.stem)).state_dict()
    translated = translate(found.tensors, kind.rules(found))
    ours = {name: tuple(tensor.shape) for name, tensor in translated.tensors.items() if not name.startswith("frontend.")}
    assert not translated.unexpected
    assert ours == {
        name: tuple(tensor.shape) for name, tensor in wanted.items() if name in ours or not name.endswith("num_batches_tracked")
    }


def test_there_are_lists() -> None:
    assert len(LISTS) >= 10
