from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tone_model
from tone_model import clip, silence, tone

import auricle
from auricle.core.errors import InputError, SoundError
from auricle.core.records import Analysis, Band, Clip, Label
from auricle.listen.listener import Listener
from auricle.tasks import tagging


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


def present(heard: Analysis) -> set[str]:
    return {label.label for label in heard.tags if label.present}


def times(heard: Analysis, label: str) -> list[tuple[float, float]]:
    return [(event.onset, event.offset) for event in heard.events if event.label == label]


@pytest.fixture(scope="module")
def scene() -> Clip:
    """Forty seconds whose events are known; the high tone crosses every window's edge."""
    pieces = [silence(1), tone("low tone", 2), silence(0.3), tone("low tone", 1), silence(2.7), tone("high tone", 25), silence(6)]
    return clip(*pieces, tone("middle tone", 2), name="scene")


def test_hears_what_is_there_and_when(listener: Listener, scene: Clip) -> None:
    heard = listener.listen(scene)
    assert heard.file == "scene" and heard.duration == 40.0 and heard.coverage == 1.0 and not heard.silent and heard.error is None
    assert present(heard) == set(tone_model.TONES)
    assert heard.labels is None and len(heard.tags) == 5
    for label, wanted in {"low tone": [(1.0, 4.3)], "high tone": [(7.0, 32.0)], "middle tone": [(38.0, 40.0)]}.items():
        np.testing.assert_allclose(times(heard, label), wanted, atol=0.11)
    assert [event.onset for event in heard.events] == sorted(event.onset for event in heard.events)


def test_scores_are_calibrated_label_by_label(tone_folder: Path, tmp_path: Path, listener: Listener) -> None:
    sound = clip(tone("low tone", 2), silence(1), tone("high tone", 3, level=0.02))
    (outputs,) = listener.outputs(sound)
    said = tagging.combine_logits(outputs["clip_logits"][0], outputs["frame_logits"][0]).astype(float)
    scale, bias = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([-0.5, 0.25, 0.0, 1.0, -1.0])
    folder = Path(shutil.copytree(tone_folder, tmp_path / "calibrated"))
    config = tone_model.config()
    config["calibration"]["clip"] = {"scale": scale.tolist(), "bias": bias.tolist()}
    config["calibration"]["frame"] = {"scale": [1.0] * 5, "bias": [-100.0] * 5}
    (folder / "config.json").write_text(json.dumps(config))
    heard = auricle.load(folder).listen(sound)
    wanted = dict(zip(tone_model.LABELS, 1 / (1 + np.exp(-(scale * said + bias))), strict=True))
    assert {tag.label: tag.score for tag in heard.tags} == pytest.approx(wanted, abs=1e-5)
    assert listener.listen(sound).events and not heard.events


def test_words_are_scored_in_the_prompt_that_they_are_calibrated_with(
    tone_folder: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listener.config.text is not None
    text = listener.config.text.model_copy(update={"prompt": "deep {label}"})
    prompted = auricle.load(tone_folder)
    monkeypatch.setattr(prompted, "config", prompted.config.model_copy(update={"text": text}))
    sound = clip(tone("low tone", 2))
    heard = prompted.listen(sound, ["hum"]).labels
    cosine = listener.embed_text(["deep hum"])[0] @ listener.embed_audio(sound)[0]
    assert heard is not None and heard[0].score == pytest.approx(1 / (1 + np.exp(1 - 4 * cosine)), abs=1e-6)
    plain = listener.listen(sound, ["hum"]).labels
    assert plain is not None and abs(plain[0].score - heard[0].score) > 1e-3


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000])
def test_rates_agree(listener: Listener, rate: int) -> None:
    sound = clip(silence(1, rate=rate), tone("middle tone", 2, rate=rate), silence(1, rate=rate), rate=rate)
    heard = listener.listen(sound)
    assert present(heard) == {"middle tone"}
    np.testing.assert_allclose(times(heard, "middle tone"), [(1.0, 3.0)], atol=0.11)


def test_channels_are_mixed(listener: Listener) -> None:
    both = np.stack([tone("low tone", 2), tone("high tone", 2)])
    assert present(listener.listen(Clip(both, tone_model.RATE))) == {"low tone", "high tone"}


def test_the_same_call_gives_the_same_bits_in_any_company(listener: Listener, tone_folder: Path, scene: Clip) -> None:
    alone = listener.listen(scene, ["deep hum"])
    assert listener.listen(scene, ["deep hum"]) == alone
    others = [clip(tone("low tone", 0.7)), scene, clip(silence(2)), scene]
    assert listener.listen(others, ["dog", "deep hum"])[3].tags == alone.tags
    assert listener.listen(others)[1].events == alone.events
    single = Listener(auricle.load(tone_folder).runtime, workers=1)
    assert single.listen(scene, ["deep hum"]) == alone
    assert single.listen(others)[1].events == alone.events


def test_a_file_is_heard_like_its_array(listener: Listener, tmp_path: Path, scene: Clip) -> None:
    path = tmp_path / "scène.wav"
    soundfile.write(path, scene.samples.T, scene.rate, subtype="FLOAT")
    heard = listener.listen(path)
    assert heard.file == str(path)
    assert (heard.tags, heard.events) == (listener.listen(scene).tags, listener.listen(scene).events)


def test_silence_is_silent(listener: Listener) -> None:
    for sound in (silence(3), np.zeros((4, 100), np.float32), np.full(48_000, 1e-5, np.float32)):
        heard = listener.listen(Clip(sound, tone_model.RATE), ["dog", "deep hum"])
        assert heard.silent and heard.coverage == 1.0 and heard.error is None and not heard.events
        assert not present(heard) and all(label.score == 0 for label in heard.tags)
        assert heard.labels is not None and not any(label.present or label.score for label in heard.labels)


@pytest.mark.parametrize("offset", [0.1, -0.5])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 384_000])
def test_a_constant_offset_is_silent_and_hides_no_sound(listener: Listener, offset: float, rate: int) -> None:
    still = np.stack([np.full(3 * rate, offset), np.full(3 * rate, -offset / 3)]).astype(np.float32)
    heard = listener.listen(Clip(still, rate), ["dog"])
    assert heard.silent and not heard.events and not present(heard)
    assert present(listener.listen(Clip(still + tone("low tone", 3, rate=rate), rate))) == {"low tone"}
    click = still.copy()
    click[:, rate // 2] += 0.3
    assert not listener.listen(Clip(click, rate)).silent


def test_channels_that_cancel_out_are_heard(listener: Listener) -> None:
    left = tone("low tone", 3)
    assert present(listener.listen(Clip(np.stack([left, -left]), tone_model.RATE))) == {"low tone"}


def test_the_band_that_is_heard_is_told(listener: Listener) -> None:
    times = np.arange(2 * 96_000) / 96_000
    high = 0.1 * np.sin(2 * np.pi * 30_000 * times).astype(np.float32)
    half = listener.listen(Clip(high + tone("low tone", 2, rate=96_000) * (0.1 / np.abs(tone("low tone", 2)).max()), 96_000))
    assert half.band is not None and (half.band.low, half.band.high) == (50, 8_000) and half.band.above == pytest.approx(0.5, abs=0.02)
    assert present(half) == {"low tone"}
    own = listener.listen(Clip(tone("low tone", 2, rate=8_000), 8_000))
    assert own.band == Band(50, 4_000, 0.0)


@pytest.mark.parametrize("rate", [192_000, 384_000, 768_000])
def test_sound_above_the_band_claims_nothing(listener: Listener, rate: int) -> None:
    times = np.arange(3 * rate) / rate
    sweep = 0.5 * np.sin(2 * np.pi * (20_000 * times + 20_000 / 3 * times**2))  # 20 to 60 kHz, cut off hard at both ends
    calls = np.where(times % 0.25 < 0.01, 0.5 * np.sin(2 * np.pi * 40_000 * times), 0)  # switched on and off, which clicks
    for sound in (sweep, calls):
        heard = listener.listen(Clip(sound.astype(np.float32), rate), ["dog"])
        assert not present(heard) and not heard.events and not heard.silent and heard.error is None
        assert all(tag.score == 0 for tag in heard.tags) and heard.band is not None and heard.band.above > 0.999


def test_sound_that_the_model_cannot_hear_is_not_called_silent(listener: Listener) -> None:
    times = np.arange(2 * 96_000) / 96_000
    ultrasound = Clip((0.3 * np.sin(2 * np.pi * 30_000 * times)).astype(np.float32), 96_000)
    heard = listener.listen(ultrasound)
    assert not heard.silent and not present(heard) and not heard.events


def test_the_vocabulary_is_not_forced_on_noise(listener: Listener) -> None:
    noise = Clip((0.1 * np.random.default_rng(1).standard_normal(48_000)).astype(np.float32), tone_model.RATE)
    heard = listener.listen(noise)
    assert not present(heard) and not heard.events and not heard.silent


@pytest.mark.parametrize("samples", [1, 2, 100, 1000])
def test_next_to_nothing_is_heard_without_making_anything_up(listener: Listener, samples: int) -> None:
    heard = listener.listen(Clip(np.full(samples, 0.5, np.float32), tone_model.RATE))
    assert heard.coverage == 1.0 and heard.error is None and not present(heard) and not heard.events
    assert heard.duration == samples / tone_model.RATE


@pytest.mark.parametrize("rate", [4_000, 192_000])
def test_one_sample_at_any_rate(listener: Listener, rate: int) -> None:
    heard = listener.listen(Clip(np.array([0.5], np.float32), rate))
    assert heard.coverage == 1.0 and heard.error is None and not present(heard)
    assert listener.embed_audio(Clip(np.array([0.5], np.float32), rate)).shape == (1, tone_model.DIM)


def test_bad_files_are_told_and_the_rest_is_heard(listener: Listener, tmp_path: Path) -> None:
    good, text = tmp_path / "good.wav", tmp_path / "text.wav"
    soundfile.write(good, tone("low tone", 1), tone_model.RATE)
    text.write_text("this is no sound\n" * 20)
    heard = listener.listen([text, good, tmp_path / "missing.wav", tmp_path, good])
    assert [one.error is None for one in heard] == [False, True, False, False, True]
    for one in (heard[0], heard[2], heard[3]):
        assert one.error and "\n" not in one.error and one.file in one.error
        assert not one.tags and not one.events and not one.coverage
    assert present(heard[1]) == {"low tone"}


def test_a_cut_file_is_heard_as_far_as_it_goes(listener: Listener, tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, np.concatenate([tone("low tone", 2), tone("high tone", 2)]), tone_model.RATE)
    path.write_bytes(path.read_bytes()[: tone_model.RATE * 4])
    heard = listener.listen(path)
    assert heard.error and heard.coverage == pytest.approx(0.5, abs=0.01) and heard.duration == pytest.approx(4.0, abs=0.01)
    assert present(heard) == {"low tone"} and all(event.offset <= 2.0 for event in heard.events)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("at", [0, 25 * tone_model.RATE, 30 * tone_model.RATE - 1])
def test_all_but_what_is_not_finite_is_heard(listener: Listener, bad: float, at: int) -> None:
    sound = tone("low tone", 30)
    sound[at] = bad
    heard = listener.listen([Clip(sound, tone_model.RATE, "broken"), clip(tone("low tone", 1))])
    assert heard[0].error and f"{at / tone_model.RATE:.3f} s is {bad:g}" in heard[0].error
    assert heard[0].duration == 30.0 and heard[0].coverage == pytest.approx(29.9 / 30) and present(heard[0]) == {"low tone"}
    assert present(heard[1]) == {"low tone"}


def test_nothing_finite_is_refused(listener: Listener) -> None:
    heard = listener.listen(Clip(np.full((2, 48_000), np.nan, np.float32), tone_model.RATE, "broken"))
    assert heard.error and heard.error.startswith("broken: ") and "nan" in heard.error and not heard.tags and not heard.coverage


def test_asked_words(listener: Listener) -> None:
    heard = listener.listen(clip(tone("low tone", 2)), ["deep hum", "LOW_tone", "dog"])
    assert heard.labels is not None
    assert [label.label for label in heard.labels] == ["deep hum", "LOW_tone", "dog"]
    tags = {label.label: label for label in heard.tags}
    assert heard.labels[1].score == tags["low tone"].score and heard.labels[1].present  # a word of the vocabulary keeps its own score
    assert heard.labels[2].score == tags["dog"].score and not heard.labels[2].present
    cosine = float((listener.embed_audio(clip(tone("low tone", 2))) @ listener.embed_text(["deep hum"]).T)[0, 0])
    assert heard.labels[0].score == pytest.approx(1 / (1 + np.exp(1 - 4 * cosine)), abs=1e-5)


@pytest.mark.parametrize("labels", [[""], ["dog", " "], "dog"])
def test_labels_that_say_nothing_are_refused(listener: Listener, labels: list[str] | str) -> None:
    with pytest.raises(InputError):
        listener.listen(clip(tone("low tone", 1)), labels)


def test_no_labels_asked_is_not_the_same_as_none(listener: Listener) -> None:
    assert listener.listen(clip(tone("low tone", 1)), []).labels == ()


def test_top_keeps_the_best(listener: Listener) -> None:
    sound = clip(tone("low tone", 1))
    whole = listener.listen(sound, top=None)
    assert len(whole.tags) == 5 and listener.listen(sound, top=2).tags == whole.tags[:2]
    with pytest.raises(InputError, match="top is 0"):
        listener.listen(sound, top=0)


def test_labels_that_come_near_are_told_only_where_none_is_present(listener: Listener, tmp_path: Path) -> None:
    """A model whose calibration says one half of everything, with a threshold over it."""
    folder = tone_model.write(tmp_path / "unsure")
    config = json.loads((folder / "config.json").read_text())
    config["calibration"]["clip"]["scale"] = [0.0] * len(tone_model.LABELS)
    config["threshold"]["clip"] = [0.9, 0.9, 0.9, 0.9, 1.0]
    (folder / "config.json").write_text(json.dumps(config))
    unsure = auricle.load(folder)
    heard = unsure.listen(clip(tone("low tone", 2)))
    assert heard.perhaps == tuple(Label(label, 0.5, False) for label in tone_model.LABELS[:3])
    assert (
        not heard.events and not any(tag.present for tag in heard.tags) and unsure.tag(clip(tone("low tone", 2))).perhaps == heard.perhaps
    )
    assert unsure.detect(clip(tone("low tone", 2))).perhaps == () and unsure.listen(clip(silence(2))).perhaps == ()
    certain = listener.listen(clip(tone("low tone", 2)))
    assert certain.perhaps == () and "perhaps" not in certain.to_dict()


def test_tag_and_detect_are_parts_of_listen(listener: Listener, scene: Clip) -> None:
    heard, tagged, detected = listener.listen(scene), listener.tag(scene), listener.detect([scene])[0]
    assert tagged.tags == heard.tags and tagged.events == ()
    assert detected.events == heard.events and detected.tags == ()


@pytest.mark.parametrize("wrong", [3, None, np.zeros(5), [3], [np.zeros(5)]])
def test_what_is_no_sound_is_refused(listener: Listener, wrong: object) -> None:
    with pytest.raises((InputError, TypeError)):
        listener.listen(wrong)  # type: ignore[call-overload]


def test_nothing_gives_nothing(listener: Listener) -> None:
    assert listener.listen([]) == []
    assert listener.embed_audio([]).shape == (0, tone_model.DIM)


def test_vectors(listener: Listener, scene: Clip) -> None:
    rows = listener.embed_audio([scene, clip(tone("low tone", 1)), clip(silence(1)), scene])
    assert rows.shape == (4, tone_model.DIM) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    assert (rows[0] == rows[3]).all() and (rows[:1] == listener.embed_audio(scene)).all()
    raw = listener.embed_audio(scene, normalize=False)[0]
    assert np.linalg.norm(raw) <= 1.0 and np.linalg.norm(raw) != 1.0
    np.testing.assert_allclose(raw / np.linalg.norm(raw), rows[0], atol=1e-6)


def test_space_likeness_is_the_earlier_name_of_similarity(listener: Listener, scene: Clip) -> None:
    similarity = listener.embed_audio(scene, space="similarity")
    assert similarity.shape == (1, listener.similarity_dim) and listener.similarity_dim != tone_model.DIM
    assert np.array_equal(listener.embed_audio(scene, space="likeness"), similarity)
    assert listener.embed_audio([], space="similarity").shape == (0, listener.similarity_dim)


def test_silence_does_not_move_a_vector(listener: Listener) -> None:
    sound = tone("low tone", 10)
    long = clip(sound, silence(40))
    np.testing.assert_allclose(listener.embed_audio(clip(sound)), listener.embed_audio(long), atol=0.15)


def test_vectors_of_bad_files_raise(listener: Listener, tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="no such file"):
        listener.embed_audio([clip(tone("low tone", 1)), tmp_path / "missing.wav"])


def test_progress_reaches_the_end(listener: Listener, scene: Clip) -> None:
    told: list[tuple[int, float, float]] = []
    listener.listen([scene, scene], progress=lambda *step: told.append(step))
    assert {place for place, _, _ in told} == {0, 1}
    assert max(seconds for _, seconds, _ in told) == pytest.approx(40.0)
    assert all(declared == 40.0 for _, _, declared in told)


def test_answers_come_before_the_last_file_is_heard(listener: Listener, scene: Clip) -> None:
    answers = listener.each([scene] * 50)
    assert next(answers).file == "scene"
    before = threading.active_count()
    answers.close()  # type: ignore[attr-defined]
    assert threading.active_count() <= before


def test_giving_up_does_not_wait_for_a_long_file(listener: Listener) -> None:
    hour = Clip(np.zeros((1, 3600 * 4000), np.float32) + tone("low tone", 3600, rate=4000), 4000)
    answers = listener.each([clip(tone("low tone", 1)), hour, hour])
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("auricle")]


def test_many_threads_share_one_listener(listener: Listener, scene: Clip) -> None:
    wanted, results = listener.listen(scene), []
    threads = [threading.Thread(target=lambda: results.append(listener.listen(scene))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [wanted] * 4
