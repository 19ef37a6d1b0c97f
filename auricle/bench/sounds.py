"""Audio fingerprints of clips, and the search for copies of a model's training clips among other clips.

Results of the search are cached as embeddings are (bench.embeddings), by the bytes of the clip and of all fingerprints.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Sequence

import numpy as np

from auricle.bench.disk_cache import DiskCache
from auricle.bench.embeddings import content_key, open_source
from auricle.bench.fingerprint import (
    LEAD,
    LEAST_SEGMENTS,
    LONGEST,
    RATE,
    SLOT_BYTES,
    SLOTS,
    THRESHOLD,
    FingerprintIndex,
    Match,
    fingerprint,
)
from auricle.core.cache import cache_folder
from auricle.core.errors import AuricleError
from auricle.core.records import Clip
from auricle.data.item import Item
from auricle.listen.pipeline import map_files
from auricle.signal.streaming import stream, stream_clip

_FORMAT = 1  # of cached results; changes with every change of bench.fingerprint
_CONTEXT = 3.0  # half of the overlap of two windows, seconds: a clip of six seconds lies in one window
_BATCH = 64  # clips between two writes to the cache


def fingerprint_items(items: Sequence[Item]) -> np.ndarray:
    """Audio fingerprints of clips, uint8 (n, SLOTS, SLOT_BYTES). A clip that cannot be read has that of silence."""
    silence = fingerprint(np.zeros(1))
    rows = list(map_files(lambda item, _: next((fingerprint(samples) for samples, _ in _windows(item)), silence), items))
    return np.stack(rows) if rows else np.zeros((0, SLOTS, SLOT_BYTES), np.uint8)


def find_copies(items: Sequence[Item], fingerprints: np.ndarray) -> list[Match | None]:
    """The known sound of which each clip is a copy, or which it contains: a row of fingerprints, uint8 (n, SLOTS, SLOT_BYTES); else None.

    A clip that cannot be read is none.
    """
    cache = None if os.environ.get("AURICLE_CACHE") == "" else DiskCache(cache_folder("bench") / "copies.sqlite")
    settings = f"copies {_FORMAT} {THRESHOLD} {LEAD} {LEAST_SEGMENTS} {hashlib.sha256(fingerprints.tobytes()).hexdigest()}"
    keys = [content_key(item, settings) for item in items]
    results = {} if cache is None else _unpack_all(cache.get(list(dict.fromkeys(keys))), len(fingerprints))
    missing = {key: item for key, item in zip(keys, items, strict=True) if key not in results}
    index = FingerprintIndex(fingerprints) if missing else None
    fresh: dict[str, bytes] = {}
    found = map_files(lambda item, _: None if index is None else _find(index, item), list(missing.values()))
    for done, (key, match) in enumerate(zip(missing, found, strict=True), start=1):
        results[key] = match
        fresh[key] = json.dumps(match and dataclasses.asdict(match)).encode()
        if cache is not None and (done == len(missing) or len(fresh) >= _BATCH):
            cache.put(fresh)
            fresh = {}
    return [results[key] for key in keys]


def _find(index: FingerprintIndex, item: Item) -> Match | None:
    matches = ((match, start) for samples, start in _windows(item) if (match := index.find(samples)) is not None)
    best = max(matches, key=lambda found: found[0].score, default=None)
    return best and dataclasses.replace(best[0], offset=round(best[0].offset + best[1], 3))


def _windows(item: Item) -> Iterator[tuple[np.ndarray, float]]:
    """Overlapping windows of an item, samples (N,) at RATE, with their starts in seconds; as many as can be read."""
    try:
        with open_source(item) as source:
            if isinstance(source, Clip):
                windows = stream_clip(source, rate=RATE, seconds=LONGEST, context=_CONTEXT)
            else:
                windows = stream(source, rate=RATE, seconds=LONGEST, context=_CONTEXT)
            with windows:
                for window in windows:
                    yield window.samples[0], window.start
    except AuricleError:
        return


def _unpack_all(entries: dict[str, bytes], count: int) -> dict[str, Match | None]:
    """Cached results; those that are damaged are left out."""
    results: dict[str, Match | None] = {}
    for key, data in entries.items():
        try:
            fields = json.loads(data)
            match = None if fields is None else Match(**fields)
        except (ValueError, TypeError):
            continue
        if match is None or (isinstance(match.index, int) and 0 <= match.index < count):
            results[key] = match
    return results
