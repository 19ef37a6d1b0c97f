"""Minetest Game's sounds: footsteps by surface, doors, fire, water; licences by module, so for tests only.

Source: github.com/luanti-org/minetest_game.
"""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "minetest_sounds"

#: Part of the file's name to plain words; the first part that fits decides.
WORDS = (
    ("footstep", ("footsteps",)),
    ("break_glass", ("glass breaking",)),
    ("door", ("door",)),
    ("fencegate", ("door",)),
    ("chest_", ("door",)),
    ("fire_extinguish", ()),
    ("fire_flint", ()),
    ("fire_", ("crackling fire",)),
    ("furnace", ("crackling fire",)),
    ("env_sounds_water", ("flowing water",)),
    ("tnt_explode", ("explosion",)),
)


def read(root: str | Path) -> list[Row]:
    """108 rows; digging, lava, carts and tools stay without a word."""
    return read_table(root, FOLDER, "minetest", _words)


def _words(row: Row) -> tuple[str, ...]:
    return next((words for part, words in WORDS if part in row.label), ())
