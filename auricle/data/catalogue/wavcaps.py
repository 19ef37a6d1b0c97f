"""WavCaps: captions that a language model made of what people wrote under recordings of four places."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.data.catalogue.entry import Entry
from auricle.data.catalogue.tables import loaded, sounds
from auricle.data.corpora.published import find
from auricle.data.item import Caption, Item

_TABLES = {"AudioSet_SL": "as_final", "BBC_Sound_Effects": "bbc_final", "FreeSound": "fsd_final", "SoundBible": "sb_final"}
_SITES = {"AudioSet_SL": "youtube", "BBC_Sound_Effects": "bbc", "FreeSound": "freesound", "SoundBible": "soundbible"}
#: Style of its captions: no person wrote them.
STYLE = "generated"


def _wavcaps(download: Path, split: str) -> Iterator[Item]:
    table = find(download, f"json_files/{split}/{_TABLES[split]}.json", "the json_files of WavCaps")
    folder = table.parents[2] / "audio" / split
    found = sounds(folder)
    told = loaded(table)
    if not isinstance(told, dict) or not isinstance(told.get("data"), list):
        raise InputError(f"{table}: has no list under 'data'; wanted the file as it is published")
    for number, entry in enumerate(told["data"], start=1):
        try:
            stem = Path(str(entry["id"])).stem  # AudioSet's ids end in .wav
            captions = (Caption(entry["caption"].strip(), style=STYLE),)
            duration = float(entry.get("duration") or 0.0)
        except (KeyError, TypeError, AttributeError, ValueError, InputError):
            said = json.dumps(entry)[:80]
            raise InputError(f"{table}: entry {number} is {said}; wanted an object with id, caption and duration") from None
        yield Item(
            id=f"{split}/{stem}",
            audio=found.get(stem, folder / f"{stem}.flac"),
            captions=captions,
            corpus="wavcaps",
            source=_source(split, stem),
            site=_SITES[split],
            licence="academic use only",
            author=entry.get("author") or "",
            url=entry.get("href") or "",
            duration=duration,
            fold=split,
        )


def _source(split: str, stem: str) -> str:
    """The recording's name at its site, so that it is told apart from others and known again in corpora of that site."""
    return stem[1:] if split == "AudioSet_SL" and len(stem) == 12 and stem.startswith("Y") else stem


def without(items: Iterable[Item], blacklist: Path) -> list[Item]:
    """The items whose id is not in one of WavCaps' published blacklists: JSON with lists of ids, however deep."""
    barred = {Path(name).stem for name in _names(loaded(blacklist))}
    return [item for item in items if item.id.rpartition("/")[2] not in barred]


def _names(told: Any) -> Iterator[str]:
    if isinstance(told, (dict, list)):
        for each in told.values() if isinstance(told, dict) else told:
            yield from _names(each)
    else:
        yield str(told)


WAVCAPS = Entry(
    name="wavcaps",
    title="WavCaps",
    about="sounds of Freesound, BBC Sound Effects, SoundBible and AudioSet (strongly labelled), one generated caption each",
    paper="Mei and others, IEEE/ACM TASLP 2024, arXiv 2303.17395",
    address="https://huggingface.co/datasets/cvssp/WavCaps",
    licence="academic use only",
    site="freesound, youtube, bbc, soundbible",
    clips=403_050,
    overlaps="holds sounds of AudioSet, AudioCaps, Clotho, ESC-50, UrbanSound8K and VGGSound; its blacklists name them (`wavcaps.without`)",
    splits=tuple(_TABLES),
    layout="""\
WavCaps/
  json_files/AudioSet_SL/as_final.json, BBC_Sound_Effects/bbc_final.json, FreeSound/fsd_final.json, SoundBible/sb_final.json
                         {"data": [{"id", "caption", "duration", "author", "href", ...}]}
  json_files/blacklist/  ids of clips that are in corpora for tests
  audio/SPLIT/**/ID.flac the unpacked archives of Zip_files/SPLIT""",
    read=_wavcaps,
)
