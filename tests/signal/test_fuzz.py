"""Bytes turned at random: every file is heard or refused with one line; nothing else is raised, and no sample is not a number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sounds import NATIVE, PACKED, write

from auricle.core.errors import SoundError
from auricle.signal.streaming import stream

MAGIC = [
    *(b"", b"RIFF....WAVEfmt ", b"RF64....WAVEds64", b"FORM....AIFFCOMM", b"fLaC\0\0\0\x22", b"OggS\0\2", b"ID3\4\0\0\0\0\0\0"),
    *(b"\xff\xfb\x90\x64", b"caff\0\1\0\0desc", b".snd\0\0\0\x18", b"riff\x2e\x91\xcf\x11", b"\0\0\0\x20ftypM4A "),
    *(b"\x1a\x45\xdf\xa3", b"\xff\xf1\x4c\x80"),
]
FORMATS = ["wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg", "opus", "mp3", "m4a", "webm", "mkv", "aac"]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One short file of each format."""
    folder = tmp_path_factory.mktemp("originals")
    return {name: write(folder / "a", name, seconds=0.7)[0].read_bytes() for name in FORMATS}


def hear(path: Path) -> str | None:
    """Read a file to its end: the line that says what is wrong with it, None where nothing is."""
    try:
        windows = stream(path, rate=16000, seconds=0.5, context=0.1)
        for window in windows:
            assert np.isfinite(window.samples).all()
    except SoundError as error:
        return str(error)
    assert 0 < windows.decoded <= windows.duration + 1e-6
    return windows.error


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_turned_bytes(originals: dict[str, bytes], tmp_path: Path, name: str, data: st.DataObject) -> None:
    content = bytearray(originals[name])
    header = data.draw(st.booleans())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(content), 120 if header else len(content)) - 1))
        content[at] = data.draw(st.integers(0, 255))
    del content[data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content)))) :]
    path = tmp_path / f"a.{(NATIVE.get(name) or PACKED[name])[0]}"
    path.write_bytes(content)
    line = hear(path)
    assert line is None or (line.startswith(str(path)) and line.isprintable())


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    magic=st.sampled_from(MAGIC),
    noise=st.binary(max_size=600),
)
def test_noise_behind_a_magic_number(tmp_path: Path, magic: bytes, noise: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(magic + noise)
    line = hear(path)
    assert line is not None and line.startswith(str(path)) and line.isprintable()
