"""Free Spoken Digit Dataset: ten digits, six speakers, CC BY-SA: for tests only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files

FOLDER = "fsdd_8k"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read(root: str | Path) -> list[Row]:
    """1200 rows; the digit is in `label`, the speaker is the source."""
    return read_table(root, FOLDER, "fsdd", lambda row: ("speech",))


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of Jakobovski/free-spoken-digit-dataset: recordings 0 to 19 of each digit and speaker; 0 to 4 are the test."""
    wanted = "a clone of github.com/Jakobovski/free-spoken-digit-dataset"
    for path in list_files(find_path(download, "recordings", wanted), "*.wav", wanted):
        digit, speaker, number = path.stem.split("_")
        if int(number) < 20:
            yield PublishedClip(
                path=path,
                filename=f"audio/{path.stem}.flac",
                label=DIGITS[int(digit)],
                source=speaker,
                licence="CC BY-SA 4.0",
                author=f"FSDD contributors (speaker {speaker})",
                url="https://github.com/Jakobovski/free-spoken-digit-dataset",
                target=digit,
                fold="test" if int(number) < 5 else "train",
                extra=f"speaker={speaker}",
            )
