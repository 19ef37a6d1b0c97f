"""Corpora of spoken words: Speech Commands, Free Spoken Digit Dataset. The source of a clip is its speaker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.catalogue.entry import Entry
from auricle.data.catalogue.tables import read_text
from auricle.data.corpora.fsdd import DIGITS
from auricle.data.corpora.published import find_path, list_files
from auricle.data.item import Item


def _commands(download: Path, split: str) -> Iterator[Item]:
    testing = find_path(download, "testing_list.txt", "Speech Commands 0.02")
    root = testing.parent
    lists = {"validation": "validation_list.txt", "test": "testing_list.txt"}
    listed = {part: set(read_text(root / name).split()) for part, name in lists.items()}
    every = (f"{path.parent.name}/{path.name}" for path in list_files(root, "*/*.wav", "WORD/NAME.wav"))
    names = listed[split] if split in listed else set(every)
    for name in sorted(names):
        word, _, file = name.partition("/")
        if word.startswith("_") or (split == "train" and any(name in part for part in listed.values())):
            continue
        yield Item(
            id=f"{word}/{Path(file).stem}",
            audio=root / name,
            labels=(word,),
            corpus="speechcommands",
            source=file.partition("_nohash_")[0],
            site="speechcommands",
            licence="CC BY 4.0",
            fold=split,
        )


SPEECH_COMMANDS = Entry(
    name="speechcommands",
    title="Speech Commands 0.02",
    about="one second each of 35 spoken words; no speaker is in two splits",
    paper="Warden, 2018, arXiv 1804.03209",
    address="http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    licence="CC BY 4.0",
    site="speechcommands",
    clips=105_829,
    splits=("train", "validation", "test"),
    layout="""\
speech_commands_v0.02/
  validation_list.txt, testing_list.txt   WORD/NAME.wav a line; all else trains
  WORD/SPEAKER_nohash_NUMBER.wav
  _background_noise_/                     not read""",
    read=_commands,
)


def _fsdd(download: Path, split: str) -> Iterator[Item]:
    wanted = "a clone of github.com/Jakobovski/free-spoken-digit-dataset"
    for path in list_files(find_path(download, "recordings", wanted), "*_*_*.wav", wanted):
        digit, speaker, number = path.stem.split("_")
        if (int(number) < 5) != (split == "test"):
            continue
        yield Item(
            id=path.stem,
            audio=path,
            labels=(DIGITS[int(digit)],),
            corpus="fsdd",
            source=speaker,
            site="fsdd",
            licence="CC BY-SA 4.0",
            author=f"FSDD contributors (speaker {speaker})",
            url="https://github.com/Jakobovski/free-spoken-digit-dataset",
            fold=split,
        )


FSDD = Entry(
    name="fsdd",
    title="Free Spoken Digit Dataset",
    about="ten spoken digits by six speakers, who are in both splits",
    paper="none",
    address="https://github.com/Jakobovski/free-spoken-digit-dataset",
    licence="CC BY-SA 4.0",
    site="fsdd",
    clips=3000,
    splits=("train", "test"),
    layout="""\
free-spoken-digit-dataset/
  recordings/DIGIT_SPEAKER_NUMBER.wav   numbers 0 to 4 are the test""",
    read=_fsdd,
)
