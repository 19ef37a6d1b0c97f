"""Short texts about a record for console, reports and notebooks. Records are given as JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auricle.core.units import percent

_NOTABLE = 0.1  # share of the energy above the band from which it is mentioned


def remarks(record: Mapping[str, Any]) -> list[str]:
    """List what limits the results of a file: gaps, energy above the band of the model, further audio tracks, labels without tokens.

    record: the JSON object of an analysis or a classification.
    """
    notes, band = [], record.get("band")
    if gaps := record.get("gaps"):
        notes.append(f"{sum(end - start for start, end in gaps):.1f} s not recorded")
    if band is not None and band["above"] >= _NOTABLE:
        notes.append(f"{percent(band['above'])} of its energy is above {band['high'] / 1000:g} kHz, not analysed")
    if record.get("tracks", 1) > 1:
        notes.append(f"first of {record['tracks']} audio tracks")
    if unread := record.get("unread"):
        notes.append(f"not in the language of the model: {'; '.join(unread)}")
    return notes


def absence_text(record: Mapping[str, Any]) -> str:
    """Text for a recording in which no label is present."""
    guesses = ", ".join(f"{label['label']} {label['score']:.2f}" for label in record.get("perhaps", ()))
    return "silent" if record["silent"] else f"nothing recognised; perhaps: {guesses}" if guesses else "nothing recognised"


def presence_text(label: Mapping[str, Any]) -> str:
    """Text on whether a queried label is present, and how it was scored unless by a label of the same name."""
    text, named = "present" if label["present"] else "not present", label.get("named")
    if named is not None and named.casefold() != label["label"].casefold():
        text += f", as {named}"
    return f"{text}, by its text" if label.get("scored_by") == "text" else text
