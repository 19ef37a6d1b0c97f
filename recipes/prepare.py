"""Convert a downloaded public corpus to auricle's layout: a folder with `clips.csv` and its audio.

    python -m recipes.prepare NAME DOWNLOAD OUT

NAME: one of `python -m recipes.prepare --list`. DOWNLOAD: the clone or unpacked archive that docs/data.md names for it, or a folder that
contains several. OUT: the data root; the corpus gets its own folder there (`esc50_16k`, ...). This command downloads nothing.

Each corpus has a file in auricle/data/corpora that defines the published layout, the labels and the licence of every clip. Audio files of
small corpora are copied; others are mixed down to one channel, resampled to at most the corpus's rate and written as 16-bit FLAC, or as Ogg
Vorbis at the highest quality. `text` copies the sentences and label names that the text tower is trained on.

The folder is created atomically. Files that cannot be read are skipped and listed, and the exit status is then 1. Hardware: one core,
seconds to two minutes per corpus. Deterministic.
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
from auricle.data.corpora.published import PublishedClip, find_path
from auricle.signal.resample import resample
from auricle.signal.streaming import read

#: Text files to copy: the pattern in the download, the path under OUT/text, and its origin.
TEXTS = (
    *((f"dataset/{part}.csv", f"audiocaps/{part}.csv", "a clone of github.com/cdjkim/audiocaps") for part in ("train", "val", "test")),
    ("**/class_labels_indices.csv", "audioset_class_labels_indices.csv", "AudioSet's class_labels_indices.csv"),
)


def prepare(name: str, download: Path, out: Path) -> tuple[int, list[str]]:
    """Convert corpus `name` to its folder under `out`. Returns the number of clips and one line per file that cannot be read.

    InputError for an unknown name, a wrong download folder, or an existing target.
    """
    if not download.is_dir():
        raise InputError(f"{download} is not a folder; wanted the clone or unpacked archive of {name}, see docs/data.md")
    if name == "text":
        return _prepare_text(download, out)
    if name not in CORPORA:
        raise InputError(f"corpus {name!r} is unknown; wanted one of {', '.join((*CORPORA, 'text'))}")
    corpus = CORPORA[name]
    if corpus.published is None:
        raise InputError(f"corpus {name!r} is made, not downloaded; run `python -m recipes.{name} --out {out}`")
    folder = out / corpus.folder
    if folder.exists():
        raise InputError(f"{folder} already exists; remove it first, or choose another OUT")
    with atomic_folder(folder) as partial:
        records, failures = _write_clips(corpus.published(download), partial)
        if not records:
            raise InputError(f"{download} contains no readable clips of {name}" + (f"; first error: {failures[0]}" if failures else ""))
        with (partial / TABLE).open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)
        write_text(partial / "ATTRIBUTION.md", f"# {name}\n\n{inspect.getdoc(inspect.getmodule(corpus.read))}\n")
    return len(records), failures


def _write_clips(clips: Iterable[PublishedClip], partial: Path) -> tuple[list[dict[str, object]], list[str]]:
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


def _excerpt(clip: PublishedClip) -> Clip | None:
    """Read, crop and resample the clip; samples (C, N).

    None where an excerpt from the end of the file would overlap the one from its start.
    """
    sound = read(clip.path, mono=not clip.copied)
    if clip.trimmed:
        sound = _trimmed(sound)
    if clip.start < 0 and sound.duration < 2 * -clip.start:
        return None
    start = round(clip.start * sound.rate) + (sound.samples.shape[1] if clip.start < 0 else 0)
    stop = None if clip.seconds is None else start + round(clip.seconds * sound.rate)
    samples, rate = sound.samples[:, start:stop], sound.rate
    if clip.rate is not None and rate > clip.rate:
        samples, rate = resample(samples, rate, clip.rate), clip.rate
    if clip.peak_dbfs is not None and (peak := float(np.abs(samples).max(initial=0.0))) > 0:
        samples = samples * max(1.0, 10 ** (clip.peak_dbfs / 20) / peak)
    return Clip(samples, rate, str(clip.path))


def _trimmed(sound: Clip) -> Clip:
    """The sound from 50 ms before to 50 ms after its frames of 10 ms that are within 55 dB of the loudest one."""
    hop = round(0.01 * sound.rate)
    frames = np.square(sound.samples[:, : sound.samples.shape[1] // hop * hop]).mean(axis=0).reshape(-1, hop).mean(axis=1)
    loud = np.flatnonzero(frames > frames.max(initial=0.0) * 10 ** (-55 / 10))
    if not len(loud):
        return sound
    return Clip(sound.samples[:, max(0, loud[0] - 5) * hop : (loud[-1] + 6) * hop], sound.rate, sound.name)


def _write(partial: Path, clip: Clip) -> None:
    samples = np.clip(clip.samples.T, -1.0, 1.0)
    if partial.suffix == ".ogg":
        soundfile.write(partial, samples, clip.rate, format="OGG", subtype="VORBIS", compression_level=0.0)
    else:
        soundfile.write(partial, samples, clip.rate, format="FLAC", subtype="PCM_16")


def _record(clip: PublishedClip, excerpt: Clip) -> dict[str, object]:
    notes = [clip.extra] if clip.extra else []
    if clip.seconds is not None and clip.start < 0:
        notes.append(f"the last {clip.seconds:g} s")
    values = (clip.filename, clip.label, clip.target, clip.fold, clip.source, clip.licence, clip.author, clip.url)
    measured = (round(excerpt.duration, 3), excerpt.rate, excerpt.samples.shape[0], ";".join(notes))
    return dict(zip(COLUMNS, (*values, *measured), strict=True))


def _prepare_text(download: Path, out: Path) -> tuple[int, list[str]]:
    for pattern, path, origin in TEXTS:
        target = out / "text" / path
        make_folder(target.parent)
        with atomic_file(target) as partial:
            shutil.copyfile(find_path(download, pattern, origin), partial)
    return len(TEXTS), []


def main() -> None:
    """Parse the command line, convert the corpus, and print the result."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.prepare", description="Convert a downloaded public corpus to auricle's layout."
    )
    parser.add_argument(
        "--list",
        action="version",
        version="\n".join((*(name for name, corpus in CORPORA.items() if corpus.published), "text")),
        help="print the names and exit",
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("download", metavar="DOWNLOAD", type=Path)
    parser.add_argument("out", metavar="OUT", type=Path)
    options = parser.parse_args()
    try:
        count, failures = prepare(options.name, options.download, options.out)
    except AuricleError as error:
        raise SystemExit(str(error)) from None
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{options.name}: {count} clips in {options.out}; {len(failures)} files could not be read")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
