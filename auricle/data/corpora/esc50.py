"""ESC-50: 50 classes of environmental sounds, 5 s each, in folds that never split a recording.

Source: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015; github.com/karolpiczak/ESC-50.
The collection is CC BY-NC 3.0; every clip also has its own Freesound licence, which is in the table.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import FOLDS, Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path

FOLDER = "esc50_16k"


def read(root: str | Path) -> list[Row]:
    """1600 rows (folds 1 to 4); the label is the category with spaces for underscores."""
    return read_table(root, FOLDER, "esc50", lambda row: (plain(row.label),))


def plain(category: str) -> str:
    """`crying_baby` -> `crying baby`."""
    return category.replace("_", " ")


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of karolpiczak/ESC-50, folds 1 to 4: fold 5 is the external test set and is never prepared."""
    table = find_path(download, "meta/esc50.csv", "a clone of github.com/karolpiczak/ESC-50")
    root = table.parents[1]
    clip_credits = credits((root / "LICENSE").read_text(encoding="utf-8", errors="replace"))
    with table.open(newline="", encoding="utf-8") as lines:
        for record in csv.DictReader(lines):
            if int(record["fold"]) not in FOLDS:
                continue
            stem = Path(record["filename"]).stem
            author, url, licence = clip_credits.get(stem.rpartition("-")[0], ("", "", "unclear"))
            yield PublishedClip(
                path=root / "audio" / record["filename"],
                filename=f"audio/{stem}.ogg",
                label=record["category"],
                source=record["src_file"],
                licence=licence,
                author=author,
                url=url,
                target=record["target"],
                fold=record["fold"],
                extra=f"take={record['take']};esc10={record['esc10']}",
                rate=16000,
            )


def credits(licence: str) -> dict[str, tuple[str, str, str]]:
    """Fold-source-take -> author, URL, licence, from the lines of the collection's LICENSE."""
    by_clip = {}
    for line in licence.splitlines():
        if opening := re.match(r"- \[([^\]]+)\.ogg\]:", line):
            terms = re.search(r"\[(CC[^\]]*)\]\s*$", line)
            address = re.search(r"\((https?://\S+)\)", line)
            author = re.search(r" by (.+?) \[CC[^\]]*\]\s*$", line[address.end() if address else 0 :])
            by_clip[opening[1]] = (author[1] if author else "", address[1] if address else "", terms[1] if terms else "unclear")
    return by_clip
