"""`auricle merge` on folders: what comes out is a model like any other, and says what it comes from."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file

import auricle
from auricle import cli
from auricle.bench import lineage
from auricle.core.config import CLIP_LOGITS, ModelConfig, Output, TextConfig
from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.data.manifest import read, write
from auricle.models.folder import load, save
from auricle.models.model import Model
from auricle.recipes import finetune, multitask, synthetic
from auricle.recipes.merging.config import MergeConfig, Method
from auricle.recipes.merging.labelled_features import evaluate, read_features
from auricle.recipes.merging.merge import NEED_BASE, merge
from auricle.recipes.merging.similarity import CLOSE, FAR, compare
from auricle.recipes.recipe_config import make_model_config
from auricle.runtime.catalog import find_folder, shipped
from auricle.runtime.exporting import export
from auricle.train import checkpoint
from auricle.train.trainer import train

ENCODER = {"family": "convolutional", "widths": [4, 8, 8, 12, 16], "size": 20}
KINDS = synthetic.KINDS
METHODS: list[Method] = ["linear", "greedy", "slerp", "task-arithmetic", "ties", "dare", "fisher", "regmean", "emr", "rebasin"]
#: Settings with which two equal models give themselves.
NEUTRAL: dict[str, Any] = {"task-arithmetic": {"scale": 0.5}, "ties": {"density": 1.0}, "dare": {"drop": 0.0, "scale": 0.5}}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of synthetic sounds with one label each."""
    folder = tmp_path_factory.mktemp("sounds")
    items = read(synthetic.write_manifest(folder, count=16))
    write(folder / "one.jsonl", [dataclasses.replace(item, labels=item.labels[:1], events=()) for item in items])
    return folder / "one.jsonl"


def make_model(
    folder: Path, seed: int, labels: Sequence[str] = KINDS, *, start: Path | None = None, corpus: str = "made", **more: Any
) -> Path:
    """A model folder with random weights; with start its encoder is that one's, slightly changed."""
    config = make_model_config(ENCODER, name=folder.name, window=2.0)
    scores = Output(kind="clip_scores", head="linear", labels=tuple(labels), activation="softmax")
    config = ModelConfig(**{**dict(config), "outputs": {**config.outputs, CLIP_LOGITS: scores}, **more})
    torch.manual_seed(seed)
    model = Model(config)
    if start is not None:
        for parameter, old in zip(model.encoder.parameters(), load(start).encoder.parameters(), strict=True):
            parameter.data = old + 0.1 * old.std(unbiased=False).nan_to_num() * torch.randn_like(old)
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    save(folder, model.eval(), {})
    lineage.write_lineage(folder, [Item(f"{corpus}{seed}", Path(f"{seed}.wav"), corpus=corpus, source=str(seed))])
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    base = make_model(folder / "base", 0, corpus="first")
    return {"base": base, "a": make_model(folder / "a", 1, start=base), "b": make_model(folder / "b", 2, start=base)}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return {"cache": tmp_path / "cache", "clips": 8}


def logits(folder: Path) -> torch.Tensor:
    features = -50.0 + 15.0 * torch.randn(2, 60, 64, generator=torch.Generator().manual_seed(1))
    return load(folder)(features)[CLIP_LOGITS]


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("method", METHODS)
def test_what_comes_out_is_a_model_like_any_other(method: Method, models: Any, sounds: Path, settings: Any, tmp_path: Path) -> None:
    out, base = tmp_path / "merged", models["base"] if method in NEED_BASE else None
    merged = merge([models["a"], models["b"]], out, MergeConfig(method=method, **settings), base=base, data=[sounds])
    clip = auricle.Clip(synthetic.make_sound(2, np.random.default_rng(2)), synthetic.RATE, "x")
    listener = auricle.load(out)
    assert listener.labels == KINDS and np.isfinite(listener.embed_audio(clip)).all() and len(listener.tag(clip).tags) == 8
    card = json.loads((out / "card.json").read_text())["merged"]
    assert card["method"] == method and [parent["name"] for parent in card["parents"]] == ["a", "b", *(["base"] if base else [])]
    assert {clip.corpus for clip in lineage.read_lineage(out).clips} == {"made", *(["first"] if base else [])}
    assert len(lineage.read_lineage(out).clips) == 2 + 16 + (base is not None)
    assert merged.figures.keys() == {"clip_logits_accuracy"} and not any("batch norms" in note for note in merged.notes)
    if method != "emr":
        assert not torch.allclose(logits(out), logits(models["a"]), atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_merged_with_itself_is_itself(method: Method, models: Any, sounds: Path, settings: Any, tmp_path: Path) -> None:
    base = models["base"] if method in NEED_BASE else None
    config = MergeConfig(method=method, **settings, **NEUTRAL.get(method, {}))
    twin = shutil.copytree(models["a"], tmp_path / "a")
    merge([models["a"], twin], tmp_path / "merged", config, base=base, data=[sounds])
    assert all(torch.allclose(tensor, tensors(models["a"])[name], atol=1e-4) for name, tensor in tensors(tmp_path / "merged").items())


def test_weights_zero_and_one_give_one_parent_and_batch_norms_are_noted(models: Any, settings: Any, tmp_path: Path) -> None:
    captions = shutil.copytree(models["a"], tmp_path / "a")
    (captions / "captioner.json").write_text("{}")
    merged = merge([captions, models["b"]], tmp_path / "m", MergeConfig(weights=(0.0, 1.0), **settings))
    assert torch.equal(logits(tmp_path / "m"), logits(models["b"]))
    assert any("give --data" in note for note in merged.notes) and "caption decoders are left out" in merged.notes


def test_labels_of_disjoint_vocabularies_answer_as_in_their_parents(models: Any, settings: Any, tmp_path: Path) -> None:
    one, other = make_model(tmp_path / "one", 5, ["dog", "cat"]), make_model(tmp_path / "other", 6, ["piano"])
    weights = {name: t for name, t in tensors(other).items() if name.startswith("heads.")}
    save_file({**tensors(one), **weights}, other / "model.safetensors")  # the same encoder
    merge([one, other], tmp_path / "m", MergeConfig(**settings))
    assert auricle.load(tmp_path / "m").labels == ("dog", "cat", "piano")
    assert torch.allclose(logits(tmp_path / "m"), torch.cat([logits(one), logits(other)], dim=1), atol=1e-5)


def test_a_merged_model_is_exported_like_any_other(models: Any, settings: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    merge([models["a"], models["b"]], tmp_path / "m", MergeConfig(**settings))
    clip = auricle.Clip(synthetic.make_sound(2, np.random.default_rng(2)), synthetic.RATE, "x")
    before = auricle.load(tmp_path / "m").embed_audio(clip)
    assert not export(tmp_path / "m").failed
    listener = auricle.load(tmp_path / "m", "onnx")
    assert listener.runtime.engine.name == "onnx" and np.allclose(listener.embed_audio(clip), before, atol=1e-4)


def test_a_head_over_all_labels_is_fitted_to_a_merged_encoder(models: Any, sounds: Path, settings: Any, tmp_path: Path) -> None:
    merge([models["a"], models["b"]], tmp_path / "m", MergeConfig(**settings))
    config = finetune.Config(start=str(tmp_path / "m"), data=sounds, cache=tmp_path / "cache", tasks=("event",), held_out=0.4)
    train(finetune.build(config), tmp_path / "run", report=lambda line: None)
    before, after = tensors(tmp_path / "m"), tensors(tmp_path / "run" / "model")
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items() if name.startswith("encoder."))
    assert len(lineage.read_lineage(tmp_path / "run" / "model").clips) == 2 + 16


def test_the_shipped_model_merged_with_itself_answers_as_before(settings: Any, tmp_path: Path) -> None:
    if "auricle-tiny" not in shipped():
        pytest.skip("auricle/weights/auricle-tiny is not in this checkout")
    merge(["auricle-tiny", find_folder("auricle-tiny")], tmp_path / "m", MergeConfig(method="slerp", **settings))
    merged, start = auricle.load(tmp_path / "m"), auricle.load(runtime="torch-fp32")
    clip = auricle.Clip(synthetic.make_sound(0, np.random.default_rng(2)), synthetic.RATE, "x")
    one, other = merged.listen(clip, labels=["a low tone"]), start.listen(clip, labels=["a low tone"])
    assert [(tag.label, tag.present) for tag in one.tags] == [(tag.label, tag.present) for tag in other.tags]
    assert one.labels[0].score == pytest.approx(other.labels[0].score, abs=1e-3) and one.events == other.events
    found = lineage.read_lineage(tmp_path / "m")
    assert set(found.clips) == set(lineage.read_lineage(find_folder("auricle-tiny")).clips)


def test_emr_gives_the_model_of_one_task(models: Any, settings: Any, tmp_path: Path) -> None:
    """Without a conflict of signs, and with rescaled magnitudes, the result lies nearer to its own task than the mean does."""
    for task, name in enumerate("ab"):
        merge([models["a"], models["b"]], tmp_path / name, MergeConfig(method="emr", task=task, **settings), base=models["base"])
    merge([models["a"], models["b"]], tmp_path / "mean", MergeConfig(**settings))

    def distance(one: Path, other: Path) -> float:
        first, second = tensors(one), tensors(other)
        return sum(float((first[n] - second[n]).square().sum()) for n in first if n.startswith("encoder") and "running" not in n)

    for name in "ab":
        assert distance(tmp_path / name, models[name]) < distance(tmp_path / "mean", models[name])


def test_unknown_lineage_of_one_parent_is_unknown_for_all(models: Any, settings: Any, tmp_path: Path) -> None:
    bare = shutil.copytree(models["b"], tmp_path / "bare")
    (bare / lineage.CLIPS).unlink()
    shutil.copy(models["b"] / lineage.CLIPS, bare / lineage.CALIBRATED)
    merge([models["a"], bare], tmp_path / "m", MergeConfig(**settings))
    found = lineage.read_lineage(tmp_path / "m")
    assert found.detail == "nothing" and len(found.calibrated) == 1


def test_a_greedy_soup_leaves_out_a_model_that_lowers_the_score(models: Any, sounds: Path, settings: Any, tmp_path: Path) -> None:
    items = read(sounds)
    data = read_features(sounds, load(models["a"]).config, cache=tmp_path / "cache", frontend_parts={})
    answers = [KINDS[int(load(models["a"])(each[None])[CLIP_LOGITS].argmax())] for each in data.features]
    write(
        tmp_path / "as-a.jsonl", [dataclasses.replace(item, labels=(label,), events=()) for item, label in zip(items, answers, strict=True)]
    )
    merged = merge([models["b"], models["a"]], tmp_path / "m", MergeConfig(method="greedy", **settings), data=[tmp_path / "as-a.jsonl"])
    assert merged.names[0] == str(models["a"]) and evaluate(load(models["a"]), data) is not None
    card = json.loads((tmp_path / "m" / "card.json").read_text())["merged"]
    assert card["models"] == list(merged.names)


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(models: Any, sounds: Path, settings: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="torch finds no such device"):
        merge([models["a"], models["b"]], tmp_path / "m", MergeConfig(**settings), data=[sounds], device="cuda:99")
    assert not (tmp_path / "m").exists()


def test_draws_of_dare_have_an_interval(models: Any, sounds: Path, settings: Any, tmp_path: Path) -> None:
    config = MergeConfig(method="dare", draws=3, **settings)
    figures = merge([models["a"], models["b"]], tmp_path / "m", config, base=models["base"], data=[sounds]).figures
    assert figures["mean_of_draws_low"] <= figures["mean_of_draws"] <= figures["mean_of_draws_high"]
    again = merge([models["a"], models["b"]], tmp_path / "n", config, base=models["base"], data=[sounds]).figures
    assert again == figures and all(torch.equal(t, tensors(tmp_path / "n")[name]) for name, t in tensors(tmp_path / "m").items())


def test_the_average_of_checkpoints_is_an_ema_along_the_run(tmp_path: Path, settings: Any) -> None:
    config = multitask.Config.model_validate_json(
        json.dumps({"cache": str(tmp_path / "cache"), "batch": 4, "train": {"steps": 3, "save_every": 1, "keep": 3}})
    )
    train(multitask.build(config), tmp_path / "run", report=lambda line: None)
    merge([tmp_path / "run"], tmp_path / "m", MergeConfig(method="ema", decay=0.5, **settings))
    states = [checkpoint.load(path)["model"] for path in checkpoint.list_paths(tmp_path / "run" / "checkpoints")]
    name = next(key for key in states[0] if key.endswith("encoder.blocks.1.conv1.conv.weight"))
    wanted = 0.25 * states[0][name] + 0.25 * states[1][name] + 0.5 * states[2][name]
    assert torch.allclose(tensors(tmp_path / "m")["encoder.blocks.1.conv1.conv.weight"], wanted, atol=1e-6)
    assert lineage.read_lineage(tmp_path / "m").clips == lineage.read_lineage(tmp_path / "run" / "model").clips
    checkpoint.prune(tmp_path / "run" / "checkpoints", keep=1)
    with pytest.raises(InputError, match="has 1 checkpoints"):
        merge([tmp_path / "run"], tmp_path / "n", MergeConfig(method="ema", **settings))


@pytest.mark.parametrize(
    ("count", "given", "words"),
    [
        (1, {"method": "linear"}, "linear got 1 model; wanted two or more"),
        (3, {"method": "slerp"}, "slerp got 3 models; wanted two"),
        (2, {"method": "ties"}, "ties needs --base"),
        (2, {"method": "linear", "base": True}, "linear does not use --base"),
        (2, {"method": "fisher"}, "fisher needs --data"),
        (2, {"method": "linear", "data": 3}, "3 manifests for 2 models"),
        (2, {"method": "emr", "base": True, "task": 2}, "task is 2, counted from 0, of 2 models"),
        (2, {"method": "linear", "draws": 2}, "draws is for dare"),
        (2, {"method": "linear", "weights": (1.0,)}, "wanted 2 numbers"),
    ],
)  # fmt: skip
def test_arguments_that_a_method_lacks_are_named(
    count: int, given: Any, words: str, models: Any, sounds: Path, settings: Any, tmp_path: Path
) -> None:
    base, data = models["base"] if given.pop("base", None) else None, [sounds] * given.pop("data", 0)
    with pytest.raises(InputError, match=words):
        merge([models["a"], models["b"], models["a"]][:count], tmp_path / "m", MergeConfig(**given, **settings), base=base, data=data)
    assert not (tmp_path / "m").exists()


def test_what_differs_is_named(models: Any, settings: Any, tmp_path: Path) -> None:
    def refused(folder: Path, words: str) -> None:
        with pytest.raises(InputError, match=words):
            merge([models["a"], folder], tmp_path / "m", MergeConfig(**settings))

    other = shutil.copytree(models["b"], tmp_path / "bank")
    save_file({**tensors(other), "frontend.bank": torch.ones(3, 64)}, other / "model.safetensors")
    refused(other, r"a lacks the tensor frontend.bank of b")
    with pytest.raises(InputError, match="already exists"):
        merge([models["a"], models["b"]], models["a"], MergeConfig(**settings))
    texts = []
    for name in ("t", "u"):
        config = TextConfig(tower={"family": "static"})
        texts.append(make_model(tmp_path / name, 3, text=config))
        (texts[-1] / "tokenizer.json").write_text(name)
    with pytest.raises(InputError, match=r"u/tokenizer.json differs from .*t/tokenizer.json"):
        merge(texts, tmp_path / "m", MergeConfig(**settings))


def test_similarity_says_whether_merging_is_likely_to_help(models: Any, sounds: Path, tmp_path: Path) -> None:
    near = compare([models["a"], models["b"]], data=sounds, cache=tmp_path / "cache")
    far = compare([models["a"], make_model(tmp_path / "c", 9)])
    assert near.encoder > 0.9 and near.cka is not None and 0 <= near.cka <= 1 and "is likely to help" in near.statement
    assert far.encoder < 0.5 and far.cka is None and "is not likely to help" in far.statement
    assert compare([models["a"], models["a"]], data=sounds, cache=tmp_path / "cache").cka == pytest.approx(1.0)
    assert {"encoder.stem", "encoder.deep.0", f"heads.{CLIP_LOGITS}"} <= near.blocks.keys()
    other = compare([models["a"], make_model(tmp_path / "d", 2, [f"{kind}, far away" for kind in KINDS], start=models["base"])])
    assert f"heads.{CLIP_LOGITS}" not in other.blocks and other.encoder > CLOSE  # rows of other labels are not compared


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["auricle", "merge", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0


def test_the_command_merges_and_compares(
    models: Any, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(
        monkeypatch,
        models["a"],
        models["b"],
        "-o",
        "m",
        "--method",
        "ties",
        "--base",
        models["base"],
        "--data",
        sounds,
        "--set",
        "density=0.5",
        "--json",
    )
    shown = json.loads(capsys.readouterr().out)
    assert (
        shown["method"] == "ties"
        and shown["models"] == [str(models["a"]), str(models["b"])]
        and (tmp_path / "m" / "model.safetensors").is_file()
    )
    assert json.loads((tmp_path / "m" / "card.json").read_text())["merged"]["settings"]["density"] == 0.5
    run(monkeypatch, models["a"], models["b"], "--similarity")
    assert "merging is likely to help" in " ".join(capsys.readouterr().out.split())
    run(monkeypatch, "m", models["b"], "-o", "n")
    caught = capsys.readouterr()
    assert "give --data" in " ".join(caught.err.split()) and "m, " in caught.out


def test_every_method_is_described_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "merging.md").read_text(encoding="utf-8")
    assert [name for name in (*METHODS, "ema") if f"`{name}`" not in page] == []
    assert f"at least `{CLOSE}`" in page and f"below `{FAR}`" in page
    assert set(Method.__args__) == {*METHODS, "ema"}  # type: ignore[attr-defined]
