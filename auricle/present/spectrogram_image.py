"""Spectrogram images: log-mel columns of recordings of any length, encoded as PNG."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from auricle.signal.frontend import Frontend
from auricle.signal.mel import hz_to_mel
from auricle.signal.streaming import Stream

_RANGE = (30.0, 70.0)  # dB from the maximum of a recording down to black, at least and at most
_BACKGROUND = 0.2  # quantile of the levels that is taken as background
_COLUMNS = 3000  # width of an image, at most; longer recordings have more frames per column
_WINDOW, _CONTEXT = 10.0, 0.1  # seconds per window, and of its edges, where frames lack context


class ColumnBuffer:
    """Collects log-mel frames as at most 3000 columns: whenever there are more, pairs of columns are max-pooled."""

    def __init__(self, mels: int, *, most: int = _COLUMNS) -> None:
        self._most, self._frames = most, 1
        self._columns: list[np.ndarray] = []
        self._left = np.zeros((0, mels), np.float32)

    def add(self, features: np.ndarray) -> None:
        """Add frames (T, F), dB."""
        features = np.concatenate([self._left, features])
        whole = len(features) // self._frames * self._frames
        self._left = features[whole:]
        if whole:
            self._columns.append(features[:whole].reshape(-1, self._frames, features.shape[1]).max(axis=1))
        while sum(map(len, self._columns)) > self._most:
            self._halve()

    def _halve(self) -> None:
        columns = np.concatenate(self._columns)
        even = len(columns) // 2 * 2
        if len(columns) > even:  # an odd column goes back to the remaining frames
            self._left = np.concatenate([columns[even:].repeat(self._frames, axis=0), self._left])
        self._columns = [columns[:even].reshape(-1, 2, columns.shape[1]).max(axis=1)]
        self._frames *= 2

    def columns(self) -> np.ndarray:
        """Return all columns (W, F), dB."""
        rest = [self._left.max(axis=0, keepdims=True)] if len(self._left) else []
        return np.concatenate([*self._columns, *rest])


def read_columns(sound: Stream, frontend: Frontend) -> np.ndarray:
    """Compute log-mel columns (W, F), dB, of a stream that was opened with `window_settings`."""
    buffer = ColumnBuffer(frontend.mels)
    edge, step = round(_CONTEXT * frontend.frame_rate), round((_WINDOW - 2 * _CONTEXT) * frontend.frame_rate)
    for window in sound:
        if window.samples.size:
            features = frontend.features(window.samples)
            buffer.add(features[edge if window.start else 0 : None if window.last else step + edge])
    return buffer.columns()


def window_settings(frontend: Frontend) -> dict[str, float]:
    """Arguments to open a stream for `read_columns`."""
    return {"rate": frontend.rate, "seconds": _WINDOW, "context": _CONTEXT}


def encode_png(levels: np.ndarray) -> bytes:
    """Encode columns (W, F) in dB as a PNG of W x F grey pixels, low frequencies at the bottom, louder is brighter.

    Black is the background level of the recording, limited to 30 to 70 dB below its maximum.
    """
    top = float(levels.max())
    floor = min(max(float(np.quantile(levels, _BACKGROUND)), top - _RANGE[1]), top - _RANGE[0])
    rows = np.clip((levels.T[::-1] - floor) / (top - floor) * 255, 0, 255).astype(np.uint8)
    height, width = rows.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()  # each line starts with filter type 0
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits, grey
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def frequency_ticks(frontend: Frontend, *, hertz: tuple[int, ...] = (125, 500, 1000, 2000, 4000, 8000)) -> list[tuple[int, float]]:
    """Frequencies (Hz) and their vertical positions in the image, from 0 at the bottom to 1."""
    preset = frontend.preset
    low, high = (float(hz_to_mel(edge, scale=preset.scale)) for edge in (preset.low, preset.high))
    places = [(hz, (float(hz_to_mel(hz, scale=preset.scale)) - low) / (high - low)) for hz in hertz]
    return [(hz, place) for hz, place in places if 0 < place <= 1]
