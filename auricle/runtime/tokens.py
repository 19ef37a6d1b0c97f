"""The static text tower: texts to vectors of the joint space in numpy, microseconds per label; and the vocabulary check of tokenizers.

A text is the weighted mean of its subword vectors (rows of int8 with a scale that includes the row's weight), normalised to unit length,
followed by one hidden layer with tanh GELU and a projection to the joint space. Results do not depend on the other texts of a call.
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

_EPSILON = 1e-6
_MIN_TOKENS = 1000  # of one script, for a tokenizer to have its words and not only single letters
_PARTS = ("text.tokens", "text.scale", "text.projection", "text.bias", "text.output")


def normalise_label(text: str) -> str:
    """Lower case, underscores as spaces, single spaces. InputError if nothing is left."""
    words = " ".join(text.lower().replace("_", " ").split())
    if not words:
        raise InputError(f"label {text!r} is empty; wanted words, such as 'dog barking'")
    return words


def gelu(x: np.ndarray) -> np.ndarray:
    """GELU in its tanh approximation (Hendrycks and Gimpel 2016, section 2). Any shape, float32."""
    inner = np.float32(np.sqrt(2.0 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return np.asarray(np.float32(0.5) * x * (np.float32(1.0) + np.tanh(inner)), dtype=np.float32)


class VocabularyCheck:
    """Checks whether a tokenizer's vocabulary covers a text: at least one known token, of letters or digits of a script that it covers."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._unknown = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "<unk>")
        self._scripts: frozenset[str] | None = None

    def has_known_words(self, text: str) -> bool:
        """False for a text without known words, such as emoji: all such texts have the same vector."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        known = [text[start:end] for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True) if token != self._unknown]
        scripts = {_script(letter) for piece in known for letter in piece if letter.isalnum()}
        return bool(scripts) and ("LATIN" in scripts or "DIGIT" in scripts or bool(scripts & self._covered_scripts()))

    def _covered_scripts(self) -> frozenset[str]:
        if self._scripts is None:
            texts = (self._tokenizer.decode([token]) for token in range(self._tokenizer.get_vocab_size()))
            counts = Counter(script for text in texts for script in {_script(letter) for letter in text if letter.isalnum()})
            self._scripts = frozenset(script for script, count in counts.items() if count >= _MIN_TOKENS)
        return self._scripts


def _script(letter: str) -> str:
    """Script of a letter, the first word of its Unicode name: LATIN, CYRILLIC, CJK."""
    return unicodedata.name(letter, "").split(" ")[0]


class TextTower:
    """Static text tower of a model folder, loaded at first use."""

    def __init__(self, folder: Path, dim: int) -> None:
        self._folder, self._dim = folder, dim
        self._lock = threading.Lock()
        self._tokenizer: Any = None
        self._vocabulary: VocabularyCheck | None = None
        self._weights: Any = None
        self._layers: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._cache: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts, float32 (n, D); unit length unless normalize is False."""
        with self._lock:
            rows = [self._vector(normalise_label(text)) for text in check_strings(texts, what="texts")]
        vectors = np.stack(rows) if rows else np.zeros((0, self._dim), np.float32)
        if normalize:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(_EPSILON))
        return np.asarray(vectors, dtype=np.float32)

    def has_known_words(self, text: str) -> bool:
        """Whether the vocabulary has any word of a text."""
        with self._lock:
            self._open()
            assert self._vocabulary is not None
            return self._vocabulary.has_known_words(normalise_label(text))

    def _vector(self, words: str) -> np.ndarray:
        if words not in self._cache:
            self._cache[words] = self._forward(words)
        return self._cache[words]

    def _forward(self, words: str) -> np.ndarray:
        projection, bias, output = self._open()
        ids = self._tokenizer.encode(words, add_special_tokens=False).ids
        if not ids:
            raise InputError(f"label {words!r} has no words in the model's vocabulary; wanted words, such as 'dog barking'")
        tokens, scales = self._weights.get_slice("text.tokens"), self._weights.get_slice("text.scale")
        mean = np.zeros(projection.shape[0], np.float32)
        for index in ids:  # reads the needed rows only
            mean += tokens[index : index + 1][0].astype(np.float32) * np.float32(scales[index : index + 1][0])
        mean /= max(float(np.linalg.norm(mean)), _EPSILON)
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
                actual = self._weights.get_slice(name).get_shape()
                if actual != shape:
                    raise ModelError(f"{self._folder / 'model.safetensors'}: {name} has shape {actual}; wanted {shape}")
            if self._tokenizer.get_vocab_size() > rows:
                raise ModelError(f"{self._folder}: tokenizer.json has more tokens than the {rows} rows of text.tokens; export it again")
            self._vocabulary = VocabularyCheck(self._tokenizer)
            self._layers = projection, bias, output
        return self._layers


def _open_tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}; text embedding needs it, export the model again") from error
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelError(f"{path}: not a tokenizer ({error}); export the model again") from error


def load_tensors(path: Path, prefix: str) -> dict[str, np.ndarray]:
    """Load the tensors of a safetensors file whose names begin with a prefix, which is removed. ModelError where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as weights:
            return {name.removeprefix(prefix): weights.get_tensor(name) for name in weights.keys() if name.startswith(prefix)}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); convert the checkpoint again") from error


def has_tensors(path: Path, prefix: str) -> bool:
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
        names = set(weights.keys())
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); export the model again") from error
    missing = [name for name in _PARTS if name not in names]
    if missing:
        raise ModelError(f"{path}: has no {', '.join(missing)}; text embedding needs them, export the model again")
    return weights
