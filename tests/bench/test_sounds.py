"""Fingerprints of files, and copies among them, with results that are cached."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_sounds import bursts as sound

from auricle.bench import sounds
from auricle.bench.fingerprint import RATE, fingerprint
from auricle.bench.sounds import find_copies, fingerprint_items
from auricle.data.item import Item


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    made = []
    for seed in range(3):
        soundfile.write(tmp_path / f"{seed}.wav", sound(seed), RATE)
        made.append(Item(id=str(seed), audio=tmp_path / f"{seed}.wav"))
    return made


def test_rows_are_those_of_the_files_and_unreadable_ones_are_empty(items: list[Item], tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    rows = fingerprint_items([*items, Item(id="text", audio=tmp_path / "text.wav"), Item(id="none", audio=tmp_path / "none.wav")])
    assert (rows[3:, :, :2] == 0xFF).all() and not (rows[:3, 0, :2] == 0xFF).all(axis=1).any()
    np.testing.assert_array_equal(rows[0], fingerprint(soundfile.read(items[0].audio, dtype="float32")[0]))
    assert len(fingerprint_items([])) == 0


def test_copies_are_found_in_files_and_in_parts_of_them(items: list[Item], tmp_path: Path) -> None:
    rows = fingerprint_items(items)
    long = np.concatenate([sound(50, 40), sound(1), sound(51, 10)])
    soundfile.write(tmp_path / "long.flac", long, RATE)
    whole = Item(id="long", audio=tmp_path / "long.flac")
    part = dataclasses.replace(whole, id="part", start=38.0, end=46.0)
    other = dataclasses.replace(whole, id="other", start=0.0, end=30.0)
    inside, cut, none = find_copies([whole, part, other], rows)
    assert inside is not None and inside.index == 1 and inside.offset == pytest.approx(40, abs=0.1)
    assert cut is not None and cut.index == 1 and cut.offset == pytest.approx(2, abs=0.1)
    assert none is None


def test_results_are_cached_by_the_bytes_of_clips_and_fingerprints(
    items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path / "cache"))
    rows = fingerprint_items(items)
    first = find_copies(items, rows)
    with monkeypatch.context() as patched:
        patched.setattr(sounds, "_find", lambda *given: pytest.fail("searched again"))
        assert find_copies(items, rows) == first
    assert [match and match.index for match in first] == [0, 1, 2]
    assert find_copies(items[:1], rows[1:]) == [None]
