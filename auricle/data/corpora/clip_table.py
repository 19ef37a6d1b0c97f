"""The clip table `clips.csv`: every prepared corpus is one folder with this table and its audio.

Columns: filename (relative to the folder), label (the corpus's own), target (class number, may be empty), fold (may be empty),
source_id (clips of one recording share it), licence, author, source_url, duration_s, sample_rate, channels, extra.
"""

from __future__ import annotations

import csv
import hashlib
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
    duration: seconds. rate: Hz.
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


def read_table(root: str | Path, folder: str, corpus: str, labels_of: Callable[[Row], tuple[str, ...]]) -> list[Row]:
    """Read the rows of root/folder/clips.csv in file order; `labels_of` gives the labels of a row. InputError for a bad table."""
    table = Path(root) / folder / TABLE
    if not table.is_file():
        raise InputError(f"{table} does not exist; prepare the corpus with `python -m recipes.prepare {corpus} DOWNLOAD {root}`")
    with table.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{table} lacks the columns {', '.join(missing)}; prepare the corpus again with recipes.prepare")
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
