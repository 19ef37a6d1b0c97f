"""Times are those of the file's own clock: a late start, gaps, clocks that start anywhere or run back; several sound tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sounds import OTHERS, PACKED, Samples, sound, write_packed

from auricle.signal.streaming import Stream, cut, inspect, read, stream

RATES = {name: row[3] for name, row in (PACKED | OTHERS).items()}


def joined(path: Path) -> tuple[Stream, Samples]:
    """A whole file at 8 kHz, and its stream."""
    windows = stream(path, rate=8000, seconds=100.0)
    (window,) = windows
    return windows, window.samples[0]


def loud(samples: Samples) -> list[tuple[float, float]]:
    """Where (s) samples at 8 kHz sound."""
    level = np.abs(samples[: len(samples) // 80 * 80]).reshape(-1, 80).max(axis=1) > 0.1
    edges = np.flatnonzero(np.diff(np.concatenate([[False], level, [False]])))
    return [(start / 100, end / 100) for start, end in edges.reshape(-1, 2)]


@pytest.mark.parametrize("name", ["mp4", "mov", "mkv", "webm", "flv"])
def test_a_late_start_is_kept(tmp_path: Path, name: str) -> None:
    path = write_packed(tmp_path / "late", sound(10.0, RATES[name]), name, starts=[5.0])
    windows, samples = joined(path)
    assert windows.error is None and windows.coverage == 1.0
    assert windows.duration == pytest.approx(15.0, abs=0.1) and inspect(path).duration == pytest.approx(15.0, abs=0.1)
    assert windows.decoded == pytest.approx(10.0, abs=0.15)
    np.testing.assert_allclose(loud(samples), [(5.0, 15.0)], atol=0.11)
    np.testing.assert_allclose(windows.gaps, [(0.0, 5.0)], atol=0.11)


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", "flv", "ts"])
def test_a_jump_is_not_recorded_and_not_missing(tmp_path: Path, name: str) -> None:
    rate = RATES[name]
    path = write_packed(tmp_path / "jump", sound(6.0, rate), name, starts=[0.0, 23.0])
    windows, samples = joined(path)
    assert windows.error is None and windows.coverage == 1.0 and windows.duration == pytest.approx(26.0, abs=0.15)
    np.testing.assert_allclose(loud(samples), [(0.0, 3.0), (23.0, 26.0)], atol=0.12)
    np.testing.assert_allclose(windows.gaps, [(3.0, 23.0)], atol=0.12)
    part = cut(path, 22.0, 24.0)  # what players and archives are given
    assert np.flatnonzero(np.abs(part.samples[0]) > 0.1)[0] / rate == pytest.approx(1.0, abs=0.12)
    assert not np.abs(cut(path, 10.0, 11.0).samples).any()
    assert read(path).duration == pytest.approx(windows.end, abs=0.01)


def test_a_transport_stream_counts_from_its_start(tmp_path: Path) -> None:
    path = write_packed(tmp_path / "late", sound(5.0, 44100), "ts", starts=[3000.0])
    windows, samples = joined(path)
    assert windows.error is None and not windows.gaps and windows.duration == pytest.approx(5.0, abs=0.1)
    assert loud(samples)[0][0] == pytest.approx(0.0, abs=0.06)


def test_streams_joined_into_one_are_heard_one_after_another(tmp_path: Path) -> None:
    path = write_packed(tmp_path / "a", sound(3.0, 44100), "ts")
    path.write_bytes(path.read_bytes() * 2)
    windows, samples = joined(path)
    assert not windows.gaps and windows.decoded == pytest.approx(6.0, abs=0.15) and len(loud(samples)) <= 2


def test_an_absurd_clock_is_not_followed(tmp_path: Path) -> None:
    path = write_packed(tmp_path / "a", sound(4.0, 48000), "webm", starts=[0.0, 900_000.0])
    windows, _ = joined(path)
    assert windows.decoded == pytest.approx(4.0, abs=0.1) and not windows.gaps
    assert windows.error is not None and "clock" in windows.error
    late = write_packed(tmp_path / "b", sound(4.0, 48000), "webm", starts=[900_000.0])
    windows, _ = joined(late)
    assert windows.error is None and windows.duration == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("name", ["mkv", "webm", "flv", "ts"])
def test_what_was_destroyed_is_missing_and_what_follows_keeps_its_time(tmp_path: Path, name: str) -> None:
    rate = RATES[name]
    samples = sound(20.0, rate)
    samples[:, 15 * rate : 17 * rate] = 0
    path = write_packed(tmp_path / "a", samples, name)
    content = bytearray(path.read_bytes())
    at, size = len(content) // 4, len(content) // 4
    content[at : at + size] = np.random.default_rng(3).bytes(size)
    path.write_bytes(content)
    windows, heard = joined(path)
    assert windows.error is not None and "missing" in windows.error and windows.coverage < 0.9
    pause = [start for start, end in loud(1.0 * (np.abs(heard) < 1e-3) * (np.arange(len(heard)) > 8000 * 13)) if end - start > 1.5]
    assert len(pause) == 1 and pause[0] == pytest.approx(15.0, abs=0.25)
    assert not windows.gaps


@pytest.mark.parametrize("name", ["mp4", "mkv"])
def test_of_several_sound_tracks_the_first_is_heard_and_the_others_are_told(tmp_path: Path, name: str) -> None:
    path = write_packed(tmp_path / "a", sound(2.0, RATES[name]), name, tracks=3)
    windows, samples = joined(path)
    assert windows.info.tracks == 3 and windows.error is None
    np.testing.assert_allclose(loud(samples), [(0.0, 2.0)], atol=0.06)
