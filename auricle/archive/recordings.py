"""Look-up of an archive's recordings by path or content hash, and excerpts of them as WAV for players."""

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
    """A file of an archive. file: its path as `path_to_text` gives it. content: hash of its bytes. duration: s.

    size (bytes), modified (ns): from when it was indexed.
    """

    file: str
    content: str
    duration: float
    size: int
    modified: int

    @property
    def path(self) -> str:
        """Its path on disk."""
        return text_to_path(self.file)

    def fault(self) -> str | None:
        """Why the file is not the one that was indexed (missing or changed); None where it is."""
        try:
            stat = os.stat(self.path)
        except OSError:
            return "no longer exists; index its folder again"
        same = (stat.st_size, stat.st_mtime_ns) == (self.size, self.modified)
        return None if same else "has changed since it was indexed; index its folder again"


class Recordings:
    """The files of one archive in memory, read again whenever the archive has changed."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._cache: tuple[int, dict[str, Recording], dict[str, list[Recording]]] | None = None

    def by_path(self, file: str) -> Recording | None:
        """The recording of a stored path, or None."""
        return self._read()[0].get(file)

    def by_content(self, content: str) -> Recording | None:
        """A recording of a content hash, or None; of several copies one that is unchanged on disk."""
        copies = self._read()[1].get(content, [])
        return next((one for one in copies if one.fault() is None), copies[0] if copies else None)

    def _read(self) -> tuple[dict[str, Recording], dict[str, list[Recording]]]:
        table = self._archive.table("files")
        if self._cache is None or self._cache[0] != table.version:
            version, rows = table.version, table.search().select(_COLUMNS).limit(None).to_arrow().to_pylist()
            by_file = {row["file"]: Recording(**row) for row in rows if row["content"]}
            by_content: dict[str, list[Recording]] = {}
            for one in by_file.values():
                by_content.setdefault(one.content, []).append(one)
            self._cache = version, by_file, by_content
        return self._cache[1], self._cache[2]


def encode_wav(path: str, onset: float, offset: float) -> bytes:
    """Encode seconds onset to offset of a file as 16-bit WAV at its own rate, with one channel or two (the mean of more)."""
    import soundfile

    clip = cut(path, onset, offset)
    samples = clip.samples if len(clip.samples) <= 2 else clip.samples.mean(axis=0, keepdims=True)
    written = io.BytesIO()
    soundfile.write(written, np.clip(samples.T, -1.0, 1.0), clip.rate, format="WAV", subtype="PCM_16")
    return written.getvalue()
