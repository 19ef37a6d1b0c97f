"""Words in, token ids out, as each published text tower reads them: its tokenizer.json and a few rules. numpy, no torch."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from auricle.core.arguments import check_strings
from auricle.core.config import Strict, TextConfig
from auricle.core.errors import ModelError
from auricle.core.workers import cpu_count
from auricle.runtime.engines import Engine
from auricle.runtime.tokens import Reading

#: Rows of a batch are filled up to a multiple of this, so that an engine meets few lengths.
_STEP = 8
_BATCH = 32  # texts a call


class WordRules(Strict):
    """How a system turns a text into ids.

    length: most tokens. pad: id that fills a row up. fill: rows are filled up to the 'longest' of a batch, or always to 'length'.
    lower: letters are made small first. drop: characters that become spaces. suffix: what is added to every text; its last token stays
    when a text is cut. special: words that are tokens by themselves wherever they stand.
    """

    length: Annotated[int, Field(gt=1)]
    pad: Annotated[int, Field(ge=0)]
    fill: Literal["longest", "length"] = "longest"
    lower: bool = False
    drop: str = ""
    suffix: str = ""
    special: tuple[str, ...] = ()


class Tokens:
    """The tokenizer of one model folder with the rules of its system. Safe to share between threads."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """path: tokenizer.json. settings: those of the text tower (models.text), of which `words` is read here."""
        from tokenizers import Tokenizer

        self.rules = rules = _rules(path, settings.get("words"))
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
        self._reading = Reading(self._tokenizer)

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """ids and mask, int64 (n, L), of texts in their order; mask is 1 for real tokens, 0 for what fills a row up."""
        rules = self.rules
        cleaned = [self._plain(text) for text in check_strings(texts, what="texts")]
        found = [encoding.ids for encoding in self._tokenizer.encode_batch(cleaned)]
        rows = [ids if len(ids) <= rules.length else [*ids[: rules.length - 1], ids[-1]] for ids in found]
        longest = max((len(row) for row in rows), default=1)
        width = rules.length if rules.fill == "length" else min(-(-longest // _STEP) * _STEP, rules.length)
        ids = np.full((len(rows), width), rules.pad, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        return ids, mask

    def reads(self, text: str) -> bool:
        """Whether any word of a text is known."""
        return self._reading.reads(self._cleaned(text))

    def _plain(self, text: str) -> str:
        return self._cleaned(text) + self.rules.suffix

    def _cleaned(self, text: str) -> str:
        text = text.lower() if self.rules.lower else text
        if self.rules.drop:
            text = " ".join(text.translate({ord(letter): " " for letter in self.rules.drop}).split())
        return text


def _rules(path: Path, words: object) -> WordRules:
    try:
        return WordRules.model_validate_json(json.dumps(words))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "words"
        raise ModelError(f"{path.parent}: text.words: {where}: {first['msg']}; convert the model again") from error


class EngineTexts:
    """Texts to vectors by the text tower of an engine; each text is embedded once. Safe to share between threads."""

    def __init__(self, folder: Path, config: TextConfig, dim: int, engine: Engine) -> None:
        self._dim, self._engine = dim, engine
        self._tokens = Tokens(folder / "tokenizer.json", config.tower)
        self.reads = self._tokens.reads
        self._lock = threading.Lock()
        self._known: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts, float32 (n, E); unit length unless normalize is False."""
        with self._lock:
            new = sorted({text for text in texts if text not in self._known}, key=len)  # texts alike in length waste least padding
            batches = [new[first : first + _BATCH] for first in range(0, len(new), _BATCH)]
            with ThreadPoolExecutor(cpu_count()) as pool:  # an engine runs a call on one core
                vectors = pool.map(lambda some: self._engine.embed_tokens(*self._tokens.encode(some)), batches)
                for some, found in zip(batches, vectors, strict=True):
                    self._known.update(zip(some, found, strict=True))
            rows = [self._known[text] for text in texts]
        stacked = np.stack(rows) if rows else np.zeros((0, self._dim), np.float32)
        if normalize:
            stacked = stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), np.float32(1e-12))
        return np.asarray(stacked, dtype=np.float32)
