"""One recording, window by window: what an archive stores, as it is decoded."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import Executor

from auricle.core.records import Band
from auricle.listen.windows import Ear, Part, ordered, quiet
from auricle.signal.files import Stream
from auricle.signal.frontend import Frontend


def band(sound: Stream, frontend: Frontend) -> Band:
    """Frequencies of a stream that a front-end covers, and how much of the energy that has been read lies above them."""
    low, high = frontend.band
    return Band(low, min(high, sound.info.rate / 2), sound.above)


class Hearing:
    """One recording as its windows' Parts, decoded as they are asked for. Iterate once; a context manager closes the file early.

    duration, coverage, silent, error, band, gaps, tracks: as in Heard, final once the iteration has ended.
    rate (Hz) and channels: the file's own.
    """

    def __init__(self, sound: Stream, ear: Ear, *, pool: Executor | None = None, ahead: int = 0) -> None:
        """pool: where windows are heard side by side, `ahead` of them before they are asked for."""
        self._sound, self._ear, self._pool, self._ahead = sound, ear, pool, ahead
        self._sounding = False
        self.rate, self.channels = sound.info.rate, sound.info.channels

    def __iter__(self) -> Iterator[Part]:
        heard = map if self._pool is None else functools.partial(ordered, pool=self._pool, ahead=self._ahead)
        for part in heard(self._ear.hear, self._sound):
            self._sounding |= part.sounding
            yield part

    @property
    def duration(self) -> float:
        """Seconds that the file declares, or that were decoded where it declares none."""
        return self._sound.duration

    @property
    def coverage(self) -> float:
        """Share of the recorded time that was heard."""
        return self._sound.coverage

    @property
    def band(self) -> Band:
        """Frequencies that were heard."""
        return band(self._sound, self._ear.frontend)

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """Stretches (s) that the file says were not recorded."""
        return self._sound.gaps

    @property
    def tracks(self) -> int:
        """Sound tracks in the file, of which the first is heard."""
        return self._sound.info.tracks

    @property
    def silent(self) -> bool:
        """Nothing above the threshold of hearing; final once the iteration has ended."""
        return not self._sounding and quiet(self._sound.swing, self._ear.runtime.config.silence_dbfs)

    @property
    def error(self) -> str | None:
        """None, or one line saying how much is missing."""
        return self._sound.error

    def __enter__(self) -> Hearing:
        return self

    def __exit__(self, *_: object) -> None:
        self._sound.close()
