"""One recording, window by window: what an archive stores, as it is decoded."""

from __future__ import annotations

from collections.abc import Iterator

from auricle.listen.windows import Ear, Part
from auricle.signal.files import Stream


class Hearing:
    """One recording as its windows' Parts, decoded as they are asked for. Iterate once; a context manager closes the file early.

    duration, coverage, error: as in Heard, final once the iteration has ended. rate (Hz) and channels: the file's own.
    """

    def __init__(self, sound: Stream, ear: Ear) -> None:
        self._sound, self._ear = sound, ear
        self.rate, self.channels = sound.info.rate, sound.info.channels

    def __iter__(self) -> Iterator[Part]:
        return map(self._ear.hear, self._sound)

    @property
    def duration(self) -> float:
        """Seconds that the file declares, or that were decoded where it declares none."""
        return self._sound.duration

    @property
    def coverage(self) -> float:
        """Share of the duration that was heard."""
        return min(1.0, self._sound.heard / self.duration) if self._sound.error else 1.0

    @property
    def error(self) -> str | None:
        """None, or one line saying how much is missing."""
        return self._sound.error

    def __enter__(self) -> Hearing:
        return self

    def __exit__(self, *_: object) -> None:
        self._sound.close()
