"""Wake words and other short phrases (Mycroft Precise Community Data), public domain."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files

FOLDER = "wakewords_16k"

#: Folder of the repository -> label.
FOLDERS = {
    "amelia/en": "amelia",
    "athena/en": "athena",
    "computer/en": "computer",
    "heychatterbox/en-us": "heychatterbox",
    "heycomputer/en": "heycomputer",
    "heycomputer/es": "heycomputer",
    "not-wake-words/en": "not-wake-word",
    "not-wake-words/es": "not-wake-word",
}
#: Maximum number of files per folder: of a wake word, of other speech.
MAX_FILES = (24, 30)


def read(root: str | Path) -> list[Row]:
    """190 rows; the phrase is in `label` and `extra`. The source is the donor, since one person signed several statements."""
    rows = read_table(root, FOLDER, "wakewords", lambda row: ("speech",))
    return [dataclasses.replace(row, source=_donor(row.source)) for row in rows]


def _donor(statement: str) -> str:
    """`license-20190813-el-tocino.txt` -> `el-tocino`."""
    return re.sub(r"^licenses?-\d+-|\.txt$", "", statement)


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of MycroftAI/Precise-Community-Data: the first files by name of each word that are listed in a public-domain statement."""
    wanted = "a clone of github.com/MycroftAI/Precise-Community-Data"
    statements: dict[str, str] = {}
    for path in list_files(find_path(download, "licenses", wanted), "license-*.txt", wanted):
        for name in re.findall(r"([\w.-]+\.wav)", path.read_text(encoding="utf-8", errors="replace")):
            statements.setdefault(name, path.name)
    root = find_path(download, "licenses", wanted).parent
    for folder, label in FOLDERS.items():
        named = [path for path in list_files(root / folder, "*.wav", wanted) if path.name in statements]
        for path in named[: MAX_FILES[label == "not-wake-word"]]:
            yield PublishedClip(
                path=path,
                filename=f"audio/{path.stem}.flac",
                label=label,
                source=statements[path.name],
                licence="public domain",
                author=f"see licence file licenses/{statements[path.name]}",
                url=f"https://github.com/MycroftAI/Precise-Community-Data/blob/master/{folder}/{path.name}",
                extra=f"lang={folder.split('/')[1]};transcript=",
            )
