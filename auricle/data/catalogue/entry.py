"""An entry of the catalogue: what is known of a published corpus, how its download lies on disk, and how it is read."""

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
#: The name of all splits together.
ALL = "all"


@dataclass(frozen=True)
class Question:
    """A question about a clip. item: id of the clip's Item. answers: one an annotator. sure: what each said of being sure, may be empty."""

    item: str
    text: str
    answers: tuple[str, ...]
    sure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One published corpus.

    about: what it is, in a sentence. paper, address: where it is described and where it is had. licence: of the collection; each clip may
    have its own. site: where its recordings come from. clips, hours: as published, None where that is not sure. overlaps: other corpora
    with the same recordings, and which. splits: their names. layout: its tree as it is published.
    read: (download, split) -> its clips, whether or not their files are there. questions: the same for questions about them.
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
        """Clips of one split, or of all, of a download. missing: a sound file that is not there is an error, or its clip is left out."""
        found: list[Item] = []
        lost: list[Item] = []
        for item in self._of(self.read, Path(download), split):
            (found if os.path.isfile(item.audio) else lost).append(item)
        if lost and (missing == "raise" or not found):
            raise InputError(
                f"{lost[0].audio}: no such file; it and {len(lost) - 1} more of {self.name}'s {len(lost) + len(found)} sounds are missing; "
                'get them, or pass missing="skip" to leave their clips out'
            )
        return found

    def asked(self, download: str | Path, split: str = ALL) -> list[Question]:
        """Questions about the clips of one split, or of all. InputError where the corpus has none."""
        if self.questions is None:
            raise InputError(f"{self.name} has no questions; it has {', '.join(self.splits)}")
        return list(self._of(self.questions, Path(download), split))

    def _of(self, read: Callable[[Path, str], Iterable[Kind]], download: Path, split: str) -> Iterator[Kind]:
        if split != ALL and split not in self.splits:
            raise InputError(f"{self.name} has no split {split!r}; wanted {', '.join(self.splits)} or {ALL}")
        download = Path(os.path.abspath(download))
        if not download.is_dir():
            raise InputError(f"{download} is no folder; wanted a download of {self.title}:\n{self.layout}")
        return chain.from_iterable(read(download, each) for each in (self.splits if split == ALL else (split,)))
