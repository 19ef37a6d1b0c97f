"""Windows of a stream are those of the whole, whatever their length, overlap, rate or decoder, in memory that does not grow."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import sound, write_native

from auricle.core.errors import InputError
from auricle.core.records import Clip
from auricle.signal.framing import plan
from auricle.signal.resample import StreamResampler, resample
from auricle.signal.streaming import Window, read, stream, stream_clip

RATES = [4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000, 384000]


def joined(windows: list[Window], rate: int, context: float) -> np.ndarray:
    """The recording put together again: of each window what lies behind the overlap with the one before."""
    overlap = 2 * round(context * rate)
    return np.concatenate([window.samples[:, overlap if index else 0 :] for index, window in enumerate(windows)], axis=1)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 60_000),
    source=st.sampled_from(RATES),
    target=st.sampled_from([8000, 16000, 48000]),
    seconds=st.floats(0.05, 2.0),
    share=st.floats(0.0, 0.45),
    channels=st.integers(1, 3),
    mono=st.booleans(),
)
def test_windows_are_cut_from_the_whole(
    count: int, source: int, target: int, seconds: float, share: float, channels: int, mono: bool
) -> None:
    samples = np.random.default_rng(count).uniform(-1, 1, (channels, count)).astype(np.float32)
    context = seconds * share
    whole = resample(samples.mean(axis=0, keepdims=True) if mono else samples, source, target)
    windows = list(stream_clip(Clip(samples, source), rate=target, seconds=seconds, context=context, mono=mono))
    layout = plan(target, seconds=seconds, context=context)
    assert len(windows) == layout.count(whole.shape[1])
    assert [window.last for window in windows] == [False] * (len(windows) - 1) + [True]
    for index, window in enumerate(windows):
        assert window.start == index * layout.hop / target
        piece = whole[:, index * layout.hop : index * layout.hop + layout.size]
        assert window.samples.dtype == np.float32 and window.samples.shape == piece.shape
        assert np.abs(window.samples - piece).max() <= 1e-4
    assert np.abs(joined(windows, target, context) - whole).max() <= 1e-4


@settings(max_examples=30, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 20_000), max_size=12),
    source=st.sampled_from(RATES),
    target=st.sampled_from(RATES),
    data=st.data(),
)
def test_resampling_in_pieces_is_resampling_the_whole(cuts: list[int], source: int, target: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 20_000))
    samples = np.random.default_rng(count).uniform(-1, 1, (2, count)).astype(np.float32)
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    pieces = StreamResampler(source, target, 2)
    parts = [pieces.push(samples[:, a:b], last=False) for a, b in itertools.pairwise(edges)]
    parts.append(pieces.push(samples[:, :0], last=True))
    out, whole = np.concatenate(parts, axis=1), resample(samples, source, target)
    assert out.shape == whole.shape == (2, max(1, round(count * target / source)))
    assert np.abs(out - whole).max() <= 1e-4


@pytest.mark.parametrize("name", ["wav", "flac", "ogg", "opus", "mp3"])
def test_windows_of_a_file_are_those_of_the_whole_file(tmp_path: Path, name: str) -> None:
    path = write_native(tmp_path / "a", sound(13.0, 24000, 2), name, 24000)
    whole = read(path, rate=16000).samples
    assert np.array_equal(read(path).samples, read(path).samples)
    for seconds, context in ((1.0, 0.0), (2.5, 0.5), (13.0, 0.0), (20.0, 1.0)):
        windows = list(stream(path, rate=16000, seconds=seconds, context=context, mono=False))
        assert np.abs(joined(windows, 16000, context) - whole).max() <= 1e-4


def test_a_window_that_ends_with_the_recording_is_the_last() -> None:
    samples = sound(4.0, 16000)
    assert len(list(stream_clip(Clip(samples, 16000), rate=16000, seconds=4.0))) == 1
    assert len(list(stream_clip(Clip(samples, 16000), rate=16000, seconds=2.0))) == 2
    assert len(list(stream_clip(Clip(samples[:, :-1], 16000), rate=16000, seconds=2.0))) == 2
    assert len(list(stream_clip(Clip(samples, 16000), rate=16000, seconds=2.0, context=0.5))) == 3


def test_windows_need_a_middle() -> None:
    for seconds, context in ((0.0, 0.0), (1.0, 0.5), (1.0, -0.1), (1e-9, 0.0)):
        with pytest.raises(InputError, match="wanted"):
            plan(16000, seconds=seconds, context=context)


def test_a_file_let_go_early_is_closed(tmp_path: Path) -> None:
    path = write_native(tmp_path / "a", sound(30.0, 22050), "wav")
    with stream(path, rate=16000, seconds=1.0) as windows:
        next(iter(windows))
    assert windows.error is None and windows.decoded < 30.0


MEASURE = """
    import sys
    from auricle.signal.streaming import stream
    windows = stream(sys.argv[1], rate=16000, seconds=10.0, context=1.0)
    count = sum(1 for _ in windows)
    try:  # what getrusage says begins with the size of the process that forked this one
        peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    except OSError:
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(count, round(windows.decoded), peak // 1024)
"""


@pytest.mark.slow
def test_ten_hours_take_little_memory(tmp_path: Path) -> None:
    """A wav of ten hours, 8 kHz, 8 bit (288 MB that are a hole on the disk: silence)."""
    rate, hours = 8000, 10
    path = write_native(tmp_path / "long", np.zeros((1, 8), dtype=np.float32), "wav", rate)
    data = bytearray(path.read_bytes())
    size = rate * 3600 * hours
    for at, width, value in ((28, 4, rate), (32, 2, 1), (34, 2, 8), (len(data) - 20, 4, size), (4, 4, size + 36)):
        data[at : at + width] = value.to_bytes(width, "little")
    with open(path, "wb") as file:
        file.write(data[:44])
        file.truncate(44 + size)
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(MEASURE), path], capture_output=True, text=True, check=True)
    count, heard, megabytes = map(int, result.stdout.split())
    assert (count, heard) == (4500, hours * 3600)
    assert megabytes <= 200
