"""Tokenization of texts for published text towers (tokenizer.json and rules), and text embedding by an engine. No torch."""

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
from auricle.runtime.tokens import VocabularyCheck

#: Rows are padded to a multiple of this, so that an engine gets few different lengths.
_STEP = 8
_BATCH = 32  # texts per call


class TokenizerRules(Strict):
    """Tokenization rules of a system.

    length: maximum number of tokens. pad: id of padding. fill: pad rows to the 'longest' of a batch, or always to 'length'. lower: lower
    case. drop: characters that are replaced by spaces. suffix: appended to every text; the last token is kept when a text is truncated.
    special: words that are single tokens.
    """

    length: Annotated[int, Field(gt=1)]
    pad: Annotated[int, Field(ge=0)]
    fill: Literal["longest", "length"] = "longest"
    lower: bool = False
    drop: str = ""
    suffix: str = ""
    special: tuple[str, ...] = ()


class TextTokenizer:
    """The tokenizer of a model folder with the rules of its system. Thread-safe."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """path: tokenizer.json. settings: of the text tower (models.text), whose `words` are the rules. ModelError where either is bad."""
        from tokenizers import Tokenizer

        self.rules = rules = _rules(path, settings.get("words"))
        try:
            self._tokenizer: Any = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror or error}; text embedding needs it, convert the model again") from error
        except Exception as error:  # tokenizers raises plain Exception
            raise ModelError(f"{path}: not a tokenizer ({error}); convert the model again") from error
        self._tokenizer.no_padding()
        if rules.suffix:
            self._tokenizer.no_truncation()  # it would truncate the suffix
        else:
            self._tokenizer.enable_truncation(max_length=rules.length)
        if rules.special:
            self._tokenizer.add_special_tokens(list(rules.special))
        self._vocabulary = VocabularyCheck(self._tokenizer)

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """ids and mask, int64 (n, L), of texts in order; mask is 1 for real tokens, 0 for padding."""
        rules = self.rules
        cleaned = [self._clean(text) + rules.suffix for text in check_strings(texts, what="texts")]
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(cleaned)]
        rows = [ids if len(ids) <= rules.length else [*ids[: rules.length - 1], ids[-1]] for ids in rows]
        longest = max((len(row) for row in rows), default=1)
        width = rules.length if rules.fill == "length" else min(-(-longest // _STEP) * _STEP, rules.length)
        ids = np.full((len(rows), width), rules.pad, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return ids, mask

    def has_known_words(self, text: str) -> bool:
        """Whether the vocabulary has any word of a text."""
        return self._vocabulary.has_known_words(self._clean(text))

    def _clean(self, text: str) -> str:
        text = text.lower() if self.rules.lower else text
        if self.rules.drop:
            text = " ".join(text.translate({ord(letter): " " for letter in self.rules.drop}).split())
        return text


def _rules(path: Path, words: object) -> TokenizerRules:
    try:
        return TokenizerRules.model_validate_json(json.dumps(words))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "words"
        raise ModelError(f"{path.parent}: text.words: {where}: {first['msg']}; convert the model again") from error


class EngineTextEmbedder:
    """Embeds texts by the text tower of an engine, with a cache. Thread-safe."""

    def __init__(self, folder: Path, config: TextConfig, dim: int, engine: Engine) -> None:
        self._dim, self._engine = dim, engine
        self._tokenizer = TextTokenizer(folder / "tokenizer.json", config.tower)
        self.has_known_words = self._tokenizer.has_known_words
        self._lock = threading.Lock()
        self._cache: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts, float32 (n, E); unit length unless normalize is False."""
        with self._lock:
            new = sorted({text for text in texts if text not in self._cache}, key=len)  # similar lengths need little padding
            batches = [new[first : first + _BATCH] for first in range(0, len(new), _BATCH)]
            with ThreadPoolExecutor(cpu_count()) as pool:  # an engine uses one thread per call
                vectors = pool.map(lambda batch: self._engine.embed_tokens(*self._tokenizer.encode(batch)), batches)
                for batch, embedded in zip(batches, vectors, strict=True):
                    self._cache.update(zip(batch, embedded, strict=True))
            rows = [self._cache[text] for text in texts]
        stacked = np.stack(rows) if rows else np.zeros((0, self._dim), np.float32)
        if normalize:
            stacked = stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), np.float32(1e-12))
        return np.asarray(stacked, dtype=np.float32)
