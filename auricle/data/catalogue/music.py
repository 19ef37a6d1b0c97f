"""Corpora of music: NSynth (single notes), GTZAN (genres)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.core.errors import InputError
from auricle.core.labels import label_key
from auricle.data.catalogue.entry import Entry
from auricle.data.catalogue.tables import load_json
from auricle.data.corpora.published import find_path, list_files
from auricle.data.item import Item


def _nsynth(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, f"nsynth-{split}/examples.json", "NSynth, its json/wav archives unpacked")
    for name, note in load_json(table).items():
        try:
            family, instrument = note["instrument_family_str"], note["instrument_str"]
        except (KeyError, TypeError):
            raise InputError(f"{table}: {name}: lacks instrument_family_str or instrument_str; wanted the published file") from None
        yield Item(
            id=name,
            audio=table.parent / "audio" / f"{name}.wav",
            labels=(label_key(family),),
            corpus="nsynth",
            source=instrument,
            site="nsynth",
            licence="CC BY 4.0",
            duration=4.0,
            fold=split,
        )


NSYNTH = Entry(
    name="nsynth",
    title="NSynth",
    about="single notes of 4 s of 1,006 instruments in 11 families; no instrument of train is in valid or test",
    paper="Engel and others, ICML 2017, arXiv 1704.01279",
    address="https://magenta.tensorflow.org/datasets/nsynth",
    licence="CC BY 4.0",
    site="nsynth",
    clips=305_979,
    splits=("train", "valid", "test"),
    layout="""\
nsynth/
  nsynth-train, nsynth-valid, nsynth-test/
    examples.json   {NAME: {"instrument_family_str", "instrument_str", "pitch", "velocity", "qualities_str", ...}}
    audio/NAME.wav""",
    read=_nsynth,
)


def _gtzan(download: Path, split: str) -> Iterator[Item]:
    wanted = "GTZAN, with genres/blues and nine more"
    for path in list_files(find_path(download, "genres", wanted), "*/*.wav", wanted):
        yield Item(
            id=path.stem,
            audio=path,
            labels=(label_key(path.parent.name),),
            corpus="gtzan",
            source=path.stem,
            site="gtzan",
            licence="none given",
            duration=30.0,
            fold=split,
        )


GTZAN = Entry(
    name="gtzan",
    title="GTZAN",
    about="30 s of music of 10 genres; it has repeated and mislabelled clips, and several clips per artist (Sturm, arXiv 1306.1461)",
    paper="Tzanetakis and Cook, IEEE TSAP 2002, doi 10.1109/TSA.2002.800560",
    address="http://marsyas.info/downloads/datasets.html (no longer answers)",
    licence="none given; the music is its publishers'",
    site="gtzan",
    clips=1000,
    hours=8.3,
    splits=("full",),
    layout="""\
gtzan/
  genres/GENRE/GENRE.NNNNN.wav   blues, classical, country, disco, hiphop, jazz, metal, pop, reggae, rock""",
    read=_gtzan,
)
