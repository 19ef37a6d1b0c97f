"""A model folder from a distilled training: which labels it keeps, what is known of clips, and that the folder answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import auricle  # noqa: E402
from auricle.bench.lineage import read_lineage  # noqa: E402
from auricle.core.audioset import labels as audioset_labels  # noqa: E402
from auricle.core.config import CLIP_LOGITS, FRAME_LOGITS  # noqa: E402
from auricle.data.corpora.clip_table import fold  # noqa: E402
from auricle.models.folder import load, save  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.recipes.distilling.teacher import Teacher  # noqa: E402
from auricle.runtime.catalog import find_folder  # noqa: E402
from recipes.tiny import assembled, distilled  # noqa: E402
from recipes.tiny.label_map import read_label_map  # noqa: E402


@pytest.fixture(scope="module")
def run(small_run: distilled.Run) -> distilled.Run:
    """The teacher's doubts about names are ignored: it hears nothing."""
    return dataclasses.replace(small_run, doubt=0.0)


@pytest.fixture(scope="module")
def teacher(run: distilled.Run, tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    """A model with AudioSet's labels that hears nothing but rain, in everything."""
    torch.manual_seed(0)
    model = Model(distilled.model_config(audioset_labels(), run)).eval()
    with torch.no_grad():
        for name in (CLIP_LOGITS, FRAME_LOGITS):
            model.heads[name].weight.zero_()
            model.heads[name].bias.fill_(-6.0)
        model.heads[CLIP_LOGITS].bias[audioset_labels().index("Rain")] = -1.0
    folder = tmp_path_factory.mktemp("teacher") / "model"
    save(folder, model, {})
    return Teacher(str(folder))


@pytest.fixture(scope="module")
def trained(
    three_classes: Path, run: distilled.Run, teacher: Teacher, tmp_path_factory: pytest.TempPathFactory
) -> tuple[distilled.Corpus, Path]:
    home = tmp_path_factory.mktemp("trained")
    corpus = distilled.open_corpus(three_classes, home / "features", run, teacher, leave=1)
    settings = dataclasses.replace(run, objective=run.objective.model_copy(update={"vectors": 0.0, "blend": 1.0}))
    distilled.train_model(corpus, settings, teacher, home / "run")
    training, demand = home / "run", assembled.Demand(sources=3, precision=0.2)
    folder = assembled.assemble(corpus, run, training, find_folder(None), judges={training: 1}, demand=demand, mixtures=32)
    return corpus, folder


def test_what_a_clip_contains_is_known_by_name_else_from_the_teacher(trained: tuple[distilled.Corpus, Path]) -> None:
    corpus, _ = trained
    truth, known = assembled.truth_of(corpus)
    rain, dog, siren = (corpus.vocabulary.index(name) for name in ("rain", "dog", "siren"))
    for index, row in enumerate(corpus.rows):
        assert truth[index, dog] == (row.label == "dog") and known[index, dog]
        assert truth[index, rain] == known[index, rain] == (row.label == "rain")  # 0.27 of the teacher: neither present nor absent
        assert not truth[index, siren] and known[index, siren]


def test_labels_that_are_not_heard_are_left_out(trained: tuple[distilled.Corpus, Path]) -> None:
    corpus, folder = trained
    report = json.loads((folder.parent / "labels.json").read_text(encoding="utf-8"))
    labels = auricle.load(folder).labels
    assert list(labels) == [name for name in corpus.vocabulary if report[name]["kept"]]
    assert {"dog", "rooster"} <= set(labels) and "siren" not in labels and report["siren"]["sources"] == 0


def test_what_follows_from_a_label_is_present_where_it_is(trained: tuple[distilled.Corpus, Path]) -> None:
    corpus, folder = trained
    listener = auricle.load(folder)
    output = listener.config.outputs[CLIP_LOGITS]
    assert set(output.implies["dog"]) >= {"domestic animals, pets", "animal"} & set(listener.labels) and "animal" in listener.labels
    column = {label: index for index, label in enumerate(output.labels)}
    assert output.thresholds is not None
    for label, implied in output.implies.items():
        assert all(output.thresholds[column[label]] >= output.thresholds[column[name]] for name in implied)
    answers = listener.tag([row.path for row in corpus.rows], top=None)
    assert isinstance(answers, list)
    for one in answers:
        scores, present = {tag.label: tag.score for tag in one.tags}, {tag.label for tag in one.tags if tag.present}
        for label, implied in output.implies.items():
            assert all(scores[name] >= scores[label] for name in implied)
            assert label not in present or set(implied) <= present


def test_the_calibration_error_is_of_sources_that_it_was_not_fitted_to() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 2.0, (4000, 2))
    truth = rng.random((4000, 2)) < 1 / (1 + np.exp(-logits))
    kind = np.repeat([assembled.CLIP, assembled.MIXTURE], 2000)
    truth[kind == assembled.MIXTURE] = rng.random((2000, 2)) < 0.9  # whatever the logits say
    known, empty = np.ones_like(truth), np.zeros((0, 2))
    source = np.array([f"{index // 4}" for index in range(4000)])
    judged = assembled.Judged(logits, truth, known, source, kind, logits, empty, empty)
    errors = assembled.calibration_errors(judged, {}, seed=0)
    assert set(errors) == {"recordings", "mixtures"} and errors["recordings"]["n"] == 4000
    assert errors["mixtures"]["equal_width"] > 0.1
    recordings = dataclasses.replace(
        judged, **{name: getattr(judged, name)[:2000] for name in ("logits", "truth", "known", "source", "kind", "cosines")}
    )
    assert assembled.calibration_errors(recordings, {}, seed=0)["recordings"]["equal_width"] < 0.03
    spread = dataclasses.replace(recordings, truth=rng.random((2000, 2)) < 0.5, source=np.array(["one", "other"] * 1000))
    assert set(assembled.calibration_errors(spread, {}, seed=0, parts=2)) == {"recordings"}


def test_finer_names_imply_what_labels_json_says_of_them() -> None:
    names = read_label_map()
    implied = assembled.implied_labels(["animal", "dog", "music", "bass drum", "rain"], names)
    assert implied["dog"] == ("animal",) and "rain" not in implied and "animal" not in implied
    finer = next(one for section in names.labels.values() for one in section.values() if one.finer and one.audioset)
    plain = names.plain[finer.audioset[0]]
    assert plain in assembled.implied_labels([finer.finer, plain], names).get(finer.finer, ()) or plain == finer.finer


def test_the_folder_answers_and_says_what_it_was_made_from(trained: tuple[distilled.Corpus, Path]) -> None:
    corpus, folder = trained
    listener, left_out = auricle.load(folder), [row for row in corpus.rows if fold(row) == 1]
    for name, other in (("dog", "rooster"), ("rooster", "dog")):
        answers = listener.tag([row.path for row in left_out if row.label == name], top=None)
        scores = [{tag.label: tag.score for tag in one.tags} for one in answers]
        assert np.mean([one[name] for one in scores]) > 0.2 + np.mean([one[other] for one in scores])
    assert listener.embed_text(["a dog"]).shape == (1, 256)
    lineage = read_lineage(folder)
    assert len(lineage.clips) == len(corpus.training) and len(lineage.calibrated) == 15


def test_a_label_needs_sources_and_precision() -> None:
    rng, count = np.random.default_rng(0), 80
    truth = np.zeros((count, 4), bool)
    truth[:20] = True
    logits = rng.standard_normal((count, 4))
    logits[:20, [0, 1]] += 8.0
    logits[20:, 3] += 8.0
    known, source = np.ones_like(truth), np.array([f"source {index}" for index in range(count)])
    known[:, 3] = False
    known[:20, 3] = True
    known[70:, 3] = True
    judged = assembled.Judged(logits, truth, known, source, np.zeros(count, int), logits, logits, truth.astype(np.float32))
    few = dataclasses.replace(judged, source=np.where(np.arange(count) < 20, "one source", source))
    kept, table = assembled.audible(judged, assembled.Demand(precision=0.5), seed=0)
    assert kept[0] and kept[1] and not kept[2] and table[0]["sources"] == 20
    assert not assembled.audible(few, assembled.Demand(), seed=0)[0].any()
    assert table[2]["low"] < table[2]["average_precision"]


def test_labels_that_are_not_shown_to_be_heard_are_present_from_a_high_score(
    trained: tuple[distilled.Corpus, Path], run: distilled.Run
) -> None:
    corpus, folder = trained
    text = np.random.default_rng(0).standard_normal((len(corpus.vocabulary), 256)).astype(np.float32)
    judged = assembled.judge_training(corpus, run, folder.parent, 1, text, mixtures=32)
    model = load(folder)
    kept = judged.columns(np.array([corpus.vocabulary.index(name) for name in model.config.labels]))
    least = np.where(np.arange(len(model.config.labels)) == 0, 0.8, 0.0)
    free, bound = (
        np.array(assembled.calibrated(model, kept, at).config.outputs[CLIP_LOGITS].thresholds) for at in (np.zeros_like(least), least)
    )
    assert bound[0] == max(0.8, free[0]) and (bound >= free).all() and bound.min() < 0.8


def test_judges_are_joined() -> None:
    one = assembled.Judged(*(np.full((2, 3), 1.0) for _ in range(3)), np.array(["a", "b"]), np.zeros(2), *(np.ones((2, 3)),) * 3)  # type: ignore[arg-type]
    both = assembled.join([one, one])
    assert both.logits.shape == (4, 3) and both.source.tolist() == ["a", "b"] * 2 and assembled.join([one]) is one
