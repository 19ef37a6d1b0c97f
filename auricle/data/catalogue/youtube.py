"""Corpora of YouTube's sounds: AudioSet, AudioCaps, VGGSound. They publish tables; the sounds are what could be had.

A clip's file lies anywhere under `audio` and is called ID, YID, ID_START or ID_START with six digits (whole seconds), with any ending
of a sound. Its source is its video.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.data.catalogue.entry import Entry
from auricle.data.catalogue.tables import loaded, rows, seconds, sounds
from auricle.data.corpora.published import find
from auricle.data.item import Caption, Item
from auricle.data.prompts import label_key

SITE = "youtube"
_ONTOLOGY = Path(audioset.__file__).resolve().parents[1] / "ontology" / "audioset_ontology.json"
_AUDIO = "audio/**/ID, YID, ID_START or ID_00START, with the ending of a sound: what could be had of the videos"


class _Videos:
    """The sounds under a folder, and what is the same for all clips of a corpus."""

    def __init__(self, corpus: str, folder: Path, split: str) -> None:
        self._corpus, self._split, self._found, self._lost = corpus, split, sounds(folder), folder

    def clip(self, video: str, start: float, end: float, *, labels: tuple[str, ...] = (), captions: tuple[Caption, ...] = ()) -> Item:
        """The seconds start to end of a video; where there is no file of it, one that is not there."""
        names = (f"{video}_{start:06.0f}", f"{video}_{start:.0f}", f"Y{video}", video)
        return Item(
            id=f"{video}_{start:g}",
            audio=next((self._found[name] for name in names if name in self._found), None) or self._lost / f"Y{video}.wav",
            captions=captions,
            labels=labels,
            corpus=self._corpus,
            source=video,
            site=SITE,
            url=f"https://www.youtube.com/watch?v={video}&t={start:.0f}s",
            duration=end - start,
            fold=self._split,
        )


@functools.cache
def _nodes() -> tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]]:
    """Name of each node of the ontology, and its parents, by id."""
    parents: dict[str, list[str]] = {}
    nodes = loaded(_ONTOLOGY)
    for node in nodes:
        for child in node["child_ids"]:
            parents.setdefault(child, []).append(node["id"])
    return {node["id"]: node["name"] for node in nodes}, {child: tuple(found) for child, found in parents.items()}


def ancestors(label: str) -> tuple[str, ...]:
    """Names of all nodes above one of AudioSet's labels, nearest first, in small letters. InputError for no such label."""
    names, parents = _nodes()
    known = {label_key(name): node for node, name in names.items()}
    if label_key(label) not in known:
        raise InputError(f"{label!r} is no label of AudioSet's ontology; wanted a name such as 'dog'")
    above, queue = dict[str, None](), [known[label_key(label)]]
    while queue:
        for parent in parents.get(queue.pop(0), ()):
            if parent not in above:
                above[parent] = None
                queue.append(parent)
    return tuple(label_key(names[node]) for node in above)


def with_ancestors(items: Iterable[Item]) -> Iterator[Item]:
    """The items with the names above their labels after them: a dog is also an animal."""
    for item in items:
        above = [name for label in item.labels for name in ancestors(label)]
        yield replace(item, labels=tuple(dict.fromkeys((*item.labels, *above))))


_TABLES = {"balanced": "balanced_train_segments.csv", "unbalanced": "unbalanced_train_segments.csv", "evaluation": "eval_segments.csv"}


def _audioset(download: Path, split: str) -> Iterator[Item]:
    table = find(download, _TABLES[split], "the tables of segments of AudioSet")
    names, _ = _nodes()
    videos = _Videos("audioset", table.parent / "audio", split)
    for row in rows(table, "id", "start", "end", "labels", names=("id", "start", "end", "labels")):
        labels = row["labels"].split(",")
        if unknown := [label for label in labels if label not in names]:
            raise InputError(f"{table}: {row['id']}: {unknown[0]!r} is no id of AudioSet's ontology; wanted the table as it is published")
        words = tuple(label_key(names[label]) for label in labels)
        yield videos.clip(row["id"], seconds(row["start"], table), seconds(row["end"], table), labels=words)


AUDIOSET = Entry(
    name="audioset",
    title="AudioSet",
    about="ten-second segments of videos with labels of 527 classes of an ontology of 632; labels are as given, without their ancestors",
    paper="Gemmeke and others, ICASSP 2017, doi 10.1109/ICASSP.2017.7952261",
    address="https://research.google.com/audioset/download.html",
    licence="tables CC BY 4.0, ontology CC BY-SA 4.0; the sounds are their uploaders'",
    site=SITE,
    clips=2_084_320,
    overlaps="AudioCaps and WavCaps (AudioSet_SL) are segments of it; VGGSound shares videos with it",
    splits=tuple(_TABLES),
    layout=f"""\
audioset/
  balanced_train_segments.csv, unbalanced_train_segments.csv, eval_segments.csv   YTID, start_seconds, end_seconds, positive_labels
  {_AUDIO}""",
    read=_audioset,
)


def _audiocaps(download: Path, split: str) -> Iterator[Item]:
    table = find(download, f"dataset/{split}.csv", "a clone of github.com/cdjkim/audiocaps")
    said: dict[tuple[str, str], list[Caption]] = {}
    for row in rows(table, "youtube_id", "start_time", "caption"):
        said.setdefault((row["youtube_id"], row["start_time"]), []).append(Caption(row["caption"].strip()))
    videos = _Videos("audiocaps", table.parents[1] / "audio", split)
    for (video, at), captions in said.items():
        start = seconds(at, table)
        yield videos.clip(video, start, start + 10.0, captions=tuple(captions))


AUDIOCAPS = Entry(
    name="audiocaps",
    title="AudioCaps 1.0",
    about="captions of segments of AudioSet, written by people: one a clip for training, five for validation and test",
    paper="Kim and others, NAACL 2019",
    address="https://github.com/cdjkim/audiocaps",
    licence="captions MIT; the sounds are their uploaders'",
    site=SITE,
    clips=51_308,
    overlaps="all its segments are AudioSet's; WavCaps (AudioSet_SL) holds some of them, and VGGSound some of their videos",
    splits=("train", "val", "test"),
    layout=f"""\
audiocaps/
  dataset/train.csv, val.csv, test.csv   audiocap_id, youtube_id, start_time, caption
  {_AUDIO}""",
    read=_audiocaps,
)


def _vggsound(download: Path, split: str) -> Iterator[Item]:
    table = find(download, "vggsound.csv", "the table of VGGSound")
    videos = _Videos("vggsound", table.parent / "audio", split)
    for row in rows(table, "id", "start", "label", "split", names=("id", "start", "label", "split")):
        if row["split"] == split:
            start = seconds(row["start"], table)
            yield videos.clip(row["id"], start, start + 10.0, labels=(label_key(row["label"]),))


VGGSOUND = Entry(
    name="vggsound",
    title="VGGSound",
    about="about 200,000 ten-second clips of videos in which the source of the sound is seen, one of 309 classes each",
    paper="Chen and others, ICASSP 2020, arXiv 2004.14368",
    address="https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
    licence="table CC BY 4.0; the sounds are their uploaders'",
    site=SITE,
    overlaps="shares videos with AudioSet, and so with AudioCaps and WavCaps (AudioSet_SL)",
    splits=("train", "test"),
    layout=f"""\
vggsound/
  vggsound.csv   without a header: YouTube id, start in seconds, label, train or test
  {_AUDIO}""",
    read=_vggsound,
)
