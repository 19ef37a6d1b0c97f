"""Six clips of read speech with transcripts, public domain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files

FOLDER = "speech_text"


def read(root: str | Path) -> list[Row]:
    """6 rows."""
    return read_table(root, FOLDER, "speech_text", lambda row: ("speech",))


def published(download: Path) -> Iterator[PublishedClip]:
    """A folder with clones of cmusphinx/pocketsphinx and openai/whisper, for their test recordings."""
    librivox = find_path(download, "test/data/librivox", "a clone of github.com/cmusphinx/pocketsphinx")
    lines = (librivox / "transcription").read_text(encoding="utf-8")
    transcripts = {name: text for text, name in re.findall(r"<s> (.+?) </s> \((\S+)\)", lines)}
    for path in list_files(librivox, "*.wav", "a clone of github.com/cmusphinx/pocketsphinx"):
        yield PublishedClip(
            path=path,
            filename=f"audio/{path.stem}.flac",
            label="speech",
            source=path.stem.split("_austen")[0],
            licence="public domain (LibriVox reading); repository BSD-2-Clause",
            author="LibriVox",
            url=f"https://github.com/cmusphinx/pocketsphinx/blob/master/test/data/librivox/{path.name}",
            extra=f"text={transcripts.get(path.stem, '')}",
        )
    yield PublishedClip(
        path=find_path(download, "tests/jfk.flac", "a clone of github.com/openai/whisper"),
        filename="audio/jfk.flac",
        label="speech",
        source="jfk",
        licence="US Government speech, public domain; repository MIT",
        url="https://github.com/openai/whisper/blob/main/tests/jfk.flac",
        rate=32000,
    )
