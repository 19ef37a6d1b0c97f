"""Calibration of a model: odds that are known are found again, on sources that were not fitted to, and the written folder states them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import made_sounds
import numpy as np
import pytest
import tone_model
from safetensors.numpy import save_file

import auricle
from auricle.bench import leak_guard, lineage
from auricle.bench.score import score
from auricle.bench.suite import Suite
from auricle.core.config import Output, encoder_config
from auricle.core.errors import InputError, ModelError
from auricle.core.model_files import fingerprint, read_config
from auricle.core.records import Event
from auricle.data import manifest
from auricle.data.item import Item
from auricle.listen.listener import Listener
from auricle.recipes.calibrating import Calibration, CalibrationSettings, calibrate
from auricle.recipes.calibrating.decisions import WORDS
from auricle.recipes.calibrating.fit import Independent, cross_validate
from auricle.recipes.calibrating.outputs import ClipOutputs, run
from auricle.recipes.calibrating.scored import Scored, compare
from auricle.recipes.calibrating.truth import Matching, event_words, frame_truth, label_words
from auricle.tasks.tagging import combine_logits

TONES = tuple(tone_model.TONES)
CLIPS = 400
#: The odds that labels are drawn with: log-odds are SCALE * logit + BIAS.
SCALE, BIAS = 0.5, {"low tone": 1.0, "middle tone": -1.0}


#: The same for words: cosines of the tone model are -0.45, -0.37 and -0.29 for the three texts, and hardly differ from clip to clip.
WORDS_SCALE, WORDS_BIAS = 20.0, 7.0


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """Clips with the three tones at random levels over noise, two of each source, in two folds."""
    folder, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    items = []
    for number in range(CLIPS):
        samples = made_sounds.chord(10 ** rng.uniform(-3, -0.6, 3), 0.6) + 0.003 * rng.standard_normal(9600)
        fields = {"labels": (), "captions": (), "source": f"source {number // 2}", "fold": str(number // 2 % 2)}
        items.append(made_sounds.item(folder, f"clip{number}", samples.astype(np.float32), "unused", **fields))
    return items


@pytest.fixture(scope="module")
def logits(listener: Listener, sounds: list[Item]) -> np.ndarray:
    """The logits (N, 5) of the clips, of one window each."""
    several = [list(listener.outputs(item.audio)) for item in sounds]
    return np.stack([combine_logits(one["clip_logits"][0], one["frame_logits"][0]) for (one,) in several])


def labelled(sounds: Sequence[Item], truth: np.ndarray, names: Sequence[str], *always: str) -> list[Item]:
    """The clips with those labels of names that truth (N, K) has, and those that all have."""
    words = [[name for name, true in zip(names, row, strict=True) if true] for row in truth]
    return [dataclasses.replace(item, labels=(*always, *own)) for item, own in zip(sounds, words, strict=True)]


@pytest.fixture(scope="module")
def items(sounds: list[Item], logits: np.ndarray) -> list[Item]:
    """Labels drawn with known odds; the high tone in three sources only; and a label that the model lacks."""
    chance = np.stack([sigmoid(SCALE * logits[:, TONES.index(name)] + bias) for name, bias in BIAS.items()], axis=1)
    truth = np.random.default_rng(1).random(chance.shape) < chance
    rare = np.arange(CLIPS) < 6
    return labelled(sounds, np.concatenate([truth, rare[:, None]], axis=1), (*BIAS, "high tone"), "whale")


@pytest.fixture(scope="module")
def calibration(listener: Listener, items: list[Item]) -> Calibration:
    return calibrate(listener, items, settings=CalibrationSettings(outputs=("clip_logits",)))


def section(calibration: Calibration, output: str) -> dict[str, object]:
    (found,) = [one for one in calibration.report["outputs"] if one["output"] == output]
    return dict(found)


def scores(calibration: Calibration, output: str, when: str) -> dict[str, float]:
    found = section(calibration, output)["scores"]
    assert isinstance(found, list)
    return {one["metric"]: one[when]["value"] for one in found}


def test_known_odds_are_found_again(calibration: Calibration) -> None:
    clip = calibration.config.clip
    assert clip is not None and clip.calibration is not None and clip.thresholds is not None
    for label, bias in BIAS.items():
        place = clip.labels.index(label)
        assert clip.calibration.scale[place] == pytest.approx(SCALE, abs=0.06)
        assert clip.calibration.bias[place] == pytest.approx(bias, abs=0.35)
        assert (
            0.2 <= clip.thresholds[place] <= 0.5
        )  # the best F1 of calibrated scores is at half of it, so at 0.5 at most (Lipton et al. 2014)


def test_scores_that_were_not_fitted_to_are_calibrated(calibration: Calibration) -> None:
    before, after = (scores(calibration, "clip_logits", when) for when in ("before", "after"))
    assert before["ece"] > 0.12 and after["ece"] < 0.05
    assert after["nll"] < before["nll"] and after["brier"] < before["brier"] and after["f1"] > before["f1"]
    (change,) = [one["change"] for one in section(calibration, "clip_logits")["scores"] if one["metric"] == "nll"]  # type: ignore[attr-defined]
    assert change["low"] < change["value"] < change["high"] < 0


def test_intervals_hold_their_value_where_there_is_no_error_left() -> None:
    """Resampling adds noise to every bin, so that the error of perfect scores is larger in all resamples than in the data."""
    rng = np.random.default_rng(0)
    stated = rng.uniform(size=4000)
    fair = Scored.of_best(
        np.stack([1 - stated / 2, stated / 2], axis=1), (rng.uniform(size=4000) < stated / 2).astype(int), np.arange(4000)
    )
    (ece, _, nll, *_) = compare(fair, fair, np.arange(4000), seed=0)
    assert ece["before"]["low"] < ece["before"]["value"] < ece["before"]["high"] < 0.03
    assert nll["before"]["low"] < nll["before"]["value"] < nll["before"]["high"]
    assert ece["change"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_metrics_of_six_decisions_by_hand() -> None:
    """Two labels, three clips of two sources; the first label is unknown in the last clip."""
    scores = np.array([[0.9, 0.2], [0.6, 0.7], [0.5, 0.4]])
    truth = np.array([[True, False], [False, True], [True, True]])
    known = np.array([[True, True], [True, True], [False, True]])
    scored = Scored.of_labels(scores, truth, known, clip=np.arange(3), thresholds=np.array([[0.5, 0.5]]))
    found = {one["metric"]: one["before"]["value"] for one in compare(scored, scored, np.array([0, 0, 1]), seed=0)}
    own = np.array([0.9, 0.8, 0.4, 0.7, 0.4])  # the score of what is true
    assert found["nll"] == pytest.approx(-np.log(own).mean(), abs=1e-6) and found["brier"] == pytest.approx(
        ((1 - own) ** 2).mean(), abs=1e-6
    )
    assert found["f1"] == pytest.approx(2 * 2 / (3 + 3), abs=1e-6)  # 3 present, 3 true, 2 both
    assert found["macro_f1"] == pytest.approx((2 * 1 / (2 + 1) + 2 * 1 / (1 + 2)) / 2, abs=1e-6)
    assert found["ece"] == pytest.approx(np.abs(own - 1).mean(), abs=1e-6)  # each score is in a bin of its own
    best = Scored.of_best(np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]), np.array([0, 1]), np.arange(2))
    found = {one["metric"]: one["before"]["value"] for one in compare(best, best, np.arange(2), seed=0)}
    assert found["accuracy"] == 0.5 and found["nll"] == pytest.approx(-np.log([0.7, 0.3]).mean(), abs=1e-6)
    assert found["brier"] == pytest.approx((0.09 + 0.04 + 0.01 + 0.09 + 0.49 + 0.16) / 2, abs=1e-6)
    assert found["ece"] == pytest.approx((0.3 + 0.4) / 2, abs=1e-6)


def test_each_source_is_scored_by_a_fit_to_the_others() -> None:
    rng, source = np.random.default_rng(0), np.repeat(np.arange(6), 8)
    logits = rng.normal(0, 2, (48, 1)).astype(np.float32)
    truth = rng.random((48, 1)) < sigmoid(logits * np.linspace(0.2, 2, 6)[source, None])  # each source has odds of its own
    known, thresholds = np.ones((48, 1), bool), np.full(1, 0.5)
    decisions = Independent("clip_logits", ("rain",), np.arange(48), logits, truth, known, sigmoid(logits), thresholds)
    after = cross_validate(decisions, source, parts=6, seed=0)
    for held_out in range(6):
        fit = decisions.fit(source != held_out)
        rows = source == held_out
        assert after.probabilities[rows] == pytest.approx(sigmoid(fit.scale * logits[rows, 0] + fit.bias[0]), abs=1e-5)
        assert after.present is not None and fit.thresholds is not None
        assert np.array_equal(after.present[rows], after.probabilities[rows] >= fit.thresholds[0])
    assert len({decisions.fit(source != held_out).scale for held_out in range(6)}) == 6
    with pytest.raises(InputError, match="clip_logits has clips of 1 source"):
        cross_validate(decisions, np.zeros(48, int), parts=5, seed=0)


def test_labels_with_few_sources_stay_and_are_named(calibration: Calibration, listener: Listener) -> None:
    (left,) = section(calibration, "clip_logits")["left"]  # type: ignore[misc]
    assert left == {"label": "high tone", "why": "sources with it: 3, without it: 197; wanted 5 of each"}
    clip, before = calibration.config.clip, listener.config.clip
    assert clip is not None and clip.calibration is not None and clip.thresholds is not None and before is not None
    for label in ("high tone", "dog", "rain"):  # the last two are in no clip
        place = clip.labels.index(label)
        assert (clip.calibration.scale[place], clip.calibration.bias[place], clip.thresholds[place]) == (1.0, 0.0, 0.5)
    assert calibration.report["absent"] == ["whale"]
    assert calibration.config.frame == listener.config.frame and calibration.config.text == listener.config.text


def test_the_written_folder_answers_with_calibrated_scores(
    calibration: Calibration, listener: Listener, items: list[Item], logits: np.ndarray, tmp_path: Path
) -> None:
    folder = calibration.save(tmp_path / "calibrated")
    written = auricle.load(folder)
    assert calibration.config.clip is not None and calibration.config.clip.calibration is not None
    scale, bias = (np.array(values) for values in vars(calibration.config.clip.calibration).values())
    tags = {tag.label: tag.score for tag in written.tag(items[0].audio, top=None).tags}
    assert list(map(tags.get, written.labels)) == pytest.approx(sigmoid(scale * logits[0] + bias), abs=1e-5)
    assert np.array_equal(written.embed_audio(items[0].audio), listener.embed_audio(items[0].audio))
    assert written.fingerprint != listener.fingerprint
    card = json.loads((folder / "card.json").read_text())
    assert card["licence"] == "CC0-1.0" and card["calibration"]["corpora"] == ["made"] and card["calibration"]["clips"] == CLIPS
    assert card["results"]["calibration of clip_logits"]["ece after"] == scores(calibration, "clip_logits", "after")["ece"]


def test_calibrating_again_gives_the_same_model(calibration: Calibration, items: list[Item], tmp_path: Path) -> None:
    first = calibration.save(tmp_path / "first")
    again = calibrate(auricle.load(first), items, settings=CalibrationSettings(outputs=("clip_logits",)))
    second = again.save(tmp_path / "second")
    assert (second / "config.json").read_bytes() == (first / "config.json").read_bytes()
    assert (second / lineage.CALIBRATED).read_bytes() == (first / lineage.CALIBRATED).read_bytes()
    assert fingerprint(second) == fingerprint(first)
    assert scores(again, "clip_logits", "before")["nll"] <= scores(again, "clip_logits", "after")["nll"]  # it has seen all of them
    assert calibration.save(second) == second  # an earlier calibration is replaced
    with pytest.raises(InputError, match="is the model that is calibrated"):
        again.save(first)


def test_a_folder_of_something_else_is_left_alone(calibration: Calibration, tone_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    other = made_sounds.copied(tone_folder, tmp_path / "other")
    for into in (tmp_path, other):
        with pytest.raises(InputError, match="already exists and was not written by a calibration"):
            calibration.save(into)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_clips_of_a_calibration_are_refused_by_suites(calibration: Calibration, items: list[Item], tmp_path: Path) -> None:
    suite = Suite(format=1, name="made", about="", protocol="tagging", answers="labels", metrics=("map",), draws=20)
    written = auricle.load(calibration.save(tmp_path / "calibrated"))
    with pytest.raises(leak_guard.LeakedError, match=f"calibrated on {CLIPS} of {CLIPS} clips"):
        score(written, suite, items)


def test_clips_of_the_training_are_refused(tone_folder: Path, items: list[Item], tmp_path: Path) -> None:
    trained = made_sounds.taught(tone_folder, tmp_path / "model", items[:10])
    with pytest.raises(leak_guard.LeakedError, match=f"10 of {CLIPS} clips"):
        calibrate(trained, items)
    settings = CalibrationSettings(allow_leaked=True, outputs=("clip_logits",))
    report = calibrate(trained, items[:60], settings=settings).report
    assert {mark["level"]: mark["n"] for mark in report["leaked"]}["clip"] >= 10


def test_a_fold_or_a_share_of_the_sources_is_used(listener: Listener, items: list[Item]) -> None:
    fold = calibrate(listener, items, settings=CalibrationSettings(fold="1", outputs=("clip_logits",)))
    assert {item.fold for item in fold.items} == {"1"} and fold.report["clips"] == CLIPS // 2
    share = calibrate(listener, items, settings=CalibrationSettings(share=0.5, outputs=("clip_logits",)))
    assert share.report["sources"] == CLIPS // 4 and share.report["clips"] == CLIPS // 2  # sources stay whole
    other = calibrate(listener, items, settings=CalibrationSettings(share=0.5, seed=1, outputs=("clip_logits",)))
    assert {item.source for item in other.items} != {item.source for item in share.items}
    with pytest.raises(InputError, match="the manifest has no clips"):
        calibrate(listener, [])
    with pytest.raises(InputError, match=r"no clip has the fold '7'; wanted one of the manifest's: 0, 1"):
        calibrate(listener, items, settings=CalibrationSettings(fold="7"))


def test_labels_that_another_corpus_does_not_annotate_are_unknown(listener: Listener, items: list[Item], calibration: Calibration) -> None:
    """Clips of a corpus that never names the low tone are no negatives of it, and those without labels say nothing."""
    strangers = [
        dataclasses.replace(item, id=f"{item.id}-{corpus}", corpus=corpus, labels=words)
        for item in items[:100]
        for corpus, words in (("other", ("whale", "middle tone")), ("made", ()))
    ]
    mixed = calibrate(listener, [*items, *strangers], settings=CalibrationSettings(outputs=("clip_logits",)))
    both, alone = (section(one, "clip_logits") for one in (mixed, calibration))
    assert both["decisions"] == CLIPS * 2 + 100 and alone["decisions"] == CLIPS * 2  # the label with three sources is not counted
    assert [(one["corpus"], one["clips"]) for one in both["by"]] == [("made", CLIPS), ("other", 100)]  # type: ignore[attr-defined]


def test_reliability_is_reported_by_kind_of_recording(listener: Listener, items: list[Item]) -> None:
    kinds = [dataclasses.replace(item, duration=0.6 if item.fold == "0" else 0.0) for item in items]
    found = calibrate(listener, kinds, settings=CalibrationSettings(by="duration", outputs=("clip_logits",)))
    groups = section(found, "clip_logits")["by"]
    assert [(one["duration"], one["clips"]) for one in groups] == [("unknown", CLIPS // 2), ("up to 2 s", CLIPS // 2)]  # type: ignore[attr-defined]
    for one in groups:  # type: ignore[attr-defined]
        for when in ("before", "after"):
            assert sum(row["count"] for row in one["reliability"][when]) == CLIPS
            gaps = sum(row["count"] * abs(row["predicted"] - row["observed"]) for row in one["reliability"][when]) / CLIPS
            assert one["scores"][0][when]["value"] == pytest.approx(gaps, abs=1e-5)


def test_frames_are_calibrated_against_events(listener: Listener, sounds: list[Item]) -> None:
    """The event lasts as long as the clip, or there is none, drawn with the odds of its frames, which are all alike."""
    frames = np.stack([next(iter(listener.outputs(item.audio)))["frame_logits"][0, :8, 0].mean() for item in sounds])
    there = np.random.default_rng(2).random(CLIPS) < sigmoid(SCALE * frames + 1)
    with_events = [
        dataclasses.replace(item, events=(Event("low tone" if drawn else "whale", 0, 0.6, 1.0),))
        for item, drawn in zip(sounds, there, strict=True)
    ]
    found = calibrate(listener, with_events, settings=CalibrationSettings(outputs=("frame_logits",)))
    rows = section(found, "frame_logits")
    assert rows["clips"] == CLIPS and rows["decisions"] == CLIPS * 8  # 0.6 s at 12.5 frames a second
    frame = found.config.frame
    assert frame is not None and frame.calibration is not None and frame.thresholds is not None
    assert frame.calibration.scale[0] == pytest.approx(SCALE, abs=0.1) and frame.calibration.bias[0] == pytest.approx(1, abs=0.35)
    assert frame.calibration.scale[1:] == (1.0,) * 4 and frame.thresholds[1:] == (0.5,) * 4
    assert scores(found, "frame_logits", "after")["nll"] < scores(found, "frame_logits", "before")["nll"]
    assert found.config.clip == listener.config.clip


def test_an_event_is_true_in_its_frames(listener: Listener, sounds: list[Item]) -> None:
    event = Event("a low tone", 0.24, 0.48, 1.0)
    items = [dataclasses.replace(sounds[0], events=(event, dataclasses.replace(event, label="whale"))), sounds[1]]
    assert listener.config.frame is not None
    matching = Matching.of(event_words, items, listener.labels)
    assert matching.columns == (0,)
    assert frame_truth(items[0], matching, listener.config.frame, 8).ravel().tolist() == [False] * 3 + [True] * 3 + [False] * 2
    assert matching.known(items[0]).tolist() == [True] and matching.known(items[1]).tolist() == [False]  # it has no events


def test_what_is_more_specific_than_a_label_is_no_truth_of_it(listener: Listener, sounds: list[Item]) -> None:
    items = [dataclasses.replace(sounds[0], labels=("puppy", "labrador", "dog whistle", "dogs barking"))]
    assert Matching.of(label_words, items, listener.labels).index == {"puppy": 3, "dogs barking": 3}


def test_long_clips_have_each_frame_once(listener: Listener, tmp_path: Path) -> None:
    """Windows of 10 s overlap by 2 s; a silent stretch of more than a window has no frames."""
    samples = np.concatenate([tone_model.tone("low tone", 15.0), tone_model.silence(12.0), tone_model.tone("high tone", 5.0)])
    item = made_sounds.item(tmp_path, "long", samples, "low tone")
    (found,) = run(listener, [item], {"frame_logits": (0, 2), "clip_logits": range(5)})
    assert isinstance(found, ClipOutputs)
    frames = found.frames["frame_logits"]
    assert frames.shape == (400, 2) and np.isnan(frames[250:290]).all() and not np.isnan(frames[:187]).any()
    assert (frames[:180, 0] > 0).all() and (frames[345:395, 1] > 0).all() and (frames[:180, 1] < 0).all()
    assert found.scores["clip_logits"].shape == (len(found.seconds), 5) and len(found.seconds) >= 3


def test_a_manifest_without_events_leaves_frames_alone(listener: Listener, items: list[Item]) -> None:
    found = calibrate(listener, items)
    assert {"output": "frame_logits", "why": "the manifest has no events"} in found.report["skipped"]
    assert found.config.frame == listener.config.frame
    with pytest.raises(InputError, match="nothing can be calibrated: frame_logits: the manifest has no events"):
        calibrate(listener, items, settings=CalibrationSettings(outputs=("frame_logits",)))
    with pytest.raises(InputError, match="tones has no output 'scenes' with scores; wanted some of clip_logits, frame_logits, words"):
        calibrate(listener, items, settings=CalibrationSettings(outputs=("scenes",)))


@pytest.mark.parametrize("labels", [True, False])
def test_words_are_calibrated_with_labels_or_without(
    tone_folder: Path, sounds: list[Item], labels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, names = auricle.load(tone_folder), ("deep hum", "bark", "dog rain")
    if not labels:  # a model without labels of its own and without a calibration: each text is scored against a background
        bare = encoder_config(name="tones", source="", frontend="auricle-16k", window=10.0, encoder={}, dim=8, text={})
        for place in (listener, listener.pipeline):
            monkeypatch.setattr(place, "config", bare)
    cosines = listener.embed_audio([item.audio for item in sounds]) @ listener.embed_text(names).T
    truth = np.random.default_rng(3).random(cosines.shape) < sigmoid(WORDS_SCALE * cosines + WORDS_BIAS)
    found = calibrate(listener, labelled(sounds, truth, names, "whale"))
    text = found.config.text
    assert text is not None and text.calibration is not None
    assert text.calibration.scale == pytest.approx(WORDS_SCALE, rel=0.2)
    assert text.calibration.scale * cosines.mean() + text.calibration.bias == pytest.approx(
        WORDS_SCALE * cosines.mean() + WORDS_BIAS, abs=0.2
    )
    assert scores(found, WORDS, "after")["nll"] < scores(found, WORDS, "before")["nll"]
    assert section(found, WORDS)["decisions"] == CLIPS * 3  # the tokenizer cannot encode "whale"


def test_a_softmax_gets_one_temperature(tone_folder: Path, sounds: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each clip has one of three labels, drawn with probabilities that are proportional to exp(SCALE * logit)."""
    listener = auricle.load(tone_folder)
    assert listener.config.clip is not None
    spec = Output(kind="clip_scores", head="linear", labels=listener.labels, activation="softmax")
    config = listener.config.model_copy(update={"outputs": {**listener.config.outputs, "clip_logits": spec}})
    for place in (listener, listener.pipeline):
        monkeypatch.setattr(place, "config", config)
    logits = np.stack([next(iter(listener.outputs(item.audio)))["clip_logits"][0] for item in sounds]).astype(np.float64)
    odds = np.exp(SCALE * logits)
    drawn = ((odds.cumsum(axis=1) / odds.sum(axis=1, keepdims=True)) > np.random.default_rng(4).random((CLIPS, 1))).argmax(axis=1)
    exclusive = [dataclasses.replace(item, labels=(listener.labels[label],)) for item, label in zip(sounds, drawn, strict=True)]
    several = dataclasses.replace(sounds[0], id="several", labels=TONES)
    found = calibrate(listener, [*exclusive, several], settings=CalibrationSettings(outputs=("clip_logits",)))
    clip = found.config.clip
    assert clip is not None and clip.calibration is not None and clip.calibration.is_temperature and clip.thresholds is None
    assert clip.calibration.scale[0] == pytest.approx(SCALE, abs=0.08)
    assert section(found, "clip_logits")["clips"] == CLIPS  # a clip with several of the labels is left out
    before, after = (scores(found, "clip_logits", when) for when in ("before", "after"))
    assert after["accuracy"] == before["accuracy"] and after["nll"] < before["nll"] and after["ece"] < 0.06 < before["ece"]


def test_a_score_that_falls_with_the_truth_is_not_turned_round(listener: Listener, sounds: list[Item], logits: np.ndarray) -> None:
    wrong = labelled(sounds, logits[:, :1] < np.median(logits[:, 0]), TONES[:1], "whale")
    with pytest.raises(InputError, match="scores of clip_logits do not rise with the truth"):
        calibrate(listener, wrong, settings=CalibrationSettings(outputs=("clip_logits",)))


def test_silent_and_unreadable_clips_are_counted_and_named(listener: Listener, items: list[Item], tmp_path: Path) -> None:
    silent = made_sounds.item(tmp_path, "silent", np.zeros(16_000, np.float32), "low tone")
    missing = dataclasses.replace(silent, id="missing", audio=tmp_path / "missing.wav")
    report = calibrate(listener, [*items, silent, missing], settings=CalibrationSettings(outputs=("clip_logits",))).report
    assert report["silent"] == 1 and report["clips"] == CLIPS and len(report["unreadable"]) == 1
    assert report["unreadable"][0].startswith("missing: ")
    with pytest.raises(InputError, match=r"none of 2 clips has sound \(1 silent, 1 unreadable\)"):
        calibrate(listener, [silent, missing], settings=CalibrationSettings(outputs=("clip_logits",)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Item]]:
    """A model with a second output, exclusive, trained in seconds on other clips of the tones, and clips that it was not trained on."""
    pytest.importorskip("torch")
    from auricle.recipes import multitask
    from auricle.train.trainer import train

    folder = tmp_path_factory.mktemp("trained")
    for name, seed in (("train", 0), ("held-out", 1)):
        (folder / name).mkdir()
        made = made_sounds.tones(folder / name, each=12, seed=seed)
        made_sounds.written(folder / name, [dataclasses.replace(item, corpus=name, labels=(*item.labels, "loud")) for item in made])
    both = folder / "train" / "clips.jsonl"
    one = folder / "train" / "one.jsonl"
    manifest.write(one, [dataclasses.replace(item, labels=item.labels[:1]) for item in manifest.read(both)])
    config = multitask.Config.model_validate_json(
        json.dumps({"data": str(both), "tasks": {"tone": str(one)}, "cache": str(folder / "cache"), "batch": 8, "train": {"steps": 30}})
    )
    train(multitask.build(config), folder / "run", report=lambda line: None)
    return folder / "run" / "model", manifest.read(folder / "held-out" / "clips.jsonl")


@pytest.mark.slow
def test_every_output_of_a_trained_model_is_calibrated(trained: tuple[Path, list[Item]], tmp_path: Path) -> None:
    folder, items = trained
    found = calibrate(auricle.load(folder), [dataclasses.replace(item, labels=item.labels[:1]) for item in items])
    assert [one["output"] for one in found.report["outputs"]] == ["clip_logits", "tone"]
    assert found.report["outputs"][1]["scores"][-1]["metric"] == "accuracy"
    written = auricle.load(found.save(tmp_path / "calibrated"))
    tone = written.config.outputs["tone"]
    assert tone.calibration is not None and tone.calibration.is_temperature
    assert tone == found.config.outputs["tone"] and written.config == found.config


@pytest.mark.slow
def test_a_model_that_is_trained_further_keeps_the_clips_of_its_calibration(trained: tuple[Path, list[Item]], tmp_path: Path) -> None:
    from auricle.models.folder import load
    from auricle.recipes.result_folder import write_model_folder

    folder, items = trained
    start = calibrate(auricle.load(folder), items).save(tmp_path / "calibrated")
    further = write_model_folder(load(start), tmp_path / "further", items[:1], start=start)
    assert (further / lineage.CALIBRATED).read_bytes() == (start / lineage.CALIBRATED).read_bytes()


@pytest.mark.slow
def test_graphs_of_a_calibrated_model_stay_valid(trained: tuple[Path, list[Item]], tmp_path: Path) -> None:
    """The order of exporting and calibrating does not matter, and caches tell the two models apart."""
    pytest.importorskip("onnxscript")
    import shutil

    from auricle.runtime.exported import read_export
    from auricle.runtime.exporting import export

    model, items = trained
    folder = Path(shutil.copytree(model, tmp_path / "exported"))
    plain = calibrate(auricle.load(folder), items).save(tmp_path / "plain")
    export(folder)
    listener = auricle.load(folder)
    found = calibrate(listener, items)
    written = auricle.load(found.save(tmp_path / "calibrated"))
    assert written.runtime.engine.name == listener.runtime.engine.name != "torch-fp32"
    assert np.array_equal(written.embed_audio(items[0].audio), listener.embed_audio(items[0].audio))
    fingerprints = [fingerprint(each) for each in (folder, tmp_path / "calibrated", plain)]
    assert fingerprints[1] != fingerprints[0]
    alone = tmp_path / "graphs"
    export(folder, alone)  # a folder of graphs without weights has the fingerprint of the weights
    graphs = calibrate(auricle.load(alone), items).save(tmp_path / "calibrated graphs")
    exported = read_export(graphs)
    assert exported is not None and exported.fingerprint == fingerprint(graphs) != fingerprint(alone)
    again = calibrate(auricle.load(graphs), items).save(tmp_path / "again")
    assert fingerprint(again) == fingerprint(graphs)


def test_a_conversion_of_an_earlier_release_is_written_in_the_present_format(
    calibration: Calibration, tone_folder: Path, tmp_path: Path
) -> None:
    """Its config has no place for a calibration, and its graphs have other names; its weights do not."""
    old = made_sounds.copied(tone_folder, tmp_path / "old")
    (old / "config.json").write_text(json.dumps({"format": 1, "kind": "published"}))
    earlier = dataclasses.replace(calibration, model=old)
    with pytest.raises(ModelError, match="graphs of format 1 without weights, which cannot be calibrated; convert its weights again"):
        earlier.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    save_file({"encoder.conv.weight": np.ones(3, np.float32)}, old / "model.safetensors")
    new = earlier.save(tmp_path / "new")
    assert read_config(new / "config.json").model_dump() == calibration.config.model_dump()
    assert {file.name for file in new.iterdir()} == {"card.json", "config.json", "model.safetensors", "tokenizer.json", lineage.CALIBRATED}
    assert (new / "model.safetensors").read_bytes() == (old / "model.safetensors").read_bytes()


def test_progress_counts_clips(listener: Listener, items: list[Item]) -> None:
    seen: list[tuple[int, float, float]] = []
    settings = CalibrationSettings(outputs=("clip_logits",))
    calibrate(listener, items[:60], settings=settings, progress=lambda index, seconds, whole: seen.append((index, seconds, whole)))
    assert seen == [(index, 1.0, 1.0) for index in range(60)]
