"""Corpora of places: TAU Urban Acoustic Scenes 2020 Mobile, MACS (captions of TAU's scenes), CochlScene."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.core.labels import label_key
from auricle.core.optional import require
from auricle.data.catalogue.entry import Entry
from auricle.data.catalogue.tables import read_rows, read_text
from auricle.data.corpora.published import find_path, list_files
from auricle.data.item import Caption, Item


def _scene_and_spot(path: Path, name: str) -> tuple[str, str]:
    """Scene and city-location of `airport-barcelona-0-0-a.wav`; the location is the source, so that a spot is never split."""
    parts = Path(name).stem.split("-")
    if len(parts) < 5:
        raise InputError(f"{path}: {name!r} is not the name of a scene; wanted SCENE-CITY-LOCATION-SEGMENT-DEVICE.wav")
    return label_key(parts[0]), f"{parts[1]}-{parts[2]}"


def _tau(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, f"evaluation_setup/fold1_{split}.csv", "TAU Urban Acoustic Scenes 2020 Mobile, development")
    for row in read_rows(table, "filename", "scene_label", delimiter="\t"):
        yield Item(
            id=Path(row["filename"]).stem,
            audio=table.parents[1] / row["filename"],
            labels=(label_key(row["scene_label"]),),
            corpus="tau2020mobile",
            source=_scene_and_spot(table, row["filename"])[1],
            site="tau",
            licence="Tampere University's, not commercial",
            duration=10.0,
            fold=split,
        )


TAU2020 = Entry(
    name="tau2020mobile",
    title="TAU Urban Acoustic Scenes 2020 Mobile, development",
    about="ten-second recordings of 10 urban scenes in European cities, by three real devices and six simulated ones",
    paper="Heittola, Mesaros and Virtanen, DCASE 2020, arXiv 2005.14623",
    address="https://zenodo.org/record/3819968",
    licence="Tampere University's, not commercial",
    site="tau",
    clips=23_040,
    hours=64.0,
    overlaps="MACS and the other TAU sets since 2018 were recorded at the same spots: compare sources",
    splits=("train", "evaluate"),
    layout="""\
TAU-urban-acoustic-scenes-2020-mobile-development/
  evaluation_setup/fold1_train.csv, fold1_evaluate.csv   filename, scene_label, with tabs between
  audio/SCENE-CITY-LOCATION-SEGMENT-DEVICE.wav""",
    read=_tau,
)


def _macs(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, "MACS.yaml", "the captions of MACS")
    yaml: Any = require("yaml", extra="data", why="reading MACS")
    try:
        content = yaml.load(read_text(table), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for entry in content["files"]:
            notes = entry["annotations"]
            scene, spot = _scene_and_spot(table, entry["filename"])
            tags = dict.fromkeys(label_key(tag) for note in notes for tag in note["tags"])
            yield Item(
                id=Path(entry["filename"]).stem,
                audio=table.parent / "audio" / entry["filename"],
                captions=tuple(Caption(note["sentence"].strip()) for note in notes),
                labels=(*tags, scene),
                corpus="macs",
                source=spot,
                site="tau",
                licence="not commercial",
                duration=10.0,
                fold=split,
            )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{table}: is not as published ({' '.join(str(error).split())[:80]}); wanted files with annotations") from None


MACS = Entry(
    name="macs",
    title="MACS",
    about="captions and tags of scenes of TAU Urban Acoustic Scenes 2019 (airport, public square, park), by two to five people each",
    paper="Martin and Mesaros, DCASE 2021",
    address="https://zenodo.org/record/5114771; sounds: https://zenodo.org/record/2589280",
    licence="not commercial, see LICENSE.txt of the download",
    site="tau",
    clips=3930,
    overlaps="all its recordings are those of TAU Urban Acoustic Scenes 2019; TAU 2020 Mobile has the same spots: compare sources",
    splits=("full",),
    layout="""\
MACS/
  MACS.yaml                                     files: filename, annotations: annotator_id, sentence, tags
  audio/SCENE-CITY-LOCATION-SEGMENT-DEVICE.wav  of TAU-urban-acoustic-scenes-2019-development""",
    read=_macs,
)
_FOLDERS = {"train": "Train", "val": "Val", "test": "Test"}


def _cochlscene(download: Path, split: str) -> Iterator[Item]:
    wanted = "CochlScene, with Train, Val and Test"
    for path in list_files(find_path(download, _FOLDERS[split], wanted), "*/*.wav", wanted):
        _, _, rest = path.stem.partition("_user")
        yield Item(
            id=path.stem,
            audio=path,
            labels=(_split_words(path.parent.name),),
            corpus="cochlscene",
            source=f"user{rest.partition('_')[0]}" if rest else path.stem,
            site="cochl",
            licence="see its Zenodo record",
            duration=10.0,
            fold=split,
        )


def _split_words(name: str) -> str:
    """`ResidentialArea` -> `residential area`."""
    return label_key("".join(f" {letter}" if letter.isupper() else letter for letter in name))


COCHLSCENE = Entry(
    name="cochlscene",
    title="CochlScene",
    about="ten-second recordings of 13 scenes by 831 people in South Korea; no person is in two splits",
    paper="Jeong and Park, APSIPA 2022, arXiv 2211.02289",
    address="https://zenodo.org/record/7080122",
    licence="see its Zenodo record",
    site="cochl",
    clips=76_115,
    splits=tuple(_FOLDERS),
    layout="""\
CochlScene/
  Train, Val, Test/
    SCENE/SCENE_userNUMBER_RECORDING_PART.wav""",
    read=_cochlscene,
)
