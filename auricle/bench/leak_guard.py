"""Was the model trained on what it is tested on? Three levels, from proof to suspicion; a clip has the gravest that holds of it.

`clip`: the recording itself was heard. Told by name, (corpus, source) or (corpus, file) of a clip that was trained on, or (site, source)
where the site numbers its recordings; or by sound, a vector of likeness that is as good as the same: copies under other names, at other
rates, in other formats. `corpus`: other recordings of a corpus that was heard, so that how it was recorded and cut is known; or, of corpora
of captions, its sentences were read. `source`: other recordings of the same site, such as Freesound. `unknown` is no level of guilt but
says what could not be looked into: no lineage at all, corpora without their clips, or clips without their vectors.

Scores of leaked clips are refused; what is of the other levels is scored and marked.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from auricle.bench.embeddings import Vectors
from auricle.bench.lineage import Clip, Lineage, known
from auricle.core.errors import AuricleError
from auricle.data.item import Item

Level: TypeAlias = Literal["clip", "corpus", "source", "unknown"]
LEVELS: tuple[Level, ...] = ("clip", "corpus", "source", "unknown")

#: Cosine of likeness from which two clips are taken for copies of one recording: above all that different recordings of one class have,
#: below most of what another format makes of one (docs/bench.md, benchmarks/copies.py).
SAME = 0.97
#: Sites that hold files of any origin: what two corpora there have in common is nothing.
HOSTS = frozenset({"", "github", "gitlab", "githubusercontent", "huggingface", "zenodo", "archive", "google", "kaggle"})
_AT_ONCE = 512  # clips compared at a time
_SHOWN = 5  # clips that an error names


@dataclasses.dataclass(frozen=True)
class Leak:
    """What holds of one clip. source: the corpus, or the site. how: by what it was told. heard: the clip that was trained on."""

    level: Level
    source: str
    item: str
    how: str
    heard: str = ""
    cosine: float | None = None


class Mark(TypedDict):
    """One line of `leaked` of a result: how many of the scored clips, n, are of this level and source."""

    level: Level
    source: str
    n: int
    note: str


class LeakedError(AuricleError):
    """Clips that the model was trained on would be scored. leaks: all of them."""

    def __init__(self, message: str, leaks: Sequence[Leak]) -> None:
        super().__init__(message)
        self.leaks = tuple(leaks)


def by_name(items: Sequence[Item], lineage: Lineage) -> dict[str, Leak]:
    """Leaks by the clips' ids, as names tell."""
    sources = {(clip.corpus, clip.source): clip for clip in lineage.clips if clip.source}
    files = {(clip.corpus, clip.file): clip for clip in lineage.clips if clip.file}
    numbers = {(clip.site, clip.source): clip for clip in lineage.clips if clip.site and clip.source.isdecimal()}
    corpora = _with_parents(lineage.corpora)
    found: dict[str, Leak] = {}
    for item in items:
        name = Path(item.member or item.audio).name
        clip = files.get((item.corpus, name)) or sources.get((item.corpus, item.source)) or numbers.get((item.site, item.source))
        if clip is not None:
            found[item.id] = Leak("clip", item.corpus or item.site, item.id, "name", _called(clip))
        elif item.corpus and _with_parents({item.corpus}) & corpora:
            found[item.id] = Leak("corpus", item.corpus, item.id, "name")
        elif item.corpus in lineage.texts:
            found[item.id] = Leak("corpus", item.corpus, item.id, "sentences")
        elif item.site in lineage.sites - HOSTS:
            found[item.id] = Leak("source", item.site, item.id, "name")
    return found


def by_sound(items: Sequence[Item], heard: Sequence[Vectors], lineage: Lineage) -> dict[str, Leak]:
    """Clips of which a window, or the whole, has nearly the vector of a clip that was trained on."""
    if lineage.vectors is None:
        return {}
    owner = np.concatenate([np.full(1 + len(one.seconds), place) for place, one in enumerate(heard)])
    rows = np.concatenate([np.concatenate([one.mean("likeness")[None], one.likeness]) for one in heard])
    silent = np.array([one.silent for one in heard])
    found: dict[str, Leak] = {}
    for place, nearest, cosine in nearest_heard(rows, lineage.vectors):
        item = items[owner[place]]
        if cosine >= SAME and not silent[owner[place]] and item.id not in found:
            clip = lineage.clips[nearest]
            found[item.id] = Leak("clip", clip.corpus or clip.site, item.id, "sound", _called(clip), round(cosine, 4))
    return found


def nearest_heard(rows: np.ndarray, vectors: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """For each of rows (N, E): its place, the place of the nearest of vectors int8 (n, E), and their cosine."""
    known_rows = vectors.astype(np.float32)
    known_rows /= np.maximum(np.linalg.norm(known_rows, axis=1, keepdims=True), 1e-9)
    for start in range(0, len(rows), _AT_ONCE):
        cosines: NDArray[np.float32] = rows[start : start + _AT_ONCE].astype(np.float32) @ known_rows.T
        best = cosines.argmax(axis=1)
        for place, nearest in enumerate(best):
            yield start + place, int(nearest), float(cosines[place, nearest])


def marks(items: Sequence[Item], leaks: dict[str, Leak], lineage: Lineage) -> list[Mark]:
    """What a result says of its clips, gravest first."""
    count = Counter((leak.level, leak.source, _NOTES[leak.how]) for leak in leaks.values())
    told: list[Mark] = [{"level": level, "source": source, "n": n, "note": note} for (level, source, note), n in count.items()]
    if lineage.told == "nothing":
        told.append({"level": "unknown", "source": "", "n": len(items), "note": "the model does not say what it was trained on"})
    elif lineage.told == "corpora":
        told.append({"level": "unknown", "source": "", "n": len(items), "note": f"corpora as stated by {lineage.by}; clips are not stated"})
    elif lineage.vectors is None:
        told.append(
            {"level": "unknown", "source": "", "n": len(items), "note": "told by name alone: the model has no vectors of its clips"}
        )
    return sorted(told, key=lambda mark: (LEVELS.index(mark["level"]), -mark["n"], mark["source"]))


def check(leaks: dict[str, Leak], total: int) -> None:
    """LeakedError where any clip is of the level `clip`."""
    grave = [leak for leak in leaks.values() if leak.level == "clip"]
    if not grave:
        return
    of = ", ".join(f"{n} {source}" for source, n in Counter(leak.source for leak in grave).most_common())
    named = "; ".join(
        f"{leak.item} ({'is' if leak.how == 'name' else 'sounds like'} {leak.heard}{'' if leak.cosine is None else f', {leak.cosine:.3f}'})"
        for leak in grave[:_SHOWN]
    )
    more = f"; and {len(grave) - _SHOWN} more" if len(grave) > _SHOWN else ""
    raise LeakedError(
        f"leaked at level clip: the model was trained on {len(grave)} of {total} clips ({of}): {named}{more}. "
        "Nothing was scored; --allow-leaked scores them and marks the result",
        grave,
    )


_NOTES = {"name": "", "sound": "told by sound, under another name", "sentences": "its sentences were read, its sounds were not heard"}


def _called(clip: Clip) -> str:
    return f"{clip.corpus}/{clip.file}" if clip.file else f"{clip.corpus}/{clip.source}"


def _with_parents(corpora: frozenset[str] | set[str]) -> set[str]:
    found = set(corpora)
    return found | {known().within[corpus] for corpus in found if corpus in known().within}
