"""An energy gate: the active segments of a clip of one source.

An event is an active segment of one source; pauses up to 0.5 s are bridged, longer ones split it. The gate uses the level of 20 ms
frames every 10 ms. Digital silence (padding) is never part of an event. The floor is the 10th percentile of the other levels, the peak
their maximum. Where the two are close, the sound is continuous and is one event; otherwise a frame is active when its level exceeds a
threshold between floor and peak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError

#: Frame length and hop, seconds.
FRAME = 0.02
HOP = 0.01
#: Below this level (dB re full scale) a frame is digital silence: a 16-bit file's last bit is at -96 dB.
SILENCE_DBFS = -80.0
#: A sound with less than this between floor and peak (dB) is continuous.
CONTINUOUS_DB = 18.0
#: Position of the threshold between floor (0) and peak (1); it is never closer to the peak than CONTINUOUS_DB.
THRESHOLD_SHARE = 0.35
#: A segment must exceed the threshold by this much (dB) somewhere; lower ones are fluctuations of the floor.
RISE_DB = 3.0


def find_active_segments(
    samples: NDArray[np.floating], rate: int, *, bridge: float = 0.5, shortest: float = 0.02
) -> list[tuple[float, float]]:
    """Find the active segments of a clip of one source.

    samples: (N,) full scale +-1. rate: Hz. bridge: pauses up to this many seconds are part of the event.
    shortest: seconds; shorter segments are dropped.
    Returns (onset, offset) in seconds, in order, separated by more than `bridge`, inside [0, N / rate].
    InputError where samples are not one channel.
    """
    if samples.ndim != 1:
        raise InputError(f"samples have shape {samples.shape}; wanted one channel, (samples,)")
    levels = frame_levels(samples, rate)
    sounding = levels > SILENCE_DBFS
    if not sounding.any():
        return []
    threshold = _threshold(levels[sounding])
    runs = [
        (start, stop) for start, stop in _true_runs(sounding & (levels >= threshold)) if levels[start:stop].max() >= threshold + RISE_DB
    ]
    duration = len(samples) / rate
    edges = [(start * HOP, min((stop - 1) * HOP + FRAME, duration)) for start, stop in runs]
    return [(onset, offset) for onset, offset in _merge_gaps(edges, bridge) if offset - onset >= min(shortest, duration)]


def frame_levels(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """Levels (T,) in dBFS of 20 ms frames every 10 ms; frame t starts at t * 10 ms, the last one may be shorter."""
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
    return min(floor + THRESHOLD_SHARE * (peak - floor), peak - CONTINUOUS_DB)


def _true_runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], active.astype(np.int8), [0]))))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _merge_gaps(segments: list[tuple[float, float]], pause: float) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for onset, offset in segments:
        # The tolerance: frame times are multiples of 10 ms in floating point, and a pause of exactly `pause` is bridged.
        if joined and onset - joined[-1][1] <= pause + 1e-9:
            joined[-1] = (joined[-1][0], offset)
        else:
            joined.append((onset, offset))
    return joined
