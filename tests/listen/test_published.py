"""A Listener over published encoders: the same calls, whatever the model knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import published_models

import auricle
from auricle.core.errors import InputError, ModelError

RATE = 32_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_models.tagger(tmp_path_factory.mktemp("published") / "tagger")


@pytest.fixture(scope="module")
def listener(folder: Path) -> auricle.Listener:
    return auricle.load(folder)


def noise(seconds: float, seed: int = 0) -> auricle.Clip:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return auricle.Clip(samples.astype(np.float32), RATE, f"{seconds:g} s")


@pytest.mark.parametrize("seconds", [0.3, 4.0, 4.01, 31.0])
def test_a_clip_of_any_length_is_heard_whole_and_the_same_twice(listener: auricle.Listener, seconds: float) -> None:
    heard = listener.listen(noise(seconds), top=None)
    assert heard.coverage == 1 and heard.error is None and len(heard.tags) == 5
    assert listener.listen(noise(seconds), top=None) == heard
    assert np.array_equal(listener.embed_audio(noise(seconds)), listener.embed_audio(noise(seconds)))


def test_company_changes_nothing(listener: auricle.Listener) -> None:
    clips = [noise(seconds, seed) for seed, seconds in enumerate((0.3, 1.0, 2.5, 4.0, 9.0, 0.7, 3.0, 13.0))]
    together = listener.embed_audio(clips)
    alone = np.concatenate([listener.embed_audio(clip) for clip in clips])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_one_window_is_the_encoder_itself(listener: auricle.Listener) -> None:
    """Nothing stands between a clip of one window and the published numbers but the length of the vector."""
    outputs = next(iter(listener.outputs(noise(4.0))))
    vector = listener.embed_audio(noise(4.0))[0]
    np.testing.assert_allclose(vector, outputs["embedding"][0] / np.linalg.norm(outputs["embedding"][0]), atol=1e-6)
    scores = {tag.label: tag.score for tag in listener.tag(noise(4.0), top=None).tags}
    np.testing.assert_allclose([scores[label] for label in listener.labels], 1 / (1 + np.exp(-outputs["clip_logits"][0])), atol=1e-6)


def test_silence_is_silent(listener: auricle.Listener) -> None:
    heard = listener.listen(auricle.Clip(np.zeros((1, 5 * RATE), np.float32), RATE))
    assert heard.silent and not heard.events and not any(tag.present for tag in heard.tags)


def test_words_are_refused_by_a_model_without_them(listener: auricle.Listener) -> None:
    with pytest.raises(ModelError, match="small tagger has no text tower"):
        listener.embed_text(["rain"])
    with pytest.raises(ModelError, match="has no text tower"):
        listener.listen(noise(1.0), labels=["rain"])


def test_a_model_without_labels_says_so(tmp_path: Path) -> None:
    bare = auricle.load(published_models.tagger(tmp_path / "bare", labels=0))
    assert bare.labels == () and bare.embed_audio(noise(1.0)).shape == (1, 24)
    with pytest.raises(InputError, match="has no labels of its own"):
        bare.tag(noise(1.0))


def test_a_model_that_tells_no_times_has_events_from_short_windows(listener: auricle.Listener) -> None:
    analysis = listener.detect(noise(3.0), window=1.0)
    assert json.loads(analysis.to_json())["event_windows"] == {"window": 1.0, "hop": 0.25}
    assert "event_windows" not in json.loads(listener.tag(noise(1.0)).to_json())
    for window, hop, message in (
        (5.0, 1.0, "window is 5 s; wanted 0.02 to 4 s, as small tagger takes"),
        (0.01, None, "window is 0.01 s; wanted 0.02 to 4 s"),
        (1.0, 0.3, "wanted a window of a whole number of hops, 1 to 100"),
        (None, 0.25, "hop is 0.25 .float. without a window"),
        (-1.0, None, "window is -1.0 .float.; wanted a positive number of seconds"),
        ("1", None, "window is '1' .str.; wanted seconds"),
    ):
        with pytest.raises(InputError, match=message):
            listener.detect(noise(1.0), window=window, hop=hop)  # type: ignore[call-overload]
    with pytest.raises(InputError, match=r"auricle-tiny has 12.5 frame-level scores a second; leave out window and hop"):
        auricle.load().detect(noise(1.0), window=1.0)


def test_events_are_refused_by_a_model_that_tells_no_times(listener: auricle.Listener) -> None:
    assert listener.config.frame is None
    with pytest.raises(
        InputError, match=r"small tagger scores whole windows and tells no times; give --window 1 --hop 0.25 .*auricle-tiny"
    ):
        listener.detect(noise(1.0))
    assert listener.tag(noise(1.0)).error is None


def test_an_archive_of_a_model_without_words_is_searched_by_example(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    import soundfile

    from auricle.archive import sources
    from auricle.archive.indexing import index
    from auricle.archive.search import Query, Searcher
    from auricle.archive.store import Archive

    listener = auricle.load(folder)
    for seed in range(3):
        soundfile.write(tmp_path / f"{seed}.wav", noise(2.0, seed).samples[0] * (1 + seed), RATE)
    archive = Archive.create(tmp_path / "archive", listener)
    index(archive, listener, sources.find_recordings([str(tmp_path / "*.wav")]))
    searcher = Searcher(archive, listener)
    assert {Path(hit.file).name for hit in searcher.search(Query(like=str(tmp_path / "1.wav")))} == {"0.wav", "2.wav"}
    with pytest.raises(ModelError, match="has no text tower"):
        searcher.search(Query("rain"))
