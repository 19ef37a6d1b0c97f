"""Ambient recordings of the Blanket player: one recording per label, so they are used as backgrounds and not as test classes.

The labels name the audible sounds, so that the annotation of a scene includes them and no event of the same class is mixed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files

FOLDER = "ambience"
#: Length of an excerpt, seconds.
SECONDS = 10.0
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
    """22 rows of about 10 s; the boat (water and creaks) has no label."""
    return read_table(root, FOLDER, "ambience", lambda row: WORDS.get(row.label, ()))


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of rafaelmardojai/blanket: the first ten seconds of each recording, and the last ten where it lasts twenty."""
    wanted = "a clone of github.com/rafaelmardojai/blanket"
    credits = _credits(find_path(download, "SOUNDS_LICENSING.md", wanted).read_text(encoding="utf-8"))
    for path in list_files(find_path(download, "data/resources/sounds", wanted), "*.ogg", wanted):
        author, url, licence = credits.get(path.stem, ("", "", "unclear"))
        for number, start in enumerate((0.0, -SECONDS)):
            yield PublishedClip(
                path=path,
                filename=f"audio/{path.stem}_{number}.flac",
                label=path.stem,
                source=path.stem,
                licence=licence,
                author=author,
                url=url,
                rate=32000,
                start=start,
                seconds=SECONDS,
            )


def _credits(page: str) -> dict[str, tuple[str, str, str]]:
    """Name of a recording -> author, URL, licence, from the table's rows: [name](URL), author, editor, licence."""
    rows = re.findall(r"^\| \[([^\]]+)\]\(([^)]+)\) \|([^|]*)\|[^|]*\|([^|\n]*)", page, re.MULTILINE)
    return {name.lower().replace(" ", "-"): (author.strip(), url, licence.strip()) for name, url, author, licence in rows}
