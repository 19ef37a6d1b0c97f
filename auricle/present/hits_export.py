"""Export of hits to CSV, Parquet, Audacity labels, Raven selection tables, or audio clips."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from auricle.archive.search import Hit
from auricle.core.errors import InputError, SoundError
from auricle.core.files import atomic_file, make_folder, write_bytes, write_text
from auricle.core.optional import require
from auricle.core.paths import text_to_path
from auricle.listen.vocabulary import SEPARATOR
from auricle.signal.streaming import printable

_ENDINGS = (".csv", ".parquet", ".raven.txt", ".txt")
_COLUMNS = {"file": "string", "onset": "float64", "offset": "float64", "score": "float64", "tags": "string", "missing": "bool"}


@dataclasses.dataclass(frozen=True)
class Exported:
    """files: those that were written. errors: one line per recording that could not be cut."""

    files: tuple[Path, ...]
    errors: tuple[str, ...] = ()


def find_format(to: Path) -> str:
    """The suffix that decides the format of an export to a path; empty for clips in a folder. InputError for another suffix."""
    if to.is_dir() or (not to.is_file() and (str(to).endswith(os.sep) or not to.suffix)):
        return ""
    ending = next((ending for ending in _ENDINGS if to.name.lower().endswith(ending)), None)
    if ending is None:
        raise InputError(f"{to}: wanted a file name with suffix {', '.join(_ENDINGS)}, or a folder for audio clips")
    return ending


def export(hits: Sequence[Hit], to: Path, *, what: str, rates: Mapping[str, int]) -> Exported:
    """Write hits to a file, by its suffix: .csv, .parquet, .txt (Audacity), .raven.txt; or audio clips into a folder, DIR/.

    what: the query in a few words, used as label. rates: Hz, by file, from Archive.rates. WriteError where a file cannot be
    written.
    """
    what = " ".join(what.split())
    ending = find_format(to)
    if not ending:
        return _cut(hits, to)
    if ending == ".txt":
        return Exported(_audacity(hits, to, what))
    if ending == ".csv":
        _csv(hits, to)
    elif ending == ".parquet":
        _parquet(hits, to)
    else:
        _raven(hits, to, what, rates)
    return Exported((to,))


def _csv(hits: Sequence[Hit], to: Path) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows(_row(hit).values() for hit in hits)
    write_text(to, text.getvalue())


def _parquet(hits: Sequence[Hit], to: Path) -> None:
    require("lancedb", extra="archive", why="Parquet")
    arrow, parquet = require("pyarrow", extra="archive", why="Parquet"), require("pyarrow.parquet", extra="archive", why="Parquet")
    schema = arrow.schema(list(_COLUMNS.items()))
    with atomic_file(to) as partial:
        parquet.write_table(arrow.Table.from_pylist([_row(hit) for hit in hits], schema=schema), partial)


def _audacity(hits: Sequence[Hit], to: Path, what: str) -> tuple[Path, ...]:
    """One label track per recording: onset, offset, label. Several recordings get several files, named after them."""
    tracks: dict[str, list[Hit]] = {}
    for hit in hits:
        tracks.setdefault(hit.file, []).append(hit)
    paths = [to] if len(tracks) < 2 else [to.with_name(name) for name in _track_names(tracks, f"{to.stem} - ", to.suffix)]
    for path, inside in zip(paths, tracks.values() if tracks else [[]], strict=True):
        lines = [f"{hit.onset:.6f}\t{hit.offset:.6f}\t{what}\n" for hit in sorted(inside, key=lambda hit: hit.onset)]
        write_text(path, "".join(lines))
    return tuple(paths)


def _track_names(files: Iterable[str], before: str, after: str) -> list[str]:
    """A unique name for each recording, also on file systems that ignore case."""
    names: dict[str, str] = {}
    for file in files:
        tries = (_fitted(before, Path(file).stem, f" ({number}){after}" if number > 1 else after) for number in itertools.count(1))
        name = next(name for name in tries if name.casefold() not in names)
        names[name.casefold()] = name
    return list(names.values())


def _raven(hits: Sequence[Hit], to: Path, what: str, rates: Mapping[str, int]) -> None:
    """A selection table of Raven (Cornell), one row per hit, over the whole band of the recording.

    Raven has no escapes: tabs and line breaks are written as text, such as `\\t`.
    """
    head = ("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")
    rows = [(*head, "Begin Path", "File Offset (s)", "Score", "Annotation")]
    for number, hit in enumerate(hits, start=1):
        times, nyquist = (f"{hit.onset:.6f}", f"{hit.offset:.6f}"), f"{rates[hit.file] / 2:.10g}"
        selection = (str(number), "Spectrogram 1", "1", *times, "0", nyquist)
        rows.append((*selection, printable(hit.file), times[0], f"{hit.score:.4f}", what))
    write_text(to, "".join("\t".join(row) + "\n" for row in rows))


def _cut(hits: Sequence[Hit], folder: Path) -> Exported:
    """Write each hit as a wav file, with the rate and channels of its recording; file names sort best first."""
    import soundfile

    from auricle.signal.streaming import cut

    make_folder(folder)
    files, errors = [], []
    for number, hit in enumerate(hits, start=1):
        try:
            clip = cut(text_to_path(hit.file), hit.onset, hit.offset)
        except SoundError as error:
            errors.append(str(error))
            continue
        files.append(folder / _fitted(f"{number:03} ", Path(hit.file).stem, f" {hit.onset:.1f}-{hit.offset:.1f}.wav"))
        content = io.BytesIO()
        soundfile.write(content, clip.samples.T, clip.rate, format="WAV", subtype="FLOAT")
        write_bytes(files[-1], content.getvalue())
    return Exported(tuple(files), tuple(errors))


def _row(hit: Hit) -> dict[str, str | float]:
    """A hit by _COLUMNS; tags in one cell, separated by semicolons."""
    return dataclasses.asdict(hit) | {"tags": SEPARATOR.join(hit.tags)}


def _fitted(before: str, name: str, after: str) -> str:
    """A file name of at most 255 bytes, without characters that some systems refuse."""
    name = re.sub(r'[/\\:*?"<>|\x00-\x1f\x7f]', "_", name)
    space = 255 - len(f"{before}{after}".encode())
    return f"{before}{name.encode()[: max(space, 0)].decode(errors='ignore')}{after}"
