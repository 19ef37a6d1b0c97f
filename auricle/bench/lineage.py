"""What a model was trained on, as far as it says: a folder in, the clips or at least the corpora that it heard out.

MODEL_FOLDER/heard.jsonl has a line a clip: {"corpus", "source", "file", "site"}. MODEL_FOLDER/heard.npy, which may be missing, has the
likeness vectors of those clips, int8 (n, E): unit vectors times 127, rounded. Neither is part of the model's fingerprint. Of published
weights, which come without either, lineages.json knows the corpora that their authors name; which clips of them is not known.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auricle.core.config import Strict
from auricle.core.errors import InputError, ModelError
from auricle.core.files import atomic_file, write_text
from auricle.data.item import Item

CLIPS = "heard.jsonl"
VECTORS = "heard.npy"
_FIELDS = ("corpus", "source", "file", "site")
_FULL = 127  # a unit vector's largest entry as int8
_KNOWN = Path(__file__).resolve().parent / "lineages.json"


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip that was trained on. source: its recording or speaker. file: its name without folders. site: where it was published."""

    corpus: str
    source: str
    file: str
    site: str


@dataclasses.dataclass(frozen=True, eq=False)
class Lineage:
    """told: which clips ("clips"), which corpora ("corpora"), or nothing. vectors: int8 (n, E) of the clips, None where there are none.

    corpora, sites: all that were heard. texts: corpora of which only the sentences were read. by: who says so.
    """

    told: Literal["clips", "corpora", "nothing"]
    clips: tuple[Clip, ...] = ()
    vectors: np.ndarray | None = None
    corpora: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    by: str = ""


class Stated(Strict):
    """What authors say of their published weights. sites: where the corpora's sounds are from. by: the paper or page."""

    corpora: tuple[str, ...]
    sites: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    by: str


class Known(Strict):
    """lineages.json. formats: of a converted folder's card. models: of shipped names, beside what their folders say. within: a corpus
    whose clips are all of another."""

    formats: Mapping[str, Stated]
    models: Mapping[str, Stated]
    within: Mapping[str, str]


@functools.cache
def known() -> Known:
    """What is known of published systems."""
    return Known.model_validate_json(_KNOWN.read_bytes())


def of(folder: Path) -> Lineage:
    """The lineage of the model in this folder."""
    card = _card(folder)
    beside = known().models.get(str(card.get("name", "")))
    texts = frozenset(beside.texts if beside else ())
    if (folder / CLIPS).is_file():
        clips = tuple(_read(folder / CLIPS))
        corpora, sites = frozenset(clip.corpus for clip in clips) - {""}, frozenset(clip.site for clip in clips) - {""}
        return Lineage("clips", clips, _vectors(folder / VECTORS, len(clips)), corpora, sites, texts, by=f"{CLIPS} of the model")
    stated = known().formats.get(str(card.get("format", "")))
    if stated is None:
        return Lineage("nothing")
    return Lineage("corpora", corpora=frozenset(stated.corpora), sites=frozenset(stated.sites), texts=frozenset(stated.texts), by=stated.by)


def write(folder: Path, items: Iterable[Item], vectors: np.ndarray | None = None) -> None:
    """State what the model in this folder was trained on. vectors: likeness of the items by this model, (n, E), any length."""
    lines = [
        {"corpus": item.corpus, "source": item.source, "file": Path(item.member or item.audio).name, "site": item.site} for item in items
    ]
    if vectors is not None and len(vectors) != len(lines):
        raise InputError(f"{len(vectors)} vectors of {len(lines)} clips; wanted one each")
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    write_text(folder / CLIPS, text)
    if vectors is not None:
        with atomic_file(folder / VECTORS) as partial, partial.open("wb") as stream:
            np.save(stream, packed(vectors))


def packed(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, E) as int8 of unit length."""
    sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.rint(_FULL * vectors / np.maximum(sizes, 1e-9)), dtype=np.int8)


def _card(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "card.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> Iterable[Clip]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                told = json.loads(line)
                fields: Sequence[str] = [told[field] for field in _FIELDS]
                if not all(isinstance(value, str) for value in fields):
                    raise TypeError("a field is no text")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ModelError(f"{path}: line {number}: is no clip ({error!r}); wanted {', '.join(_FIELDS)} as text") from error
            yield Clip(*fields)


def _vectors(path: Path, count: int) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: is no array ({error}); make it anew, or take it away") from error
    if not isinstance(found, np.ndarray) or found.dtype != np.int8 or found.ndim != 2 or len(found) != count:
        raise ModelError(f"{path}: wanted int8 ({count}, E), a row for each line of {CLIPS}; make it anew, or take it away")
    return found
