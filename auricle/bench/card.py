"""The card of a shipped model: authors of training clips, training settings and results; beside it the list of these clips."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auricle.bench.results import fingerprint, read_records
from auricle.core.files import atomic_file, write_text
from auricle.core.model_files import read_config
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.synthetic import CORPUS as SYNTHETIC

NOTES = (
    "ESC-50's collection as a whole is CC BY-NC 3.0 (K. J. Piczak, ACM Multimedia 2015); only clips whose own Freesound licence is CC0 or "
    "CC BY were used; training_clips.jsonl.gz lists each"
    " with its author and source. Rows under BY-SA, NC, Sampling+ or unclear terms were only tested on.",
    "The text tower is distilled from all-MiniLM-L6-v2 (Apache-2.0) over AudioCaps v1 sentences (MIT) and AudioSet names (CC BY 4.0).",
    "Works well for everyday sounds of its vocabulary, close and clear. Not intended for speech content, music analysis, safety decisions.",
)


#: List of the training clips, beside the card.
CLIPS = "training_clips.jsonl.gz"
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
    """Write folder/card.json, and folder/training_clips.jsonl.gz: a line [corpus, file, author, licence, source] per training clip.

    rows: training clips; those of SYNTHETIC are only counted. recipe: training settings. results: folder of result records; records: names
    of those that are included.
    """
    included = {name: record for name, record in read_records(results).items() if name in records}
    clips = [row for row in rows if row.corpus != SYNTHETIC]
    counts = Counter((row.corpus, row.author, row.licence) for row in clips)
    authors = [
        {"corpus": corpus, "author": author, "licence": licence, "clips": number} for (corpus, author, licence), number in counts.items()
    ]
    card = {
        "name": read_config(folder / "config.json").name,
        "licence": "Apache-2.0",
        "weights": fingerprint(folder),
        "notes": list(notes),
        "recipe": recipe,
        "results": {name: {f["name"]: round(f["value"], 4) for f in record["figures"]} for name, record in included.items()},
        "labels": dict(Counter(label for row in rows for label in row.labels).most_common()),
        "corpora": dict(Counter(row.corpus for row in rows).most_common()),
        "authors": authors,
    }
    text = json.dumps(card, ensure_ascii=False, indent=1)
    # One author per line, for people who read the file.
    head, _, _ = text.partition('"authors": [')
    lines = ",\n  ".join(json.dumps(author, ensure_ascii=False) for author in authors)
    write_text(folder / "card.json", head + '"authors": [\n  ' + lines + "\n ]\n}\n")
    listed = [[row.corpus, row.path.name, row.author, row.licence, row.url] for row in clips]
    with atomic_file(folder / CLIPS) as partial:
        partial.write_bytes(gzip.compress("".join(json.dumps(clip, ensure_ascii=False) + "\n" for clip in listed).encode(), mtime=0))


def read_clips(folder: Path) -> list[list[str]]:
    """The training clips that are listed beside the card: corpus, file, author, licence and source of each."""
    return [json.loads(line) for line in gzip.decompress((folder / CLIPS).read_bytes()).decode().splitlines()]
