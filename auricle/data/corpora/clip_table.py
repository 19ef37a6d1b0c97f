"""The clip table `clips.csv`: every prepared corpus is one folder with this table and its audio.

Columns: filename (relative to the folder), label (the corpus's own), target (class number, may be empty), fold (may be empty),
source_id (clips of one recording share it), licence, author, source_url, duration_s, sample_rate, channels, extra.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auricle.core.errors import InputError

#: File name of the table.
TABLE = "clips.csv"
COLUMNS = (
    "filename",
    "label",
    "target",
    "fold",
    "source_id",
    "licence",
    "author",
    "source_url",
    "duration_s",
    "sample_rate",
    "channels",
    "extra",
)
FOLDS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Row:
    """One clip of one corpus.

    label: the corpus's own. labels: of the common vocabulary, empty where uncertain.
    fold: the corpus's own, may be empty; `fold(row)` is the number to split by. target: the corpus's class number or -1.
    source: clips with the same (corpus, source) are from one recording or speaker and are never split.
    duration: seconds. rate: Hz. extra: notes, with semicolons between.
    """

    path: Path
    label: str
    labels: tuple[str, ...]
    corpus: str
    source: str
    licence: str
    author: str = ""
    url: str = ""
    fold: str = ""
    target: int = -1
    duration: float = 0.0
    rate: int = 0
    channels: int = 1
    extra: str = ""

    @property
    def sure(self) -> bool:
        """False where the label is approximate, as the table notes (`sure=0`)."""
        return _note(self, "sure") != "0"

    @property
    def rendered(self) -> bool:
        """True where the sound was rendered by a synthesizer, not recorded (`rendered`)."""
        return _note(self, "rendered") is not None

    @property
    def gain(self) -> float:
        """By how many dB the level was raised before the clip was stored (`gain=3.2dB`)."""
        return float((_note(self, "gain") or "0").removesuffix("dB"))


def _note(row: Row, name: str) -> str | None:
    """The value of a note of a row ("" for a note without one), or None."""
    for note in row.extra.split(";"):
        found, _, value = note.partition("=")
        if found.strip() == name:
            return value.strip()
    return None


def find_table(root: str | Path, folder: str, corpus: str) -> Path:
    """Path of root/folder/clips.csv; or of root/clips.csv where root is the corpus's own folder, named `folder` or `corpus`."""
    own = Path(root) / TABLE
    return own if Path(os.path.abspath(root)).name in (folder, corpus) and own.is_file() else Path(root) / folder / TABLE


def read_table(root: str | Path, folder: str, corpus: str, labels_of: Callable[[Row], tuple[str, ...]], *, command: str = "") -> list[Row]:
    """Read the rows of the corpus's clips.csv in file order; `labels_of` gives the labels of a row. InputError for a bad table.

    command: makes the corpus; by default the one that prepares a download.
    """
    table = find_table(root, folder, corpus)
    command = command or f"python -m recipes.prepare {corpus} DOWNLOAD {root}"
    if not table.is_file():
        raise InputError(f"{table} does not exist; prepare the corpus with `{command}`")
    with table.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{table} lacks the columns {', '.join(missing)}; prepare the corpus again with `{command}`")
        return [_row(record, table.parent, corpus, labels_of) for record in reader]


def _row(record: dict[str, str], folder: Path, corpus: str, labels_of: Callable[[Row], tuple[str, ...]]) -> Row:
    unlabelled = Row(
        path=folder / record["filename"],
        label=record["label"],
        labels=(),
        corpus=corpus,
        source=record["source_id"],
        licence=record["licence"],
        author=record["author"],
        url=record["source_url"],
        fold=record["fold"],
        target=int(record["target"] or -1),
        duration=float(record["duration_s"] or 0),
        rate=int(record["sample_rate"] or 0),
        channels=int(record["channels"] or 1),
        extra=record["extra"],
    )
    return Row(**{**vars(unlabelled), "labels": labels_of(unlabelled)})


def fold(row: Row) -> int:
    """The fold (1 to 4) of a row: the corpus's own number, else a stable hash of (corpus, source)."""
    if row.fold.isdecimal():
        return int(row.fold)
    digest = hashlib.sha256(f"{row.corpus}/{row.source}".encode()).digest()
    return FOLDS[int.from_bytes(digest[:4], "big") % len(FOLDS)]
