"""Recordings of an archive by what they hold: the hash of their content in, where they lie out; a stretch as WAV for players."""

from __future__ import annotations

import dataclasses
import io
import os

import numpy as np

from auricle.archive.store import Archive
from auricle.core.paths import text_to_path
from auricle.signal.streaming import cut

_COLUMNS = ["file", "content", "duration", "size", "modified"]


@dataclasses.dataclass(frozen=True)
class Recording:
    """A file of an archive (`path_to_text`). content: hash of its bytes. duration: s. size (bytes) and modified (ns): as it was heard."""

    file: str
    content: str
    duration: float
    size: int
    modified: int

    @property
    def path(self) -> str:
        """Where it lies."""
        return text_to_path(self.file)

    def fault(self) -> str | None:
        """Why it cannot be played as it was heard; None where it can."""
        try:
            said = os.stat(self.path)
        except OSError:
            return "is gone since it was indexed; index its folder again"
        same = (said.st_size, said.st_mtime_ns) == (self.size, self.modified)
        return None if same else "has changed since it was indexed; index its folder again"


class Recordings:
    """The files of one archive, looked up in memory, and read anew when the archive has changed."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._kept: tuple[int, dict[str, Recording], dict[str, list[Recording]]] | None = None

    def named(self, file: str) -> Recording | None:
        """The recording at a path of the archive."""
        return self._rows()[0].get(file)

    def holding(self, content: str) -> Recording | None:
        """A recording of this content; where it has several names, one that can be played."""
        found = self._rows()[1].get(content, [])
        return next((one for one in found if one.fault() is None), found[0] if found else None)

    def _rows(self) -> tuple[dict[str, Recording], dict[str, list[Recording]]]:
        table = self._archive.table("files")
        if self._kept is None or self._kept[0] != table.version:
            version, rows = table.version, table.search().select(_COLUMNS).limit(None).to_arrow().to_pylist()
            by_file = {row["file"]: Recording(**row) for row in rows if row["content"]}
            by_content: dict[str, list[Recording]] = {}
            for one in by_file.values():
                by_content.setdefault(one.content, []).append(one)
            self._kept = version, by_file, by_content
        return self._kept[1], self._kept[2]


def wav(path: str, onset: float, offset: float) -> bytes:
    """Seconds onset to offset of a file as a 16-bit WAV, its own rate, one channel or two (the mean of more)."""
    import soundfile

    clip = cut(path, onset, offset)
    samples = clip.samples if len(clip.samples) <= 2 else clip.samples.mean(axis=0, keepdims=True)
    written = io.BytesIO()
    soundfile.write(written, np.clip(samples.T, -1.0, 1.0), clip.rate, format="WAV", subtype="PCM_16")
    return written.getvalue()
