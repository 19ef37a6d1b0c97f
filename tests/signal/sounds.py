"""Sounds and files that the tests of this folder share. (No __init__.py: a package called signal would hide Python's.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

#: name of the format -> (suffix, libsndfile's container, subtype, rate in Hz)
NATIVE = {
    "wav": ("wav", "WAV", "PCM_16", 22050),
    "wav float": ("wav", "WAV", "FLOAT", 22050),
    "rf64": ("wav", "RF64", "PCM_16", 22050),
    "w64": ("w64", "W64", "PCM_16", 22050),
    "aiff": ("aiff", "AIFF", "PCM_16", 22050),
    "au": ("au", "AU", "PCM_16", 22050),
    "caf": ("caf", "CAF", "PCM_16", 22050),
    "flac": ("flac", "FLAC", "PCM_16", 22050),
    "ogg": ("ogg", "OGG", "VORBIS", 22050),
    "opus": ("opus", "OGG", "OPUS", 24000),
    "mp3": ("mp3", "MP3", "MPEG_LAYER_III", 22050),
}
#: name of the format -> (suffix, FFmpeg's container, encoder, rate in Hz)
PACKED = {
    "m4a": ("m4a", "ipod", "aac", 44100),
    "mp4": ("mp4", "mp4", "aac", 44100),
    "alac": ("m4a", "ipod", "alac", 44100),
    "mov": ("mov", "mov", "pcm_s16le", 44100),
    "webm": ("webm", "webm", "libopus", 48000),
    "mkv": ("mkv", "matroska", "flac", 44100),
    "aac": ("aac", "adts", "aac", 44100),
}
#: More that PyAV writes and reads, formats of libsndfile with codecs that it lacks among them: as PACKED.
OTHERS = {
    "wma": ("wma", "asf", "wmav2", 44100),
    "amr": ("amr", "amr", "amr_nb", 8000),
    "3gp": ("3gp", "3gp", "amr_nb", 8000),
    "avi": ("avi", "avi", "mp3", 44100),
    "ts": ("ts", "mpegts", "aac", 44100),
    "mpg": ("mpg", "mpeg", "mp2", 48000),
    "flv": ("flv", "flv", "aac", 44100),
    "ac3": ("ac3", "ac3", "ac3", 48000),
    "eac3": ("eac3", "eac3", "eac3", 48000),
    "wv": ("wv", "wv", "wavpack", 44100),
    "tta": ("tta", "tta", "tta", 44100),
    "mp2": ("mp2", "mp2", "mp2", 44100),
    "mp3 in wav": ("wav", "wav", "mp3", 44100),
    "mp2 in wav": ("wav", "wav", "mp2", 44100),
    "ac3 in wav": ("wav", "wav", "ac3", 48000),
    "g722 in wav": ("wav", "wav", "g722", 16000),
    "g726 in wav": ("wav", "wav", "g726", 8000),
    "yamaha in wav": ("wav", "wav", "adpcm_yamaha", 22050),
    "swf in wav": ("wav", "wav", "adpcm_swf", 22050),
    "flac in ogg": ("ogg", "ogg", "flac", 44100),
    "alac in caf": ("caf", "caf", "alac", 44100),
    "ac3 in w64": ("w64", "w64", "ac3", 48000),
    "g722 in au": ("au", "au", "g722", 16000),
}


def sound(seconds: float, rate: int, channels: int = 1) -> Samples:
    """A tone that is another one in each channel, with a little noise: (C, N)."""
    generator = np.random.default_rng(7)
    time = np.arange(round(seconds * rate)) / rate
    tones = [0.3 * np.sin(2 * np.pi * 200 * (1 + channel) * time) for channel in range(channels)]
    return (np.stack(tones) + 0.02 * generator.standard_normal((channels, len(time)))).astype(np.float32)


def write_native(path: Path, samples: Samples, name: str, rate: int | None = None) -> Path:
    """Write (C, N) in one of the NATIVE formats."""
    suffix, container, subtype, usual = NATIVE[name]
    path = path.with_suffix(f".{suffix}")
    soundfile.write(path, samples.T, rate or usual, format=container, subtype=subtype)
    return path


def write_packed(path: Path, samples: Samples, name: str, starts: Sequence[float] = (0.0,), tracks: int = 1) -> Path:
    """Write (1 or 2, N) in one of the PACKED or OTHERS formats, as many equal parts as there are starts (s on the file's clock).

    tracks: as many sound tracks, the first of `samples`, the others silent.
    """
    av = pytest.importorskip("av")
    suffix, container, codec, rate = (PACKED | OTHERS)[name]
    path = path.with_suffix(f".{suffix}")
    layout = {1: "mono", 2: "stereo"}[samples.shape[0]]
    with av.open(str(path), "w", format=container) as file:
        streams = [file.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        for stream in streams:
            stream.bit_rate = 12_200 if codec == "amr_nb" else 128_000
        for start, part in zip(starts, np.array_split(samples, len(starts), axis=1), strict=True):
            for place, stream in enumerate(streams):
                for piece in _frames(stream.codec_context, part if place == 0 else 0 * part, start, rate, layout):
                    file.mux(stream.encode(piece))
        for stream in streams:
            file.mux(stream.encode(None))
    return path


def _frames(codec: Any, samples: Samples, start: float, rate: int, layout: str) -> Iterator[Any]:
    """Samples as frames of an encoder's size, timed from `start` (s) on."""
    av = pytest.importorskip("av")
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate = rate
    queue = av.AudioFifo()
    for piece in av.AudioResampler(format=codec.format, layout=layout, rate=rate).resample(frame):
        piece.pts = None
        queue.write(piece)
    at = round(start * rate)
    while (piece := queue.read(codec.frame_size or 1024, partial=True)) is not None:
        piece.pts, piece.time_base = at, Fraction(1, rate)
        at += piece.samples
        yield piece


def write(path: Path, name: str, seconds: float = 2.0, channels: int = 1) -> tuple[Path, Samples, int]:
    """Write `sound` in any format: (path, samples (C, N), rate)."""
    rate = (NATIVE | PACKED | OTHERS)[name][3]
    samples = sound(seconds, rate, channels)
    return (write_native if name in NATIVE else write_packed)(path, samples, name), samples, rate
