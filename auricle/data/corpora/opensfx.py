"""OpenSFX: 71 sounds of vehicles, machines, animals and weather, one clip per title, each with its own licence.

Source: github.com/OpenTTD/OpenSFX.

Titles of the same sound as a class of ESC-50 have its label. Synthetic sounds (Toyland, splats, jingles) have none.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path

FOLDER = "opensfx"
WORDS = {
    "Factory Whistle": ("steam whistle",),
    "Steam train station departure": ("train",),
    "Steam engine going in tunnel": ("train",),
    "Ship horn": ("ship horn",),
    "Ferry horn": ("ship horn",),
    "Propeller plane start": ("airplane",),
    "Early jet take off": ("airplane",),
    "Diesel/electric train station departure": ("train",),
    "Mining machinery": ("machinery",),
    "Electric sparking": ("electric sparks",),
    "Steam (of steam engine)": ("steam",),
    "Level crossing": ("bell",),
    "Crash": ("crash",),
    "Explosion": ("explosion",),
    "Big crash": ("crash",),
    "Cash till": ("cash register",),
    "Beep": ("electronic sound",),
    "Morse": ("electronic sound",),
    "Helicopter": ("helicopter",),
    "Truck/old bus start, pull away": ("engine",),
    "Truck/old bus start, pull away with horn": ("engine", "car horn"),
    "Modern bus start": ("engine",),
    "Old bus start": ("engine",),
    "Applause": ("clapping",),
    "Jackhammer": ("jackhammer",),
    "Modern car horn": ("car horn",),
    "Sheep": ("sheep",),
    "Cow": ("cow",),
    "Horse": ("horse",),
    "Building bridge": ("hammering",),
    "Sawmill": ("circular saw",),
    "Toyland: Bubble generated": ("bubbles",),
    "Toyland: Plastic mine": ("bubbles",),
    "Wind": ("wind",),
    "Lumber mill: Chainsaw": ("chainsaw",),
    "Heavy wind": ("wind",),
    "Mach 1+ Jet take off": ("airplane",),
    "Modern jet take off": ("airplane",),
    "Maglev train station departure": ("train",),
    "Monorail train station departure": ("train",),
    "Tropical: Bird (1)": ("chirping birds",),
    "Tropical: Bird (2)": ("chirping birds",),
    "Tropical: Monkeys": ("monkey",),
}

#: Titles whose author has a clip of the same class in ESC-50 (possibly the same recording) are in the fold of that clip.
RELATED_FOLDS = {"Modern car horn": "1", "Lumber mill: Chainsaw": "1", "Lumber mill: Falling tree": "4"}

#: Titles edited from one original by one author share a source.
SHARED_SOURCES = {
    "Steam engine going in tunnel": "Steam train station departure",
    "Big crash": "Crash",
    "Heavy wind": "Wind",
    "Truck/old bus start, pull away with horn": "Truck/old bus start, pull away",
    "Toyland: Comedy bus start (1)": "Truck/old bus start, pull away",
    "Toyland: Comedy bus start (2)": "Truck/old bus start, pull away",
    "Toyland: Comedy truck start (1)": "Old bus start",
    "Toyland: Comedy truck start (2)": "Modern bus start",
    "Toyland: Jet take off": "Early jet take off",
    "Toyland: Sugar mine (2)": "Toyland: Sugar mine (1)",
    "Toyland: Toy factory (2)": "Toyland: Toy factory (1)",
    "Tropical: Bird (2)": "Tropical: Bird (1)",
}


def read(root: str | Path) -> list[Row]:
    """71 rows. The source is the title of the original, so that edits of one recording are never split."""
    rows = read_table(root, FOLDER, "opensfx", lambda row: WORDS.get(row.label, ()))
    return [dataclasses.replace(row, source=_source(row), fold=RELATED_FOLDS.get(row.label, row.fold)) for row in rows]


def _source(row: Row) -> str:
    return SHARED_SOURCES.get(row.label, row.label)


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of OpenTTD/OpenSFX: each line of src/opensfx.psfo has a file, its title, its credit and its licence."""
    table = find_path(download, "src/opensfx.psfo", "a clone of github.com/OpenTTD/OpenSFX")
    line = re.compile(r'"src/wav/(\w+)\.wav" ("([^"]+)".*?) License: (.+?)\.?$')
    for match in filter(None, map(line.match, table.read_text(encoding="utf-8").splitlines())):
        name, credit, title, licence = match.groups()
        if not title.startswith("Unused"):
            yield PublishedClip(
                path=table.parent / "wav" / f"{name}.wav",
                filename=f"audio/{name}.flac",
                label=title,
                source=name,
                licence=licence,
                author=credit,
                url="https://github.com/OpenTTD/OpenSFX",
                rate=32000,
            )
