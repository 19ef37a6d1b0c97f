"""The 527 labels of AudioSet in the order of published taggers (data and licences: auricle/ontology)."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

_LABELS = Path(__file__).resolve().parent.parent / "ontology" / "audioset_class_labels_indices.csv"


@functools.cache
def labels() -> tuple[str, ...]:
    """Display names, index 0 to 526."""
    with _LABELS.open(encoding="utf-8", newline="") as stream:
        return tuple(row["display_name"] for row in csv.DictReader(stream))


@functools.cache
def ids() -> tuple[str, ...]:
    """Knowledge-graph ids such as '/m/09x0r', in the order of labels()."""
    with _LABELS.open(encoding="utf-8", newline="") as stream:
        return tuple(row["mid"] for row in csv.DictReader(stream))
