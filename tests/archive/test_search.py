"""Searching: words, examples, what is not wanted, filters, and windows joined to hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_model import RATE, silence, tone

import auricle
from auricle.core.errors import InputError
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Space

pytest.importorskip("lancedb")

from auricle.archive import search as searching
from auricle.archive import sources, store
from auricle.archive.indexing import MIN_SCORE, index
from auricle.archive.search import Query, Searcher, parse_span
from auricle.archive.store import Archive


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    soundfile.write(folder / "low.wav", tone("low tone", 3), RATE)
    soundfile.write(folder / "high.wav", tone("high tone", 3), RATE)
    soundfile.write(folder / "both.wav", tone("low tone", 3) + tone("high tone", 3), RATE)
    pieces = [tone("low tone", 12), silence(8), tone("middle tone", 12), silence(8), tone("low tone", 4)]
    soundfile.write(folder / "long.wav", np.concatenate(pieces), RATE)
    return folder


@pytest.fixture(scope="module")
def searcher(sounds: Path, listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    archive = Archive.create(tmp_path_factory.mktemp("archives") / "a", listener, window=4.0, hop=4.0)
    index(archive, listener, sources.find_recordings([str(sounds)]))
    return Searcher(archive, listener)


def names(hits: list[searching.Hit]) -> list[str]:
    return [Path(hit.file).name for hit in hits]


def test_words_find_the_sound_and_where_it_is(searcher: Searcher) -> None:
    (hit,) = searcher.search(Query("a middle tone"), k=1)
    assert Path(hit.file).name == "long.wav" and (hit.onset, hit.offset) == (20.0, 32.0)
    assert hit.tags == ("middle tone",) and hit.score > 0.9


def test_stretches_apart_are_hits_apart(searcher: Searcher) -> None:
    hits = [hit for hit in searcher.search(Query("low tone"), k=4) if hit.file.endswith("long.wav")]
    assert sorted((hit.onset, hit.offset) for hit in hits) == [(0.0, 12.0), (40.0, 44.0)]


def test_hits_come_best_first_and_no_more_than_asked(searcher: Searcher) -> None:
    hits = searcher.search(Query("high tone"), k=50)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(searcher.search(Query("high tone"), k=2)) == 2
    with pytest.raises(InputError, match="wanted 1 or more"):
        searcher.search(Query("high tone"), k=0)
    with pytest.raises(InputError, match=r"query is None \(NoneType\); wanted a Query"):
        searcher.search(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"k is '3' \(str\); wanted 1 or more"):
        searcher.search(Query("high tone"), k="3")  # type: ignore[arg-type]


def test_what_is_not_wanted_goes_down(searcher: Searcher) -> None:
    assert set(names(searcher.search(Query("low tone"), k=4))) == {"low.wav", "both.wav", "long.wav"}
    plain = {Path(hit.file).name: hit.score for hit in searcher.search(Query("low tone"), k=9)}
    without = {Path(hit.file).name: hit.score for hit in searcher.search(Query("low tone", unwanted=("high tone",)), k=9)}
    assert without["both.wav"] < 0.5 * plain["both.wav"] and without["low.wav"] > 0.5 * plain["low.wav"]


def test_an_example_finds_its_like_and_not_itself(searcher: Searcher, sounds: Path) -> None:
    first, *_ = searcher.search(Query(like=str(sounds / "low.wav")), k=3)
    assert Path(first.file).name == "long.wav" and first.score > 0.99
    hits = searcher.search(Query(like=f"{sounds / 'long.wav'}@20-30"), k=9)
    assert not any(hit.file.endswith("long.wav") and hit.onset < 30 and hit.offset > 20 for hit in hits)


def test_words_that_name_a_label_have_its_score(searcher: Searcher) -> None:
    (plain,) = searcher.search(Query("middle tone"), k=1)
    assert plain.score > 0.9
    for words in ("Middle-tone!", "middle tones in a hall", "the sound of a middle tone", "middle tone or rain"):
        assert searcher.search(Query(words), k=1) == [plain]


def test_words_that_mean_a_label_are_scored_by_it_alone(searcher: Searcher, listener: Listener) -> None:
    """Where the label is not heard, the text ranks below every stored score of the label, however well it fits."""
    score = searcher.search(Query("dog"), k=1)[0].score
    by_text = listener.score(searcher.windows(Query("dog"), 99).vectors @ listener.embed_text(["dog"])[0])
    assert 0 < score < MIN_SCORE and score == pytest.approx(MIN_SCORE * float(by_text.max()), rel=1e-4)
    by_text = listener.score(searcher.windows(Query("dog"), 99).vectors @ listener.embed_text(["dog whistle"])[0])
    assert searcher.search(Query("dog whistle"), k=1)[0].score == pytest.approx(float(by_text.max()), rel=1e-4)


@pytest.mark.parametrize("query", [Query("no dog"), Query("low tone", unwanted=("not a dog",)), Query("rain without a dog")])
def test_denials_are_refused(searcher: Searcher, query: Query) -> None:
    with pytest.raises(InputError, match=r"denies a sound; wanted words for a sound, and .* --not"):
        searcher.search(query)


@pytest.mark.parametrize("query", [Query("\u72d7"), Query("low tone", unwanted=("\U0001f436",))])
def test_words_that_the_model_cannot_read_find_nothing(searcher: Searcher, query: Query) -> None:
    with pytest.raises(InputError, match="no word is in the vocabulary"):
        searcher.search(query)


def test_words_with_an_example_must_both_fit(searcher: Searcher, sounds: Path) -> None:
    where = "file like '%both.wav' or file like '%low.wav'"
    words = {hit.file: hit.score for hit in searcher.search(Query("high tone", where=where))}
    example = {hit.file: hit.score for hit in searcher.search(Query(like=f"{sounds / 'long.wav'}@0-3", where=where))}
    both = {hit.file: hit.score for hit in searcher.search(Query("high tone", like=f"{sounds / 'long.wav'}@0-3", where=where))}
    assert both.keys() == words.keys() and len(both) == 2
    for file, score in both.items():
        assert score == pytest.approx(words[file] * example[file], rel=1e-4)


def test_filters_are_sql_over_the_columns(searcher: Searcher) -> None:
    assert names(searcher.search(Query("low tone", where="duration > 10"), k=9)) == ["long.wav"] * 3
    assert set(names(searcher.search(Query("low tone", where="file like '%low%' or tags = 'high tone'"), k=9))) == {"low.wav", "high.wav"}
    assert searcher.search(Query("low tone", where="duration > 1000"), k=9) == []
    with pytest.raises(InputError, match="--where"):
        searcher.search(Query("low tone", where="no such column"), k=9)
    with pytest.raises(InputError, match="query is empty"):
        searcher.search(Query(), k=9)


def test_new_windows_are_found_at_once(sounds: Path, listener: Listener, tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "a", listener)
    mine = Searcher(archive, listener)
    assert mine.search(Query("low tone")) == []
    index(Archive.open(tmp_path / "a"), listener, sources.find_recordings([str(sounds / "low.wav")]))
    assert names(mine.search(Query("low tone"))) == ["low.wav"]


@pytest.mark.parametrize("keep", [False, True])
def test_a_large_archive_gives_the_same_hits(keep: bool, searcher: Searcher, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [
        Query(like=str(sounds / "low.wav")),
        Query("low tone"),
        Query("deep hum"),
        Query("high tone", unwanted=("low tone",)),
        Query("low tone", where="duration > 10"),
    ]
    exact = [searcher.search(query, k=5) for query in queries]
    monkeypatch.setattr(store, "EXACT_LIMIT", 0)
    mine = Searcher(searcher.archive, searcher.listener, cache_large=keep)
    near = [mine.search(query, k=5) for query in queries]
    for ours, theirs in zip(near, exact, strict=True):
        assert [(hit.file, hit.onset, hit.offset) for hit in ours] == [(hit.file, hit.onset, hit.offset) for hit in theirs]
        np.testing.assert_allclose([hit.score for hit in ours], [hit.score for hit in theirs], rtol=1e-5)


def test_spans_of_examples() -> None:
    assert parse_span("a.wav@3-5.5") == (Path("a.wav"), 3.0, 5.5)
    assert parse_span("a@b.wav") == (Path("a@b.wav"), 0.0, float("inf"))
    with pytest.raises(InputError, match="before it starts"):
        parse_span("a.wav@5-3")


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("space", ["words", "similarity"])
def test_neighbours_are_the_same_with_and_without_an_index(
    space: Space, keep: bool, searcher: Searcher, sounds: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = listener.embed_audio(sounds / "both.wav", space=space)[0]
    found = searcher.nearest(vector, 4, space=space)
    assert Path(found[0].file).name == "both.wav" and found[0].cosine == pytest.approx(1, abs=1e-5)
    monkeypatch.setattr(store, "EXACT_LIMIT", 1)
    large = Searcher(searcher.archive, listener, cache_large=keep)
    for one, other in zip(found, large.nearest(vector, 4, space=space), strict=True):
        assert one.cosine == pytest.approx(other.cosine, abs=1e-5)
