"""The result of the inspection of a file."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class Inspection:
    """Properties of a file that its decoder does not report.

    declared: samples per channel that the file declares, where that may be more than the decoder reports.
    clock: sample rate of `declared`, Hz; 0: the file's rate.
    fault: the sign of a truncated or damaged file. undecodable: why decoding should not be attempted.
    source: a repaired view of the file, to decode instead. links: views of the recordings of which the file is a chain.
    repair: for decoding that fails midway: returns a view without the junk bytes, and the number of samples that they replace.
    """

    declared: int | None = None
    clock: int = 0
    fault: str | None = None
    undecodable: str | None = None
    source: io.RawIOBase | None = None
    links: Sequence[io.RawIOBase] = ()
    repair: Callable[[], tuple[io.RawIOBase, int] | None] | None = None
