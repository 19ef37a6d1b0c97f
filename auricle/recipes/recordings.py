"""Recordings that a recipe trains on: those of a manifest, or synthetic sounds without one. No torch."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.data import manifest
from auricle.data.item import Item
from auricle.data.waves import Waves, open_waves
from auricle.recipes import synthetic

log = logging.getLogger(__name__)

_REPORT_EVERY = 2.0  # seconds between progress lines


class DataConfig(Strict):
    """data: path of a manifest; synthetic sounds without one. cache: folder of decoded recordings and synthetic sounds."""

    data: Path | None = None
    cache: Path = Path("runs/cache")


def read_items(config: DataConfig, *fields: str, made: int = 32) -> list[Item]:
    """Items of the manifest, or of `made` synthetic sounds, that have one of these fields of Item; see `read_with`."""
    return read_with(config.data or synthetic.write_manifest(config.cache / "made", count=made), *fields)


def read_with(path: Path, *fields: str) -> list[Item]:
    """Items of a manifest that have a value in one of these fields of Item; all items where no field is given.

    InputError, which names the fields, where no item has one.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder; wanted a manifest of its recordings, see Manifests in docs/data.md")
    items = manifest.read(path)
    usable = [item for item in items if not fields or any(getattr(item, field) for field in fields)]
    names = " or ".join(fields)
    if not usable:
        missing = f"none of its {len(items)} items has the field {names}, which this recipe trains on" if items else "has no items"
        raise InputError(f"{path}: {missing}; wanted {names or 'audio'} in each line, see Manifests in docs/data.md")
    if len(usable) < len(items):
        log.info("%d of the %d items of %s are skipped: they do not have the field %s", len(items) - len(usable), len(items), path, names)
    return usable


def label_vocabulary(items: Sequence[Item], *, min_clips: int) -> tuple[str, ...]:
    """Labels with at least `min_clips` items, sorted. InputError where there are none."""
    counts = Counter(label for item in items for label in item.labels)
    labels = tuple(sorted(label for label, clips in counts.items() if clips >= min_clips))
    if not labels:
        raise InputError(f"no label has {min_clips} recordings; wanted more recordings of each label")
    return labels


def decode_items(items: Sequence[Item], cache: Path, *, rate: int) -> Waves:
    """Decode the recordings, or reuse those in the cache. InputError where one cannot be read: its model would list it as training data."""
    log.info("decoding %d recordings", len(items))
    waves = open_waves(items, cache, rate=rate, progress=progress("decoded recording"))
    if waves.failed:
        first, why = next(iter(waves.failed.items()))
        raise InputError(f"{len(waves.failed)} of {len(items)} recordings cannot be read, such as {items[first].audio}: {why}")
    return waves


def progress(what: str) -> Callable[[int, int], None]:
    """A function (done, total) that logs `WHAT 3 of 8`, at most every two seconds."""
    reported = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > _REPORT_EVERY:
            reported = time.monotonic()
            log.info("%s %d of %d", what, done, total)

    return report
