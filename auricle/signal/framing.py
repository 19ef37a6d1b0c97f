"""Window arithmetic: the sample positions of the overlapping windows of a long recording."""

from __future__ import annotations

import dataclasses

from auricle.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Plan:
    """Windows of `size` samples at a distance of `hop` samples, with `context` samples at each edge; rate: Hz.

    The middle parts of consecutive windows (without their context) are contiguous: hop = size - 2 * context.
    """

    rate: int
    size: int
    context: int

    @property
    def hop(self) -> int:
        """Samples between the starts of consecutive windows."""
        return self.size - 2 * self.context

    def start(self, index: int) -> float:
        """Seconds from the start of the recording to the first sample of window `index`."""
        return index * self.hop / self.rate

    def count(self, total: int) -> int:
        """Number of windows of a recording of `total` samples; the last is the first one that reaches its end."""
        if total <= 0:
            return 0
        return 1 + max(0, -(-(total - self.size) // self.hop))


def plan(rate: int, *, seconds: float, context: float = 0.0) -> Plan:
    """Plan windows of `seconds` that overlap by twice `context` seconds, at `rate` Hz. InputError where context is too long."""
    size, edge = round(seconds * rate), round(context * rate)
    if context < 0 or size - 2 * edge < 1:
        raise InputError(
            f"windows of {seconds:g} s with {context:g} s of context have no middle part at {rate} Hz; wanted seconds > 2 * context >= 0"
        )
    return Plan(rate, size, edge)
