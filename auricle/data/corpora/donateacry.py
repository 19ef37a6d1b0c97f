"""Donate-a-cry: 96 baby cries with the reason that the parent supposed; ODbL, so for tests only.

Source: github.com/gveres/donateacry-corpus.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files

FOLDER = "donateacry_8k"


def read(root: str | Path) -> list[Row]:
    """96 rows; the reason is in `label`, the phone that uploaded it is the source."""
    return read_table(root, FOLDER, "donateacry", lambda row: ("crying baby",))


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of gveres/donateacry-corpus: the first 24 files by name of each reason, cleaned part."""
    wanted = "a clone of github.com/gveres/donateacry-corpus"
    root = find_path(download, "donateacry_corpus_cleaned_and_updated_data", wanted)
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        for number, path in enumerate(list(list_files(folder, "*.wav", wanted))[:24], start=1):
            phone, (gender, age, reason) = path.stem[:36], path.stem.split("-")[-3:]
            yield PublishedClip(
                path=path,
                filename=f"audio/{folder.name}_{number:02}.flac",
                label=folder.name,
                source=phone,
                licence="ODbL 1.0 / DbCL 1.0",
                author="Donate-a-cry contributors",
                url="https://github.com/gveres/donateacry-corpus",
                extra=f"gender={gender};age={age};reason={reason};orig={path.stem}",
            )
