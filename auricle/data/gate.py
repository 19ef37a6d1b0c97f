"""Events inside one clip, found by energy.

An event is a sounding stretch of one source; pauses up to 0.5 s are bridged, longer ones split it. The gate looks at the level of
20 ms frames every 10 ms. Digital silence (padding) is never part of an event. What remains has a floor (its quiet tenth) and a
peak. Where the two lie close, the sound is continuous and all of it is one event; else a frame sounds when its level passes a
threshold between floor and peak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError

#: Frame and step of the level, seconds.
FRAME = 0.02
HOP = 0.01
#: Below this level (dB re full scale) a frame is digital silence: a 16-bit file's last bit is at -96 dB.
SILENCE_DBFS = -80.0
#: With less than this between floor and peak (dB) a sound is continuous.
CONTINUOUS_DB = 18.0
#: The threshold lies this share of the way from floor to peak, yet never closer to the peak than CONTINUOUS_DB.
SHARE = 0.35
#: A stretch must rise this much (dB) above the threshold somewhere, or it is the floor's own ripple.
RISE_DB = 3.0


def stretches(samples: NDArray[np.floating], rate: int, *, bridge: float = 0.5, shortest: float = 0.02) -> list[tuple[float, float]]:
    """Sounding stretches of a clip of one source.

    samples: (N,) full scale +-1. rate: Hz. bridge: pauses up to this many seconds are part of the event.
    shortest: seconds; shorter stretches are dropped.
    Returns (onset, offset) in seconds, in order, apart by more than `bridge`, inside [0, N / rate].
    """
    if samples.ndim != 1:
        raise InputError(f"samples have shape {samples.shape}; wanted one channel, (samples,)")
    levels = frame_levels(samples, rate)
    sounding = levels > SILENCE_DBFS
    if not sounding.any():
        return []
    threshold = _threshold(levels[sounding])
    found = [(start, stop) for start, stop in _runs(sounding & (levels >= threshold)) if levels[start:stop].max() >= threshold + RISE_DB]
    duration = len(samples) / rate
    edges = [(start * HOP, min((stop - 1) * HOP + FRAME, duration)) for start, stop in found]
    return [(onset, offset) for onset, offset in _bridged(edges, bridge) if offset - onset >= min(shortest, duration)]


def frame_levels(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """Level (T,) in dB re full scale of 20 ms frames every 10 ms; the last frame may be shorter. Frame t starts at t * 10 ms."""
    starts = np.rint(np.arange(0.0, max(len(samples) / rate - FRAME + HOP, HOP), HOP) * rate).astype(np.int64)
    starts = starts[starts < len(samples)]
    stops = np.minimum(starts + max(round(FRAME * rate), 1), len(samples))
    energy = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    power = (energy[stops] - energy[starts]) / np.maximum(stops - starts, 1)
    levels: NDArray[np.float64] = 10.0 * np.log10(np.maximum(power, 1e-12))
    return levels


def _threshold(levels: NDArray[np.float64]) -> float:
    floor, peak = float(np.percentile(levels, 10)), float(levels.max())
    if peak - floor < CONTINUOUS_DB:
        return SILENCE_DBFS - RISE_DB
    return min(floor + SHARE * (peak - floor), peak - CONTINUOUS_DB)


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], active.astype(np.int8), [0]))))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _bridged(stretches: list[tuple[float, float]], pause: float) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for onset, offset in stretches:
        # A hair of tolerance: frame times are multiples of 10 ms in floating point, and a pause of exactly `pause` is bridged.
        if joined and onset - joined[-1][1] <= pause + 1e-9:
            joined[-1] = (joined[-1][0], offset)
        else:
            joined.append((onset, offset))
    return joined
