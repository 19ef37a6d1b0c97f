"""Lay a public corpus out as auricle reads it: a folder with `clips.csv` and its audio.

    python -m recipes.prepare NAME DOWNLOAD OUT

NAME: one of `python -m recipes.prepare --list`. DOWNLOAD: the clone or archive that docs/data.md names for it, or a folder that
holds several. OUT: the data root; the corpus gets its own folder there (`esc50_16k`, ...). Nothing is downloaded here.

Each corpus's own file in auricle/data/corpora knows the published layout, the labels and the licence of every clip. Sounds are
taken as they are where the corpus is already small, else mixed down to one channel, resampled to at most the corpus's rate and
written as 16-bit FLAC, or as Ogg Vorbis at the highest quality. `text` copies the sentences and label names that the text tower
learns from.

The folder appears only when all of it is written. A file that cannot be read is named and left out, and the command ends with 1.
Hardware: one core, seconds to a minute or two per corpus. No randomness.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from auricle.core.errors import AuricleError, InputError, SoundError
from auricle.core.files import atomic_file, atomic_folder, make_folder, write_text
from auricle.core.records import Clip
from auricle.data.corpora import CORPORA
from auricle.data.corpora.clip_table import COLUMNS, TABLE
from auricle.data.corpora.published import Published, find
from auricle.signal.resample import resample
from auricle.signal.streaming import read

#: Text files to copy: the pattern in the download, the place under OUT/text, and where it comes from.
TEXTS = (
    *((f"dataset/{part}.csv", f"audiocaps/{part}.csv", "a clone of github.com/cdjkim/audiocaps") for part in ("train", "val", "test")),
    ("**/class_labels_indices.csv", "audioset_class_labels_indices.csv", "AudioSet's class_labels_indices.csv"),
)


def prepare(name: str, download: Path, out: Path) -> tuple[int, list[str]]:
    """Lay out corpus `name` under `out`; returns how many clips were written and one line for each that could not be."""
    if not download.is_dir():
        raise InputError(f"{download} is not a folder; wanted the clone or the unpacked archive of {name}: see docs/data.md")
    if name == "text":
        return _prepare_text(download, out)
    if name not in CORPORA:
        raise InputError(f"corpus {name!r} is unknown; known: {', '.join((*CORPORA, 'text'))}")
    corpus = CORPORA[name]
    folder = out / corpus.folder
    if folder.exists():
        raise InputError(f"{folder} exists already; remove it first, or name another OUT")
    with atomic_folder(folder) as partial:
        records, failures = _write_clips(corpus.published(download), partial)
        if not records:
            raise InputError(f"nothing in {download} could be laid out as {name}" + (f"; first: {failures[0]}" if failures else ""))
        with (partial / TABLE).open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)
        write_text(partial / "ATTRIBUTION.md", f"# {name}\n\n{inspect.getdoc(inspect.getmodule(corpus.read))}\n")
    return len(records), failures


def _write_clips(clips: Iterable[Published], partial: Path) -> tuple[list[dict[str, object]], list[str]]:
    records: list[dict[str, object]] = []
    failures: list[str] = []
    for clip in clips:
        try:
            excerpt = _excerpt(clip)
        except SoundError as error:
            failures.append(str(error))
            continue
        if excerpt is None:
            continue
        make_folder((partial / clip.filename).parent)
        if clip.copied:
            shutil.copyfile(clip.path, partial / clip.filename)
        else:
            _write(partial / clip.filename, excerpt)
        records.append(_record(clip, excerpt))
    return records, failures


def _excerpt(clip: Published) -> Clip | None:
    """The part of the file that is kept, (C, N) at the rate that is kept.

    None where an excerpt from the end would overlap the first.
    """
    sound = read(clip.path, mono=not clip.copied)
    if clip.start < 0 and sound.duration < 2 * -clip.start:
        return None
    start = round(clip.start * sound.rate) + (sound.samples.shape[1] if clip.start < 0 else 0)
    stop = None if clip.seconds is None else start + round(clip.seconds * sound.rate)
    samples, rate = sound.samples[:, start:stop], sound.rate
    if clip.rate is not None and rate > clip.rate:
        samples, rate = resample(samples, rate, clip.rate), clip.rate
    return Clip(samples, rate, str(clip.path))


def _write(partial: Path, clip: Clip) -> None:
    samples = np.clip(clip.samples.T, -1.0, 1.0)
    if partial.suffix == ".ogg":
        soundfile.write(partial, samples, clip.rate, format="OGG", subtype="VORBIS", compression_level=0.0)
    else:
        soundfile.write(partial, samples, clip.rate, format="FLAC", subtype="PCM_16")


def _record(clip: Published, excerpt: Clip) -> dict[str, object]:
    notes = [clip.extra] if clip.extra else []
    if clip.seconds is not None and clip.start < 0:
        notes.append(f"the last {clip.seconds:g} s")
    values = (clip.filename, clip.label, clip.target, clip.fold, clip.source, clip.licence, clip.author, clip.url)
    measured = (round(excerpt.duration, 3), excerpt.rate, excerpt.samples.shape[0], ";".join(notes))
    return dict(zip(COLUMNS, (*values, *measured), strict=True))


def _prepare_text(download: Path, out: Path) -> tuple[int, list[str]]:
    for pattern, place, wanted in TEXTS:
        target = out / "text" / place
        make_folder(target.parent)
        with atomic_file(target) as partial:
            shutil.copyfile(find(download, pattern, wanted), partial)
    return len(TEXTS), []


def main() -> None:
    """Read the words of the command, lay the corpus out, say what happened."""
    parser = argparse.ArgumentParser(prog="python -m recipes.prepare", description="Lay a public corpus out as auricle reads it.")
    parser.add_argument("--list", action="version", version="\n".join((*CORPORA, "text")), help="the names, then stop")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("download", metavar="DOWNLOAD", type=Path)
    parser.add_argument("out", metavar="OUT", type=Path)
    words = parser.parse_args()
    try:
        count, failures = prepare(words.name, words.download, words.out)
    except AuricleError as error:
        raise SystemExit(str(error)) from None
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{words.name}: {count} clips in {words.out}; {len(failures)} could not be read")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
