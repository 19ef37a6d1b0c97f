"""One file per corpus, each with `read(root) -> list[Row]` and `published(download)`; this file reads several at once.

`root` is the folder that holds the corpora's folders (see docs/data.md). A reader names its folder and says which plain words
each clip carries; everything else is the shared table. `published` knows the layout that the corpus's own makers give it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from auricle.core.errors import InputError
from auricle.data.corpora import (
    ambience,
    donateacry,
    esc50,
    fsdd,
    kenney,
    librosa_examples,
    minetest,
    opensfx,
    sonicpi,
    speech_text,
    wakewords,
)
from auricle.data.corpora.clip_table import TABLE, Row
from auricle.data.corpora.published import Published


class Corpus(NamedTuple):
    """folder: name under the data root. read: root -> rows. published: download -> clips as the corpus publishes them."""

    folder: str
    read: Callable[[str | Path], list[Row]]
    published: Callable[[Path], Iterator[Published]]


CORPORA: dict[str, Corpus] = {
    "esc50": Corpus(esc50.FOLDER, esc50.read, esc50.published),
    "sonicpi": Corpus(sonicpi.FOLDER, sonicpi.read, sonicpi.published),
    "kenney": Corpus(kenney.FOLDER, kenney.read, kenney.published),
    "opensfx": Corpus(opensfx.FOLDER, opensfx.read, opensfx.published),
    "ambience": Corpus(ambience.FOLDER, ambience.read, ambience.published),
    "librosa_examples": Corpus(librosa_examples.FOLDER, librosa_examples.read, librosa_examples.published),
    "speech_text": Corpus(speech_text.FOLDER, speech_text.read, speech_text.published),
    "wakewords": Corpus(wakewords.FOLDER, wakewords.read, wakewords.published),
    "fsdd": Corpus(fsdd.FOLDER, fsdd.read, fsdd.published),
    "minetest": Corpus(minetest.FOLDER, minetest.read, minetest.published),
    "donateacry": Corpus(donateacry.FOLDER, donateacry.read, donateacry.published),
}


def read(root: str | Path, names: Iterable[str] | None = None) -> list[Row]:
    """Rows of the named corpora in the order named; without names, of every corpus that lies under root."""
    root = Path(root)
    if names is None:
        names = [name for name, corpus in CORPORA.items() if (root / corpus.folder / TABLE).is_file()]
        if not names:
            raise InputError(f"{root} holds no corpus; wanted folders such as {esc50.FOLDER}/{TABLE}; see docs/data.md")
    rows: list[Row] = []
    for name in names:
        if name not in CORPORA:
            raise InputError(f"corpus {name!r} is unknown; known: {', '.join(CORPORA)}")
        rows.extend(CORPORA[name].read(root))
    return rows
