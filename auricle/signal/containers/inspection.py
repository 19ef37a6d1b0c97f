"""What was found in a file's own bytes."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found beside the decoder.

    declared: samples per channel that the file claims, where that may be more than the decoder will say.
    clock: samples a second of what is declared, Hz; 0 where that is the file's rate.
    fault: what shows that the file was cut. hopeless: why no decoder should be tried.
    source: a mended view of the file to decode instead. links: views of the recordings of which the file is a chain.
    mend: for a file that breaks while it is decoded: a view without the junk in it, and how many samples that junk once was.
    """

    declared: int | None = None
    clock: int = 0
    fault: str | None = None
    hopeless: str | None = None
    source: io.RawIOBase | None = None
    links: Sequence[io.RawIOBase] = ()
    mend: Callable[[], tuple[io.RawIOBase, int] | None] | None = None
