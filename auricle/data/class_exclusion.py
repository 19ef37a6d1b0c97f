"""Exclusion of classes from training: removes every row that may contain a class, so that zero-shot tests on it are fair.

A row matches a class when the class is one of its labels, or when its corpus's own label contains or paraphrases the class.
ESC-50's rows are matched by their category alone: `door wood creaks` stays when `door wood knock` is excluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from auricle.data.corpora.clip_table import Row

#: Other corpora's words for the sound of a category (whole words, plural s allowed). The category itself always counts.
PARAPHRASES: dict[str, tuple[str, ...]] = {
    "airplane": ("plane", "jet", "aircraft"),
    "breathing": ("breath",),
    "brushing teeth": ("toothbrush",),
    "can opening": ("can",),
    "car horn": ("horn", "claxon", "honk"),
    "chainsaw": ("sawmill",),
    "chirping birds": ("bird", "robin", "cheeping"),
    "church bells": ("bell",),
    "clapping": ("applause", "clap"),
    "clock alarm": ("alarm",),
    "clock tick": ("tick", "clock", "stopwatch"),
    "coughing": ("cough",),
    "crackling fire": ("fire", "fireplace", "flame", "furnace", "crackling"),
    "crickets": ("summer-night", "cricket"),
    "crying baby": ("cry", "baby"),
    "dog": ("puppy", "bark"),
    "door wood creaks": ("door", "creak"),
    "door wood knock": ("door", "knock", "knocking"),
    "drinking sipping": ("slurped", "slurp", "sip"),
    "engine": ("truck", "bus", "motor", "machinery", "vehicle"),
    "fireworks": ("explosion", "explode", "firecracker"),
    "footsteps": ("footstep", "step"),
    "frog": ("toad",),
    "glass breaking": ("glass", "break glass"),
    "hand saw": ("saw", "circular saw", "sawmill", "sawing", "cutting"),
    "hen": ("chicken", "chick"),
    "insects": ("insect", "bee", "mosquito"),
    "keyboard typing": ("keyboard", "typing", "morse"),
    "laughing": ("laugh", "laughter"),
    "mouse click": ("click", "mouseclick", "mouserelease", "mouse"),
    "pouring water": ("pour", "pouring", "flowing water", "water"),
    "rain": ("storm",),
    "sea waves": ("wave", "sea", "boat"),
    "sneezing": ("sneeze",),
    "snoring": ("snore",),
    "thunderstorm": ("thunder", "storm"),
    "toilet flush": ("toilet", "flush"),
    "train": ("locomotive", "monorail", "maglev", "railway"),
    "vacuum cleaner": ("vacuum",),
    "water drops": ("drop", "drip", "water"),
    "wind": ("heavy wind", "storm"),
}


def matches_class(row: Row, name: str) -> bool:
    """True where the row has the class as a label, or its own label or file name contains or paraphrases it."""
    if name in row.labels:
        return True
    if row.corpus == "esc50":
        return False
    text = " ".join((row.label, row.path.stem, *row.labels)).replace("_", " ").lower()
    return bool(_pattern(name).search(text))


def exclude_classes(rows: Iterable[Row], names: Iterable[str]) -> list[Row]:
    """The rows that match none of the classes."""
    names = tuple(names)
    return [row for row in rows if not any(matches_class(row, name) for name in names)]


@cache
def _pattern(name: str) -> re.Pattern[str]:
    terms = (name, *PARAPHRASES.get(name, ()))
    return re.compile("|".join(rf"\b{re.escape(term)}s?\b" for term in terms))
