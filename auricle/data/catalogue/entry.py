"""Entries of the catalogue: the metadata of a published corpus, the layout of its download, and its readers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, TypeVar

from auricle.core.errors import InputError
from auricle.data.item import Item

Missing = Literal["raise", "skip"]
Kind = TypeVar("Kind")
#: Selects all splits.
ALL = "all"


@dataclass(frozen=True)
class Question:
    """A question about a clip. item: id of the clip's Item. answers, confidence: one per annotator; confidence may be empty texts."""

    item: str
    text: str
    answers: tuple[str, ...]
    confidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One published corpus.

    about: a one-sentence description. paper: its publication. address: where to download it. licence: of the collection; clips may have
    their own. site: where its recordings were published first. clips, hours: as published, None where uncertain. overlaps: other corpora
    with the same recordings. splits: names of the splits. layout: the folder tree of the published download.
    read: (download, split) -> items, whether or not their files exist. questions: (download, split) -> questions, or None.
    """

    name: str
    title: str
    about: str
    paper: str
    address: str
    licence: str
    site: str
    splits: tuple[str, ...]
    layout: str
    read: Callable[[Path, str], Iterable[Item]]
    clips: int | None = None
    hours: float | None = None
    overlaps: str = ""
    questions: Callable[[Path, str], Iterable[Question]] | None = None

    def items(self, download: str | Path, split: str = ALL, *, missing: Missing = "raise") -> list[Item]:
        """Read the items of one split, or of all. missing: "raise": a missing sound file is an error; "skip": its item is left out."""
        found: list[Item] = []
        lost: list[Item] = []
        for item in self._read_splits(self.read, Path(download), split):
            (found if os.path.isfile(item.audio) else lost).append(item)
        if lost and (missing == "raise" or not found):
            raise InputError(
                f"{lost[0].audio}: no such file; it and {len(lost) - 1} more of {self.name}'s {len(lost) + len(found)} sounds are missing; "
                'download them, or pass missing="skip" to leave their clips out'
            )
        return found

    def load_questions(self, download: str | Path, split: str = ALL) -> list[Question]:
        """Read the questions about the clips of one split, or of all. InputError where the corpus has none."""
        if self.questions is None:
            raise InputError(f"{self.name} has no questions; it has {', '.join(self.splits)}")
        return list(self._read_splits(self.questions, Path(download), split))

    def _read_splits(self, read: Callable[[Path, str], Iterable[Kind]], download: Path, split: str) -> Iterator[Kind]:
        if split != ALL and split not in self.splits:
            raise InputError(f"{self.name} has no split {split!r}; wanted {', '.join(self.splits)} or {ALL}")
        download = Path(os.path.abspath(download))
        if not download.is_dir():
            raise InputError(f"{download} is not a folder; wanted a download of {self.title}:\n{self.layout}")
        return chain.from_iterable(read(download, each) for each in (self.splits if split == ALL else (split,)))
