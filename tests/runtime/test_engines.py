"""Engines of published models: exported graphs beside torch, on threads, without torch, and damaged."""

from __future__ import annotations

import json
import re
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
from auricle.core.config import LINEAGE_FILES
from auricle.core.errors import InputError, ModelError
from auricle.core.model_files import read_config
from auricle.models import export as graphs
from auricle.models.convert.convert import convert
from auricle.runtime import catalog, engines, exported
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
    told = exported.read_export(tagger)
    assert (
        told is not None
        and told.is_accurate("onnx")
        and engines.choose_engine(tagger, read_config(tagger / "config.json")) in engines.FASTEST
    )
    worse = tmp_path / "worse"
    shutil.copytree(tagger, worse)
    said = json.loads((worse / "export.json").read_text())
    for one in said["engines"].values():
        one["sound"]["cosine"] = 0.99
    (worse / "export.json").write_text(json.dumps(said))
    assert engines.choose_engine(worse, read_config(worse / "config.json")) == "torch-fp32"


def test_a_graph_with_other_numbers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter is made to err: a tenth of the weights of what it wrote changes sign."""
    onnx = pytest.importorskip("onnx")
    right = graphs.export

    def wrong(*given: Any) -> Any:
        made, into = right(*given), given[1]
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
        inputs = (np.ones((2, 3), np.float32),)
        outputs = (np.array([[1.0, 0.0], [0.0, 1.0]], np.float32),)

    assert agreement(lambda _: Probe.outputs, [Probe()]).cosine == pytest.approx(1)
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


@pytest.fixture(scope="module")
def stated(tagger: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tagger with a graph that also gives states of its encoder."""
    folder = tmp_path_factory.mktemp("stated") / "tagger"
    shutil.copytree(tagger, folder)
    told = export(folder, outputs=["frames", "layer.1", "frames"])
    assert told.outputs == (*read_config(folder / "config.json").outputs, "frames", "layer.1")
    assert told.is_accurate("onnx") and told.engines["onnx"].sound.difference < 1e-4
    return folder


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_states_of_the_encoder_on_request(stated: Path, name: str) -> None:
    features = np.random.default_rng(4).normal(-40, 15, (2, 300, 64)).astype(np.float32)
    ours, theirs = (open_runtime(stated, one) for one in (engine(name), "torch-fp32"))
    names = ["layer.1", "frames", "clip_logits"]
    found, wanted = ours.run(features, outputs=names), theirs.run(features, outputs=names)
    assert list(found) == list(wanted) == names and found["frames"].ndim == found["layer.1"].ndim == 3
    for key in names:
        assert found[key].shape == wanted[key].shape and apart(found[key], wanted[key]) < 1e-4
    assert list(ours.run(features)) == list(ours.config.outputs)
    assert theirs.run(features, outputs=["layer.0"])["layer.0"].shape[0] == 2
    with pytest.raises(InputError, match=r"'layer.0'.*auricle export --outputs"):
        ours.run(features, outputs=["layer.0"])
    with pytest.raises(InputError, match=r"no output 'layer.99'; it has .*layer.0, layer.1"):
        theirs.run(features, outputs=["layer.99"])


@pytest.mark.parametrize("name", ["onnx", "openvino", "torch-fp32"])
def test_a_masked_batch_is_one_clip_at_a_time(stated: Path, name: str) -> None:
    features = np.random.default_rng(5).normal(-40, 15, (4, 300, 64)).astype(np.float32)
    lengths = [300, 64, 300, 130]
    runtime = open_runtime(stated, engine(name))
    names = [*runtime.config.outputs, "frames"]
    found = runtime.run(features, mask=np.arange(300) < np.array(lengths)[:, None], outputs=names)
    for row, length in enumerate(lengths):
        alone = runtime.run(features[row : row + 1, :length], outputs=names)
        steps = alone["frames"].shape[1]
        assert found["mask"][row].tolist() == [True] * steps + [False] * (found["mask"].shape[1] - steps)
        for key in names:
            whole = found[key][row]
            np.testing.assert_allclose(
                whole[:steps] if whole.ndim > 1 else whole, alone[key][0], rtol=0, atol=1e-5 * np.abs(alone[key]).max()
            )


def test_an_unknown_state_is_refused_and_nothing_is_written(tagger: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no output 'layer.50'"):
        export(tagger, tmp_path / "out", outputs=["layer.50"])
    assert not (tmp_path / "out").exists()


def test_an_export_of_the_shipped_model_runs_recordings_of_any_length(tmp_path: Path) -> None:
    """It came with its graph: an export goes into a folder of its own, with states of the encoder beside its outputs."""
    told = export(catalog.find_folder("auricle-tiny"), tmp_path / "tiny", outputs=["frames"])
    assert told.frames is None and told.outputs[-1] == "frames"
    ours, theirs = auricle.load(tmp_path / "tiny", runtime="onnx"), auricle.load("auricle-tiny")
    for seconds in (0.5, 2.3, 7.0):
        noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
        pair = [listener.embed_audio([auricle.Clip(noise, 16_000)])[0] for listener in (ours, theirs)]
        assert pair[0] @ pair[1] > 0.9999
    words = ["a dog barks", "rain"]
    assert np.allclose(ours.embed_text(words), theirs.embed_text(words), atol=1e-6)  # its text tower has no graph, only tensors
    for name in LINEAGE_FILES:  # the leak check of `auricle score` must see what it was trained on
        before = catalog.find_folder("auricle-tiny") / name
        assert not before.is_file() or (tmp_path / "tiny" / name).read_bytes() == before.read_bytes()
    assert (tmp_path / "tiny" / "heard.jsonl").is_file()


@pytest.mark.parametrize(
    ("runtime", "device", "message"),
    [
        ("onnx", "cuda", "device 'cuda' is for engines of torch, and onnx runs on the CPU"),
        ("openvino", "mps", "device 'mps' is for engines of torch"),
        ("torch-fp32", "abacus", "device 'abacus' is not a device of torch; wanted cpu, cuda, cuda:0 or mps"),
        (None, "meta", "device 'meta' is not supported"),
        ("torch-fp32", "cpu:1", "device 'cpu:1': torch finds no such device here"),
    ],
)
def test_a_device_that_cannot_be_used_is_one_line(tagger: Path, runtime: str | None, device: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        engines.open_engine(tagger, read_config(tagger / "config.json"), runtime, device)


def test_a_device_beyond_those_of_torch_is_one_line(tagger: Path) -> None:
    import torch

    with pytest.raises(InputError, match="torch finds no such device here"):
        engines.open_engine(tagger, read_config(tagger / "config.json"), None, f"cuda:{torch.cuda.device_count()}")


def test_the_cpu_may_be_named_for_every_engine(tagger: Path) -> None:
    config = read_config(tagger / "config.json")
    for runtime in ("onnx", "torch-fp32", None):
        assert engines.open_engine(tagger, config, runtime, "cpu").name == (runtime or engines.choose_engine(tagger, config))
