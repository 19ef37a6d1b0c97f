"""Headers that lie: sizes that wrapped around at 4 GiB, counts that are not true, files joined end to end."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import sound, write, write_native

from auricle.signal.streaming import Stream, cut, inspect, read, stream

RATE, CHANNELS, SECONDS = 192_000, 8, 786.4
SIZE = round(SECONDS * RATE) * CHANNELS * 4  # bytes: 4.5 GiB
TONE = 3 * 2**30 // (CHANNELS * 4) / RATE  # seconds at which the tone starts: 3 GiB


def heard(path: Path) -> Stream:
    """Read a stream to its end."""
    windows = stream(path, rate=16000, seconds=1.0)
    for _ in windows:
        pass
    return windows


def large(path: Path, head: bytes, kind: str, behind: bytes = b"") -> None:
    """A sparse file: a header, silence, at 3 GiB a second of a tone in all channels, silence up to the end."""
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(kind)
    with open(path, "wb") as file:
        file.write(head)
        file.seek(len(head) + 3 * 2**30)
        file.write(np.repeat(tone[:, None], CHANNELS, axis=1).tobytes())
        file.truncate(len(head) + SIZE)
        file.seek(0, 2)
        file.write(behind)


def riff(claim: int) -> bytes:
    fmt = struct.pack("<IHHIIHH", 16, 3, CHANNELS, RATE, RATE * CHANNELS * 4, CHANNELS * 4, 32)
    return b"RIFF" + struct.pack("<I", (claim + 36) % 2**32) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", claim % 2**32)


@pytest.mark.parametrize("claim", [SIZE, 0, 0xFFFFFFFF, 0x7FFFFFFF - 36])
@pytest.mark.parametrize("behind", [b"", b"LIST" + struct.pack("<I", 1000) + bytes(1000)])
def test_a_wav_over_4_gib_is_as_long_as_it_is(tmp_path: Path, claim: int, behind: bytes) -> None:
    large(tmp_path / "a.wav", riff(claim), "<f4", behind)
    slack = 0 if claim == SIZE or not behind else len(behind) // (CHANNELS * 4) / RATE  # where nothing is claimed all is sound
    assert inspect(tmp_path / "a.wav").duration == pytest.approx(SECONDS + slack, abs=1e-5)
    part = cut(tmp_path / "a.wav", TONE - 0.5, TONE + 1.5).samples
    sounding = np.flatnonzero(np.abs(part[0]) > 0.01) / RATE
    assert sounding[0] == pytest.approx(0.5, abs=1e-4) and sounding[-1] == pytest.approx(1.5, abs=1e-4)
    assert cut(tmp_path / "a.wav", SECONDS - 1, SECONDS).samples.shape == (CHANNELS, RATE)


def test_an_au_over_4_gib_is_as_long_as_it_is(tmp_path: Path) -> None:
    large(tmp_path / "a.au", struct.pack(">4s5I", b".snd", 24, SIZE % 2**32, 6, RATE, CHANNELS), ">f4")
    assert inspect(tmp_path / "a.au").duration == SECONDS
    assert np.abs(cut(tmp_path / "a.au", TONE, TONE + 1).samples).max() == pytest.approx(0.5, abs=1e-3)


def test_chunks_over_4_gib_behind_the_sound_are_not_sound(tmp_path: Path) -> None:
    path, _, _ = write(tmp_path / "sound", "wav")
    with open(path, "ab") as file:
        file.write(b"junk" + struct.pack("<I", 0xFFFFFFF0))
        file.truncate(file.tell() + 0xFFFFFFF0)
    with open(path, "ab") as file:
        file.write(b"LIST" + struct.pack("<I", 100) + bytes(100))
    assert inspect(path).duration == 2.0 and heard(path).error is None


def test_bw64_is_rf64(tmp_path: Path) -> None:
    path, samples, _ = write(tmp_path / "sound", "rf64")
    path.write_bytes(b"BW64" + path.read_bytes()[4:])
    assert np.abs(read(path).samples - samples).max() < 1e-4
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, content.index(b"ds64") + 16, 0)
    path.write_bytes(content)
    assert np.abs(read(path).samples - samples).max() < 1e-4


@pytest.mark.parametrize(("name", "chunk", "form", "more"), [("caf", b"data", ">q", 4), ("aiff", b"SSND", ">I", 8), ("au", b"", ">I", 0)])
def test_a_header_that_counts_too_little_is_told(tmp_path: Path, name: str, chunk: bytes, form: str, more: int) -> None:
    path, _, _ = write(tmp_path / "sound", name)
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, content.index(chunk) + 4 if chunk else 8, 22050 + more)
    path.write_bytes(content)
    windows = heard(path)
    assert windows.decoded == 0.5 and windows.error is not None and "66150 bytes follow" in windows.error


def test_sound_behind_silence_that_the_header_does_not_count_is_told(tmp_path: Path) -> None:
    samples = np.zeros((1, 22050 * 8), np.float32)
    samples[:, 22050 * 7 :] = sound(1.0, 22050)
    path = write_native(tmp_path / "a", samples, "wav")
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"data") + 4, 22050 * 4)
    path.write_bytes(content)
    windows = heard(path)
    assert windows.decoded == 2.0 and windows.error is not None and "bytes follow" in windows.error
    struct.pack_into("<I", content, content.index(b"data") + 4, 22050 * 16)  # room that a recorder reserved and did not use
    path.write_bytes(bytes(content) + bytes(1_000_000))
    assert heard(path).error is None and inspect(path).duration == 8.0


@pytest.mark.parametrize("name", ["wav", "rf64", "aiff"])
def test_files_joined_end_to_end_are_heard_one_after_another(tmp_path: Path, name: str) -> None:
    path, samples, _ = write(tmp_path / "sound", name)
    one = path.read_bytes()
    path.write_bytes(one * 3)
    assert np.array_equal(read(path).samples, np.tile(samples, 3)) or np.abs(read(path).samples - np.tile(samples, 3)).max() < 1e-4
    assert heard(path).error is None and heard(path).decoded == 6.0
    path.write_bytes(one * 2 + one[: len(one) // 2])
    assert "truncated" in str(heard(path).error) and heard(path).decoded == pytest.approx(5.0, abs=0.01)


@pytest.mark.parametrize("name", ["w64", "caf", "au", "flac"])
def test_of_files_joined_that_are_not_taken_apart_it_is_told(tmp_path: Path, name: str) -> None:
    path, _, _ = write(tmp_path / "sound", name)
    path.write_bytes(path.read_bytes() * 2)
    windows = heard(path)
    assert windows.error is not None and windows.decoded == pytest.approx(2.0 if name != "w64" else 4.0, abs=0.01)


@pytest.mark.parametrize("count", [1, 40, 100_000, 2**32 - 1])
@pytest.mark.parametrize("has_bytes", [True, False])
def test_an_mp3_header_that_counts_wrong_is_not_believed(tmp_path: Path, count: int, has_bytes: bool) -> None:
    path, _, _ = write(tmp_path / "sound", "mp3", seconds=4.0)
    content = bytearray(path.read_bytes())
    at = content.index(b"Xing")
    if not has_bytes:  # as many bytes as there are show that a count of more frames is no sign of a cut
        content[at + 7] &= ~2
        del content[at + 12 : at + 16]
        content[at + 100 : at + 100] = bytes(4)
    struct.pack_into(">I", content, at + 8, count)
    path.write_bytes(content)
    windows = heard(path)
    assert windows.decoded == pytest.approx(4.0, abs=0.06)
    if has_bytes or count < 1000:
        assert windows.error is None and inspect(path).duration == pytest.approx(4.0, abs=0.06)
    else:
        assert windows.error is not None


@pytest.mark.parametrize("rates", [(44100, 22050), (22050, 44100), (44100, 48000, 8000)])
def test_mp3s_of_unlike_rates_joined_are_heard_whole(tmp_path: Path, rates: tuple[int, ...]) -> None:
    tag = b"TAG" + bytes(125) + b"ID3\x04\x00\x00\x00\x00\x10\x00" + b"\xff\xfb" * 1024
    content = b""
    for rate in rates:
        part = np.concatenate([np.zeros((1, rate), np.float32), sound(1.0, rate)], axis=1)
        content += write_native(tmp_path / "part", part, "mp3", rate).read_bytes() + tag
    (tmp_path / "a.mp3").write_bytes(content)
    windows = stream(tmp_path / "a.mp3", rate=8000, seconds=100.0)
    (window,) = windows
    assert windows.error is None and windows.decoded == pytest.approx(2.0 * len(rates), abs=0.4) and windows.info.rate == rates[0]
    level = np.abs(window.samples[0][: window.samples.shape[1] // 80 * 80]).reshape(-1, 80).max(axis=1) > 0.1
    starts = np.flatnonzero(np.diff(level.astype(int)) > 0) / 100
    np.testing.assert_allclose(starts, [1.0 + 2.0 * place for place in range(len(rates))], atol=0.35)


@pytest.mark.parametrize("channels", [(1, 2), (2, 1)])
def test_mp3s_of_unlike_channels_joined_are_heard_whole(tmp_path: Path, channels: tuple[int, int]) -> None:
    parts = [write_native(tmp_path / "part", sound(2.0, 44100, count), "mp3", 44100).read_bytes() for count in channels]
    (tmp_path / "a.mp3").write_bytes(b"".join(parts))
    windows = heard(tmp_path / "a.mp3")
    assert windows.error is None and windows.decoded == pytest.approx(4.0, abs=0.2) and windows.info.channels == channels[0]


def test_the_number_of_mp3_frames_is_that_of_lame(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", sound(10.0, 44100).T, 44100)
    assert inspect(tmp_path / "a.mp3").duration == pytest.approx(10.0, abs=1e-3)  # its header is true and stays in use
