"""Paths as text: every path has a text of its own that UTF-8 can hold, and comes back from it."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import pytest

from auricle.core.paths import escape_bytes, is_missing, path_to_text, resolve_path, text_to_path

PIECES = [b"\xe9", b"\\", b"x", b"xe9", b"5c", b"\\xe9", b"\\x5c", "é".encode(), b"\xff", b"\\x", b"e9", b"/"]


def test_each_path_has_a_text_of_its_own_and_comes_back() -> None:
    names = {os.fsdecode(b"".join(parts)) for count in (1, 2, 3, 4) for parts in itertools.product(PIECES, repeat=count)}
    texts = {path_to_text(name): name for name in names}
    assert len(texts) == len(names) > 10_000
    assert all(text_to_path(text) == name and text.encode() for text, name in texts.items())


def test_only_what_is_not_utf8_is_escaped() -> None:
    assert path_to_text(os.fsdecode(b"/rec/lat\xe9in.ogg")) == r"/rec/lat\xe9in.ogg"
    for name in ("/rec/naïve 日本.wav", r"C:\rec\a.wav", r"a\x41.wav", "tab\tand\nline.wav", "%41.wav"):
        assert path_to_text(name) == name == text_to_path(name)
    assert path_to_text(r"lat\xe9in.ogg") == r"lat\x5cxe9in.ogg"
    assert escape_bytes(path_to_text(os.fsdecode(b"\xe9"))) == escape_bytes(os.fsdecode(b"\xe9")) == r"\xe9"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in Unicode")
def test_a_text_names_its_file_unless_a_file_is_called_so(tmp_path: Path) -> None:
    byte, letters = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.wav")), tmp_path / r"\xe9.wav"
    byte.touch()
    assert resolve_path(str(byte)) == resolve_path(path_to_text(byte)) == byte
    letters.touch()
    assert resolve_path(str(letters)) == resolve_path(path_to_text(letters)) == letters
    assert resolve_path(str(tmp_path / "absent")) == tmp_path / "absent"


def test_what_cannot_be_told_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    assert [is_missing(tmp_path / name) for name in ("a", "b", "a/b", "b/c")] == [False, True, True, True]

    def refused(_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "stat", refused)
    assert not is_missing(tmp_path / "b")
