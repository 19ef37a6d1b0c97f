"""Sentences about a record for people: in the console, in reports, in notebooks. Records are given as their JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auricle.core.units import percent

_NOTABLE = 0.1  # share of the energy above the band from which on it is mentioned


def remarks(record: Mapping[str, Any]) -> list[str]:
    """What limits a file's answers: gaps, energy above the model's band, further sound tracks, labels that cannot be read.

    record: the JSON object of an analysis or a classification.
    """
    found, band = [], record.get("band")
    if gaps := record.get("gaps"):
        found.append(f"{sum(end - start for start, end in gaps):.1f} s not recorded")
    if band is not None and band["above"] >= _NOTABLE:
        found.append(f"{percent(band['above'])} of its energy is above {band['high'] / 1000:g} kHz, not heard")
    if record.get("tracks", 1) > 1:
        found.append(f"first of {record['tracks']} sound tracks")
    if unread := record.get("unread"):
        found.append(f"the model reads no word of {'; '.join(unread)}")
    return found


def nothing_present(record: Mapping[str, Any]) -> str:
    """The line for a recording in which no label is present."""
    guesses = ", ".join(f"{label['label']} {label['score']:.2f}" for label in record.get("perhaps", ()))
    return "silent" if record["silent"] else f"nothing recognised; perhaps: {guesses}" if guesses else "nothing recognised"


def verdict(label: Mapping[str, Any]) -> str:
    """Whether an asked label is present, and what it was scored by where that is not the label itself."""
    found, named = "present" if label["present"] else "not present", label.get("named")
    if named is not None and named.casefold() != label["label"].casefold():
        found += f", as {named}"
    return f"{found}, by its text" if label.get("scored_by") == "text" else found
