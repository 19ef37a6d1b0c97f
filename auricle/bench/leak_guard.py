"""Detection of leaks: test clips that a model was trained on. Three levels; a clip has the most severe one that applies.

`clip`: the model was trained on the recording itself. Found by name, by (corpus, source) or (corpus, file) of a training clip, or by
(site, source) where the site numbers its recordings; or by sound: copies under other names, in other formats, cut, shifted, at another
speed or inside other sound, by audio fingerprint (bench.fingerprint), or by a nearly equal similarity embedding. `corpus`: trained on other
recordings of the same corpus, so with the same recording and cutting conditions; or on the captions of the corpus. Clips that its scores
were calibrated on (`auricle calibrate`) have these two levels as well, since scores and thresholds fit them better than others. `source`:
trained on other recordings of the same site, such as Freesound. `unknown` is not a leak: it states what could not be checked (no lineage,
corpora without their clips, or clips without fingerprints).

Clips of level `clip` are refused; the other levels are scored and marked.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from auricle.bench.embeddings import ClipEmbeddings
from auricle.bench.lineage import Clip, Lineage, published_lineages
from auricle.bench.sounds import find_copies
from auricle.core.errors import AuricleError
from auricle.data.item import Item

Level: TypeAlias = Literal["clip", "corpus", "source", "unknown"]
LEVELS: tuple[Level, ...] = ("clip", "corpus", "source", "unknown")

#: Cosine of similarity embeddings from which two clips count as copies of one recording: above the cosines of different recordings of one
#: class, below those of most re-encoded copies (docs/bench.md, benchmarks/copies.py).
COPY_THRESHOLD = 0.97
#: Sites that host files of any origin: two corpora from there need not have anything in common.
HOSTS = frozenset({"", "github", "gitlab", "githubusercontent", "huggingface", "zenodo", "archive", "google", "kaggle"})
_BLOCK = 512  # clips compared at once
_SHOWN = 5  # clips named in an error


@dataclasses.dataclass(frozen=True)
class Leak:
    """A leak of one test clip.

    source: the corpus or site. how: "name", "fingerprint", "sound" (by embedding), "sentences" or "calibration". heard: the matching clip.
    cosine: of the embeddings. score, speed, offset: of the fingerprint, as in fingerprint.Match.
    """

    level: Level
    source: str
    item: str
    how: str
    heard: str = ""
    cosine: float | None = None
    score: float | None = None
    speed: float | None = None
    offset: float | None = None


class Mark(TypedDict):
    """One entry of `leaked` of a result: the number n of scored clips with this level and source."""

    level: Level
    source: str
    n: int
    note: str


class LeakedError(AuricleError):
    """The model was trained on clips that were to be scored. leaks: all leaks of level `clip`."""

    def __init__(self, message: str, leaks: Sequence[Leak]) -> None:
        super().__init__(message)
        self.leaks = tuple(leaks)


def find_by_name(items: Sequence[Item], lineage: Lineage) -> dict[str, Leak]:
    """Find leaks by corpus, source, file and site; by clip id."""
    trained, calibrated = _ClipNames(lineage.clips), _ClipNames(lineage.calibrated)
    corpora, calibration_corpora = _with_parents(lineage.corpora), {clip.corpus for clip in lineage.calibrated} - {""}
    leaks: dict[str, Leak] = {}
    for item in items:
        if (clip := trained.find(item)) is not None:
            leaks[item.id] = Leak("clip", item.corpus or item.site, item.id, "name", _clip_name(clip))
        elif (clip := calibrated.find(item)) is not None:
            leaks[item.id] = Leak("clip", item.corpus or item.site, item.id, "calibration", _clip_name(clip))
        elif item.corpus and _with_parents({item.corpus}) & corpora:
            leaks[item.id] = Leak("corpus", item.corpus, item.id, "name")
        elif item.corpus in calibration_corpora:
            leaks[item.id] = Leak("corpus", item.corpus, item.id, "calibration")
        elif item.corpus in lineage.texts:
            leaks[item.id] = Leak("corpus", item.corpus, item.id, "sentences")
        elif item.site in lineage.sites - HOSTS:
            leaks[item.id] = Leak("source", item.site, item.id, "name")
    return leaks


class _ClipNames:
    """Finds the clip of a lineage that an item is."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._sources = {(clip.corpus, clip.source): clip for clip in clips if clip.source}
        self._files = {(clip.corpus, clip.file): clip for clip in clips if clip.file}
        self._numbers = {(clip.site, clip.source): clip for clip in clips if clip.site and clip.source.isdecimal()}

    def find(self, item: Item) -> Clip | None:
        file = self._files.get((item.corpus, Path(item.member or item.audio).name))
        return file or self._sources.get((item.corpus, item.source)) or self._numbers.get((item.site, item.source))


def find_by_sound(items: Sequence[Item], embeddings: Sequence[ClipEmbeddings], lineage: Lineage) -> dict[str, Leak]:
    """Find copies of training clips by fingerprint, and those that have none by embedding; by clip id."""
    return find_by_embedding(items, embeddings, lineage) | find_by_fingerprint(items, lineage)


def find_by_embedding(items: Sequence[Item], embeddings: Sequence[ClipEmbeddings], lineage: Lineage) -> dict[str, Leak]:
    """Find clips of which a window, or the mean, has nearly the embedding of a training clip; by clip id."""
    if lineage.vectors is None:
        return {}
    clip_of_row = np.concatenate([np.full(1 + len(one.seconds), number) for number, one in enumerate(embeddings)])
    rows = np.concatenate([np.concatenate([one.mean("similarity")[None], one.similarity]) for one in embeddings])
    leaks: dict[str, Leak] = {}
    for row, nearest, cosine in nearest_training_clips(rows, lineage.vectors):
        number = clip_of_row[row]
        item = items[number]
        if cosine >= COPY_THRESHOLD and not embeddings[number].silent and item.id not in leaks:
            clip = lineage.clips[nearest]
            leaks[item.id] = Leak("clip", clip.corpus or clip.site, item.id, "sound", _clip_name(clip), round(cosine, 4))
    return leaks


def find_by_fingerprint(items: Sequence[Item], lineage: Lineage) -> dict[str, Leak]:
    """Find clips that are copies of a training clip, or contain one, by audio fingerprint; by clip id. Reads the clips."""
    if lineage.fingerprints is None:
        return {}
    leaks: dict[str, Leak] = {}
    for item, match in zip(items, find_copies(items, lineage.fingerprints), strict=True):
        if match is not None:
            clip = lineage.clips[match.index]
            measured = {"score": round(match.score, 3), "speed": round(match.speed, 4), "offset": match.offset}
            leaks[item.id] = Leak("clip", clip.corpus or clip.site, item.id, "fingerprint", _clip_name(clip), **measured)
    return leaks


def nearest_training_clips(rows: np.ndarray, vectors: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """For each unit vector of rows (N, E): its index, the index of the nearest of vectors int8 (n, E), and their cosine."""
    training = vectors.astype(np.float32)
    training /= np.maximum(np.linalg.norm(training, axis=1, keepdims=True), 1e-9)
    for start in range(0, len(rows), _BLOCK):
        cosines: NDArray[np.float32] = rows[start : start + _BLOCK].astype(np.float32) @ training.T
        for row, nearest in enumerate(cosines.argmax(axis=1)):
            yield start + row, int(nearest), float(cosines[row, nearest])


def summarise(items: Sequence[Item], leaks: dict[str, Leak], lineage: Lineage) -> list[Mark]:
    """Count leaks by level and source for a result, most severe first, and state what could not be checked."""
    count = Counter((leak.level, leak.source, _NOTES[leak.how]) for leak in leaks.values())
    marks: list[Mark] = [{"level": level, "source": source, "n": n, "note": note} for (level, source, note), n in count.items()]
    unchecked = ""
    if lineage.detail == "nothing":
        unchecked = "the model's training data is not known"
    elif lineage.detail == "corpora":
        unchecked = f"training corpora as named by {lineage.by}; the training clips are not known"
    elif lineage.fingerprints is None and lineage.vectors is None:
        unchecked = "checked by name alone: the model has no fingerprints or embeddings of its training clips"
    elif lineage.fingerprints is None:
        unchecked = (
            "not checked by fingerprint, which the model's training clips lack: copies that are cut, faster or mixed were not sought"
        )
    if unchecked:
        marks.append({"level": "unknown", "source": "", "n": len(items), "note": unchecked})
    return sorted(marks, key=lambda mark: (LEVELS.index(mark["level"]), -mark["n"], mark["source"]))


def refuse_leaked(leaks: dict[str, Leak], total: int) -> None:
    """Raise LeakedError where any leak is of level `clip`. total: number of clips to score."""
    refused = [leak for leak in leaks.values() if leak.level == "clip"]
    if not refused:
        return
    counts = ", ".join(f"{n} {source}" for source, n in Counter(leak.source for leak in refused).most_common())
    examples = "; ".join(f"{leak.item} ({_match(leak)})" for leak in refused[:_SHOWN])
    more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    raise LeakedError(
        f"leaked at level clip: the model was trained or calibrated on {len(refused)} of {total} clips ({counts}): {examples}{more}. "
        "Nothing was scored; --allow-leaked scores them and marks the result",
        refused,
    )


def _match(leak: Leak) -> str:
    if leak.how == "fingerprint":
        return f"contains {leak.heard} from {leak.offset:.2f} s, at speed {leak.speed:.3f}, score {leak.score:.2f}"
    return f"is {leak.heard}" if leak.cosine is None else f"sounds like {leak.heard}, {leak.cosine:.3f}"


_NOTES = {
    "name": "",
    "fingerprint": "a copy under another name, or a part of one, found by the fingerprint of its sound",
    "sound": "a copy under another name, found by the embedding of its sound",
    "sentences": "trained on its captions, not on its sounds",
    "calibration": "its scores were calibrated on it",
}


def _clip_name(clip: Clip) -> str:
    return f"{clip.corpus}/{clip.file}" if clip.file else f"{clip.corpus}/{clip.source}"


def _with_parents(corpora: frozenset[str] | set[str]) -> set[str]:
    within = published_lineages().within
    return set(corpora) | {within[corpus] for corpus in corpora if corpus in within}
