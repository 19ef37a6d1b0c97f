"""Minetest Game's sounds: footsteps by surface, doors, fire, water; licences by module, so for tests only.

Source: github.com/luanti-org/minetest_game.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files

FOLDER = "minetest_sounds"

#: Part of the file name and labels; the first match applies.
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
    """108 rows; digging, lava, carts and tools have no label."""
    return read_table(root, FOLDER, "minetest", _words)


def _words(row: Row) -> tuple[str, ...]:
    return next((words for part, words in WORDS if part in row.label), ())


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of luanti-org/minetest_game: the sounds of every module unchanged."""
    wanted = "a clone of github.com/luanti-org/minetest_game"
    for path in list_files(find_path(download, "mods", wanted), "*/sounds/*.ogg", wanted):
        module = path.parents[1].name
        yield PublishedClip(
            path=path,
            filename=f"audio/{module}__{path.name}",
            label=re.sub(r"\.\d+$", "", path.stem),
            source=module,
            licence=f"see licences/{module}.license.txt and {module}.README.md",
            url=f"https://github.com/luanti-org/minetest_game/blob/master/mods/{module}/sounds/{path.name}",
            copied=True,
        )
