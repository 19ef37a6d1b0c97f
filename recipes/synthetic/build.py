"""Writing of the corpus: clips, `clips.csv` and ATTRIBUTION.md. A clip depends on the seed, its kind and its number alone."""

from __future__ import annotations

import csv
import io
import multiprocessing
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from auricle.core.errors import InputError
from auricle.core.files import atomic_file, make_folder, write_text
from auricle.data import corpora
from auricle.data.corpora import synthetic
from auricle.data.corpora.clip_table import COLUMNS, TABLE, Row, fold
from auricle.data.licences import is_trainable
from auricle.signal.resample import resample
from auricle.signal.streaming import read
from recipes.synthetic.augmentation import STORED_RATE, Background, augmented
from recipes.synthetic.kinds import KINDS
from recipes.synthetic.sound import RATE, Samples, Sound

#: Changes whenever a clip of the same seed and number would sound different.
VERSION = 1
SECONDS = (4.0, 10.0)  # length of a clip
_QUALITY = 0.4  # compression level of Ogg Vorbis, 0 best
_SAVE_EVERY = 20.0  # seconds between two writings of the table: a process that is killed loses no more

Record = dict[str, str]


@dataclass(frozen=True)
class Task:
    """One clip to make. data: root of prepared corpora with ambience, or None."""

    kind: str
    number: int
    seed: int
    folder: Path
    data: Path | None = None

    @property
    def name(self) -> str:
        """Name of the clip's file, relative to the corpus's folder."""
        return f"audio/{self.kind}-{self.number:05}.ogg"


def build(
    out: Path,
    counts: Mapping[str, int],
    *,
    seed: int = 0,
    data: Path | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Make the clips that `out`/synthetic lacks; counts: number of clips of each kind. Returns how many were made.

    data: root of prepared corpora, whose ambience is mixed under some clips. InputError for an unknown kind, a program that is not
    installed, or clips that are there from another seed or version.
    """
    _check_kinds(counts)
    folder = out / synthetic.FOLDER
    make_folder(folder / "audio")
    records = read_records(folder, seed)
    tasks = [Task(kind, number, seed, folder, data) for kind, count in counts.items() for number in range(count)]
    missing = [task for task in tasks if task.name not in records]
    saved = time.monotonic()
    try:
        for done, record in enumerate(_made(missing, processes), start=1):
            records[record["filename"]] = record
            if time.monotonic() - saved >= _SAVE_EVERY:
                write_table(folder, records)
                saved = time.monotonic()
            if progress is not None:
                progress(done, len(missing))
    finally:
        write_table(folder, records)
    return len(missing)


def _check_kinds(counts: Mapping[str, int]) -> None:
    for kind, count in counts.items():
        if kind not in KINDS:
            raise InputError(f"kind {kind!r} is unknown; wanted some of {', '.join(KINDS)}")
        if count < 1:
            raise InputError(f"count is {count}; wanted 1 or more clips of each kind")
    for kind in counts:
        for check in KINDS[kind].needs:
            check()


def _made(tasks: Sequence[Task], processes: int) -> Iterator[Record]:
    """The record of each clip as it is finished, in order."""
    if processes <= 1:
        yield from map(make_clip, tasks)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(make_clip, tasks, chunksize=8)


def make_clip(task: Task) -> Record:
    """Make one clip, write its file, and return its row of the table."""
    backgrounds = load_backgrounds(task.data) if task.data is not None else ()
    clip = render(task.kind, task.number, seed=task.seed, backgrounds=backgrounds)
    with atomic_file(task.folder / task.name) as partial, partial.open("wb") as file:
        soundfile.write(file, clip.samples, STORED_RATE, format="OGG", subtype="VORBIS", compression_level=_QUALITY)
    return _record(task, clip)


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """A generated sound after augmentation. samples: (n,) at STORED_RATE. source: of its row. applied, background: see augmentation."""

    sound: Sound
    samples: Samples
    source: str
    applied: Mapping[str, str]
    background: Background | None


def render(kind: str, number: int, *, seed: int, backgrounds: Sequence[Background] = ()) -> RenderedClip:
    """Generate and augment one clip. backgrounds: recordings of ambience; those of the clip's own fold are used."""
    identity = [seed, zlib.crc32(kind.encode()), number]
    rng = np.random.default_rng(identity)
    sound = KINDS[kind].generate(rng, float(rng.uniform(*SECONDS)))
    source = sound.source or f"{kind}-{number:05}"
    own_fold = fold(Row(Path(), "", (), synthetic.CORPUS, source, ""))
    usable = [background for background in backgrounds if background.fold == own_fold]
    samples, applied, background = augmented(np.random.default_rng([*identity, 1]), sound.samples, KINDS[kind].treatment, usable)
    return RenderedClip(sound, samples, source, applied, background)


def _record(task: Task, clip: RenderedClip) -> Record:
    sound, background = clip.sound, clip.background
    origin = {"generator": f"recipes.synthetic {VERSION}", "kind": task.kind, "seed": task.seed, "number": task.number}
    pairs = {**origin, **sound.settings, **clip.applied}
    extra = ";".join([synthetic.MARK, *(f"{name}={str(value).replace(';', ',')}" for name, value in pairs.items())])
    labels, licence, author = sound.labels, sound.licence, sound.author
    if background is not None:
        labels = tuple(dict.fromkeys((*labels, *background.labels)))
        licence, author = f"{licence}, ambience {background.licence}", f"{author}, {background.author}"
    values = (task.name, synthetic.join_labels(labels), "", "", clip.source, licence, author, sound.url)
    measured = (f"{len(clip.samples) / STORED_RATE:.3f}", str(STORED_RATE), "1", extra)
    return dict(zip(COLUMNS, (*values, *measured), strict=True))


def read_records(folder: Path, seed: int) -> dict[str, Record]:
    """Rows of clips that are finished, by file name. InputError where they are from another seed or version."""
    table = folder / TABLE
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(f"{table} has columns {reader.fieldnames}; wanted {', '.join(COLUMNS)}: choose another folder with --out")
        records = {record["filename"]: record for record in reader}
    for record in records.values():
        wanted = (f"generator=recipes.synthetic {VERSION}", f"seed={seed}")
        if not set(wanted) <= set((record["extra"] or "").split(";")):
            raise InputError(
                f"{table}: {record['filename']} was not made by {wanted[0].partition('=')[2]} with seed {seed}; wanted clips of one "
                "version and seed: choose another folder with --out, or the same --seed"
            )
    return {name: record for name, record in records.items() if (folder / name).is_file()}


def write_table(folder: Path, records: Mapping[str, Record]) -> None:
    """Write clips.csv, sorted by name, and ATTRIBUTION.md."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records[name] for name in sorted(records))
    write_text(folder / TABLE, lines.getvalue())
    write_text(folder / "ATTRIBUTION.md", _attribution(records.values()))


def _attribution(rows: Iterable[Record]) -> str:
    counts = Counter((row["licence"], row["author"]) for row in rows)
    table = [f"| {licence} | {author} | {number} |" for (licence, author), number in sorted(counts.items())]
    header = ["| licence | author | clips |", "|---|---|---|"]
    return "\n".join([(Path(__file__).parent / "ATTRIBUTION.md").read_text(encoding="utf-8"), *header, *table, ""])


@cache
def load_backgrounds(data: Path) -> tuple[Background, ...]:
    """The recordings of ambience under data whose licence allows training and whose sounds have labels."""
    rows = [row for row in corpora.read(data, ["ambience"]) if is_trainable(row) and row.labels]
    if not rows:
        raise InputError(f"{data} has no ambience that can be used; wanted the prepared corpus ambience, see docs/data.md")
    return tuple(map(_background, rows))


def _background(row: Row) -> Background:
    clip = read(row.path, mono=True)
    samples = resample(clip.samples, clip.rate, RATE)[0].astype(np.float64)
    return Background(samples, row.labels, f"{row.corpus}/{row.path.name}", row.licence, row.author, fold(row))
