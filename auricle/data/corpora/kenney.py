"""Kenney's interface sounds: 151 designed clicks, switches and chimes, CC0 (www.kenney.nl)."""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "kenney_ui_cc0"


def read(root: str | Path) -> list[Row]:
    """All are interface sounds but the glasses (a clink that a listener would call glass) and the recorded mouse clicks."""
    return read_table(root, FOLDER, "kenney", _words)


def _words(row: Row) -> tuple[str, ...]:
    if row.label == "glass":
        return ()
    if row.label in ("mouseclick", "mouserelease"):
        return ("mouse click",)
    return ("interface sound",)
