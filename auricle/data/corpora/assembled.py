"""Corpora assembled from the sounds of games, sample libraries and sites, with plain labels: what their readers have in common.

Their tables name sources by site (`freesound/105016`). Rows have the number alone where the site numbers its sounds, as ESC-50's rows
have, so that one recording is found in several corpora by site and number. The fold of a row is a function of its source alone, and the
same in all corpora: one of ESC-50's four, not the fold of the table, of which there are five.

`assembled.json` says what was taken from where, for `published_clips`: for each corpus its parts (repository: a clone or Debian package;
licence, author and files), each with groups of files that share a label, and where they differ from the part a source, licence, author,
address or note. Paths count from `folder`; `{1,3-5}` in one stands for these numbers.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.data.corpora.clip_table import FOLDS, Row, read_table
from auricle.data.corpora.published import PublishedClip

#: Sources whose author has clips of the same or a related class in ESC-50 (possibly of the same recording): the fold of most of these.
RELATED_FOLDS = {
    "freesound/34172": 3,  # fire, by the author of a crackling fire
    "freesound/43380": 1,  # chicks, by the author of a rooster
    "freesound/52450": 3,  # crows; their author has crows in folds 2 to 4
    "freesound/84708": 1,  # breaking glass
    "freesound/99956": 2,  # bees, by the author of insects
    "freesound/407312": 1,  # a door, by the author of creaking doors
    "mineclone5/mobs_mc_donkey_random": 3,  # a donkey, by the author of a pig
}
#: How tables name a sound that its site numbers.
_SITES = {
    "freesound": re.compile(r"freesound/(\d+)$"),
    "soundbible": re.compile(r"(?:soundbible/|ambmod/sb|https?://soundbible\.com/)(\d+)"),
}
#: Of rebuilt clips: the level to which a lower peak is raised, the length (seconds) and the rate (Hz).
PEAK_DBFS, SECONDS, RATE = -20.0, 10.0, 16000


def read_assembled(
    root: str | Path, folder: str, corpus: str, *, labels: Mapping[str, str] | None = None, authors: Mapping[str, str] | None = None
) -> list[Row]:
    """Read the rows of one of these corpora. A row's label is its only one, in lower case; without a label it has none.

    Corrections of the table. labels: start of a file's name -> label ("": none). authors: start of a source of the table -> author.
    """
    rows = read_table(root, folder, corpus, lambda row: ())
    return [_correct(row, labels or {}, authors or {}) for row in rows]


def _correct(row: Row, labels: Mapping[str, str], authors: Mapping[str, str]) -> Row:
    label = _by_start(labels, row.path.stem, row.label)
    author = _by_start(authors, row.source, row.author)
    site, number = _site_number(row.source)
    url = row.url if not site or f"{site}.org" in row.url or f"{site}.com" in row.url else f"{_address(site, number)} via {row.url}"
    return dataclasses.replace(
        row,
        label=label,
        labels=(label.lower(),) if label else (),
        author=author,
        url=url,
        source=number if site else row.source,
        fold=str(RELATED_FOLDS.get(row.source) or _fold(f"{site}/{number}" if site else row.source)),
    )


def _by_start(found: Mapping[str, str], name: str, otherwise: str) -> str:
    matching = [start for start in found if name.startswith(start)]
    return found[max(matching, key=len)] if matching else otherwise


def _site_number(source: str) -> tuple[str, str]:
    """Site and number of a source; both empty where its site does not number sounds."""
    for site, pattern in _SITES.items():
        if match := pattern.match(source):
            return site, match[1]
    return "", ""


def _address(site: str, number: str) -> str:
    return f"https://freesound.org/s/{number}" if site == "freesound" else f"https://soundbible.com/{number}"


def _fold(source: str) -> int:
    digest = hashlib.sha256(source.encode()).digest()
    return FOLDS[int.from_bytes(digest[:4], "big") % len(FOLDS)]


def published_clips(download: Path, corpus: str) -> Iterator[PublishedClip]:
    """Clips of a folder with the clones and unpacked packages of a corpus, or of its only one; InputError that names those it lacks.

    A clip is the first ten seconds of a file, without silence at its ends.
    """
    parts = _parts()[corpus]
    folders = [_find_folder(download, part) for part in parts]
    if missing := [part["repository"] for part, folder in zip(parts, folders, strict=True) if folder is None]:
        raise InputError(f"{download} lacks {', '.join(missing)}; wanted a folder with a clone or an unpacked package of each")
    for part, folder in zip(parts, folders, strict=True):
        assert folder is not None
        for group in part["groups"]:
            for pattern in group["files"]:
                for file in _expand(pattern):
                    name = "/".join(filter(None, (part["folder"], file)))
                    yield _published(part, group, pattern, folder / name, name)


def _published(part: Mapping[str, Any], group: Mapping[str, Any], pattern: str, path: Path, name: str) -> PublishedClip:
    return PublishedClip(
        path=path,
        filename=f"audio/{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}.flac",
        label=group["label"],
        source=group.get("source") or f"{part['prefix']}/{_plain_stem(pattern)}",
        licence=group.get("licence", part["licence"]),
        author=group.get("author", part["author"]),
        url=" via ".join(filter(None, (group.get("url", ""), f"{part['address']} {name}"))),
        extra=group.get("extra", ""),
        rate=RATE,
        seconds=SECONDS,
        trimmed=True,
        peak_dbfs=PEAK_DBFS,
    )


def _plain_stem(pattern: str) -> str:
    """`Bell_{1-3}.mp3` and `Bell_2.mp3` -> `bell`."""
    return re.sub(r"[_-]?(?:\{.*\}|\d+)$", "", Path(pattern).stem).lower()


def _find_folder(download: Path, part: Mapping[str, Any]) -> Path | None:
    """The folder below download from which the paths of a part count; None where there is none."""
    first = "/".join(filter(None, (part["folder"], _expand(part["groups"][0]["files"][0])[0])))
    found = sorted(download.rglob(escape(first)), key=lambda path: (len(path.parts), path))
    return found[0].parents[first.count("/")] if found else None


def _expand(pattern: str) -> list[str]:
    """`a{1,3-5}.wav` -> `a1.wav`, `a3.wav`, `a4.wav`, `a5.wav`; leading zeros are kept."""
    start, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    numbers, _, end = rest.partition("}")
    names = []
    for part in numbers.split(","):
        first, _, last = part.partition("-")
        names += [f"{start}{number:0{len(first)}}{end}" for number in range(int(first), int(last or first) + 1)]
    return names


@functools.cache
def _parts() -> dict[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("assembled.json").read_text(encoding="utf-8"))
    return parts
