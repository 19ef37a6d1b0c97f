"""The lineage of a model: the clips, or at least the corpora, that it was trained on, and the clips that its scores were calibrated on.

MODEL_FOLDER/heard.jsonl has a line per training clip: {"corpus", "source", "file", "site"}. Two optional files describe the sound of those
clips, a row for each: heard_fingerprints.npy, audio fingerprints (bench.fingerprint), uint8 (n, SLOTS, SLOT_BYTES); and heard.npy,
similarity embeddings, int8 (n, E): unit vectors times 127, rounded. MODEL_FOLDER/calibrated.jsonl has a line of the same form as
heard.jsonl per clip that scores and thresholds were fitted to and that heard.jsonl does not list. None of them is part of the model's
fingerprint. Published weights have neither; lineages.json lists the corpora that their authors name, without the clips.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auricle.bench.fingerprint import SLOT_BYTES, SLOTS
from auricle.core.config import LINEAGE_FILES, Strict
from auricle.core.errors import InputError, ModelError
from auricle.core.files import atomic_file, write_text
from auricle.data.item import Item

CLIPS, VECTORS, CALIBRATED, FINGERPRINTS = LINEAGE_FILES
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
    calibrated: other clips that scores and thresholds were fitted to. fingerprints: audio fingerprints of the clips, uint8 (n, SLOTS,
    SLOT_BYTES), or None.
    """

    detail: Literal["clips", "corpora", "nothing"]
    clips: tuple[Clip, ...] = ()
    vectors: np.ndarray | None = None
    corpora: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    by: str = ""
    calibrated: tuple[Clip, ...] = ()
    fingerprints: np.ndarray | None = None


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
        vectors = _read_rows(folder / VECTORS, len(clips), np.int8, (None,), "E")
        fingerprints = _read_rows(folder / FINGERPRINTS, len(clips), np.uint8, (SLOTS, SLOT_BYTES), f"{SLOTS}, {SLOT_BYTES}")
        return Lineage("clips", clips, vectors, corpora, sites, texts, by=f"{CLIPS} of the model", fingerprints=fingerprints)
    training = published_lineages().formats.get(str(card.get("format", "")))
    if training is None:
        return Lineage("nothing")
    return Lineage("corpora", (), None, frozenset(training.corpora), frozenset(training.sites), frozenset(training.texts), training.by)


def write_lineage(
    folder: Path,
    items: Iterable[Item],
    vectors: np.ndarray | None = None,
    *,
    fingerprints: np.ndarray | None = None,
    parents: Sequence[Path] = (),
) -> None:
    """Write the training clips of the model in a folder, in place of an earlier list.

    vectors: the model's similarity embeddings of the items, (n, E), of any length. fingerprints: audio fingerprints of the items, uint8
    (n, SLOTS, SLOT_BYTES) (`bench.sounds.fingerprint_items`). parents: folders of models that this one was made of; their clips are listed
    before the items, each once, and fingerprints are written where all parents have them, embeddings never.
    InputError where there are not as many vectors or fingerprints as items.
    """
    lines = _lines(_to_clips(items))
    for rows, name in ((vectors, "vectors"), (fingerprints, "fingerprints")):
        if rows is not None and len(rows) != len(lines):
            raise InputError(f"{len(rows)} {name} for {len(lines)} clips; wanted one for each")
    if parents:
        known = [_read_training(parent) for parent in parents]
        tables = [*(past.fingerprints for past in known), fingerprints]
        lines = [*(line for past in known for line in _lines(past.clips)), *lines]
        first = list({line: row for row, line in reversed(list(enumerate(lines)))}.values())[::-1]
        lines = [lines[row] for row in first]
        complete = [table for table in tables if table is not None]
        fingerprints = np.concatenate(complete)[first] if len(complete) == len(tables) else None
    write_text(folder / CLIPS, "".join(lines))
    for name, table in ((VECTORS, None if vectors is None or parents else quantise(vectors)), (FINGERPRINTS, fingerprints)):
        if table is None:
            (folder / name).unlink(missing_ok=True)
            continue
        with atomic_file(folder / name) as partial, partial.open("wb") as stream:
            np.save(stream, table)


def write_calibrated(folder: Path, items: Iterable[Item]) -> None:
    """Write the clips that the scores of the model in a folder were calibrated on, in place of those of an earlier calibration.

    Those that it was trained on are left out.
    """
    heard = set(_read_clips(folder / CLIPS)) if (folder / CLIPS).is_file() else set()
    write_text(folder / CALIBRATED, "".join(_lines(clip for clip in _to_clips(items) if clip not in heard)))


def _to_clips(items: Iterable[Item]) -> list[Clip]:
    return [Clip(item.corpus, item.source, Path(item.member or item.audio).name, item.site) for item in items]


def _lines(clips: Iterable[Clip]) -> list[str]:
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


def _read_rows(path: Path, count: int, kind: type[np.integer[Any]], sizes: tuple[int | None, ...], shape: str) -> np.ndarray | None:
    """The array (count, *sizes) in a file, None where there is no file. A size None may be any. ModelError where it is something else."""
    if not path.is_file():
        return None
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a header with a size that the file does not have is refused
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise ModelError(f"{path}: is not an array ({error}); write it again, or remove it") from error
    fits = isinstance(rows, np.ndarray) and rows.dtype == kind and rows.ndim == 1 + len(sizes) and len(rows) == count
    if not fits or any(wanted not in (None, size) for wanted, size in zip(sizes, rows.shape[1:], strict=True)):
        name = np.dtype(kind).name
        raise ModelError(f"{path}: wanted {name} ({count}, {shape}), a row for each line of {CLIPS}; write it again, or remove it")
    return np.array(rows)
