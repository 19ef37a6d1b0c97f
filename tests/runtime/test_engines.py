"""Engines of published models: exported graphs beside torch, on threads, without torch, and damaged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("transformers")

import published_models

import auricle
from auricle.core.errors import ModelError
from auricle.core.model_files import read_config
from auricle.models import export as graphs
from auricle.models.convert.convert import convert
from auricle.runtime import engines, exported
from auricle.runtime.exporting import agreement, export
from auricle.runtime.open import open_runtime


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported tagger that takes sounds of any length."""
    folder = published_models.tagger(tmp_path_factory.mktemp("engines") / "tagger")
    export(folder)
    return folder


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported CLAP, whose sounds have one length and whose words any."""
    place = tmp_path_factory.mktemp("clap")
    convert(published_models.clap_folder(place / "hub"), place / "ours")
    export(place / "ours")
    return place / "ours"


def engine(name: str) -> str:
    if name.startswith("openvino"):
        pytest.importorskip("openvino")
    return name


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize(("rows", "frames"), [(1, 400), (3, 400), (2, 37), (1, 1201)])
def test_graphs_say_what_torch_says(tagger: Path, name: str, rows: int, frames: int) -> None:
    features = np.random.default_rng(frames).normal(-40, 15, (rows, frames, 64)).astype(np.float32)
    ours, theirs = (open_runtime(tagger, one).run(features) for one in (engine(name), "torch-fp32"))
    for found, wanted in zip(ours.values(), theirs.values(), strict=True):
        assert found.shape == wanted.shape
        assert not wanted.size or apart(found, wanted) < 1e-4


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_words_by_graph_are_torchs(clap: Path, name: str) -> None:
    texts = ["rain", "church bells", "this is a sound of a dog that barks and barks in the rain on a tin roof"]
    ours, theirs = (open_runtime(clap, one).embed_text(texts) for one in (engine(name), "torch-fp32"))
    assert apart(ours, theirs) < 1e-4


@pytest.mark.parametrize("name", ["onnx", "openvino", "torch-fp32"])
def test_threads_give_the_bits_of_one_after_another(tagger: Path, name: str) -> None:
    runtime = open_runtime(tagger, engine(name))
    clips = [np.random.default_rng(seed).normal(-40, 15, (1, 300 + 20 * seed, 64)).astype(np.float32) for seed in range(8)]
    alone = [runtime.run(clip)["embedding"] for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: runtime.run(clip)["embedding"], clips))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_bfloat16_stays_near(clap: Path) -> None:
    clip = auricle.Clip(np.random.default_rng(0).standard_normal((1, 96_000)).astype(np.float32), 48_000)
    ours, theirs = (auricle.load(clap, name).embed_audio(clip)[0] for name in ("torch-bf16", "torch-fp32"))
    assert ours @ theirs > 0.999


def test_a_graph_is_chosen_where_it_keeps_the_numbers(tagger: Path, tmp_path: Path) -> None:
    told = exported.read(tagger)
    assert told is not None and told.keeps("onnx") and engines.chosen(tagger, read_config(tagger / "config.json")) in engines.FASTEST
    worse = tmp_path / "worse"
    shutil.copytree(tagger, worse)
    said = json.loads((worse / "export.json").read_text())
    for one in said["engines"].values():
        one["sound"]["cosine"] = 0.99
    (worse / "export.json").write_text(json.dumps(said))
    assert engines.chosen(worse, read_config(worse / "config.json")) == "torch-fp32"


def test_a_graph_with_other_numbers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter is made to err: a tenth of the weights of what it wrote changes sign."""
    onnx = pytest.importorskip("onnx")
    right = graphs.export

    def wrong(model: Any, into: Path, frontend: Any) -> Any:
        made = right(model, into, frontend)
        graph = onnx.load(str(into / "encode.onnx"))
        weight = max(graph.graph.initializer, key=lambda one: int(np.prod(one.dims)))
        values = onnx.numpy_helper.to_array(weight)
        flipped = np.where(np.random.default_rng(0).random(values.shape) < 0.1, -values, values).astype(values.dtype)
        weight.CopyFrom(onnx.numpy_helper.from_array(flipped, weight.name))
        onnx.save(graph, str(into / "encode.onnx"))
        return made

    folder = published_models.tagger(tmp_path / "tagger")
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.setattr(graphs, "export", wrong)
    with pytest.raises(ModelError, match=r"cosine 0\.\d+ to torch's"):
        export(folder)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_agreement_sees_a_difference() -> None:
    class Probe:
        given = (np.ones((2, 3), np.float32),)
        wanted = (np.array([[1.0, 0.0], [0.0, 1.0]], np.float32),)

    assert agreement(lambda _: Probe.wanted, [Probe()]).cosine == pytest.approx(1)
    turned = np.array([[1.0, 0.0], [1.0, 1.0]], np.float32)
    assert agreement(lambda _: [turned], [Probe()]).cosine == pytest.approx(2**-0.5)
    with pytest.raises(ModelError, match="wanted"):
        agreement(lambda _: [turned[:1]], [Probe()])


@pytest.mark.slow
def test_a_folder_of_graphs_hears_without_torch(clap: Path, tmp_path: Path) -> None:
    export(clap, tmp_path / "graphs")
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['transformers'] = None\n"
        "import numpy, auricle\n"
        f"listener = auricle.load({str(tmp_path / 'graphs')!r}, 'onnx')\n"
        "clip = auricle.Clip(numpy.random.default_rng(0).standard_normal((1, 96000)).astype('float32'), 48000)\n"
        "print((listener.embed_audio(clip) @ listener.embed_text(['rain']).T)[0, 0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    clip = auricle.Clip(np.random.default_rng(0).standard_normal((1, 96_000)).astype(np.float32), 48_000)
    listener = auricle.load(clap, "torch-fp32")
    wanted = float((listener.embed_audio(clip) @ listener.embed_text(["rain"]).T)[0, 0])
    assert float(done.stdout) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_a_damaged_graph_is_one_line(tagger: Path, tmp_path: Path, name: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tagger, broken)
    (broken / "encode.onnx").write_bytes((broken / "encode.onnx").read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"encode.onnx") as caught:
        open_runtime(broken, engine(name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("frames", [5, 400])
def test_every_engine_of_graphs_runs_a_folder_that_came_with_one(tone_folder: Path, frames: int) -> None:
    features = np.random.default_rng(frames).normal(-40, 15, (2, frames, 64)).astype(np.float32)
    ours, theirs = (open_runtime(tone_folder, engine(name)).run(features) for name in ("openvino", "onnx"))
    assert list(ours) == list(theirs)
    assert all(np.abs(ours[name] - theirs[name]).max() < 1e-4 for name in ours)


def test_a_graph_that_came_with_its_folder_is_not_overwritten(tone_folder: Path) -> None:
    with pytest.raises(ModelError, match="came with its graph"):
        export(tone_folder)


def test_the_config_of_a_converted_folder_reads_back(clap: Path) -> None:
    config = read_config(clap / "config.json")
    assert config.name == "hub" and config.dim == 32 and config.window.seconds == 10.0
