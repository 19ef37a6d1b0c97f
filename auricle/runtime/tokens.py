"""The static text tower: words in, unit vectors of the joint space out. numpy and a tokenizer, microseconds a label.

A text is the weighted mean of its subword vectors (rows of int8, each with a scale that holds the row's weight), made unit
length, then one hidden layer with a tanh GELU, then the joint space. Words give the same bits whatever stands beside them.
"""

from __future__ import annotations

import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.arguments import check_strings
from auricle.core.errors import InputError, ModelError

_SMALLEST = 1e-6
_LEAST_TOKENS = 1000  # of one script, for a tokenizer to have words of it, not only letters that some English text quoted
_PARTS = ("text.tokens", "text.scale", "text.projection", "text.bias", "text.output")


def plain(text: str) -> str:
    """A label as the tower reads it: lower case, underscores as spaces, single spaces. InputError if nothing is left."""
    words = " ".join(text.lower().replace("_", " ").split())
    if not words:
        raise InputError(f"label {text!r} is empty; wanted words, such as 'dog barking'")
    return words


def gelu(x: np.ndarray) -> np.ndarray:
    """GELU by its tanh form (Hendrycks and Gimpel 2016, section 2). Any shape, float32."""
    inner = np.float32(np.sqrt(2.0 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return np.asarray(np.float32(0.5) * x * (np.float32(1.0) + np.tanh(inner)), dtype=np.float32)


class Reading:
    """Which texts a tokenizer has words for: at least one token that is known, of letters or digits of a script that it has words of."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._unknown = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "<unk>")
        self._scripts: frozenset[str] | None = None

    def reads(self, text: str) -> bool:
        """False for a text of which no word is known, such as emoji: the vector of it would be that of any other such text."""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        known = [text[start:end] for token, (start, end) in zip(found.ids, found.offsets, strict=True) if token != self._unknown]
        scripts = {_script(letter) for piece in known for letter in piece if letter.isalnum()}
        return bool(scripts) and ("LATIN" in scripts or "DIGIT" in scripts or bool(scripts & self._known_scripts()))

    def _known_scripts(self) -> frozenset[str]:
        if self._scripts is None:
            texts = (self._tokenizer.decode([token]) for token in range(self._tokenizer.get_vocab_size()))
            counts = Counter(script for text in texts for script in {_script(letter) for letter in text if letter.isalnum()})
            self._scripts = frozenset(script for script, count in counts.items() if count >= _LEAST_TOKENS)
        return self._scripts


def _script(letter: str) -> str:
    """Of a letter, the first word of its name in Unicode: LATIN, CYRILLIC, CJK."""
    return unicodedata.name(letter, "").split(" ")[0]


class TextTower:
    """Text tower of one model folder. Opened when the first words come, so sound alone never pays for it."""

    def __init__(self, folder: Path, dim: int) -> None:
        self._folder, self._dim = folder, dim
        self._lock = threading.Lock()
        self._tokenizer: Any = None
        self._reading: Reading | None = None
        self._weights: Any = None
        self._layers: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._known: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts, float32 (n, D); unit length unless normalize is False."""
        with self._lock:
            rows = [self._vector(plain(text)) for text in check_strings(texts, what="texts")]
        vectors = np.stack(rows) if rows else np.zeros((0, self._dim), np.float32)
        if normalize:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(_SMALLEST))
        return np.asarray(vectors, dtype=np.float32)

    def reads(self, text: str) -> bool:
        """Whether any word of a text is known."""
        with self._lock:
            self._open()
            assert self._reading is not None
            return self._reading.reads(plain(text))

    def _vector(self, words: str) -> np.ndarray:
        if words not in self._known:
            self._known[words] = self._forward(words)
        return self._known[words]

    def _forward(self, words: str) -> np.ndarray:
        projection, bias, output = self._open()
        ids = self._tokenizer.encode(words, add_special_tokens=False).ids
        if not ids:
            raise InputError(f"label {words!r} has no words that the model can read; wanted letters, such as 'dog barking'")
        tokens, scales = self._weights.get_slice("text.tokens"), self._weights.get_slice("text.scale")
        mean = np.zeros(projection.shape[0], np.float32)
        for index in ids:  # only the rows that are needed are read
            mean += tokens[index : index + 1][0].astype(np.float32) * np.float32(scales[index : index + 1][0])
        mean /= max(float(np.linalg.norm(mean)), _SMALLEST)
        hidden = gelu(mean @ projection + bias)
        return np.asarray(hidden @ output, dtype=np.float32)

    def _open(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self._layers is None:
            self._tokenizer = _open_tokenizer(self._folder / "tokenizer.json")
            self._weights = _open_weights(self._folder / "model.safetensors")
            projection, bias, output = (self._weights.get_tensor(name).astype(np.float32) for name in _PARTS[2:])
            rows, width = self._weights.get_slice("text.tokens").get_shape()
            wanted = {"text.scale": [rows], "text.projection": [width, len(bias)], "text.output": [len(bias), self._dim]}
            for name, shape in wanted.items():
                found = self._weights.get_slice(name).get_shape()
                if found != shape:
                    raise ModelError(f"{self._folder / 'model.safetensors'}: {name} is {found}; wanted {shape}")
            if self._tokenizer.get_vocab_size() > rows:
                raise ModelError(f"{self._folder}: tokenizer.json knows more words than the {rows} rows of text.tokens")
            self._reading = Reading(self._tokenizer)
            self._layers = projection, bias, output
        return self._layers


def _open_tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}; words need it, sound alone does not") from error
    except Exception as error:  # the Rust side raises plain Exception
        raise ModelError(f"{path}: not a tokenizer ({error}); export the model again") from error


def stored(path: Path, prefix: str) -> dict[str, np.ndarray]:
    """Tensors of a safetensors file whose names begin with a prefix, by the rest of their names. ModelError where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as weights:
            return {name.removeprefix(prefix): weights.get_tensor(name) for name in weights.keys() if name.startswith(prefix)}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); convert the checkpoint again") from error


def holds(path: Path, prefix: str) -> bool:
    """Whether a safetensors file has tensors whose names begin with a prefix. ModelError where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as weights:
            return any(name.startswith(prefix) for name in weights.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); convert the checkpoint again") from error


def _open_weights(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        weights: Any = safe_open(str(path), framework="numpy")
        found = set(weights.keys())
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); export the model again") from error
    missing = [name for name in _PARTS if name not in found]
    if missing:
        raise ModelError(f"{path}: has no {', '.join(missing)}; words cannot be understood by this model")
    return weights
