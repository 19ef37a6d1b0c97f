"""Short texts about a record for console, reports and notebooks. Records are given as JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auricle.core.units import clock, percent

_NOTABLE = 0.1  # share of the energy above the band from which it is mentioned


def remarks(record: Mapping[str, Any]) -> list[str]:
    """List what limits the results of a file: gaps, energy above the band of the model, further audio tracks, labels without a score.

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
    if negated := record.get("negated"):
        notes.append(f"not scored, since negated: {'; '.join(negated)}; ask for the sound itself")
    return notes


def answer_texts(record: Mapping[str, Any]) -> dict[str, str]:
    """One line for the answer of each further output: labels with scores, events with times, numbers by name. record: as above."""
    return {name: _answer_text(answer) for name, answer in record.get("answers", {}).items()}


def _answer_text(answer: Any) -> str:
    if isinstance(answer, Mapping) and "label" in answer:
        if "onset" in answer:
            return f"{answer['label']} {clock(answer['onset'], tenths=True)}-{clock(answer['offset'], tenths=True)}"
        return f"{answer['label']} ({answer['score']:.2f})" if "score" in answer else str(answer["label"])
    if isinstance(answer, Mapping):
        return ", ".join(f"{name} {_answer_text(value)}" for name, value in answer.items())
    if isinstance(answer, (list, tuple)):
        present = [each for each in answer if not isinstance(each, Mapping) or each.get("present", True)]
        return ", ".join(map(_answer_text, present)) or "none"
    return f"{answer:.4g}" if isinstance(answer, float) else str(answer)


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
