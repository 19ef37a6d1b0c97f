"""The page: everything heard in some files as one self-contained HTML file, with pictures, events, a player and scores."""

from __future__ import annotations

import base64
import io
import json
import os
import urllib.parse
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import soundfile

from auricle.core.config import ModelConfig
from auricle.core.errors import SoundError
from auricle.core.files import write_text
from auricle.core.records import Analysis, Clip
from auricle.core.remarks import remarks
from auricle.listen.pipeline import Progress, Source
from auricle.present import spectrogram_image
from auricle.signal.frontend import open_frontend
from auricle.signal.streaming import Stream, inspect, stream, stream_clip

_PAGE_AUDIO = 24_000_000  # bytes of sound in one page; what is over is linked
_FILE_AUDIO = 6_000_000  # bytes of sound of one file
_AS_IS = 1_000_000  # bytes up to which a file that browsers play is embedded unchanged
_PLAYED = {"WAV/PCM_16": "audio/wav", "MP3/MPEG_LAYER_III": "audio/mpeg", "OGG/VORBIS": "audio/ogg", "FLAC/PCM_16": "audio/flac"}
_RATES = (16_000, 24_000, 32_000, 44_100, 48_000)  # Hz that MP3 knows and that are worth a choice
_BYTES_A_SECOND = 16_000  # a cautious guess for one channel of MP3 at _SQUEEZE
_SQUEEZE = 0.7  # libsndfile's compression level: about 64 kbit/s a channel
_PIECE = 10.0  # seconds encoded at once
_DRAWN = "auricle-16k"  # what pictures show does not depend on the model that listens


def write(
    path: Path,
    heard: Sequence[Analysis],
    sources: Sequence[Source],
    *,
    config: ModelConfig,
    title: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the page of what was `heard` in `sources`, in the same order. WriteError where it cannot be written."""
    page = render(heard, sources, config=config, folder=Path(path).absolute().parent, title=title, progress=progress)
    write_text(path, page)


def render(
    heard: Sequence[Analysis],
    sources: Sequence[Source],
    *,
    config: ModelConfig,
    folder: Path,
    title: str | None = None,
    progress: Progress | None = None,
) -> str:
    """The page as text. folder: where it will lie; sound that is too long to be inside is linked from there. title: its heading."""
    from auricle import __version__

    frontend = open_frontend(_DRAWN)
    files, left = [], _PAGE_AUDIO
    for place, (one, source) in enumerate(zip(heard, sources, strict=True)):
        told = json.loads(one.to_json()) | {"remarks": remarks(one.to_dict())}
        if one.coverage:
            told |= _picture(source, _DRAWN)
            told |= _audio(source, one, left, folder)
            left -= len(told["audio"]) if told["embedded"] else 0
        files.append(told)
        if progress is not None:
            progress(place, one.duration, one.duration)
    data = {"version": __version__, "model": config.name, "heights": spectrogram_image.heights(frontend), "title": title, "files": files}
    template = resources.files("auricle.present").joinpath("html_report.html").read_text(encoding="utf-8")
    return template.replace("/*DATA*/null", _script(data))


def _script(data: Any) -> str:
    """JSON that is safe inside a script element, whatever a file is called."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _picture(source: Source, name: str) -> dict[str, Any]:
    frontend = open_frontend(name)
    try:
        with _open(source, mono=True, **spectrogram_image.window_settings(frontend)) as sound:
            drawn = spectrogram_image.columns(sound, frontend)
            seconds = sound.end
    except SoundError:  # changed since it was heard
        return {}
    return {"picture": _data("image/png", spectrogram_image.png(drawn)), "pictured": seconds} if len(drawn) else {}


def _audio(source: Source, heard: Analysis, left: int, folder: Path) -> dict[str, Any]:
    """The sound as a data address where it is small enough, else a link to the file; an array that is too long has none."""
    room = min(left, _FILE_AUDIO)
    unchanged = _unchanged(source, room)
    if unchanged is not None:
        return {"audio": unchanged, "embedded": True}
    if heard.duration * _BYTES_A_SECOND < room:
        encoded = _encoded(source)
        if encoded is not None and len(encoded) < room:
            return {"audio": encoded, "embedded": True}
    if isinstance(source, Clip):
        return {"audio": "", "embedded": False}
    try:
        address = os.path.relpath(os.path.abspath(source), folder)
    except ValueError:  # another drive, where paths have letters
        address = os.path.abspath(source)
    return {"audio": urllib.parse.quote(os.fsencode(address)), "embedded": False}


def _unchanged(source: Source, room: int) -> str | None:
    if isinstance(source, Clip) or os.path.getsize(source) > min(_AS_IS, room):
        return None
    kind = _PLAYED.get(inspect(source).format)
    return None if kind is None else _data(kind, Path(source).read_bytes())


def _encoded(source: Source) -> str | None:
    """The sound as MP3: one channel or two as they are, more as their mean; piece by piece."""
    own = source.rate if isinstance(source, Clip) else inspect(source).rate
    channels = source.samples.shape[0] if isinstance(source, Clip) else inspect(source).channels
    rate = next((rate for rate in _RATES if rate >= own), _RATES[-1])
    buffer = io.BytesIO()
    try:
        with (
            _open(source, mono=channels > 2, rate=rate, seconds=_PIECE, context=0.0) as sound,
            soundfile.SoundFile(
                buffer, "w", rate, min(channels, 2) if channels <= 2 else 1, format="MP3", compression_level=_SQUEEZE
            ) as out,
        ):
            for window in sound:
                out.write(window.samples.T.clip(-1, 1))
    except (SoundError, soundfile.LibsndfileError):  # a page without a player is better than no page
        return None
    return _data("audio/mpeg", buffer.getvalue())


def _open(source: Source, *, mono: bool, rate: float, seconds: float, context: float) -> Stream:
    if isinstance(source, Clip):
        return stream_clip(source, rate=int(rate), seconds=seconds, context=context, mono=mono)
    return stream(source, rate=int(rate), seconds=seconds, context=context, mono=mono)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
