"""Words in, token ids out, as each published text tower reads them: its tokenizer.json and a few rules. numpy, no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from auricle.core.config import Strict
from auricle.core.errors import InputError, ModelError

#: Rows of a batch are filled up to a multiple of this, so that an engine meets few lengths.
_STEP = 8


class WordRules(Strict):
    """How a system turns a text into ids.

    length: most tokens. pad: id that fills a row up. fill: rows are filled up to the 'longest' of a batch, or always to 'length'.
    lower: letters are made small first. drop: characters that become spaces. suffix: what is added to every text, kept when it is cut.
    special: words that are tokens by themselves wherever they stand.
    """

    length: Annotated[int, Field(gt=1)]
    pad: Annotated[int, Field(ge=0)]
    fill: Literal["longest", "length"] = "longest"
    lower: bool = False
    drop: str = ""
    suffix: str = ""
    special: tuple[str, ...] = ()


class Batch(NamedTuple):
    """Some of the texts: their places, and ids int64 and mask bool (B, L), True for real tokens."""

    places: np.ndarray
    ids: np.ndarray
    mask: np.ndarray


class Words:
    """The tokenizer of one model folder with the rules of its system. Safe to share between threads."""

    def __init__(self, path: Path, rules: WordRules) -> None:
        from tokenizers import Tokenizer

        self.rules = rules
        try:
            self._tokenizer: Any = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror or error}; words need it, sound alone does not") from error
        except Exception as error:  # the Rust side raises plain Exception
            raise ModelError(f"{path}: not a tokenizer ({error}); convert the model again") from error
        self._tokenizer.no_padding()
        if rules.suffix:
            self._tokenizer.no_truncation()  # it would cut the suffix
        else:
            self._tokenizer.enable_truncation(max_length=rules.length)
        if rules.special:
            self._tokenizer.add_special_tokens(list(rules.special))

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """ids int64 and mask bool, both (n, L), of texts in their order."""
        rows = self._rows(texts)
        return self._filled(rows)

    def batches(self, texts: Sequence[str], size: int = 32) -> Iterator[Batch]:
        """The texts in batches of like length, so that little is computed for padding."""
        rows = self._rows(texts)
        order = np.argsort([len(row) for row in rows], kind="stable")
        for start in range(0, len(rows), size):
            places = order[start : start + size]
            yield Batch(places, *self._filled([rows[place] for place in places]))

    def _rows(self, texts: Sequence[str]) -> list[list[int]]:
        if isinstance(texts, str):
            raise InputError(f"texts is the string {texts!r}; wanted a list of strings")
        found = [encoding.ids for encoding in self._tokenizer.encode_batch([self._plain(text) for text in texts])]
        length = self.rules.length
        return [ids if len(ids) <= length else [*ids[: length - 1], ids[-1]] for ids in found]

    def _plain(self, text: str) -> str:
        rules = self.rules
        text = text.lower() if rules.lower else text
        if rules.drop:
            text = " ".join(text.translate({ord(letter): " " for letter in rules.drop}).split())
        return text + rules.suffix

    def _filled(self, rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
        longest = max((len(row) for row in rows), default=1)
        width = self.rules.length if self.rules.fill == "length" else min(-(-longest // _STEP) * _STEP, self.rules.length)
        ids = np.full((len(rows), width), self.rules.pad, np.int64)
        mask = np.zeros((len(rows), width), bool)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = True
        return ids, mask
