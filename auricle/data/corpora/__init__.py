"""One file per corpus, each with `read(root) -> list[Row]`; this file reads several at once.

`root` is the folder that holds the corpora's folders (see docs/data.md). A reader does two things: it names its folder
and it says which plain words each clip carries. Everything else is the shared table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

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
from auricle.data.corpora.table import TABLE, Row

#: Name of a corpus to its folder under the data root and its reader.
CORPORA: dict[str, tuple[str, Callable[[str | Path], list[Row]]]] = {
    "esc50": (esc50.FOLDER, esc50.read),
    "sonicpi": (sonicpi.FOLDER, sonicpi.read),
    "kenney": (kenney.FOLDER, kenney.read),
    "opensfx": (opensfx.FOLDER, opensfx.read),
    "ambience": (ambience.FOLDER, ambience.read),
    "librosa_examples": (librosa_examples.FOLDER, librosa_examples.read),
    "speech_text": (speech_text.FOLDER, speech_text.read),
    "wakewords": (wakewords.FOLDER, wakewords.read),
    "fsdd": (fsdd.FOLDER, fsdd.read),
    "minetest": (minetest.FOLDER, minetest.read),
    "donateacry": (donateacry.FOLDER, donateacry.read),
}


def read(root: str | Path, names: Iterable[str] | None = None) -> list[Row]:
    """Rows of the named corpora in the order named; without names, of every corpus that lies under root."""
    root = Path(root)
    if names is None:
        names = [name for name, (folder, _) in CORPORA.items() if (root / folder / TABLE).is_file()]
        if not names:
            raise InputError(f"{root} holds no corpus; wanted folders such as {esc50.FOLDER}/{TABLE}; see docs/data.md")
    rows: list[Row] = []
    for name in names:
        if name not in CORPORA:
            raise InputError(f"corpus {name!r} is unknown; known: {', '.join(CORPORA)}")
        rows.extend(CORPORA[name][1](root))
    return rows
