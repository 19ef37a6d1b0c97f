"""The catalogue of published corpora: description, licence, layout and overlaps of each, and readers that convert downloads to Items.

    from auricle.data.catalogue import CATALOGUE
    clips = CATALOGUE["clotho"].items("downloads/clotho", "evaluation")

`python -m auricle.data.catalogue` prints the page docs/corpora.md. Counts are those of the publications, and are left out where they are
uncertain. Nothing is downloaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from auricle.data.catalogue.entry import ALL, Entry, Question
from auricle.data.catalogue.freesound import CLOTHO, CLOTHO_AQA, ESC50, FSD50K, URBANSOUND8K
from auricle.data.catalogue.music import GTZAN, NSYNTH
from auricle.data.catalogue.places import COCHLSCENE, MACS, TAU2020
from auricle.data.catalogue.spoken import FSDD, SPEECH_COMMANDS
from auricle.data.catalogue.wavcaps import WAVCAPS
from auricle.data.catalogue.youtube import AUDIOCAPS, AUDIOSET, VGGSOUND
from auricle.data.corpora import CORPORA

__all__ = ["ALL", "CATALOGUE", "Entry", "Question", "page"]

_ENTRIES = (
    *(ESC50, FSD50K, URBANSOUND8K, CLOTHO, CLOTHO_AQA),
    *(AUDIOSET, AUDIOCAPS, VGGSOUND, WAVCAPS),
    *(TAU2020, MACS, COCHLSCENE, NSYNTH, GTZAN, SPEECH_COMMANDS, FSDD),
)
CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def page() -> str:
    """Render the page docs/corpora.md."""
    lines = [
        "# Published corpora",
        "",
        "The public corpora that auricle can read from their published layout, by",
        "`auricle.data.catalogue.CATALOGUE[NAME].items(DOWNLOAD, SPLIT)`. Nothing is downloaded, and none of them is in this repository.",
        "Counts are given where the publication states them. The training corpora of the shipped model, and the licences that allow",
        "training, are in [data](data.md); a list is at the end. This page is rendered by",
        "`python -m auricle.data.catalogue > docs/corpora.md`; do not edit it.",
        "",
        "| name | corpus | clips | hours | from | licence |",
        "|---|---|---|---|---|---|",
    ]
    for entry in CATALOGUE.values():
        clips = "" if entry.clips is None else f"{entry.clips:,}"
        hours = "" if entry.hours is None else f"{entry.hours:g}"
        lines.append(f"| `{entry.name}` | {entry.title} | {clips} | {hours} | {entry.site} | {entry.licence} |")
    for entry in CATALOGUE.values():
        facts = [f"Paper: {entry.paper}.", f"Address: {entry.address}.", f"Splits: {', '.join(entry.splits)}."]
        facts += [f"Overlaps: {entry.overlaps}."] if entry.overlaps else []
        facts += ["Questions: `load_questions(DOWNLOAD, SPLIT)`."] if entry.questions else []
        lines += ["", f"## {entry.title}", "", f"{entry.about[:1].upper()}{entry.about[1:]}.", "", "  \n".join(facts), "", "```"]
        lines += [entry.layout, "```"]
    lines += [
        "",
        "## Prepared corpora",
        "",
        "`python -m recipes.prepare NAME DOWNLOAD OUT` converts these to one folder each with a table of clips, which",
        "`auricle.data.corpora.read(OUT, [NAME])` reads. Their counts, sources and commands are in [data](data.md).",
        "",
        "| name | folder | what |",
        "|---|---|---|",
    ]
    for name, corpus in CORPORA.items():
        about = (inspect.getdoc(inspect.getmodule(corpus.read)) or "").partition("\n")[0]
        lines.append(f"| `{name}` | `{corpus.folder}` | {about} |")
    return "\n".join(lines) + "\n"
