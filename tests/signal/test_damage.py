"""Cut, damaged and lying files: what decodes is heard, at the right time, and the stream says how much is missing."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import NATIVE, PACKED, sound, write, write_native

from auricle.core.errors import SoundError
from auricle.signal.streaming import Stream, inspect, read, stream

DECLARES = ["wav", "wav float", "rf64", "w64", "aiff", "au", "caf", "flac", "mp3", "webm", "mkv"]  # how long the whole is


def heard(path: Path) -> Stream:
    """Read a stream to its end."""
    windows = stream(path, rate=16000, seconds=1.0)
    for _ in windows:
        pass
    return windows


def cut(path: Path, share: float) -> None:
    """Keep the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", DECLARES)
def test_a_cut_file_says_how_much_is_missing(tmp_path: Path, name: str, share: float) -> None:
    path, samples, _ = write(tmp_path / "sound", name, seconds=4.0)
    cut(path, share)
    windows = heard(path)
    assert windows.duration == pytest.approx(4.0, abs=0.1)
    assert windows.decoded == pytest.approx(4.0 * share, abs=0.45)
    assert windows.error is not None and windows.error.startswith(str(path)) and len(windows.error.splitlines()) == 1
    missing = re.search(r"([0-9.]+) s are missing", windows.error)
    assert missing and float(missing[1]) == pytest.approx(windows.duration - windows.decoded, abs=0.011)
    with pytest.raises(SoundError, match="missing"):
        read(path)
    part = read(path, partial=True).samples
    if name not in ("mp3", "webm"):
        assert np.abs(part - samples[:, : part.shape[1]]).max() < 1e-4


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["ogg", "opus", "aac"])
def test_a_cut_file_that_declares_nothing_says_that_it_was_cut(tmp_path: Path, name: str, share: float) -> None:
    path, _, _ = write(tmp_path / "sound", name, seconds=4.0)
    cut(path, share)
    windows = heard(path)
    assert windows.error is not None and "not known" in windows.error
    assert 0 < windows.decoded < 4.0 and windows.duration == windows.decoded


@pytest.mark.parametrize("name", ["m4a", "mp4", "mov"])
def test_without_its_index_a_file_cannot_be_heard(tmp_path: Path, name: str) -> None:
    path, _, _ = write(tmp_path / "sound", name)
    cut(path, 0.6)
    with pytest.raises(SoundError, match="complete file"):
        heard(path)


@pytest.mark.parametrize("name", [*NATIVE, *PACKED])
def test_whole_files_raise_no_alarm(tmp_path: Path, name: str) -> None:
    for seconds in (0.5, 1.23456, 3.0):
        path, _, _ = write(tmp_path / "sound", name, seconds=seconds)
        assert heard(path).error is None


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF - 36])
@pytest.mark.parametrize("form", [0, 0xFFFFFFFF])
def test_a_wav_from_a_stream_does_not_know_its_size_and_is_heard_whole(tmp_path: Path, size: int, form: int) -> None:
    path, samples, _ = write(tmp_path / "sound", "wav")
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 4, form)
    struct.pack_into("<I", data, data.index(b"data") + 4, size)
    path.write_bytes(data)
    windows = heard(path)
    assert windows.error is None and windows.decoded == 2.0 and inspect(path).duration == 2.0
    assert np.abs(read(path).samples - samples).max() < 1e-4


def test_an_rf64_from_a_stream_does_not_know_its_size(tmp_path: Path) -> None:
    path, samples, _ = write(tmp_path / "sound", "rf64")
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, data.index(b"ds64") + 16, 0)
    path.write_bytes(data)
    assert np.abs(read(path).samples - samples).max() < 1e-4


def test_chunks_behind_an_empty_sound_chunk_are_not_sound(tmp_path: Path) -> None:
    path = write_native(tmp_path / "a", np.zeros((1, 0), dtype=np.float32), "wav")
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 100) + bytes(100))
    with pytest.raises(SoundError, match="no sound"):
        heard(path)


def test_chunks_behind_the_sound_are_left_out(tmp_path: Path) -> None:
    path, samples, _ = write(tmp_path / "sound", "wav")
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 1000) + bytes(range(250)) * 4)
    assert read(path).samples.shape == samples.shape and heard(path).error is None


def test_a_header_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path, _, _ = write(tmp_path / "sound", "wav")
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"data") + 4, 22050 * 2 * 3600)
    path.write_bytes(data)
    windows = heard(path)
    assert windows.decoded == 2.0 and windows.duration == 3600.0
    assert windows.error is not None and "3598.00 s are missing" in windows.error


def test_a_header_that_claims_less_than_there_is(tmp_path: Path) -> None:
    path, _, _ = write(tmp_path / "sound", "wav")
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"data") + 4, 22050)
    path.write_bytes(data)
    windows = heard(path)
    assert windows.decoded == 0.5 and windows.error is not None and "66150 bytes follow" in windows.error
    for harmless in (bytes(9000), b"TAG" + bytes(125), b"ID3\4" + b"x" * 9000, b"abc"):
        path, _, _ = write(tmp_path / "sound", "wav")
        path.write_bytes(path.read_bytes() + harmless)
        assert heard(path).error is None


def test_a_cut_wav_of_packed_blocks_says_how_much_is_missing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sound(4.0, 22050).T, 22050, subtype="MS_ADPCM")
    cut(tmp_path / "a.wav", 0.5)
    windows = heard(tmp_path / "a.wav")
    assert windows.duration == pytest.approx(4.0, abs=0.1) and windows.decoded == pytest.approx(2.0, abs=0.1)
    assert windows.error is not None and "missing" in windows.error


@pytest.mark.parametrize("name", ["flac", "mp3", "aac"])
@pytest.mark.parametrize("padding", [0, 5000])
def test_a_tag_in_front_is_stepped_over(tmp_path: Path, name: str, padding: int) -> None:
    path, _, _ = write(tmp_path / "sound", name, seconds=2.0)
    tag = b"ID3\x04\x00\x00\x00\x00\x10\x00" + b"\xff\xfb" * 1024
    path.write_bytes(tag + bytes(padding if name == "mp3" else 0) + path.read_bytes())
    windows = heard(path)
    assert windows.error is None and windows.decoded == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize("width", [1, 100, 4000])
def test_a_damaged_flac_is_heard_on_both_sides(tmp_path: Path, width: int) -> None:
    path, samples, rate = write(tmp_path / "sound", "flac", seconds=6.0)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + width] = bytes(byte ^ 0x55 for byte in data[middle : middle + width])
    path.write_bytes(data)
    windows = heard(path)
    assert windows.duration == windows.end == 6.0 and 5.0 < windows.decoded < 6.0
    assert windows.error is not None and "missing" in windows.error
    part = read(path, partial=True).samples
    differs = np.abs(part - samples).max(axis=0) > 1e-4
    assert part.shape == samples.shape and differs.sum() <= (6.0 - windows.decoded) * rate
    assert not part[:, differs].any()  # what is lost is silent, nothing is made up


@pytest.mark.parametrize("fill", [0x00, 0x55])
def test_a_damaged_mp3_is_heard_on_both_sides(tmp_path: Path, fill: int) -> None:
    rate = 44100
    time = np.arange(6 * rate) / rate
    samples = 0.3 * np.sin(2 * np.pi * 440 * time) * (time % 1.0 < 0.5)  # bursts that show the time
    soundfile.write(tmp_path / "a.mp3", samples, rate)
    data = bytearray((tmp_path / "a.mp3").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes([fill]) * 4000
    (tmp_path / "a.mp3").write_bytes(data)
    windows = heard(tmp_path / "a.mp3")
    assert windows.duration == pytest.approx(6.0, abs=0.1) and 5.0 < windows.decoded < 6.0
    assert windows.error is not None and "missing" in windows.error and windows.peak < 0.5
    part = read(tmp_path / "a.mp3", partial=True).samples[0]
    late = np.abs(part[int(4.9 * rate) : int(5.3 * rate)])
    onset = 4.9 + np.argmax(late > 0.1) / rate
    assert onset == pytest.approx(5.0, abs=0.1)


def test_an_mp3_of_unlike_bit_rates_without_a_header_is_heard_whole(tmp_path: Path) -> None:
    quiet, loud = np.zeros((1, 44100 * 3), dtype=np.float32), sound(3.0, 44100)
    for order in ((quiet, loud), (loud, quiet)):
        path = tmp_path / "a.mp3"
        soundfile.write(path, np.concatenate(order, axis=1).T, 44100, bitrate_mode="VARIABLE", compression_level=0.1)
        data = path.read_bytes()
        assert b"Xing" in data[:64]
        path.write_bytes(data[data.index(data[:2], 4) :])
        windows = heard(path)
        assert windows.error is None and windows.decoded == pytest.approx(6.0, abs=0.1)
        assert inspect(path).duration == pytest.approx(6.0, abs=0.1)


def test_an_mp3_without_a_header_shows_that_it_was_cut(tmp_path: Path) -> None:
    path, _, _ = write(tmp_path / "sound", "mp3", seconds=4.0)
    data = path.read_bytes()
    path.write_bytes(data[data.index(data[:2], 4) : round(len(data) * 0.6)])
    windows = heard(path)
    assert windows.error is not None and "last frame" in windows.error and windows.decoded == pytest.approx(2.4, abs=0.3)


def test_mp3s_joined_end_to_end_are_heard_whole(tmp_path: Path) -> None:
    path, _, _ = write(tmp_path / "sound", "mp3", seconds=2.0)
    tag = b"ID3\x04\x00\x00\x00\x00\x10\x00" + b"\xff\xfb" * 1024
    path.write_bytes(tag + path.read_bytes() + path.read_bytes() + b"TAG" + bytes(125))
    windows = heard(path)
    assert windows.error is None and windows.decoded == pytest.approx(4.0, abs=0.2)


def test_an_mp3_that_starts_with_junk(tmp_path: Path) -> None:
    path, _, _ = write(tmp_path / "sound", "mp3", seconds=2.0)
    path.write_bytes(bytes(3000) + path.read_bytes())
    windows = heard(path)
    assert windows.error is None and windows.decoded == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("name", ["ogg", "opus"])
def test_a_chain_of_oggs_is_heard_whole(tmp_path: Path, name: str) -> None:
    first, _, _ = write(tmp_path / "first", name, seconds=2.0)
    second, _, _ = write(tmp_path / "second", name, seconds=3.0)
    first.write_bytes(first.read_bytes() + second.read_bytes())
    windows = heard(first)
    assert windows.error is None and windows.decoded == pytest.approx(5.0, abs=0.1)
    cut(first, 0.9)
    assert heard(first).error is not None


@pytest.mark.parametrize("name", ["m4a", "aac", "alac", "mkv", "ogg", "opus"])
def test_damage_in_the_middle_is_noticed(tmp_path: Path, name: str) -> None:
    path, _, _ = write(tmp_path / "sound", name, seconds=6.0)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(3).bytes(2000)
    path.write_bytes(data)
    windows = heard(path)
    assert windows.error is not None and 0 < windows.decoded < 6.0


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "ogg"])
def test_a_file_that_grows_while_it_is_read_is_heard_as_it_was_opened(tmp_path: Path, name: str) -> None:
    path, _, _ = write(tmp_path / "sound", name, seconds=4.0)
    once = heard(path)
    windows = stream(path, rate=16000, seconds=1.0)
    for window in windows:
        if window.start == 0:
            path.write_bytes(path.read_bytes() * 2)
    assert windows.error is None and windows.decoded == pytest.approx(once.decoded, abs=0.1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_samples_that_are_no_sound_from_the_start_are_a_file_of_which_nothing_decodes(tmp_path: Path, value: float) -> None:
    soundfile.write(tmp_path / "bad.wav", np.full(16_000, value, np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(SoundError, match=r"bad\.wav: nothing in it can be decoded \(a sample at 0\.000 s is .*\); get an undamaged copy"):
        read(tmp_path / "bad.wav")
