"""Corpora of YouTube's sounds: AudioSet, AudioCaps, VGGSound. They publish tables; the sounds are those that could be downloaded.

A clip's file is anywhere under `audio` and is named ID, YID, ID_START or ID_START with six digits (whole seconds), with any audio
extension. Its source is its video.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.core.labels import label_key
from auricle.data.catalogue.entry import Entry
from auricle.data.catalogue.tables import find_sounds, load_json, parse_seconds, read_rows
from auricle.data.corpora.published import find_path
from auricle.data.item import Caption, Item

SITE = "youtube"
_ONTOLOGY = Path(audioset.__file__).resolve().parents[1] / "ontology" / "audioset_ontology.json"
_AUDIO = "audio/**/ID, YID, ID_START or ID_00START, with an audio extension: the videos that could be downloaded"


class _Videos:
    """Maker of items of one corpus and split, with the sounds found under a folder."""

    def __init__(self, corpus: str, folder: Path, split: str) -> None:
        self._corpus, self._split, self._sounds, self._folder = corpus, split, find_sounds(folder), folder

    def clip(self, video: str, start: float, end: float, *, labels: tuple[str, ...] = (), captions: tuple[Caption, ...] = ()) -> Item:
        """The item of the seconds start to end of a video; its audio path does not exist where there is no file of it."""
        names = (f"{video}_{start:06.0f}", f"{video}_{start:.0f}", f"Y{video}", video)
        return Item(
            id=f"{video}_{start:g}",
            audio=next((self._sounds[name] for name in names if name in self._sounds), None) or self._folder / f"Y{video}.wav",
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
def _ontology() -> tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]]:
    """The name and the parents of each node of the ontology, by id."""
    parents: dict[str, list[str]] = {}
    nodes = load_json(_ONTOLOGY)
    for node in nodes:
        for child in node["child_ids"]:
            parents.setdefault(child, []).append(node["id"])
    return {node["id"]: node["name"] for node in nodes}, {child: tuple(ids) for child, ids in parents.items()}


def ancestors(label: str) -> tuple[str, ...]:
    """Names of all ancestors of an AudioSet label, nearest first, in lower case. InputError for an unknown label."""
    names, parents = _ontology()
    known = {label_key(name): node for node, name in names.items()}
    if label_key(label) not in known:
        raise InputError(f"{label!r} is not a label of AudioSet's ontology; wanted a name such as 'dog'")
    above, queue = dict[str, None](), [known[label_key(label)]]
    while queue:
        for parent in parents.get(queue.pop(0), ()):
            if parent not in above:
                above[parent] = None
                queue.append(parent)
    return tuple(label_key(names[node]) for node in above)


def with_ancestors(items: Iterable[Item]) -> Iterator[Item]:
    """The items with the ancestors of their labels appended to their labels."""
    for item in items:
        above = [name for label in item.labels for name in ancestors(label)]
        yield replace(item, labels=tuple(dict.fromkeys((*item.labels, *above))))


_TABLES = {"balanced": "balanced_train_segments.csv", "unbalanced": "unbalanced_train_segments.csv", "evaluation": "eval_segments.csv"}


def _audioset(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, _TABLES[split], "the tables of segments of AudioSet")
    names, _ = _ontology()
    videos = _Videos("audioset", table.parent / "audio", split)
    for row in read_rows(table, "id", "start", "end", "labels", names=("id", "start", "end", "labels")):
        labels = row["labels"].split(",")
        if unknown := [label for label in labels if label not in names]:
            raise InputError(f"{table}: {row['id']}: {unknown[0]!r} is not an id of AudioSet's ontology; wanted the table as published")
        words = tuple(label_key(names[label]) for label in labels)
        yield videos.clip(row["id"], parse_seconds(row["start"], table), parse_seconds(row["end"], table), labels=words)


AUDIOSET = Entry(
    name="audioset",
    title="AudioSet",
    about="ten-second segments of videos with labels of 527 classes of an ontology of 632; the labels do not include their ancestors",
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
    table = find_path(download, f"dataset/{split}.csv", "a clone of github.com/cdjkim/audiocaps")
    captions_of: dict[tuple[str, str], list[Caption]] = {}
    for row in read_rows(table, "youtube_id", "start_time", "caption"):
        captions_of.setdefault((row["youtube_id"], row["start_time"]), []).append(Caption(row["caption"].strip()))
    videos = _Videos("audiocaps", table.parents[1] / "audio", split)
    for (video, at), captions in captions_of.items():
        start = parse_seconds(at, table)
        yield videos.clip(video, start, start + 10.0, captions=tuple(captions))


AUDIOCAPS = Entry(
    name="audiocaps",
    title="AudioCaps 1.0",
    about="captions of segments of AudioSet, written by people: one per clip for training, five for validation and test",
    paper="Kim and others, NAACL 2019",
    address="https://github.com/cdjkim/audiocaps",
    licence="captions MIT; the sounds are their uploaders'",
    site=SITE,
    clips=51_308,
    overlaps="all its segments are AudioSet's; WavCaps (AudioSet_SL) has some of them, and VGGSound some of their videos",
    splits=("train", "val", "test"),
    layout=f"""\
audiocaps/
  dataset/train.csv, val.csv, test.csv   audiocap_id, youtube_id, start_time, caption
  {_AUDIO}""",
    read=_audiocaps,
)


def _vggsound(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, "vggsound.csv", "the table of VGGSound")
    videos = _Videos("vggsound", table.parent / "audio", split)
    for row in read_rows(table, "id", "start", "label", "split", names=("id", "start", "label", "split")):
        if row["split"] == split:
            start = parse_seconds(row["start"], table)
            yield videos.clip(row["id"], start, start + 10.0, labels=(label_key(row["label"]),))


VGGSOUND = Entry(
    name="vggsound",
    title="VGGSound",
    about="about 200,000 ten-second clips of videos in which the source of the sound is visible, one of 309 classes each",
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
