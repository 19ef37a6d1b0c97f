"""Every format that is promised is heard; odd but good input is heard; bad input gives one line that says what to do."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import NATIVE, PACKED, sound, write, write_native

from auricle.core.errors import InputError, SoundError
from auricle.core.records import Clip
from auricle.signal.streaming import Stream, cut, inspect, read, stream, stream_clip

EXACT = {"wav", "wav float", "rf64", "w64", "aiff", "au", "caf", "flac", "alac", "mov", "mkv"}


def heard(windows: Stream) -> Stream:
    """Read a stream to its end."""
    for _ in windows:
        pass
    return windows


def refused(path: os.PathLike[str] | str) -> str:
    """The one line with which a file is refused, by every way in."""
    with pytest.raises(SoundError) as caught:
        heard(stream(path, rate=16000, seconds=1.0))
    line = str(caught.value)
    with pytest.raises(SoundError):
        read(path)
    assert len(line.splitlines()) == 1 and line.isprintable() and len(line) < 300 + len(str(path))
    return line


@pytest.mark.parametrize("name", [*NATIVE, *PACKED])
def test_each_format_is_heard(tmp_path: Path, name: str) -> None:
    path, samples, rate = write(tmp_path / "sound", name, channels=1 if name == "aac" else 2)
    info = inspect(path)
    assert (info.rate, info.channels) == (rate, samples.shape[0])
    clip = read(path)
    assert clip.rate == rate
    if name in EXACT:
        assert clip.samples.shape == samples.shape
        assert np.abs(clip.samples - samples).max() < 1e-4
    else:
        assert abs(clip.samples.shape[1] - samples.shape[1]) <= 4096
        level = np.sqrt(np.mean(clip.samples**2)) / np.sqrt(np.mean(samples**2))
        assert 0.9 < level < 1.1
    windows = heard(stream(path, rate=16000, seconds=1.0))
    assert windows.error is None
    assert windows.decoded == pytest.approx(clip.duration)
    assert windows.duration == pytest.approx(info.duration or clip.duration, abs=0.1)


def test_a_flac_that_does_not_declare_its_length_is_heard_to_its_end(tmp_path: Path) -> None:
    path, samples, rate = write(tmp_path / "sound", "flac", channels=1)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # 36 bits: the number of samples, 0 where it is not known, as when it is written to a pipe
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert inspect(path).frames is None
    windows = heard(stream(path, rate=16000, seconds=1.0))
    assert windows.error is None and windows.duration == windows.decoded == samples.shape[1] / rate
    assert np.array_equal(cut(path, 0.5, 1.0).samples, read(path).samples[:, rate // 2 : rate])


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_each_sample_type_has_the_same_scale(tmp_path: Path, subtype: str) -> None:
    samples = sound(0.5, 16000)
    soundfile.write(tmp_path / "a.wav", samples.T, 16000, subtype=subtype)
    assert np.abs(read(tmp_path / "a.wav").samples - samples).max() < (0.04 if subtype in ("PCM_U8", "ULAW", "ALAW") else 1e-4)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000, 384000, 500000, 768000])
def test_rates_from_4_to_768_khz(tmp_path: Path, rate: int) -> None:
    time = np.arange(rate) / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 500 * time), rate)
    samples = read(tmp_path / "a.wav", rate=16000).samples
    assert samples.shape == (1, 16000)
    expected = 0.5 * np.sin(2 * np.pi * 500 * np.arange(16000) / 16000)
    assert np.abs(samples[0] - expected)[1000:-1000].max() < 1e-3


@pytest.mark.parametrize("channels", [1, 2, 4, 6, 64])
def test_channels_are_kept_or_truly_averaged(tmp_path: Path, channels: int) -> None:
    samples = sound(0.3, 16000, channels)
    soundfile.write(tmp_path / "a.wav", samples.T, 16000, subtype="FLOAT")
    assert np.array_equal(read(tmp_path / "a.wav").samples, samples)
    mixed = read(tmp_path / "a.wav", mono=True).samples
    assert np.allclose(mixed, samples.mean(axis=0, keepdims=True), atol=1e-6)


def test_of_channels_that_cancel_out_the_loudest_is_kept(tmp_path: Path) -> None:
    left = sound(0.2, 16000)[0]
    for channels, kept in (([left, -left], left), ([left, -left, 0 * left, 0 * left], left), ([-left * 0.99, left], -left * 0.99)):
        soundfile.write(tmp_path / "a.wav", np.stack(channels, axis=1), 16000, subtype="FLOAT")
        assert np.array_equal(read(tmp_path / "a.wav", mono=True).samples[0], kept.astype(np.float32))
    soundfile.write(tmp_path / "a.wav", np.stack([left, -0.5 * left], axis=1), 16000, subtype="FLOAT")
    assert np.allclose(read(tmp_path / "a.wav", mono=True).samples[0], 0.25 * left, atol=1e-6)  # a mean that is left stays the mean


@pytest.mark.parametrize("name", ["naïve Ωmega 🔊.wav", "with space.wav", "no suffix", "wrong.mp3", "quote'\".wav"])
def test_the_name_says_nothing(tmp_path: Path, name: str) -> None:
    path = write_native(tmp_path / "a", sound(0.2, 16000), "wav", 16000)
    path = path.rename(tmp_path / name)
    assert read(path).samples.shape == (1, 3200)
    assert read(str(path)).samples.shape == (1, 3200)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in Unicode")
def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe\n.wav"
    os.rename(write_native(tmp_path / "a", sound(0.2, 16000), "wav", 16000), path)
    assert read(os.fsdecode(path)).samples.shape == (1, 3200)
    assert "\n" not in inspect(os.fsdecode(path)).path


@pytest.mark.parametrize("name", ["wav", "wav float", "flac", "ogg", "mp3", "aiff"])
def test_one_sample(tmp_path: Path, name: str) -> None:
    path = write_native(tmp_path / "a", np.full((1, 1), 0.25, dtype=np.float32), name, 44100)
    windows = stream(path, rate=16000, seconds=10.0)
    (window,) = windows
    assert window.samples.shape == (1, 1) and window.last
    assert windows.error is None and windows.decoded == 1 / 44100


def test_silence_is_sound(tmp_path: Path) -> None:
    path = write_native(tmp_path / "a", np.zeros((1, 16000), dtype=np.float32), "wav", 16000)
    windows = heard(stream(path, rate=16000, seconds=1.0))
    assert windows.error is None and windows.peak == 0.0 and windows.decoded == 1.0


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "b.wav").symlink_to(write_native(tmp_path / "a", sound(0.1, 16000), "wav", 16000))
    assert read(tmp_path / "b.wav").duration == pytest.approx(0.1)


def test_max_seconds(tmp_path: Path) -> None:
    path = write_native(tmp_path / "a", sound(3.0, 22050), "wav")
    whole = read(path, rate=16000).samples
    for limit in (0.25, 1.0, 1.5, 2.0, 99.0):
        part = read(path, rate=16000, max_seconds=limit).samples
        assert part.shape[1] == min(48000, round(limit * 16000))
        assert np.array_equal(part, whole[:, : part.shape[1]])
    with pytest.raises(InputError):
        read(path, max_seconds=0)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.mp3", "a.ogg"])
def test_a_stretch_is_the_same_as_in_the_whole(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / name, 0.1 * rng.standard_normal((44_100 * 9, 2)), 44_100)
    whole = read(tmp_path / name)
    for start, end in ((0.0, 1.0), (2.5, 2.6), (7.9, 100.0), (0.0, float("inf"))):
        part = cut(tmp_path / name, start, end)
        first, last = round(start * 44_100), round(min(end, whole.duration) * 44_100)
        np.testing.assert_array_equal(part.samples, whole.samples[:, first:last])
    with pytest.raises(InputError, match="nothing is at 20 to 21 s; it lasts 9"):
        cut(tmp_path / name, 20, 21)


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "absent.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "absent.wav")
    assert "is a link to a file that does not exist" in refused(tmp_path / "link.wav")


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "sounds.wav").mkdir()
    assert "directory" in refused(tmp_path / "sounds.wav") and "sounds.wav" in refused(tmp_path / "sounds.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "m4a", "webm", "aac", "txt"])
@pytest.mark.parametrize("content", [b"", b"R", b"hello, this is text\n" * 200, bytes(5000), b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9])
def test_what_is_no_sound(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    assert refused(path).startswith(str(path))


@pytest.mark.parametrize("suffix", ["vox", "gsm", "au", "raw", "snd", "sd2", "htk", "dat"])
def test_headerless_formats_are_not_guessed_from_the_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"hello, this is text\n" * 200)
    assert "not a recognised audio file" in refused(path)


@pytest.mark.parametrize("name", [*NATIVE, *PACKED])
def test_header_alone(tmp_path: Path, name: str) -> None:
    path, _, _ = write(tmp_path / "sound", name, seconds=1.0)
    for size in (4, 12, 16, 20, 24):
        path.write_bytes(path.read_bytes()[:size])
        assert refused(path).startswith(str(path))
        path, _, _ = write(tmp_path / "sound", name, seconds=1.0)


def test_no_samples(tmp_path: Path) -> None:
    for name in ("wav", "aiff", "caf"):
        path = write_native(tmp_path / "a", np.zeros((1, 0), dtype=np.float32), name)
        assert "no sound" in refused(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("at", [0, 50_000, 499_999])
@pytest.mark.parametrize(
    ("container", "subtype"), [("WAV", "DOUBLE"), ("CAF", "FLOAT"), ("AU", "FLOAT"), ("AIFF", "FLOAT"), ("W64", "FLOAT")]
)
def test_samples_that_are_no_numbers_are_left_out(tmp_path: Path, bad: float, at: int, container: str, subtype: str) -> None:
    samples = np.full((500_000, 2), 0.25)
    samples[at, 1] = bad
    soundfile.write(tmp_path / "a.wav", samples, 48000, format=container, subtype=subtype)
    windows = stream(tmp_path / "a.wav", rate=48000, seconds=20.0)
    (window,) = windows
    bad_block = at // 4800
    silent = np.flatnonzero(window.samples[0] == 0)
    assert bad_block * 4800 <= silent[0] <= at <= silent[-1] < (bad_block + 1) * 4800
    assert np.count_nonzero(window.samples[0] == 0.25) == 500_000 - len(silent)
    assert windows.error is not None and f"a sample at {at / 48000:.3f} s is {bad:g}" in windows.error
    assert windows.duration == 500_000 / 48000 and windows.decoded == pytest.approx(windows.duration - len(silent) / 48000)
    assert np.isfinite(cut(tmp_path / "a.wav", at / 48000, at / 48000 + 0.01).samples).all()


def test_a_file_without_any_number_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full((500_000, 2), np.nan), 48000, subtype="FLOAT")
    assert "0.000 s is nan" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize(("at", "form", "value"), [(24, "<I", 44), (24, "<I", 2_000_000_000), (22, "<H", 65), (22, "<H", 1000)])
def test_absurd_headers(tmp_path: Path, at: int, form: str, value: int) -> None:
    path = write_native(tmp_path / "a", sound(0.2, 16000), "wav", 16000)
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, at, value)
    path.write_bytes(data)
    assert str(path) in refused(path)


def test_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "regular file" in refused(tmp_path / "pipe.wav")
    assert "regular file" in refused("/dev/zero")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_native(tmp_path / "a", sound(0.2, 16000), "wav", 16000)
    if os.geteuid() == 0:  # root may read everything

        def deny(*arguments: object, **keywords: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", deny)
    else:
        path.chmod(0)
    assert "may not be read" in refused(path)


@pytest.mark.parametrize("path", ["a\0b.wav", "x" * 5000])
def test_names_that_no_file_can_have(path: str) -> None:
    refused(path)


def test_without_pyav_the_hint_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _, _ = write(tmp_path / "sound", "m4a", seconds=0.5)
    monkeypatch.setitem(sys.modules, "av", None)
    line = refused(path)
    assert "pip install 'auricle[av]'" in line and str(path) in line


def test_a_video_without_sound(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        track = file.add_stream("mpeg4", rate=10)
        track.width, track.height, track.pix_fmt = 32, 32, "yuv420p"
        for _ in range(5):
            file.mux(track.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), dtype=np.uint8), format="rgb24")))
        file.mux(track.encode(None))
    assert "no audio track" in refused(tmp_path / "a.mp4")


def test_clips_go_the_same_way() -> None:
    samples = sound(2.5, 44100, 2)
    (window,) = stream_clip(Clip(samples, 44100), rate=16000, seconds=10.0)
    assert window.samples.shape == (1, 40000)
    with pytest.raises(SoundError, match="float"):
        stream_clip(Clip((samples * 1000).astype(np.int16), 44100, "mine"), rate=16000, seconds=1.0)
    with pytest.raises(SoundError, match=r"mine.*nan"):
        heard(stream_clip(Clip(np.full((1, 900), np.nan), 44100, "mine"), rate=16000, seconds=1.0))
    with pytest.raises(SoundError, match="no sound"):
        stream_clip(Clip(samples[:, :0], 44100), rate=16000, seconds=1.0)
    with pytest.raises(SoundError, match="rate"):
        stream_clip(Clip(samples, 100), rate=16000, seconds=1.0)
