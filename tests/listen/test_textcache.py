"""The cache of text vectors: embedded once, never believed blindly, bounded, and never in the way."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from auricle.listen import textcache


class Tower:
    """Counts how often it is asked."""

    def __init__(self, width: int = 4) -> None:
        self.asked: list[list[str]] = []
        self.width = width

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(list(texts))
        return np.array([[len(text), *range(self.width - 1)] for text in texts], np.float32)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path))
    return tmp_path / "text"


def entry(home: Path) -> Path:
    (found,) = home.glob("*.npz")
    return found


def test_the_same_texts_are_embedded_once(home: Path) -> None:
    tower = Tower()
    first = textcache.embed_cached(["a", "bcd"], tower, fingerprint="one")
    again = textcache.embed_cached(["a", "bcd"], Tower(), fingerprint="one")
    assert len(tower.asked) == 1 and again.dtype == np.float32
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("texts", "fingerprint"), [(["bcd", "a"], "one"), (["a", "bcd "], "one"), (["a", "bcd"], "two"), (["abcd"], "one")]
)
def test_other_texts_another_order_or_another_model_are_another_entry(texts: list[str], fingerprint: str, home: Path) -> None:
    textcache.embed_cached(["a", "bcd"], Tower(), fingerprint="one")
    tower = Tower()
    textcache.embed_cached(texts, tower, fingerprint=fingerprint)
    assert tower.asked == [texts] and len(list(home.glob("*.npz"))) == 2


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY") + 40] ^= 0xFF
    path.write_bytes(content)


def _foreign(path: Path) -> None:
    textcache.embed_cached(["other"], Tower(), fingerprint="one")
    other = next(found for found in path.parent.glob("*.npz") if found != path)
    os.replace(other, path)


def _pickled(path: Path) -> None:
    np.savez(path, about=np.array([print], dtype=object), vectors=np.array([print], dtype=object))


def _nan(path: Path) -> None:
    with np.load(path) as found:
        about, vectors = found["about"], found["vectors"]
    np.savez(path, about=about, vectors=np.full_like(vectors, np.nan))


def _huge(path: Path) -> None:
    """A few bytes that unpack to a gigabyte."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made,
        made.open("vectors.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(64):
            member.write(bytes(1 << 20))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no archive"),
    "pickle": lambda path: path.write_bytes(pickle.dumps([1.0])),
    "cut": _cut,
    "flipped": _flip,
    "foreign": _foreign,
    "objects": _pickled,
    "not finite": _nan,
    "huge": _huge,
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_or_foreign_entry_is_made_anew(case: str, home: Path) -> None:
    right = textcache.embed_cached(["a", "bcd"], Tower(), fingerprint="one")
    DAMAGE[case](entry(home))
    tower = Tower()
    np.testing.assert_array_equal(textcache.embed_cached(["a", "bcd"], tower, fingerprint="one"), right)
    assert len(tower.asked) == 1
    if case != "folder":
        np.testing.assert_array_equal(textcache.embed_cached(["a", "bcd"], Tower(), fingerprint="one"), right)
    assert not list(home.glob("*.partial")) and not list(home.glob(".*"))


def test_the_folder_keeps_to_its_limit_and_forgets_what_is_oldest(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textcache, "LIMIT", 200_000)
    for number in range(12):
        textcache.embed_cached([str(number)], Tower(8000), fingerprint="one")
        for place, path in enumerate(sorted(home.glob("*.npz"), key=lambda one: one.stat().st_mtime)):
            os.utime(path, (place, place))
        textcache.embed_cached(["0"], Tower(8000), fingerprint="one")  # used, so not the oldest
    assert sum(path.stat().st_size for path in home.glob("*.npz")) <= 200_000
    kept = Tower(8000)
    for number in (0, 11):
        textcache.embed_cached([str(number)], kept, fingerprint="one")
    assert kept.asked == []
    textcache.embed_cached(["1"], kept, fingerprint="one")
    assert kept.asked == [["1"]]


def test_what_would_fill_the_cache_is_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textcache, "LIMIT", 100_000)
    assert textcache.embed_cached(["a"], Tower(20_000), fingerprint="one").shape == (1, 20_000)
    assert not list(home.glob("*.npz"))


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path / "file"))
    assert textcache.embed_cached(["a"], Tower(), fingerprint="one").shape == (1, 4)


def test_an_empty_name_turns_it_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AURICLE_CACHE", "")
    tower = Tower()
    for _ in range(2):
        textcache.embed_cached(["a"], tower, fingerprint="one")
    assert len(tower.asked) == 2 and not list(tmp_path.iterdir())


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_CACHE", "/x")
    assert textcache.folder() == Path("/x/text")
    monkeypatch.delenv("AURICLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/y")
    assert textcache.folder() == Path("/y/auricle/text")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/z")
    assert textcache.folder() == Path("/z/.cache/auricle/text")
