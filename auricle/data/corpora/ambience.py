"""Ambient beds of the Blanket player: one recording a label, so they serve as backgrounds and not as classes to test.

The words say what a listener hears in the bed, so that a scene's truth can name it and no second one of its kind is laid over it.
"""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "ambience"
WORDS = {
    "birds": ("chirping birds",),
    "city": ("traffic",),
    "coffee-shop": ("chatter",),
    "fireplace": ("crackling fire",),
    "pink-noise": ("noise",),
    "rain": ("rain",),
    "storm": ("thunderstorm", "rain"),
    "summer-night": ("crickets",),
    "train": ("train",),
    "waves": ("sea waves",),
    "white-noise": ("noise",),
    "wind": ("wind",),
}


def read(root: str | Path) -> list[Row]:
    """22 rows of about 10 s; the boat (water and creaks) stays without a word."""
    return read_table(root, FOLDER, "ambience", lambda row: WORDS.get(row.label, ()))
