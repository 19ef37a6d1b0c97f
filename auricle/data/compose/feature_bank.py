"""A memory-mapped bank of mel power of clips, in dB, at several playback speeds, with the active frames of each clip."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from auricle.core.files import atomic_folder
from auricle.core.records import Clip
from auricle.data.corpora.clip_table import Row
from auricle.data.gate import find_active_segments
from auricle.signal.frontend import Frontend, open_frontend
from auricle.signal.resample import resample
from auricle.signal.streaming import read

#: The level (dB) of silence in log-mel features.
FLOOR_DB = -100.0


@dataclasses.dataclass(frozen=True)
class FeatureBank:
    """Mel power of many clips. speeds: playback speeds (pitch and tempo together), 1.0 among them.

    features[s]: float16 (sum of T, F), dB of the power; those of auricle-16k are this. starts[s]: int64 (clips + 1,), first frame of each.
    active[s]: bool (sum of T,), True in active segments. level: float32 (clips,), dB of the clip's loud frames.
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
        """Features (T, F) float32 of a clip at its own speed."""
        return np.asarray(self.clip(index, self.speeds.index(1.0))[0], dtype=np.float32)


def open_feature_bank(
    rows: Sequence[Row],
    folder: Path,
    *,
    frontend: str,
    speeds: tuple[float, ...],
    progress: Callable[[int, int], None] | None = None,
) -> FeatureBank:
    """Open the feature bank of these rows, built on first use under folder and mapped afterwards. progress: (clips done, clips)."""
    key = hashlib.sha256(json.dumps([frontend, speeds, [str(row.path) for row in rows]]).encode()).hexdigest()[:16]

    def decode(index: int) -> Clip:
        return read(rows[index].path, rate=None, mono=True)

    return open_bank(decode, len(rows), folder / key, open_frontend(frontend), speeds=speeds, progress=progress)


def open_bank(
    decode: Callable[[int], Clip],
    count: int,
    home: Path,
    frontend: Frontend,
    *,
    speeds: tuple[float, ...],
    progress: Callable[[int, int], None] | None = None,
) -> FeatureBank:
    """Open the feature bank in `home`, built on first use. decode: index of a clip, 0 to count - 1, to its sound, mono (1, N)."""
    if not (home / "done").exists():
        _build(decode, count, home, frontend, speeds, progress)
    return FeatureBank(
        speeds=speeds,
        features=[np.load(home / f"features{s}.npy", mmap_mode="r") for s in range(len(speeds))],
        starts=[np.load(home / f"starts{s}.npy") for s in range(len(speeds))],
        active=[np.load(home / f"active{s}.npy") for s in range(len(speeds))],
        level=np.load(home / "level.npy"),
    )


def _build(
    decode: Callable[[int], Clip],
    count: int,
    home: Path,
    frontend: Frontend,
    speeds: tuple[float, ...],
    progress: Callable[[int, int], None] | None,
) -> None:
    extracted: list[list[tuple[np.ndarray, np.ndarray]]] = []
    with ThreadPoolExecutor(2) as pool:
        for done, item in enumerate(pool.map(lambda index: _extract(decode(index), frontend, speeds), range(count)), start=1):
            extracted.append(item)
            if progress is not None:
                progress(done, count)
    plain = speeds.index(1.0)
    with atomic_folder(home, replace=True) as partial:
        for s in range(len(speeds)):
            np.save(partial / f"features{s}.npy", np.concatenate([item[s][0] for item in extracted]))
            np.save(partial / f"active{s}.npy", np.concatenate([item[s][1] for item in extracted]))
            np.save(partial / f"starts{s}.npy", np.cumsum([0] + [len(item[s][1]) for item in extracted]))
        np.save(partial / "level.npy", np.array([_level(*item[plain]) for item in extracted], dtype=np.float32))
        (partial / "done").touch()


def _extract(clip: Clip, frontend: Frontend, speeds: tuple[float, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    sound = find_active_segments(resample(clip.samples, clip.rate, frontend.rate)[0], frontend.rate)
    per_speed = []
    for speed in speeds:
        samples = resample(clip.samples, round(clip.rate * speed), frontend.rate)[0]
        power = frontend.power(samples if samples.size else np.zeros(1, np.float32))
        features = 10.0 * np.log10(np.maximum(power, 10.0 ** (FLOOR_DB / 10.0)))
        times = np.arange(len(features)) / frontend.frame_rate * speed  # seconds in the clip at its own speed
        active = np.zeros(len(features), dtype=bool)
        for onset, offset in sound:
            active |= (times >= onset - 0.5 / frontend.frame_rate) & (times < offset)
        per_speed.append((features.astype(np.float16), active))
    return per_speed


def _level(features: np.ndarray, active: np.ndarray) -> float:
    """Mean dB of the loudest tenth of the active frames (of all frames where none is active), summed over bands."""
    chosen = np.asarray(features, np.float32)[active] if active.any() else np.asarray(features, np.float32)
    loudness = 10.0 * np.log10(np.power(10.0, chosen / 10.0).sum(axis=1) + 1e-10)
    return float(np.mean(np.sort(loudness)[-max(1, len(loudness) // 10) :]))
