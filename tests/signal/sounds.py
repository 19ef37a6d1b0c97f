"""Sounds and files that the tests of this folder share. (No __init__.py: a package called signal would hide Python's.)"""

from __future__ import annotations

from pathlib import Path

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


def write_packed(path: Path, samples: Samples, name: str) -> Path:
    """Write (1 or 2, N) in one of the PACKED formats."""
    av = pytest.importorskip("av")
    suffix, container, codec, rate = PACKED[name]
    path = path.with_suffix(f".{suffix}")
    layout = {1: "mono", 2: "stereo"}[samples.shape[0]]
    with av.open(str(path), "w", format=container) as file:
        track = file.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate
        queue = av.AudioFifo()
        for piece in av.AudioResampler(format=track.codec_context.format, layout=layout, rate=rate).resample(frame):
            queue.write(piece)
        while (piece := queue.read(track.codec_context.frame_size or 1024, partial=True)) is not None:
            file.mux(track.encode(piece))
        file.mux(track.encode(None))
    return path


def write(path: Path, name: str, seconds: float = 2.0, channels: int = 1) -> tuple[Path, Samples, int]:
    """Write `sound` in any format: (path, samples (C, N), rate)."""
    rate = (NATIVE.get(name) or PACKED[name])[3]
    samples = sound(seconds, rate, channels)
    return (write_native if name in NATIVE else write_packed)(path, samples, name), samples, rate
