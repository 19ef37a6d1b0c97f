"""The training corpora: one module per corpus with `read(root) -> list[Row]` and `published(download)`, and `read` for several.

Synthetic sounds have no download: `python -m recipes.synthetic` makes them.

`root` is the folder with the corpora's folders (see docs/data.md), or the corpus's own. A module names its folder and maps its clips to
labels of the common vocabulary, or keeps its plain labels (`assembled`); everything else is in the shared table. `published` reads the
layout in which the corpus is published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from auricle.core.errors import InputError
from auricle.data.corpora import (
    ambience,
    berklee_olpc,
    cc_sounds,
    discord_gm,
    donateacry,
    esc50,
    fsdd,
    gm_instruments,
    kenney,
    librosa_examples,
    luanti_animals,
    minetest,
    open_ambience,
    open_misc,
    openclonk,
    opensfx,
    sonicpi,
    speech_text,
    synthetic,
    test_copyleft,
    wakewords,
)
from auricle.data.corpora.clip_table import TABLE, Row, find_table
from auricle.data.corpora.published import PublishedClip


class Corpus(NamedTuple):
    """folder: name under the data root. read: root -> rows. published: download -> published clips; None: made, not downloaded."""

    folder: str
    read: Callable[[str | Path], list[Row]]
    published: Callable[[Path], Iterator[PublishedClip]] | None


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
    "berklee_olpc": Corpus(berklee_olpc.FOLDER, berklee_olpc.read, berklee_olpc.published),
    "open_misc": Corpus(open_misc.FOLDER, open_misc.read, open_misc.published),
    "cc_sounds": Corpus(cc_sounds.FOLDER, cc_sounds.read, cc_sounds.published),
    "gm_instruments": Corpus(gm_instruments.FOLDER, gm_instruments.read, gm_instruments.published),
    "discord_gm": Corpus(discord_gm.FOLDER, discord_gm.read, discord_gm.published),
    "luanti_animals": Corpus(luanti_animals.FOLDER, luanti_animals.read, luanti_animals.published),
    "openclonk": Corpus(openclonk.FOLDER, openclonk.read, openclonk.published),
    "open_ambience": Corpus(open_ambience.FOLDER, open_ambience.read, open_ambience.published),
    "test_copyleft": Corpus(test_copyleft.FOLDER, test_copyleft.read, test_copyleft.published),
    "synthetic": Corpus(synthetic.FOLDER, synthetic.read, None),
}


def read(root: str | Path, names: Iterable[str] | None = None) -> list[Row]:
    """Read the rows of the named corpora in that order; None: of every corpus under root. InputError for an unknown or missing one."""
    root = Path(root)
    if names is None:
        names = [name for name, corpus in CORPORA.items() if find_table(root, corpus.folder, name).is_file()]
        if not names:
            raise InputError(f"{root} contains no corpus; wanted folders such as {esc50.FOLDER}/{TABLE}; see docs/data.md")
    rows: list[Row] = []
    for name in names:
        if name not in CORPORA:
            raise InputError(f"corpus {name!r} is unknown; known: {', '.join(CORPORA)}")
        rows.extend(CORPORA[name].read(root))
    return rows
