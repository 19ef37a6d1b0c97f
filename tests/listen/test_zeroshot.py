"""Zero-shot: what is asked is answered, nothing is made up, and a model without calibration is held against a background."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tone_model import RATE, clip, silence, tone

import auricle
from auricle.core import audioset
from auricle.core.config import CosineCalibration, encoder_config
from auricle.core.errors import InputError, ModelError
from auricle.core.records import Clip
from auricle.data.prompts.descriptions import DescriptionSet
from auricle.listen import zeroshot
from auricle.listen.aggregation import NEAREST, Contrast
from auricle.listen.listener import Listener
from auricle.listen.prompt_set import Mix
from auricle.listen.scale import Scale
from auricle.listen.scores import unit
from auricle.listen.zeroshot import ZeroShot

LABELS = ("low tone", "high tone", "dog")


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two sounds, silence, a text, a file cut short and one that is missing."""
    soundfile.write(tmp_path / "low.wav", tone("low tone", 3), RATE)
    soundfile.write(tmp_path / "long.flac", np.concatenate([tone("high tone", 10), silence(12), tone("low tone", 11)]), RATE)
    soundfile.write(tmp_path / "silent.wav", silence(3), RATE)
    (tmp_path / "text.wav").write_text("no sound\n" * 50)
    soundfile.write(tmp_path / "cut.wav", tone("middle tone", 4), RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[: 44 + 2 * 2 * RATE])
    return [str(tmp_path / name) for name in ("low.wav", "long.flac", "silent.wav", "text.wav", "cut.wav", "missing.wav")]


def shares(listener: Listener, source: Any, scale: float) -> np.ndarray:
    """By hand: the softmax of a recording's cosines."""
    cosines = listener.embed_text(LABELS) @ listener.embed_audio(source)[0]
    powers = np.exp(scale * cosines.astype(np.float64))
    return np.asarray(powers / powers.sum())


def scores(told: auricle.Classification) -> dict[str, float]:
    return {label.label: label.score for label in told.labels}


def test_one_is_the_softmax_of_cosines(listener: Listener) -> None:
    sound = clip(tone("low tone", 4))
    (told,) = ZeroShot(listener, LABELS).classify(sound)
    # dog and rain were never heard by the model, but they are of its vocabulary: all three have the line of the model
    np.testing.assert_allclose([scores(told)[label] for label in LABELS], shares(listener, sound, 4.0), rtol=1e-4)
    assert [label.score for label in told.labels] == sorted(scores(told).values(), reverse=True)
    assert [label.present for label in told.labels] == [True, False, False] and told.best == told.labels[0]
    assert sum(scores(told).values()) == pytest.approx(1, abs=1e-6)
    assert (told.asked.question, told.asked.wording, told.asked.rule, told.asked.calibration) == ("one", "bare", "max", "model")


def test_words_that_were_never_heard_have_a_smaller_scale(listener: Listener) -> None:
    sound = clip(tone("low tone", 4))
    (told,) = ZeroShot(listener, [*LABELS[:2], "deep hum"]).classify(sound)
    cosines = listener.embed_text([*LABELS[:2], "deep hum"]) @ listener.embed_audio(sound)[0]
    powers = np.exp(4.0 * zeroshot.UNHEARD * cosines.astype(np.float64))
    np.testing.assert_allclose([scores(told)[label] for label in (*LABELS[:2], "deep hum")], powers / powers.sum(), rtol=1e-4)


def test_any_is_the_score_that_listening_gives(listener: Listener) -> None:
    """The model's own line and the greatest of its windows, as for words that mean no label in listen."""
    words = ["deep hum", "bark hum"]
    sound = clip(tone("low tone", 12), tone("high tone", 9))
    (told,) = ZeroShot(listener, words).classify(sound, question="any")
    heard = listener.listen(sound, words)
    assert scores(told) == pytest.approx({label.label: label.score for label in heard.labels or ()}, abs=1e-5)
    assert {label.label: label.present for label in told.labels} == {label.label: label.present for label in heard.labels or ()}
    assert told.asked.rule == "max" and told.asked.calibration == "model"


@pytest.mark.parametrize("question", ["one", "any"])
def test_nothing_is_made_up(question: zeroshot.Question, listener: Listener, files: list[str]) -> None:
    low, long, silent, text, cut, missing = ZeroShot(listener, LABELS).classify(files, question=question)
    assert [told.file for told in (low, long, silent, text, cut, missing)] == files
    assert low.labels and long.labels and low.coverage == long.coverage == 1 and long.duration == 33
    assert silent.silent and silent.labels == () and silent.best is None and silent.error is None and silent.coverage == 1
    for bad in (text, missing):
        assert bad.labels == () and bad.best is None and bad.coverage == 0 and bad.error and "wav" in bad.error
    assert cut.labels and 0 < cut.coverage < 1 and cut.error and "missing" in cut.error


def test_rules_gather_windows(listener: Listener) -> None:
    """Twenty seconds of one tone and ten of another, in windows of ten: the mean hears the longer, each at its best both."""
    sound = clip(tone("low tone", 20), tone("high tone", 10))
    found = {
        rule: np.stack([told.evidence for told in ZeroShot(listener, LABELS, rule=rule).cosines([sound]) if told.evidence is not None])[0]
        for rule in ("mean", "max", "top3")
    }
    windows = np.stack([part.vector for part in listener.open(sound) if part.vector is not None])
    cosines = windows @ listener.embed_text(LABELS).T
    np.testing.assert_allclose(found["max"], cosines.max(axis=0), atol=1e-5)
    np.testing.assert_allclose(found["top3"], np.sort(cosines, axis=0)[-3:].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found["mean"], listener.embed_text(LABELS) @ listener.embed_audio(sound)[0], atol=1e-5)


def test_the_same_bits_alone_in_a_batch_and_on_more_threads(listener: Listener, tone_folder: Path, files: list[str]) -> None:
    head = ZeroShot(listener, LABELS)
    together = head.classify(files)
    assert together == [head.classify(file)[0] for file in files]
    assert together == ZeroShot(Listener(listener.runtime, workers=1), LABELS).classify(files)


def test_prompts_banks_and_attributes_make_the_weights(listener: Listener) -> None:
    bank = DescriptionSet({"dog": ("barking", "bark")})
    head = ZeroShot(listener, ["dog", "rain"], prompt="deep {label}", bank=bank, mix=Mix(prompt=0.5))
    dog = unit(listener.embed_text(["barking", "bark"]).mean(axis=0))
    expected = unit(0.5 * listener.embed_text(["deep dog"])[0] + dog)
    np.testing.assert_allclose(head.weights[0], expected, atol=1e-5)
    np.testing.assert_allclose(head.weights[1], listener.embed_text(["deep rain"])[0], atol=1e-5)
    (told,) = head.classify(clip(tone("low tone", 3)))
    assert told.asked.wording == "deep {label} + bank" and told.asked.calibration == "none"


def test_labels_come_from_the_bank_or_the_attributes(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "bank.json").write_text(json.dumps({"dog": ["barking"], "rain": ["rain"]}))
    (tmp_path / "attributes.json").write_text(json.dumps({"Rain": {"deep": -1}, "hum": {"deep": 1, "high": -1}}))
    head = ZeroShot(listener, bank=tmp_path / "bank.json", attributes=tmp_path / "attributes.json")
    assert head.labels == ("dog", "rain", "hum")
    with pytest.raises(InputError, match="no labels were given"):
        ZeroShot(listener)


class Telling:
    """Counts how often texts are embedded."""

    def __init__(self, listener: Listener) -> None:
        self.asked: list[Sequence[str]] = []
        self._embed = listener.embed_text

    def __call__(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        self.asked.append(texts)
        return self._embed(texts, normalize=normalize)


def test_texts_are_embedded_once_whoever_asks(listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path))
    telling = Telling(listener)
    monkeypatch.setattr(listener, "embed_text", telling)
    first, again = ZeroShot(listener, LABELS, prompt="ensemble"), ZeroShot(listener, LABELS, prompt="ensemble")
    assert len(telling.asked) == 1 and len(telling.asked[0]) == 30
    np.testing.assert_array_equal(first.weights, again.weights)


def published(listener: Listener, monkeypatch: pytest.MonkeyPatch, scale: float | None = 20.0, prompt: str = "{label}") -> None:
    """The same ears with the config of a converted model: words without calibration."""
    config = encoder_config(
        name="tones", source="", frontend="auricle-16k", window=10.0, encoder={}, dim=8, text={}, logit_scale=scale, prompt=prompt
    )
    monkeypatch.setattr(listener, "config", config)


def test_a_model_without_calibration_is_held_against_a_background(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = clip(tone("low tone", 4))
    background = [
        "low",
        "middle",
        "high",
        "dog",
        "rain",
        "deep",
        "hum",
        "bark",
        "low hum",
        "deep tone",
        "high bark",
        "dog rain",
        "deep dog",
    ]
    vector = next(iter(listener.open(sound))).vector
    head = ZeroShot(listener, ["low tone"])
    monkeypatch.setattr(audioset, "labels", lambda: tuple(background))
    published(listener, monkeypatch)
    scorer, calibration, threshold = head.scorer("any")
    own, names = listener.embed_text(["low tone"])[0], listener.embed_text(background)
    far = np.argsort(-(names @ own), kind="stable")[NEAREST:]
    powers = np.exp(20.0 * np.append(own @ vector, names[far] @ vector).astype(np.float64))
    assert scorer.scores(scorer.evidence(vector))[0] == pytest.approx(powers[0] / powers.sum(), rel=1e-3)
    assert (calibration, threshold) == ("background", 0.5)


def test_one_label_alone_never_gets_a_one(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = listener.embed_audio([clip(tone(label, 3)) for label in LABELS[:2]])
    published(listener, monkeypatch)
    head = ZeroShot(listener, ["deep hum"])
    scorer = head.scorer("any")[0]
    assert isinstance(scorer, Contrast) and scorer.background.shape == (527, 8) and scorer.mask.sum() == 517
    others = scorer.background[scorer.mask[0]]  # a sound that is just like another name is not this one
    assert scorer.scores(scorer.evidence(others)).max() < 0.5
    for vector in sounds:
        assert scorer.scores(scorer.evidence(vector))[0] < 1
    with pytest.raises(InputError, match="wanted two or more labels"):
        head.classify("any.wav")


def test_a_published_model_has_its_own_prompt_and_scale(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    published(listener, monkeypatch, scale=None, prompt="deep {label}")
    head = ZeroShot(listener, ["dog", "rain"])
    assert head.prompt_set.name == "deep {label}"
    scorer, calibration, _ = head.scorer("one")
    assert calibration == "none" and scorer.scores(np.array([0.07, 0.0])) == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.e)], rel=1e-5)


def test_a_calibrated_model_without_labels_has_one_scale(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was calibrated on labels that it was not trained on, so its scale is not reduced for such labels."""
    published(listener, monkeypatch)
    config = listener.config
    assert config.text is not None
    text = config.text.model_copy(update={"calibration": CosineCalibration(scale=10.0, bias=-4.0)})
    monkeypatch.setattr(listener, "config", config.model_copy(update={"text": text}))
    head = ZeroShot(listener, ["dog", "rain"])
    cosines = np.array([0.3, 0.1])
    assert head.scorer("one")[0].scores(cosines) == pytest.approx(np.array([np.exp(2), 1]) / (np.exp(2) + 1), rel=1e-5)
    assert head.scorer("any")[0].scores(cosines) == pytest.approx(1 / (1 + np.exp([1.0, 3.0])), rel=1e-5)


def test_a_fitted_scale_is_used_and_held_to_what_it_was_fitted_to(listener: Listener, tone_folder: Path, tmp_path: Path) -> None:
    sounds = [clip(level * tone(label, 3)) for label in ("low tone", "high tone") for level in (0.1, 0.3, 0.9)]
    truth = ["low tone"] * 3 + ["high tone"] * 3
    head = ZeroShot(listener, LABELS)
    fitted = head.calibrate([*sounds, clip(silence(3))], [*truth, "dog"])
    assert fitted.clips == 6 and (fitted.wording, fitted.rule, fitted.model) == ("bare", "max", listener.fingerprint)
    fitted.save(tmp_path / "scale.json")
    again = ZeroShot(listener, LABELS, scales=[Scale.load(tmp_path / "scale.json")])
    (told,) = again.classify(sounds[0])
    assert told.asked.calibration == "fitted"
    np.testing.assert_allclose([scores(told)[label] for label in LABELS], shares(listener, sounds[0], fitted.scale), rtol=1e-4)
    assert again.classify(sounds[0], question="any")[0].asked.calibration == "model"
    with pytest.raises(InputError, match="fitted with prompt set 'bare'"):
        ZeroShot(listener, LABELS, prompt="ensemble", scales=[fitted])
    with pytest.raises(InputError, match="fitted with rule 'max'"):
        ZeroShot(listener, LABELS, rule="mean", scales=[fitted])
    with pytest.raises(ModelError, match="fitted to a model"):
        ZeroShot(listener, LABELS, scales=[fitted.model_copy(update={"model": "0" * 64})])


def test_any_is_calibrated_by_all_its_labels(listener: Listener) -> None:
    sounds = [clip(tone("low tone", 3)), clip(tone("high tone", 3)), clip(0.1 * (tone("low tone", 3) + tone("high tone", 3)))]
    head = ZeroShot(listener, LABELS)
    fitted = head.calibrate(sounds, [["low tone"], ["high tone"], ["low tone", "high tone"]], question="any")
    assert fitted.question == "any" and fitted.rule == "max" and fitted.clips == 3
    with pytest.raises(InputError, match="one label per file"):
        head.calibrate(sounds[2:], [["low tone", "high tone"]])
    with pytest.raises(InputError, match="1 files and 2 items of truth"):
        head.calibrate(sounds[:1], ["dog", "dog"])
    with pytest.raises(InputError, match="all 1 files are silent"):
        head.calibrate([clip(silence(2))], ["dog"])
    with pytest.raises(InputError, match="cat"):
        head.calibrate(sounds[:1], ["cat"])


@pytest.mark.parametrize(
    ("labels", "match"),
    [("dog", "wanted a list of strings"), ([], "no labels were given"), (["dog", " Dog_"], "is given twice"), (["dog", " "], "is empty")],
)
def test_labels_that_make_no_sense_are_refused(labels: Any, match: str, listener: Listener) -> None:
    with pytest.raises(InputError, match=match):
        ZeroShot(listener, labels)


def test_classes_that_are_one_to_the_model_are_told(listener: Listener) -> None:
    head = ZeroShot(listener, ["dog rain", "rain dog"])  # the tower knows no order
    with pytest.raises(InputError, match="'dog rain' and 'rain dog' have the same text vector"):
        head.classify(clip(tone("low tone", 2)))
    assert len(head.classify(clip(tone("low tone", 2)), question="any")[0].labels) == 2


def test_arrays_without_a_rate_and_nothing_at_all(listener: Listener) -> None:
    head = ZeroShot(listener, LABELS)
    assert head.classify([]) == []
    with pytest.raises(InputError, match="without its rate"):
        head.classify(np.zeros(100, np.float32))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"a recording is 3 \(int\)"):
        head.classify([3])  # type: ignore[list-item]


def test_giving_up_leaves_no_thread_at_work(listener: Listener) -> None:
    sounds = [Clip(tone("low tone", 30), RATE, name=str(place)) for place in range(8)]
    each = ZeroShot(listener, LABELS).each(sounds)
    assert next(each).file == "0"
    each.close()  # type: ignore[attr-defined]


def test_progress_is_told(listener: Listener) -> None:
    told: list[tuple[int, float, float]] = []
    ZeroShot(listener, LABELS).classify([clip(tone("low tone", 2)), clip(tone("low tone", 12))], progress=lambda *step: told.append(step))
    assert {place for place, _, _ in told} == {0, 1} and max(seconds for _, seconds, _ in told) == pytest.approx(12)


def test_the_record_is_json(listener: Listener) -> None:
    (told,) = ZeroShot(listener, LABELS).classify(Clip(tone("low tone", 2), RATE, name="a.wav"))
    line = json.loads(told.to_json())
    assert list(line) == ["version", "file", "asked", "duration", "coverage", "silent", "labels", "band"]
    assert line["asked"] == {"question": "one", "wording": "bare", "rule": "max", "calibration": "model"}
    assert line["labels"][0]["present"] and round(line["labels"][0]["score"], 4) == line["labels"][0]["score"]
    assert json.loads(ZeroShot(listener, LABELS).classify("none.wav")[0].to_json())["error"].startswith("none.wav: no such file")
