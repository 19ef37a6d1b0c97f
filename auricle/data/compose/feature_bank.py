"""Decode once: rows in, a memory-mapped bank of log-mel features out, at several playing speeds, with each clip's sounding frames."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from auricle.core.files import atomic_folder
from auricle.data.corpora.clip_table import Row
from auricle.data.gate import stretches
from auricle.signal.frontend import Frontend, open_frontend
from auricle.signal.resample import resample
from auricle.signal.streaming import read

#: What a floor of -100 dB means here: nothing.
FLOOR_DB = -100.0


@dataclasses.dataclass(frozen=True)
class FeatureBank:
    """Features of many clips. speeds: playing speeds (pitch and tempo together), 1.0 among them.

    features[s]: float16 (sum of T, F), dB. starts[s]: int64 (clips + 1,), where each clip's frames begin.
    active[s]: bool (sum of T,), True where the clip's own sound is on. level: float32 (clips,), dB of the clip's loud frames.
    """

    speeds: tuple[float, ...]
    features: list[np.ndarray]
    starts: list[np.ndarray]
    active: list[np.ndarray]
    level: np.ndarray

    def clip(self, index: int, speed: int) -> tuple[np.ndarray, np.ndarray]:
        """Features (T, F) in dB and active frames (T,) of a clip at speeds[speed]."""
        span = slice(self.starts[speed][index], self.starts[speed][index + 1])
        return self.features[speed][span], self.active[speed][span]

    def plain(self, index: int) -> np.ndarray:
        """Features (T, F) float32 of a clip as it is."""
        return np.asarray(self.clip(index, self.speeds.index(1.0))[0], dtype=np.float32)


def open_bank(
    rows: Sequence[Row],
    folder: Path,
    *,
    frontend: str,
    speeds: tuple[float, ...],
    progress: Callable[[int, int], None] | None = None,
) -> FeatureBank:
    """The bank of these rows, made on first use under folder and mapped from then on."""
    key = hashlib.sha256(json.dumps([frontend, speeds, [str(row.path) for row in rows]]).encode()).hexdigest()[:16]
    home = folder / key
    if not (home / "done").exists():
        _make(rows, home, open_frontend(frontend), speeds, progress)
    count = range(len(speeds))
    return FeatureBank(
        speeds=speeds,
        features=[np.load(home / f"features{s}.npy", mmap_mode="r") for s in count],
        starts=[np.load(home / f"starts{s}.npy") for s in count],
        active=[np.load(home / f"active{s}.npy") for s in count],
        level=np.load(home / "level.npy"),
    )


def _make(
    rows: Sequence[Row], home: Path, frontend: Frontend, speeds: tuple[float, ...], progress: Callable[[int, int], None] | None
) -> None:
    made: list[list[tuple[np.ndarray, np.ndarray]]] = []
    with ThreadPoolExecutor(2) as pool:
        for done, item in enumerate(pool.map(lambda row: _hear(row, frontend, speeds), rows), start=1):
            made.append(item)
            if progress is not None:
                progress(done, len(rows))
    plain = speeds.index(1.0)
    with atomic_folder(home, replace=True) as partial:
        for s in range(len(speeds)):
            np.save(partial / f"features{s}.npy", np.concatenate([item[s][0] for item in made]))
            np.save(partial / f"active{s}.npy", np.concatenate([item[s][1] for item in made]))
            np.save(partial / f"starts{s}.npy", np.cumsum([0] + [len(item[s][1]) for item in made]))
        np.save(partial / "level.npy", np.array([_level(*item[plain]) for item in made], dtype=np.float32))
        (partial / "done").touch()


def _hear(row: Row, frontend: Frontend, speeds: tuple[float, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    clip = read(row.path, rate=None, mono=True)
    sound = stretches(resample(clip.samples, clip.rate, frontend.rate)[0], frontend.rate)
    heard = []
    for speed in speeds:
        samples = resample(clip.samples, round(clip.rate * speed), frontend.rate)[0]
        features = frontend.features(samples if samples.size else np.zeros(1, np.float32))
        times = np.arange(len(features)) / frontend.frame_rate * speed  # on the clip's own clock
        active = np.zeros(len(features), dtype=bool)
        for onset, offset in sound:
            active |= (times >= onset - 0.5 / frontend.frame_rate) & (times < offset)
        heard.append((features.astype(np.float16), active))
    return heard


def _level(features: np.ndarray, active: np.ndarray) -> float:
    """dB of the loudest tenth of the sounding frames, summed over bands; FLOOR_DB where nothing sounds."""
    chosen = np.asarray(features, np.float32)[active] if active.any() else np.asarray(features, np.float32)
    loudness = 10.0 * np.log10(np.power(10.0, chosen / 10.0).sum(axis=1) + 1e-10)
    return float(np.mean(np.sort(loudness)[-max(1, len(loudness) // 10) :]))
