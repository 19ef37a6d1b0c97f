"""How fast a training goes: clips a second, the share of time spent waiting for data, and arithmetic done."""

from __future__ import annotations

import time
from collections.abc import Mapping

from auricle.core.units import clock, percent

#: Dense bfloat16 operations a second by the start of a GPU's name, from the makers' data sheets (SXM where there are several).
PEAKS = {"NVIDIA A100": 312e12, "NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H200": 989e12, "NVIDIA L4": 121e12}


class Speed:
    """Counts between looks. peak: the most operations a second that this process could do, or None."""

    def __init__(self, peak: float | None) -> None:
        self._peak = peak
        self._began = self._warm = self._looked = self._told = time.monotonic()
        self._all, self._clips, self._flops, self._waited = 0, 0, 0.0, 0.0

    def count(self, clips: int, flops: float) -> None:
        """One more step: clips of all ranks, operations of this one."""
        self._all += 1
        if self._all == 1:
            self._warm = time.monotonic()  # the first step also allocates, compiles and fills the queue: it says little of the others
        self._clips += clips
        self._flops += flops

    def look(self, waited: float) -> dict[str, float]:
        """Figures since the last look. waited: seconds spent waiting for data in all."""
        now = time.monotonic()
        seconds = max(now - self._looked, 1e-9)
        figures = {
            "clips_per_second": self._clips / seconds,
            "data_wait": min(1.0, (waited - self._waited) / seconds),
            "flops_per_second": self._flops / seconds,
        }
        if self._peak:
            figures["peak_share"] = figures["flops_per_second"] / self._peak
        self._looked, self._clips, self._flops, self._waited = now, 0, 0.0, waited
        return figures

    @property
    def silent(self) -> float:
        """Seconds since `left` was last asked."""
        return time.monotonic() - self._told

    def left(self, steps: int) -> float:
        """Seconds that so many more steps will take."""
        self._told = time.monotonic()
        since, counted = (self._warm, self._all - 1) if self._all > 1 else (self._began, 1)
        return (self._told - since) / counted * steps


def peak_of(name: str) -> float | None:
    """Of the GPU of that name, where it is known."""
    return next((peak for start, peak in PEAKS.items() if name.startswith(start)), None)


def line(step: int, steps: int, parts: Mapping[str, float], figures: Mapping[str, float], *, left: float) -> str:
    """One line for people. left: seconds to the end."""
    told = [f"step {step}/{steps}", *(f"{name} {value:.4g}" for name, value in parts.items())]
    told += [f"{figures['clips_per_second']:.3g} clips/s", f"waiting for data {percent(figures['data_wait'])}"]
    told.append(f"{figures['flops_per_second'] / 1e9:.3g} GFLOP/s")
    if "peak_share" in figures:
        told.append(f"{percent(figures['peak_share'])} of the GPU's peak")
    return "  ".join([*told, f"{clock(left)} left"])
