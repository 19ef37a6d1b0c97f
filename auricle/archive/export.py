"""Hits as files for other programs: CSV, Parquet, Audacity labels, Raven selection tables, or the sounds themselves, cut out."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from auricle.archive.search import Hit
from auricle.core.errors import InputError
from auricle.core.files import atomic_file, make_folder, write_bytes, write_text
from auricle.core.optional import require
from auricle.core.paths import path_of
from auricle.listen.vocabulary import SEPARATOR

_COLUMNS = {"file": "string", "onset": "float64", "offset": "float64", "score": "float64", "tags": "string", "missing": "bool"}


def export(hits: Sequence[Hit], to: Path, *, what: str) -> int:
    """Write hits to a file, by the end of its name: .csv, .parquet, .txt (Audacity), .raven.txt; or cut sounds into a folder, DIR/.

    what: what was searched for, in a few words. Returns how many files were written. WriteError where one cannot be.
    """
    if to.is_dir() or str(to).endswith(os.sep) or not to.suffix:
        return _cut(hits, to)
    for ending, written in _FORMATS.items():
        if to.name.lower().endswith(ending):
            return written(hits, to, what)
    raise InputError(f"{to}: wanted a name that ends in {', '.join(_FORMATS)}, or a folder for cut sounds")


def _csv(hits: Sequence[Hit], to: Path, what: str) -> int:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows(_row(hit).values() for hit in hits)
    return _write(to, text.getvalue())


def _parquet(hits: Sequence[Hit], to: Path, what: str) -> int:
    require("lancedb", extra="archive", why="Parquet")
    arrow, parquet = require("pyarrow", extra="archive", why="Parquet"), require("pyarrow.parquet", extra="archive", why="Parquet")
    schema = arrow.schema(list(_COLUMNS.items()))
    with atomic_file(to) as partial:
        parquet.write_table(arrow.Table.from_pylist([_row(hit) for hit in hits], schema=schema), partial)
    return 1


def _audacity(hits: Sequence[Hit], to: Path, what: str) -> int:
    """A label track a recording: onset, offset, words. Several recordings are several files, named after them."""
    tracks: dict[str, list[Hit]] = {}
    for hit in hits:
        tracks.setdefault(hit.file, []).append(hit)
    for file, inside in tracks.items():
        name = to if len(tracks) == 1 else to.with_name(f"{to.stem} - {_plain(Path(file).stem)}{to.suffix}")
        lines = [f"{hit.onset:.6f}\t{hit.offset:.6f}\t{what}\n" for hit in sorted(inside, key=lambda hit: hit.onset)]
        _write(name, "".join(lines))
    return len(tracks)


def _raven(hits: Sequence[Hit], to: Path, what: str) -> int:
    """A selection table of Raven (Cornell), a row a hit; the whole band, since a hit has none of its own."""
    head = ("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")
    rows = ["\t".join((*head, "Begin Path", "File Offset (s)", "Score", "Annotation"))]
    for number, hit in enumerate(hits, start=1):
        times = (f"{hit.onset:.6f}", f"{hit.offset:.6f}")
        rows.append("\t".join((str(number), "Spectrogram 1", "1", *times, "0", "8000", hit.file, times[0], f"{hit.score:.4f}", what)))
    return _write(to, "\n".join(rows) + "\n")


def _cut(hits: Sequence[Hit], folder: Path) -> int:
    """Each hit as a wav of its own, at its own rate with its own channels, best first by name."""
    import soundfile

    from auricle.signal.files import cut

    make_folder(folder)
    for number, hit in enumerate(hits, start=1):
        clip = cut(path_of(hit.file), hit.onset, hit.offset)
        name = folder / f"{number:03} {_plain(Path(hit.file).stem)} {hit.onset:.1f}-{hit.offset:.1f}.wav"
        content = io.BytesIO()
        soundfile.write(content, clip.samples.T, clip.rate, format="WAV", subtype="FLOAT")
        write_bytes(name, content.getvalue())
    return len(hits)


def _row(hit: Hit) -> dict[str, str | float]:
    """A hit as _COLUMNS: tags in one cell, with semicolons between."""
    return dataclasses.asdict(hit) | {"tags": SEPARATOR.join(hit.tags)}


def _plain(name: str) -> str:
    return re.sub(r'[/\\:*?"<>|\x00-\x1f]', "_", name)[:80]


def _write(to: Path, text: str) -> int:
    write_text(to, text)
    return 1


_FORMATS: dict[str, Callable[[Sequence[Hit], Path, str], int]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".raven.txt": _raven,
    ".txt": _audacity,
}
