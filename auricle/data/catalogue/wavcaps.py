"""WavCaps: captions that a language model generated from the descriptions of recordings on four sites."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.data.catalogue.entry import Entry
from auricle.data.catalogue.tables import find_sounds, load_json
from auricle.data.corpora.published import find_path
from auricle.data.item import Caption, Item

_TABLES = {"AudioSet_SL": "as_final", "BBC_Sound_Effects": "bbc_final", "FreeSound": "fsd_final", "SoundBible": "sb_final"}
_SITES = {"AudioSet_SL": "youtube", "BBC_Sound_Effects": "bbc", "FreeSound": "freesound", "SoundBible": "soundbible"}
#: Style of its captions.
STYLE = "generated"


def _wavcaps(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, f"json_files/{split}/{_TABLES[split]}.json", "the json_files of WavCaps")
    folder = table.parents[2] / "audio" / split
    sounds = find_sounds(folder)
    content = load_json(table)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise InputError(f"{table}: has no list under 'data'; wanted the file as published")
    for number, entry in enumerate(content["data"], start=1):
        try:
            stem = Path(str(entry["id"])).stem  # AudioSet's ids end in .wav
            captions = (Caption(entry["caption"].strip(), style=STYLE),)
            duration = float(entry.get("duration") or 0.0)
        except (KeyError, TypeError, AttributeError, ValueError, InputError):
            shown = json.dumps(entry)[:80]
            raise InputError(f"{table}: entry {number} is {shown}; wanted an object with id, caption and duration") from None
        yield Item(
            id=f"{split}/{stem}",
            audio=sounds.get(stem, folder / f"{stem}.flac"),
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
    """The recording's id on its site, which identifies it in other corpora of that site."""
    return stem[1:] if split == "AudioSet_SL" and len(stem) == 12 and stem.startswith("Y") else stem


def exclude_blacklisted(items: Iterable[Item], blacklist: Path) -> list[Item]:
    """The items whose id is not in one of WavCaps' published blacklists (JSON with nested lists of ids)."""
    blacklisted = {Path(name).stem for name in _flat_ids(load_json(blacklist))}
    return [item for item in items if item.id.rpartition("/")[2] not in blacklisted]


def _flat_ids(content: Any) -> Iterator[str]:
    if isinstance(content, (dict, list)):
        for each in content.values() if isinstance(content, dict) else content:
            yield from _flat_ids(each)
    else:
        yield str(content)


WAVCAPS = Entry(
    name="wavcaps",
    title="WavCaps",
    about="sounds of Freesound, BBC Sound Effects, SoundBible and AudioSet (strongly labelled), one generated caption each",
    paper="Mei and others, IEEE/ACM TASLP 2024, arXiv 2303.17395",
    address="https://huggingface.co/datasets/cvssp/WavCaps",
    licence="academic use only",
    site="freesound, youtube, bbc, soundbible",
    clips=403_050,
    overlaps="has sounds of AudioSet, AudioCaps, Clotho, ESC-50, UrbanSound8K and VGGSound, listed in its blacklists "
    "(`wavcaps.exclude_blacklisted`)",
    splits=tuple(_TABLES),
    layout="""\
WavCaps/
  json_files/AudioSet_SL/as_final.json, BBC_Sound_Effects/bbc_final.json, FreeSound/fsd_final.json, SoundBible/sb_final.json
                         {"data": [{"id", "caption", "duration", "author", "href", ...}]}
  json_files/blacklist/  ids of clips that are in corpora for tests
  audio/SPLIT/**/ID.flac the unpacked archives of Zip_files/SPLIT""",
    read=_wavcaps,
)
