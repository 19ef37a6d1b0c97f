"""The lineage of a model: the clips, or at least the corpora, that it was trained on, and the clips that its scores were calibrated on.

MODEL_FOLDER/heard.jsonl has a line per training clip: {"corpus", "source", "file", "site"}. MODEL_FOLDER/heard.npy, which is optional, has
the similarity embeddings of those clips, int8 (n, E): unit vectors times 127, rounded. MODEL_FOLDER/calibrated.jsonl has a line of the same
form per clip that `auricle calibrate` fitted scores and thresholds to. None of them is part of the model's fingerprint.
Published weights have neither; lineages.json lists the corpora that their authors name, without the clips.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auricle.core.config import LINEAGE_FILES, Strict
from auricle.core.errors import InputError, ModelError
from auricle.core.files import atomic_file, write_text
from auricle.data.item import Item

CLIPS, VECTORS, CALIBRATED = LINEAGE_FILES
_FIELDS = ("corpus", "source", "file", "site")
_FULL = 127  # a unit vector's largest entry as int8
_PUBLISHED = Path(__file__).resolve().parent / "lineages.json"


@dataclasses.dataclass(frozen=True)
class Clip:
    """One training clip. source: its recording or speaker. file: its name without folders. site: where it was published."""

    corpus: str
    source: str
    file: str
    site: str


@dataclasses.dataclass(frozen=True, eq=False)
class Lineage:
    """Training data of a model.

    detail: whether "clips", only "corpora", or "nothing" is known. vectors: similarity embeddings of the clips, int8 (n, E), or None.
    corpora, sites: of all training clips. texts: corpora of which only the captions were used. by: source of this information.
    calibrated: clips that scores and thresholds were fitted to.
    """

    detail: Literal["clips", "corpora", "nothing"]
    clips: tuple[Clip, ...] = ()
    vectors: np.ndarray | None = None
    corpora: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    by: str = ""
    calibrated: tuple[Clip, ...] = ()


class PublishedTraining(Strict):
    """Training data of published weights. sites: where the corpora's sounds were published. by: the paper or page that names them."""

    corpora: tuple[str, ...]
    sites: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    by: str


class PublishedLineages(Strict):
    """lineages.json. formats: by the format in a converted folder's card. models: by name, in addition to what their folders contain.

    within: corpora whose clips all come from another corpus.
    """

    formats: Mapping[str, PublishedTraining]
    models: Mapping[str, PublishedTraining]
    within: Mapping[str, str]


@functools.cache
def published_lineages() -> PublishedLineages:
    """Training data of published weights (lineages.json)."""
    return PublishedLineages.model_validate_json(_PUBLISHED.read_bytes())


def read_lineage(folder: Path) -> Lineage:
    """Read the lineage of the model in a folder. ModelError where its files are damaged."""
    calibrated = tuple(_read_clips(folder / CALIBRATED)) if (folder / CALIBRATED).is_file() else ()
    return dataclasses.replace(_read_training(folder), calibrated=calibrated)


def _read_training(folder: Path) -> Lineage:
    card = _read_card(folder)
    shipped = published_lineages().models.get(str(card.get("name", "")))
    texts = frozenset(shipped.texts if shipped else ())
    if (folder / CLIPS).is_file():
        clips = tuple(_read_clips(folder / CLIPS))
        corpora, sites = frozenset(clip.corpus for clip in clips) - {""}, frozenset(clip.site for clip in clips) - {""}
        return Lineage("clips", clips, _read_vectors(folder / VECTORS, len(clips)), corpora, sites, texts, by=f"{CLIPS} of the model")
    training = published_lineages().formats.get(str(card.get("format", "")))
    if training is None:
        return Lineage("nothing")
    return Lineage("corpora", (), None, frozenset(training.corpora), frozenset(training.sites), frozenset(training.texts), training.by)


def write_lineage(folder: Path, items: Iterable[Item], vectors: np.ndarray | None = None) -> None:
    """Write the training clips of the model in a folder. vectors: the model's similarity embeddings of the items, (n, E), of any length.

    InputError where there are not as many vectors as items.
    """
    lines = _to_lines(items)
    if vectors is not None and len(vectors) != len(lines):
        raise InputError(f"{len(vectors)} vectors for {len(lines)} clips; wanted one for each")
    write_text(folder / CLIPS, "".join(lines))
    if vectors is not None:
        with atomic_file(folder / VECTORS) as partial, partial.open("wb") as stream:
            np.save(stream, quantise(vectors))


def write_calibrated(folder: Path, items: Iterable[Item]) -> None:
    """Write the clips that the scores of the model in a folder were calibrated on, in place of those of an earlier calibration."""
    write_text(folder / CALIBRATED, "".join(_to_lines(items)))


def _to_lines(items: Iterable[Item]) -> list[str]:
    clips = (Clip(item.corpus, item.source, Path(item.member or item.audio).name, item.site) for item in items)
    return [json.dumps(vars(clip), ensure_ascii=False, separators=(",", ":")) + "\n" for clip in clips]


def quantise(vectors: np.ndarray) -> np.ndarray:
    """Normalise vectors (n, E) and quantise them to int8."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.rint(_FULL * vectors / np.maximum(norms, 1e-9)), dtype=np.int8)


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        card = json.loads((folder / "card.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return card if isinstance(card, dict) else {}


def _read_clips(path: Path) -> Iterable[Clip]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                fields: Sequence[str] = [record[field] for field in _FIELDS]
                if not all(isinstance(value, str) for value in fields):
                    raise TypeError("a field is not text")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ModelError(f"{path}: line {number}: is not a clip ({error!r}); wanted {', '.join(_FIELDS)} as text") from error
            yield Clip(*fields)


def _read_vectors(path: Path, count: int) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: is not an array ({error}); write it again, or remove it") from error
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.int8 or vectors.ndim != 2 or len(vectors) != count:
        raise ModelError(f"{path}: wanted int8 ({count}, E), a row for each line of {CLIPS}; write it again, or remove it")
    return vectors
