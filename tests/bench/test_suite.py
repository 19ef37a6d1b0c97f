from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import made_sounds
import pytest
from data.trees import TREES

from auricle.bench import hierarchy
from auricle.bench import suite as suites
from auricle.bench.protocols import PROTOCOLS
from auricle.core.errors import InputError
from auricle.data import corpora, prompts
from auricle.data.catalogue import CATALOGUE

PLAIN = {"format": 1, "name": "mine", "about": "", "protocol": "zero_shot", "metrics": ["accuracy"]}


def saved(folder: Path, **changes: object) -> Path:
    (folder / "mine.json").write_text(json.dumps(PLAIN | changes))
    return folder / "mine.json"


@pytest.mark.parametrize("name", suites.suite_names())
def test_every_suite_is_read_and_names_what_there_is(name: str) -> None:
    suite = suites.read_suite(name)
    assert suite.name == name and suite.about.endswith(".")
    assert suite.prompt is None or prompts.find_protocol(suite.prompt)
    assert suite.protocol in PROTOCOLS and (suite.corpus is None or suite.corpus in corpora.CORPORA)
    if suite.published is not None:
        assert suite.fold is None or suite.fold in CATALOGUE[suite.published].splits
        assert suite.split is None or {*suite.split.train, *suite.split.test} <= set(CATALOGUE[suite.published].splits)


@pytest.mark.parametrize("name", [name for name in suites.suite_names() if suites.read_suite(name).published])
def test_published_corpora_are_read_from_their_download(name: str, tmp_path: Path) -> None:
    suite = suites.read_suite(name)
    download = tmp_path / str(suite.published)
    download.mkdir()
    TREES[suite.published](download)
    found = suites.load_items(suite, download)
    assert found and [item.id for item in suites.load_items(suite, tmp_path)] == [item.id for item in found]
    assert suite.protocol != "retrieval" or all(item.captions for item in found)
    if suite.protocol == "tagging":
        implies = hierarchy.implication_matrix(sorted({label for item in found for label in item.labels}))
        assert implies.any()


def test_a_published_corpus_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clotho"):
        suites.load_items(suites.read_suite(saved(tmp_path, published="nosuch")), tmp_path)


def test_protocols_have_the_metrics_that_suites_may_name() -> None:
    assert set(PROTOCOLS) == {*suites.METRICS, "task"}  # whose metrics are those of any task


def test_a_task_is_a_suite_of_its_own(tmp_path: Path) -> None:
    suite = suites.read_suite("event")
    assert (suite.protocol, suite.task, suite.needs_text_tower) == ("task", "event", False)
    with pytest.raises(InputError, match="no such file"):
        suites.read_suite(tmp_path / "mine.py")


def test_few_shot_has_a_metric_for_each_head() -> None:
    rows = [{"logistic": 1.0, "prototypical": 0.5}]
    assert tuple(PROTOCOLS["few_shot"].metrics(rows)) == suites.METRICS["few_shot"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["f1"]}, "metrics"),
        ({"metrics": []}, "metrics"),
        ({"metrics": ["accuracy", "accuracy"]}, "each once"),
        ({"split": {"by": "fold"}}, "split"),
        ({"protocol": "linear_probe"}, "split"),
        ({"protocol": "few_shot", "metrics": ["logistic"]}, "episodes"),
        ({"protocol": "linear_probe", "split": {"by": "official"}}, "train and test"),
        ({"protocol": "linear_probe", "split": {"by": "source", "shared": True}}, "cannot be shared"),
        ({"protocol": "linear_probe", "split": {"by": "official", "train": ["a"], "test": ["a"]}}, "in both train and test"),
        ({"windows": {"window": 1.0}}, "belong to detection"),
        ({"collar": 0.5}, "belong to detection"),
        ({"protocol": "detection", "metrics": ["psds1"], "windows": {"window": 0.0}}, "windows.window"),
        ({"corpus": "esc50", "manifest": "a.jsonl"}, "one of them at most"),
        ({"corpus": "esc50", "published": "esc50"}, "one of them at most"),
        ({"unknown": 1}, "unknown"),
        ({"seed": "0"}, "seed"),
        ({"name": "My suite"}, "name"),
        ({"chance": 2.0}, "chance"),
    ],
)
def test_a_suite_that_does_not_fit_is_refused_by_name(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        suites.read_suite(saved(tmp_path, **changes))


def test_unknown_names_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="esc50"):
        suites.read_suite("nosuch")
    with pytest.raises(InputError, match="cannot be read"):
        suites.read_suite(tmp_path / "none.json")


@pytest.mark.parametrize("corpus", ["synthetic", "gm_instruments"])
def test_made_sounds_are_refused(tmp_path: Path, corpus: str) -> None:
    tones = made_sounds.tones(tmp_path, each=1)
    path = made_sounds.written(tmp_path, [*tones[:-1], dataclasses.replace(tones[-1], corpus=corpus)])
    with pytest.raises(InputError, match=r"1 of 3 clips were not recorded, such as '.*wanted recordings"):
        suites.load_items(suites.read_suite(saved(tmp_path)), path)


def test_items_by_manifest_and_fold(tmp_path: Path) -> None:
    path = made_sounds.written(tmp_path, made_sounds.tones(tmp_path, each=2))
    whole = suites.read_suite(saved(tmp_path))
    assert len(suites.load_items(whole, path)) == 6
    by_name = suites.read_suite(saved(tmp_path, manifest="clips.jsonl", fold="1"))
    assert len(suites.load_items(by_name, tmp_path)) == 6
    for suite, data, message in (
        (suites.read_suite(saved(tmp_path, fold="9")), path, "no clip of fold '9'"),
        (whole, tmp_path, "wanted a manifest"),
        (whole, None, "--data"),
        (suites.read_suite("esc50"), tmp_path, "recipes.prepare esc50"),
    ):
        with pytest.raises(InputError, match=message):
            suites.load_items(suite, data)


def test_vocabulary_and_single_labels(tmp_path: Path) -> None:
    found = made_sounds.tones(tmp_path, each=2)
    suite = suites.read_suite(saved(tmp_path))
    assert suites.vocabulary(suite, found) == tuple(sorted(made_sounds.LABELS))
    with pytest.raises(InputError, match="not among"):
        suites.vocabulary(suites.read_suite(saved(tmp_path, labels=["dog", "rain"])), found)
    with pytest.raises(InputError, match="different labels"):
        suites.vocabulary(suite, found[:1])
    two = made_sounds.item(tmp_path, "two", made_sounds.chord([0.1, 0.1, 0.1]), "rain", labels=("rain", "dog"))
    with pytest.raises(InputError, match="'two' has 2 labels"):
        suites.single_labels([*found, two])


def test_clips_without_a_source_are_groups_of_their_own(tmp_path: Path) -> None:
    alone = [made_sounds.item(tmp_path, name, made_sounds.chord([0.1, 0, 0]), "a", source="") for name in ("x", "y")]
    assert len(set(suites.groups(alone))) == 2
    assert len(set(suites.groups(made_sounds.tones(tmp_path, each=2)))) == 3
