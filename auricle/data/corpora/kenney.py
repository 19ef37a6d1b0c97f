"""Kenney's interface sounds: 151 designed clicks, switches and chimes, CC0 (www.kenney.nl)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files, without_number

FOLDER = "kenney_ui_cc0"


def read(root: str | Path) -> list[Row]:
    """151 rows; all are interface sounds except the glasses (which sound like glass) and the recorded mouse clicks."""
    return read_table(root, FOLDER, "kenney", _words)


def _words(row: Row) -> tuple[str, ...]:
    if row.label == "glass":
        return ()
    if row.label in ("mouseclick", "mouserelease"):
        return ("mouse click",)
    return ("interface sound",)


def published(download: Path) -> Iterator[PublishedClip]:
    """A folder with clones of Calinou/kenney-interface-sounds and Calinou/kenney-ui-audio."""
    wanted = "clones of github.com/Calinou/kenney-interface-sounds and github.com/Calinou/kenney-ui-audio"
    for part, repository in (("kenney_interface_sounds", "kenney-interface-sounds"), ("kenney_ui_audio", "kenney-ui-audio")):
        for path in list_files(find_path(download, f"addons/{part}", wanted), "*.wav", wanted):
            yield PublishedClip(
                path=path,
                filename=f"audio/{path.stem}.flac",
                label=without_number(path.stem),
                source=path.stem,
                licence="CC0 1.0",
                author="Kenney (kenney.nl)",
                url=f"https://github.com/Calinou/{repository}",
                rate=32000,
            )
