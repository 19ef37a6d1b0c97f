"""librosa's example recordings: music, speech, a robin and whales, CC BY or public domain (github.com/librosa/data)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path

FOLDER = "librosa_examples"
WORDS = {
    "music": ("music",),
    "orchestral music": ("music", "orchestra"),
    "trumpet": ("music", "trumpet"),
    "song with vocals": ("music", "singing"),
    "humpback whale song": ("whale song",),
    "bird song": ("chirping birds",),
    "speech": ("speech",),
}

#: File name -> short name and label. The four recordings under CC BY-NC are excluded.
PIECES = {
    "Kevin_MacLeod_-_Vibe_Ace": ("vibeace", "music"),
    "Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy": ("nutcracker", "orchestral music"),
    "Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra)": ("brahms", "orchestral music"),
    "sorohanro_-_solo-trumpet-06": ("trumpet", "trumpet"),
    "Karissa_Hobbs_-_Lets_Go_Fishin": ("fishin", "song with vocals"),
    "glacier-bay-humpback": ("humpback", "humpback whale song"),
    "5703-47212-0000": ("libri1", "speech"),
    "3436-172162-0000": ("libri2", "speech"),
    "456440__inspectorj__bird-whistling-robin-single-13": ("robin", "bird song"),
    "198-209-0000": ("libri3", "speech"),
}


def read(root: str | Path) -> list[Row]:
    """10 rows, some of them minutes long."""
    return read_table(root, FOLDER, "librosa_examples", lambda row: WORDS.get(row.label, ()))


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of librosa/data: the 22.05 kHz files unchanged. The text file of each has its author, URLs and licence."""
    folder = find_path(download, "audio", "a clone of github.com/librosa/data")
    for stem, (name, label) in PIECES.items():
        text = (folder / f"{stem}.txt").read_text(encoding="utf-8").strip()
        first, *_, last = text.splitlines()
        yield PublishedClip(
            path=folder / f"{stem}.ogg",
            filename=f"audio/{name}.ogg",
            label=label,
            source=stem,
            licence=last.strip(),
            author=first.strip(),
            url="; ".join(re.findall(r"https?://\S+", text)),
            copied=True,
        )
