"""The card of the shipped model: training clips by author and licence, training settings, and results."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from auricle.bench.results import fingerprint, read_records
from auricle.core.files import write_text
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.synthetic import CORPUS as SYNTHETIC

NOTES = (
    "ESC-50's collection as a whole is CC BY-NC 3.0 (K. J. Piczak, ACM Multimedia 2015); only clips whose own Freesound licence is CC0 or "
    "CC BY were used, and each is listed here"
    " with its author. Rows under BY-SA, NC, Sampling+ or unclear terms were only tested on.",
    "The text tower is distilled from all-MiniLM-L6-v2 (Apache-2.0) over AudioCaps v1 sentences (MIT) and AudioSet names (CC BY 4.0).",
    "Works well for everyday sounds of its vocabulary, close and clear. Not intended for speech content, music analysis, safety decisions.",
)


#: Records of the results that a card has, unless others are named.
RECORDS = ("esc50-folds", "scenes", "foreign-sounds", "unseen-fifths")


def write_card(
    folder: Path,
    rows: Sequence[Row],
    *,
    recipe: Mapping[str, Any],
    results: Path,
    notes: Sequence[str] = NOTES,
    records: Sequence[str] = RECORDS,
) -> None:
    """Write folder/card.json.

    rows: training clips; those of SYNTHETIC are only counted. recipe: training settings. results: folder of result records; records: names
    of those that are included.
    """
    included = {name: record for name, record in read_records(results).items() if name in records}
    clips = [
        {"corpus": corpus, "author": author, "licence": licence, "files": files}
        for (corpus, author, licence), files in clips_by_author(row for row in rows if row.corpus != SYNTHETIC).items()
    ]
    card = {
        "name": "auricle-tiny",
        "licence": "Apache-2.0",
        "weights": fingerprint(folder),
        "notes": list(notes),
        "recipe": recipe,
        "results": {name: {f["name"]: round(f["value"], 4) for f in record["figures"]} for name, record in included.items()},
        "labels": dict(Counter(label for row in rows for label in row.labels).most_common()),
        "corpora": dict(Counter(row.corpus for row in rows).most_common()),
        "clips": clips,
    }
    text = json.dumps(card, ensure_ascii=False, indent=1)
    # One author per line, for people who read the file.
    head, _, _ = text.partition('"clips": [')
    lines = ",\n  ".join(json.dumps(clip, ensure_ascii=False) for clip in clips)
    write_text(folder / "card.json", head + '"clips": [\n  ' + lines + "\n ]\n}\n")


def clips_by_author(rows: Iterable[Row]) -> dict[tuple[str, str, str], list[tuple[str, str]]]:
    """Corpus, author and licence -> the file and the address of each clip."""
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault((row.corpus, row.author, row.licence), []).append((row.path.name, row.url))
    return found
