"""The table of what can be read is true: each row is written for real and read back, each suffix leads to a row that its bytes name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from sounds import NATIVE, OTHERS, PACKED, sound, write, write_packed

from auricle.core.errors import SoundError
from auricle.signal.containers.kind import kind_of
from auricle.signal.formats import FORMATS, MEDIA, SUFFIXES, format_names, is_audio_file
from auricle.signal.streaming import stream

MONO = {"amr", "3gp", "g722 in wav", "g726 in wav", "g722 in au"}


def test_each_row_is_tried_and_each_try_has_a_row(tmp_path: Path) -> None:
    rows = {name: kind_of(write(tmp_path / "sound", name, seconds=0.5)[0]) for name in (*NATIVE, *PACKED, *OTHERS)}
    assert set(rows.values()) == set(FORMATS)
    for name, row in rows.items():
        assert row is not None and f".{(NATIVE | PACKED | OTHERS)[name][0]}" in FORMATS[row].suffixes


@pytest.mark.parametrize("name", OTHERS)
def test_what_pyav_decodes_is_heard(tmp_path: Path, name: str) -> None:
    pytest.importorskip("av")
    rate = OTHERS[name][3]
    samples = np.zeros((1 if name in MONO else 2, 3 * rate), np.float32)
    samples[:, rate : 2 * rate] = sound(1.0, rate)
    path = write_packed(tmp_path / "sound", samples, name)
    windows = stream(path, rate=8000, seconds=10.0)
    (window,) = windows
    assert windows.error is None and windows.duration == pytest.approx(3.0, abs=0.2) and not windows.gaps
    loud = np.flatnonzero(np.abs(window.samples[0]) > 0.1) / 8000
    assert loud[0] == pytest.approx(1.0, abs=0.08) and loud[-1] == pytest.approx(2.0, abs=0.08)


@pytest.mark.parametrize("name", ["ac3 in wav", "flac in ogg", "wma", "amr", "avi"])
def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path, _, _ = write(tmp_path / "sound", name, seconds=0.5)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SoundError, match=r"pip install 'auricle\[av\]'") as caught:
        stream(path, rate=16000, seconds=1.0)
    assert str(caught.value).startswith(str(path)) and "undamaged" not in str(caught.value)


def test_a_native_file_that_nobody_decodes_asks_for_a_better_copy(tmp_path: Path) -> None:
    path, _, _ = write(tmp_path / "sound", "wav")
    content = bytearray(path.read_bytes())
    content[20:22] = b"\xef\xbe"  # a codec that does not exist
    path.write_bytes(content)
    with pytest.raises(SoundError, match="get an undamaged copy"):
        stream(path, rate=16000, seconds=1.0)


def test_no_suffix_has_two_rows() -> None:
    assert sum(len(row.suffixes) for row in FORMATS.values()) == len(SUFFIXES) == len(MEDIA)
    assert {".wav", ".amr", ".wma", ".avi", ".ts", ".flv", ".m4a", ".opus"} <= SUFFIXES


def test_typescript_is_no_recording(tmp_path: Path) -> None:
    video = write_packed(tmp_path / "video", sound(0.5, 44100), "ts")
    (tmp_path / "code.ts").write_text("export const rate = 16000;\n" * 30)
    assert is_audio_file(video) and not is_audio_file(tmp_path / "code.ts")
    assert is_audio_file("there/is/none.WAV") and not is_audio_file("notes.txt")


def test_docs_list_all_formats() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / "start.md").read_text(encoding="utf-8").split())
    assert format_names("libsndfile") in text and format_names("av") in text
