"""Every training that auricle ships runs from its defaults to its end, and leaves a model that listens."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file

import auricle
from auricle import recipes
from auricle.bench import lineage
from auricle.core.errors import InputError
from auricle.data.manifest import read, write
from auricle.models.encoders.factory import open_encoder, published_size
from auricle.recipes import synthetic
from auricle.recipes.vocabulary import BEGIN, END, CaptionTokenizer, tokenizer_settings, train_tokenizer
from auricle.runtime.catalog import find_folder
from auricle.train.registry import list_recipes
from auricle.train.settings import build_config
from auricle.train.trainer import train

TRAININGS = {
    name: module
    for name in sorted(info.name for info in pkgutil.iter_modules(recipes.__path__))
    if hasattr(module := importlib.import_module(f"auricle.recipes.{name}"), "Config")
}
STEPPED = sorted(name for name, module in TRAININGS.items() if hasattr(module, "build") and name != "teminal")
SETTINGS = {"batch": 8, "train": {"steps": 3}}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def trained(name: str, cache: Path, out: Path, **changes: Any) -> tuple[dict[str, float], Path]:
    module = TRAININGS[name]
    config = module.Config.model_validate_json(json.dumps({"cache": str(cache), **SETTINGS, **changes}))
    return train(module.build(config), out, report=lambda told: None), out / "model"


def a_sound(seed: int) -> auricle.Clip:
    return auricle.Clip(synthetic.make_sound(seed, np.random.default_rng(seed)), synthetic.RATE, str(seed))


def test_the_list_of_trainings_is_what_the_page_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
    assert set(list_recipes()) == {name.replace("_", "-") for name in TRAININGS}
    assert set(list_recipes()) == {line.split("`")[1] for line in page.splitlines() if line.startswith("## `")}


@pytest.mark.parametrize("name", STEPPED)
def test_a_training_ends_in_a_model_that_listens(name: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cache)
    figures, folder = trained(name, TRAININGS[name].Config().cache, tmp_path)  # the default, which is relative to the working folder
    listener = auricle.load(folder)
    vectors = listener.embed_audio([a_sound(0), a_sound(4)])
    assert np.isfinite(vectors).all() and not np.allclose(vectors[0], vectors[1], atol=1e-4)
    start = lineage.read_lineage(find_folder(None)) if name == "finetune" else lineage.Lineage("nothing")
    assert len(lineage.read_lineage(folder).clips) == len(start.clips) + 32
    assert lineage.read_lineage(folder).corpora == start.corpora | {"made"}
    assert not any(np.isnan(value) for value in figures.values())  # d' of a perfect ranking is infinite
    if listener.runtime.has_text_tower and name != "finetune":  # which keeps the text tower of its start
        assert (listener.config.text is not None and listener.config.text.logit_scale is not None) or name == "captionstew"
        assert listener.embed_text(["hiss, then clicks"]).shape == (1, listener.config.dim)


def test_order_is_taught_to_a_model_that_was_trained_before(cache: Path, tmp_path: Path) -> None:
    _, first = trained("msclap", cache, tmp_path / "first")
    figures, second = trained("teminal", cache, tmp_path / "second", start=str(first))
    assert figures.keys() == {"text_to_audio_r1", "text_to_audio_map10", "audio_to_text_r1"}
    before, after = auricle.load(first), auricle.load(second)
    assert before.config.encoder == after.config.encoder
    assert not np.allclose(before.embed_text(["hiss, then clicks"]), after.embed_text(["hiss, then clicks"]))
    heard = [(folder / "heard.jsonl").read_text().splitlines() for folder in (first, second)]
    assert heard[0] == heard[1]  # the same sounds, each once
    with pytest.raises(InputError, match=r"no item has a caption of the style partial, .* in the field captions"):
        trained("teminal", cache, tmp_path / "third", start=str(first), stage="a")


def test_a_tagger_gives_its_encoder_to_sounds_and_captions(cache: Path, tmp_path: Path) -> None:
    _, tagger = trained("panns", cache, tmp_path / "first")
    module = TRAININGS["captionstew"]
    learner: Any = module.build(module.Config(start=str(tagger), cache=cache, batch=8)).model
    saved = load_file(tagger / "model.safetensors")
    taken = {f"encoder.{key}": tensor for key, tensor in learner.model.encoder.state_dict().items() if "num_batches" not in key}
    assert len(taken) > 10 and all(torch.equal(tensor, saved[key]) for key, tensor in taken.items())
    assert saved.keys() - taken.keys() and learner.model.config.frontend == auricle.load(tagger).config.frontend
    _, second = trained("captionstew", cache, tmp_path / "second", start=str(tagger))
    assert auricle.load(second).embed_text(["hiss, then clicks"]).shape[0] == 1
    assert lineage.read_lineage(second).clips == lineage.read_lineage(tagger).clips


def test_a_model_says_what_the_one_before_it_heard_and_nothing_where_that_says_nothing(cache: Path, tmp_path: Path) -> None:
    _, first = trained("msclap", cache, tmp_path / "first")
    other = '{"corpus":"other","source":"1","file":"1.wav","site":""}\n'
    (first / lineage.FINGERPRINTS).unlink()  # a row for each line
    with (first / "heard.jsonl").open("a") as lines:
        lines.write(other)
    _, second = trained("msclap", cache, tmp_path / "second", start=str(first))
    assert other in (second / "heard.jsonl").read_text() and lineage.read_lineage(second).corpora == {"made", "other"}
    (first / "heard.jsonl").unlink()
    _, third = trained("msclap", cache, tmp_path / "third", start=str(first))
    assert lineage.read_lineage(third).detail == "nothing"


@pytest.mark.parametrize("choice", [{"loss": "siglip"}, {"loss": "infonce-divisor"}, {"projection": "residual"}])
def test_other_losses_and_projections_train_too(choice: dict[str, str], cache: Path, tmp_path: Path) -> None:
    figures, _ = trained("msclap", cache, tmp_path, **choice)
    assert all(np.isfinite(value) for value in figures.values())


@pytest.mark.parametrize("name", STEPPED)
def test_published_sizes_are_defaults_and_no_more(name: str) -> None:
    config = TRAININGS[name].Config
    plain, large, other = (
        build_config(config, words) for words in ([], ["size=published"], ["batch=7", "size=published", "train.steps=9"])
    )
    assert plain == config()
    if config.SIZES:
        assert large.train.steps > 1000 and large.encoder != plain.encoder
        assert (other.batch, other.train.steps) == (7, 9) and other.encoder == large.encoder
        encoder = large.encoder if isinstance(large.encoder, dict) else published_size(large.encoder)
        with torch.device("meta"):
            assert open_encoder(encoder).size > 100


def test_a_head_is_fitted_to_a_model_and_says_how_well(cache: Path, tmp_path: Path) -> None:
    module = TRAININGS["linear_probe"]
    figures = module.run(module.Config(cache=cache), tmp_path)
    assert 0.3 < figures["mean_average_precision"] <= 1 and (tmp_path / "probe.head").is_file()


def test_the_classic_baseline_tells_made_sounds_apart(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    module = TRAININGS["classic"]
    synthetic.write_manifest(cache / "made")  # another recipe's, with fewer sounds
    figures = module.run(module.Config(cache=cache), tmp_path)
    told = json.loads((tmp_path / "classic.json").read_text())
    assert len(told) == 28 and figures["svm_accuracy"] == np.mean([one["svm"] == one["label"] for one in told])
    assert min(figures["svm_accuracy"], figures["gmm_accuracy"]) > 0.4  # the first of two labels, where one in five would be chance


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("aaaa", "3 sources with 1 labels are left for training"),  # the first source is held out
        ("abaa", "recordings are too few for cross-validation by source"),
    ],
)
def test_too_few_recordings_for_the_classic_baseline_are_refused(labels: str, message: str, cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    items = read(synthetic.write_manifest(cache / "made"))[: len(labels)]
    few = [dataclasses.replace(item, labels=(label,), events=()) for item, label in zip(items, labels, strict=True)]
    write(tmp_path / "few.jsonl", few)
    with pytest.raises(InputError, match=message):
        TRAININGS["classic"].run(TRAININGS["classic"].Config(data=tmp_path / "few.jsonl", cache=cache), tmp_path)


def folded(cache: Path, place: Path) -> tuple[Path, Path]:
    """Manifests of made sounds with a fold to leave out: which kinds sound, and which comes first."""
    items = [
        dataclasses.replace(item, fold=str(number % 4))
        for number, item in enumerate(read(synthetic.write_manifest(cache / "many", count=112)))
    ]
    first = [dataclasses.replace(item, labels=(item.captions[0].text.split(", then ")[0],), events=()) for item in items]
    place.mkdir()
    write(place / "kinds.jsonl", items)
    write(place / "first.jsonl", first)
    return place / "kinds.jsonl", place / "first.jsonl"


def test_synthetic_sounds_have_two_tasks_one_of_them_exclusive(cache: Path) -> None:
    tasks = TRAININGS["multitask"].read_tasks(TRAININGS["multitask"].Config(cache=cache))
    assert [(task.name, task.exclusive) for task in tasks] == [("labels", False), ("first", True)]
    assert all(item.captions[0].text.startswith(item.labels[0]) for item in tasks[1].items)


@pytest.mark.slow
def test_several_tasks_are_heads_of_one_encoder(cache: Path, tmp_path: Path) -> None:
    kinds, first = folded(cache, tmp_path / "data")
    about = {"data": str(kinds), "tasks": {"first": str(first)}, "fold": "1", "batch": 16, "train": {"steps": 80, "learning_rate": 3e-3}}
    figures, folder = trained("multitask", cache, tmp_path / "out", **about)
    assert figures.keys() == {"labels_map", "first_accuracy", "first_low", "first_high"}
    assert figures["labels_map"] > 0.6 and figures["first_accuracy"] > 0.3  # chance: a quarter, an eighth
    assert len(lineage.read_lineage(folder).clips) == 84  # what was left out is no part of its lineage; what both tasks share counts once
    listener = auricle.load(folder)
    clip, other = listener.config.outputs["clip_logits"], listener.config.outputs["first"]
    assert (clip.activation, other.activation) == ("sigmoid", "softmax") and clip.labels == other.labels == tuple(sorted(synthetic.KINDS))
    (outputs,) = listener.outputs(a_sound(4))
    assert {value.shape for name, value in outputs.items() if name in ("clip_logits", "first")} == {(1, 8)}
    assert not np.allclose(outputs["clip_logits"], outputs["first"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": "9"}, "fold '9' holds out 0 of 112"),
        ({"tasks": {"No Name": "first.jsonl"}}, "task 'No Name'; wanted lower-case letters"),
        ({"tasks": {"labels": "first.jsonl"}}, "task 'labels'; wanted"),
        ({"tasks": {"embedding": "first.jsonl"}}, "task 'embedding' has the name of an output"),
        ({"weights": {"firts": 2.0}}, "weights has 'firts'; wanted tasks: labels"),
    ],
)
def test_tasks_that_cannot_be_are_refused(changes: dict[str, Any], message: str, cache: Path, tmp_path: Path) -> None:
    kinds, first = folded(cache, tmp_path / "data")
    changes = {**changes, "tasks": {name: str(first) for name in changes.get("tasks", {})}}
    with pytest.raises(InputError, match=message):
        trained("multitask", cache, tmp_path / "out", data=str(kinds), **changes)


@pytest.mark.slow
def test_leaf_is_trained_with_its_encoder_and_heard_from_its_folder(cache: Path, tmp_path: Path) -> None:
    kinds, _ = folded(cache, tmp_path / "data")
    about = {"data": str(kinds), "fold": "1", "batch": 16, "train": {"steps": 25, "learning_rate": 3e-3}}
    figures, folder = trained("leaf", cache, tmp_path / "out", **about)
    assert figures["labels_map"] > 0.45  # chance: a quarter
    saved, begun = load_file(folder / "model.safetensors"), open_encoder(TRAININGS["leaf"].Config().encoder).state_dict()
    learned = [name for name in begun if name.startswith("leaf.")]
    assert len(learned) == 7
    for name in learned:  # filters, windows and compression of every band
        assert not torch.equal(saved[f"encoder.{name}"], begun[name]), name
    exact, rounded = (auricle.load(folder, runtime=runtime).embed_audio([a_sound(0)]) for runtime in ("torch-fp32", "torch-bf16"))
    assert np.abs(exact - rounded).max() < 0.05


def test_words_keep_their_letters_and_marks(tmp_path: Path) -> None:
    count = train_tokenizer(["A dog barks, twice.", "Rain on a tin roof"] * 3, tmp_path / "tokenizer.json", size=400)
    words = CaptionTokenizer(tmp_path / "tokenizer.json", tokenizer_settings())
    ids, mask = words(["a dog barks", "rain on a roof of tin and über-glass"])
    assert words.vocabulary_size == count <= 400
    assert ids.shape == mask.shape and (ids[:, 0] == BEGIN).all()
    assert all(int(row[int(real.sum()) - 1]) == END for row, real in zip(ids, mask, strict=True))
    assert words.decode(ids[1].tolist()) == "rain on a roof of tin and über-glass"
    assert torch.equal(ids, words(["a dog barks", "rain on a roof of tin and über-glass"])[0])
