"""Throughput of a training run: clips per second, share of time spent waiting for data, and FLOP/s."""

from __future__ import annotations

import time
from collections.abc import Mapping

from auricle.core.units import clock, percent

#: Dense bfloat16 FLOP/s by the start of a GPU's name, from the makers' data sheets (SXM where there are several variants).
PEAKS = {"NVIDIA A100": 312e12, "NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H200": 989e12, "NVIDIA L4": 121e12}


class Throughput:
    """Counters between two measurements. peak: FLOP/s that this process could do at most, or None where unknown."""

    def __init__(self, peak: float | None) -> None:
        self._peak = peak
        self._start = self._warm = self._measured = self._reported = time.monotonic()
        self._steps, self._clips, self._flops, self._waited = 0, 0, 0.0, 0.0

    def count(self, clips: int, flops: float) -> None:
        """Add one step. clips: of all ranks. flops: of this rank."""
        self._steps += 1
        if self._steps == 1:
            self._warm = time.monotonic()  # the first step also allocates, compiles and fills the queue
        self._clips += clips
        self._flops += flops

    def measure(self, waited: float) -> dict[str, float]:
        """Figures since the last call. waited: seconds spent waiting for data since the start of the run."""
        now = time.monotonic()
        seconds = max(now - self._measured, 1e-9)
        figures = {
            "clips_per_second": self._clips / seconds,
            "data_wait": min(1.0, (waited - self._waited) / seconds),
            "flops_per_second": self._flops / seconds,
        }
        if self._peak:
            figures["peak_share"] = figures["flops_per_second"] / self._peak
        self._measured, self._clips, self._flops, self._waited = now, 0, 0.0, waited
        return figures

    @property
    def since_report(self) -> float:
        """Seconds since the last call of `seconds_left`."""
        return time.monotonic() - self._reported

    def seconds_left(self, steps: int) -> float:
        """Estimated seconds for so many more steps."""
        self._reported = time.monotonic()
        since, counted = (self._warm, self._steps - 1) if self._steps > 1 else (self._start, 1)
        return (self._reported - since) / counted * steps


def gpu_peak(name: str) -> float | None:
    """Peak bfloat16 FLOP/s of the GPU of that name, or None where it is not in PEAKS."""
    return next((peak for start, peak in PEAKS.items() if name.startswith(start)), None)


def progress_line(step: int, steps: int, parts: Mapping[str, float], figures: Mapping[str, float], *, left: float) -> str:
    """One line for the console. left: seconds to the end."""
    fields = [f"step {step}/{steps}", *(f"{name} {value:.4g}" for name, value in parts.items())]
    fields += [f"{figures['clips_per_second']:.3g} clips/s", f"waiting for data {percent(figures['data_wait'])}"]
    fields.append(f"{figures['flops_per_second'] / 1e9:.3g} GFLOP/s")
    if "peak_share" in figures:
        fields.append(f"{percent(figures['peak_share'])} of the GPU's peak")
    return "  ".join([*fields, f"{clock(left)} left"])
