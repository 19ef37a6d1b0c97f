from __future__ import annotations

from pathlib import Path

import made_sounds
import numpy as np
import pytest
import soundfile
import tone_model

from auricle.bench import disk_cache, embeddings
from auricle.bench.embeddings import ClipEmbeddings, embed_items
from auricle.core.errors import InputError
from auricle.data import shards
from auricle.data.item import Item
from auricle.listen.listener import Listener, load


@pytest.fixture
def listener(tone_folder: Path) -> Listener:
    return load(tone_folder)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bench" / "vectors.sqlite"


def test_they_are_what_the_listener_hears(tmp_path: Path, listener: Listener, cache: Path) -> None:
    items = made_sounds.tones(tmp_path, each=1)
    long = made_sounds.item(tmp_path, "long", np.concatenate([tone_model.tone(label, 9) for label in made_sounds.LABELS]), "long")
    heard = embed_items(listener, [*items, long])
    for space in ("words", "similarity"):
        wanted = listener.embed_audio([item.audio for item in (*items, long)], space=space)
        assert np.allclose([one.mean(space) for one in heard], wanted, atol=1e-6)
    assert len(heard[-1].seconds) > 1 and not any(one.silent for one in heard)
    tags = {tag.label: tag.score for tag in listener.tag(str(items[0].audio), top=None).tags}
    assert np.allclose(heard[0].scores, [tags[label] for label in listener.labels], atol=1e-6)


def test_silence_has_vectors_but_no_window_that_sounds(tmp_path: Path, listener: Listener, cache: Path) -> None:
    one = embed_items(listener, [made_sounds.item(tmp_path, "nothing", tone_model.silence(2), "x")])[0]
    assert one.silent and not list(one.sounding()) and np.isfinite(one.mean("similarity")).all()
    again = ClipEmbeddings.unpack(one.pack())
    assert again is not None and again.silent and np.array_equal(again.words, one.words)


def test_the_second_time_nothing_is_heard(tmp_path: Path, listener: Listener, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = made_sounds.tones(tmp_path, each=1)
    first = embed_items(listener, items)
    heard: list[str] = []
    real = embeddings._embed_item
    monkeypatch.setattr(embeddings, "_embed_item", lambda listener, item, worker: heard.append(item.id) or real(listener, item, worker))
    again = embed_items(listener, items)
    assert not heard
    assert all(np.array_equal(one.similarity, other.similarity) for one, other in zip(first, again, strict=True))
    soundfile.write(items[0].audio, made_sounds.chord([0, 0.2, 0.1]), made_sounds.RATE)
    changed = embed_items(listener, items)
    assert heard == [items[0].id] and not np.allclose(changed[0].similarity, first[0].similarity)
    cache.write_bytes(b"no database" * 100)
    embed_items(listener, items)
    assert len(heard) == 1 + len(items)


def test_parts_of_files_and_members_of_shards(tmp_path: Path, listener: Listener, cache: Path) -> None:
    low, high = tone_model.tone("low tone", 2), tone_model.tone("high tone", 2)
    whole = made_sounds.item(tmp_path, "whole", np.concatenate([low, high]), "x")
    part = Item(id="part", audio=whole.audio, start=2.0, end=4.0)
    shards.write_one(tmp_path / "a.tar", [made_sounds.item(tmp_path, "high", high, "high tone")])
    packed = next(iter(shards.items(tmp_path / "a.tar")))
    plain = made_sounds.item(tmp_path, "plain", high, "x")
    one, two, three, all_of_it = (each.mean("similarity") for each in embed_items(listener, [part, packed, plain, whole]))
    assert np.allclose(one, three, atol=1e-3) and np.allclose(two, three, atol=1e-6)
    assert not np.allclose(all_of_it, three, atol=1e-2)


def test_a_clip_that_cannot_be_heard_is_named(tmp_path: Path, listener: Listener, cache: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    bad = [Item(id="broken", audio=tmp_path / "text.wav"), Item(id="gone", audio=tmp_path / "none.wav")]
    with pytest.raises(InputError, match=r"2 of 3 clips cannot be read: broken.*gone"):
        embed_items(listener, [*made_sounds.tones(tmp_path, each=1)[:1], *bad])


def test_the_cache_evicts_what_was_used_longest_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(disk_cache.time, "time", lambda: float(next(clock)))
    cache = disk_cache.DiskCache(tmp_path / "s.sqlite", limit=30)
    cache.put({"a": b"x" * 10, "b": b"x" * 10})
    cache.put({"c": b"x" * 10})
    assert set(cache.get(["a"])) == {"a"}
    cache.put({"d": b"x" * 10})
    assert set(cache.get(["a", "b", "c", "d"])) == {"a", "c", "d"} or set(cache.get(["a", "b", "c", "d"])) == {"a", "b", "d"}


@pytest.mark.parametrize("told", [b"", b"x" * 17, b"\x00" + b"\xff" * 40])
def test_bytes_that_are_no_vectors_are_told(told: bytes) -> None:
    assert ClipEmbeddings.unpack(told) is None
