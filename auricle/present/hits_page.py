"""HTML report of hits: player, spectrogram and analysis of each, in one self-contained file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from auricle.archive.search import Hit
from auricle.core.errors import SoundError
from auricle.core.paths import text_to_path
from auricle.core.records import Clip
from auricle.core.units import clock
from auricle.listen.listener import Listener
from auricle.present import html_report
from auricle.signal.streaming import cut

_LONGEST = 30.0  # seconds of a hit in the page, at most


def write(path: Path, hits: Sequence[Hit], *, text: str | None, listener: Listener) -> list[str]:
    """Write the page. text: the text query, if any. Returns one error line per hit that could not be cut."""
    clips, errors = [], []
    for hit in hits:
        try:
            clips.append(_clip(hit))
        except SoundError as error:
            errors.append(str(error))
    analyses = listener.listen(clips, [text] if text else None)
    title = f"Hits for {text}" if text else "Hits"
    html_report.write(path, analyses, clips, config=listener.config, title=title)
    return errors


def _clip(hit: Hit) -> Clip:
    end = min(hit.offset, hit.onset + _LONGEST)
    name = f"{hit.score:.2f}  {Path(hit.file).name}, {clock(hit.onset, tenths=True)} to {clock(end, tenths=True)}"
    return dataclasses.replace(cut(text_to_path(hit.file), hit.onset, end), name=name)
