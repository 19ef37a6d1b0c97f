"""HTML report of analyses: one self-contained file with spectrograms, events, players and scores."""

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
from auricle.core.remarks import answer_texts, remarks
from auricle.listen.pipeline import Progress, Source
from auricle.present import spectrogram_image
from auricle.signal.frontend import open_frontend
from auricle.signal.streaming import Stream, inspect, stream, stream_clip

_PAGE_AUDIO = 24_000_000  # bytes of audio in one page; further files are linked
_FILE_AUDIO = 6_000_000  # bytes of audio of one file
_AS_IS = 1_000_000  # bytes up to which a file in a format of browsers is embedded unchanged
_PLAYED = {"WAV/PCM_16": "audio/wav", "MP3/MPEG_LAYER_III": "audio/mpeg", "OGG/VORBIS": "audio/ogg", "FLAC/PCM_16": "audio/flac"}
_RATES = (16_000, 24_000, 32_000, 44_100, 48_000)  # Hz, of MP3
_BYTES_PER_SECOND = 16_000  # upper estimate for one channel of MP3 at _COMPRESSION
_COMPRESSION = 0.7  # libsndfile's compression level: about 64 kbit/s a channel
_BLOCK = 10.0  # seconds encoded at a time
_FRONTEND = "auricle-16k"  # of all spectrograms, whatever the model


def write(
    path: Path,
    analyses: Sequence[Analysis],
    sources: Sequence[Source],
    *,
    config: ModelConfig,
    title: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the report of the analyses of `sources`, in the same order. WriteError where it cannot be written."""
    page = render(analyses, sources, config=config, folder=Path(path).absolute().parent, title=title, progress=progress)
    write_text(path, page)


def render(
    analyses: Sequence[Analysis],
    sources: Sequence[Source],
    *,
    config: ModelConfig,
    folder: Path,
    title: str | None = None,
    progress: Progress | None = None,
) -> str:
    """Render the report. folder: where it will be; audio that is too long to embed is linked relative to it. title: the heading."""
    from auricle import __version__

    frontend = open_frontend(_FRONTEND)
    files, left = [], _PAGE_AUDIO
    narrowest = [one.narrowest() for one in analyses]
    for place, (one, source) in enumerate(zip(narrowest, sources, strict=True)):
        record = one.to_dict()
        answers = [f"{name}: {text}" for name, text in answer_texts(record).items()]
        fields = json.loads(one.to_json()) | {"remarks": remarks(record) + answers}
        if one.coverage:
            fields |= _picture(source, _FRONTEND)
            fields |= _audio(source, one, left, folder)
            left -= len(fields["audio"]) if fields["embedded"] else 0
        files.append(fields)
        if progress is not None:
            progress(place, one.duration, one.duration)
    data = {
        "version": __version__,
        "model": config.name,
        "heights": spectrogram_image.frequency_ticks(frontend),
        "title": title,
        "files": files,
    }
    template = resources.files("auricle.present").joinpath("html_report.html").read_text(encoding="utf-8")
    return template.replace("/*DATA*/null", _script(data))


def _script(data: Any) -> str:
    """JSON that is safe inside a script element for any file name."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _picture(source: Source, name: str) -> dict[str, Any]:
    frontend = open_frontend(name)
    try:
        with _open(source, mono=True, **spectrogram_image.window_settings(frontend)) as sound:
            levels = spectrogram_image.read_columns(sound, frontend)
            seconds = sound.end
    except SoundError:  # changed since the analysis
        return {}
    return {"picture": _data("image/png", spectrogram_image.encode_png(levels)), "pictured": seconds} if len(levels) else {}


def _audio(source: Source, analysis: Analysis, left: int, folder: Path) -> dict[str, Any]:
    """The audio as a data URL where it is small enough, else a link to the file; a long array has neither."""
    budget = min(left, _FILE_AUDIO)
    unchanged = _unchanged(source, budget)
    if unchanged is not None:
        return {"audio": unchanged, "embedded": True}
    if analysis.duration * _BYTES_PER_SECOND < budget:
        encoded = _encoded(source)
        if encoded is not None and len(encoded) < budget:
            return {"audio": encoded, "embedded": True}
    if isinstance(source, Clip):
        return {"audio": "", "embedded": False}
    try:
        address = os.path.relpath(os.path.abspath(source), folder)
    except ValueError:  # another drive, where paths have letters
        address = os.path.abspath(source)
    return {"audio": urllib.parse.quote(os.fsencode(address)), "embedded": False}


def _unchanged(source: Source, budget: int) -> str | None:
    if isinstance(source, Clip) or os.path.getsize(source) > min(_AS_IS, budget):
        return None
    kind = _PLAYED.get(inspect(source).format)
    return None if kind is None else _data(kind, Path(source).read_bytes())


def _encoded(source: Source) -> str | None:
    """Encode the audio as MP3, block by block: mono and stereo unchanged, more channels as their mean."""
    source_rate = source.rate if isinstance(source, Clip) else inspect(source).rate
    channels = source.samples.shape[0] if isinstance(source, Clip) else inspect(source).channels
    rate = next((rate for rate in _RATES if rate >= source_rate), _RATES[-1])
    buffer = io.BytesIO()
    try:
        with (
            _open(source, mono=channels > 2, rate=rate, seconds=_BLOCK, context=0.0) as sound,
            soundfile.SoundFile(
                buffer, "w", rate, min(channels, 2) if channels <= 2 else 1, format="MP3", compression_level=_COMPRESSION
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
