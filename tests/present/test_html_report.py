from __future__ import annotations

import base64
import io
import json
import re
import struct
import urllib.parse
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tone_model
from tone_model import clip, silence, tone

import auricle
from auricle.core.errors import WriteError
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Source
from auricle.present import html_report
from auricle.present.spectrogram_image import ColumnBuffer, encode_png, frequency_ticks, read_columns, window_settings
from auricle.signal.frontend import open_frontend
from auricle.signal.streaming import stream_clip


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


def page(listener: Listener, sources: list[Source], folder: Path) -> tuple[str, dict[str, Any]]:
    heard = listener.listen(sources, ["deep hum"])
    text = html_report.render(heard, sources, config=listener.config, folder=folder)
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    return text, json.loads(found[1])


def saved(path: Path, *pieces: np.ndarray, rate: int = 44_100, **how: Any) -> Path:
    soundfile.write(path, np.concatenate(pieces), rate, **how)
    return path


def decoded(address: str) -> tuple[np.ndarray, int]:
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(address.split(",", 1)[1])))
    return sound, rate


def test_a_page_stands_alone(listener: Listener, tmp_path: Path) -> None:
    file = saved(tmp_path / "a.wav", silence(1, rate=44_100), tone("low tone", 2, rate=44_100))
    text, data = page(listener, [str(file)], tmp_path)
    assert not re.search(r"(src|href)=\"?https?:|@import|url\(\s*['\"]?http", text)
    (told,) = data["files"]
    assert told["file"] == str(file) and told["events"][0]["label"] == "low tone" and told["labels"][0]["label"] == "deep hum"
    assert told["picture"].startswith("data:image/png;base64,") and told["pictured"] == pytest.approx(3.0)
    assert told["embedded"] and told["audio"].startswith("data:audio/wav;base64,")


def test_names_cannot_become_markup(listener: Listener, tmp_path: Path) -> None:
    file = saved(tmp_path / "<img src=x onerror=alert(1)>&.wav", tone("low tone", 1))
    text, data = page(listener, [str(file), "</script><script>alert(1)</script>"], tmp_path)
    assert "<img src=x" not in text and "</script><script>alert" not in text
    assert data["files"][0]["file"] == str(file) and "no such file" in data["files"][1]["error"]


def test_files_with_errors_are_told(listener: Listener, tmp_path: Path) -> None:
    file = saved(tmp_path / "cut.wav", tone("low tone", 4, rate=44_100))
    file.write_bytes(file.read_bytes()[:176_444])
    _, data = page(listener, [str(file), str(tmp_path)], tmp_path)
    cut, folder = data["files"]
    assert cut["coverage"] == pytest.approx(0.5, abs=0.01) and cut["pictured"] == pytest.approx(2.0, abs=0.01) and cut["error"]
    assert "picture" not in folder and "audio" not in folder and "directory" in folder["error"]


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000])
def test_sound_that_browsers_do_not_play_is_encoded(listener: Listener, tmp_path: Path, rate: int, channels: int) -> None:
    sound = np.stack([tone("low tone", 2, rate=rate)] * channels, axis=1)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="PCM_24")
    _, data = page(listener, [str(tmp_path / "a.wav")], tmp_path)
    assert data["files"][0]["audio"].startswith("data:audio/mpeg;base64,")
    played, played_rate = decoded(data["files"][0]["audio"])
    assert len(played) / played_rate == pytest.approx(2.0, abs=0.1)
    assert (played.ndim == 2) == (channels == 2)
    assert 0.15 < np.sqrt(np.mean(np.square(played))) < 0.25


def test_long_sound_is_linked(listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_report, "_FILE_AUDIO", 10_000)
    (tmp_path / "in").mkdir()
    file = saved(tmp_path / "in" / "a b#1.wav", tone("low tone", 3))
    _, data = page(listener, [str(file), clip(tone("low tone", 3))], tmp_path / "out")
    linked, array = data["files"]
    assert not linked["embedded"] and urllib.parse.unquote(linked["audio"]) == "../in/a b#1.wav" and "#" not in linked["audio"]
    assert array["audio"] == "" and not array["embedded"]


def test_all_sound_together_is_bounded(listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path / "a.wav", tone("low tone", 1, rate=44_100))
    monkeypatch.setattr(html_report, "_PAGE_AUDIO", 130_000)
    _, data = page(listener, [str(file)] * 6, tmp_path)
    embedded = [one["embedded"] for one in data["files"]]
    assert embedded[0] and not embedded[-1]
    assert sum(len(one["audio"]) for one in data["files"] if one["embedded"]) <= 130_000


def test_a_page_that_cannot_be_written_is_one_line(listener: Listener, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="there is no such file or folder"):
        html_report.write(tmp_path / "no" / "folder.html", [], [], config=listener.config)


def test_a_png_holds_the_picture() -> None:
    levels = np.linspace(-100, 0, 6 * 4).reshape(6, 4).astype(np.float32)
    content = encode_png(levels)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    length, kind = struct.unpack(">I4s", content[8:16])
    assert kind == b"IHDR" and struct.unpack(">II", content[16:24]) == (6, 4)
    start = content.index(b"IDAT")
    (size,) = struct.unpack(">I", content[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + size]), np.uint8).reshape(4, 7)
    assert not rows[:, 0].any() and rows.max() == 255 and rows[0, -1] == 255 and rows[-1, 1] == 0
    assert length == 13 and content.endswith(b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))


@pytest.mark.parametrize("value", [-100.0, -20.0])
def test_a_flat_picture_has_no_division_by_nothing(value: float) -> None:
    assert encode_png(np.full((5, 64), value, np.float32))


@pytest.mark.parametrize("frames", [1, 9, 10, 11, 20, 21, 37, 160, 1001])
def test_a_strip_keeps_every_peak_and_its_place(frames: int) -> None:
    rng = np.random.default_rng(frames)
    features = rng.uniform(-80, -40, (frames, 3)).astype(np.float32)
    features[frames // 2] = 0.0
    strip, at = ColumnBuffer(3, most=10), 0
    while at < frames:
        step = int(rng.integers(1, 30))
        strip.add(features[at : at + step])
        at += step
    found = strip.columns()
    assert len(found) <= 11 and found.max() == 0.0
    assert abs(int(found[:, 0].argmax()) / len(found) - frames // 2 / frames) <= 1.0 / len(found) + 0.1


def test_a_picture_has_no_seams_between_windows() -> None:
    frontend = open_frontend("auricle-16k")
    sound = clip(tone("middle tone", 35))
    with stream_clip(sound, **window_settings(frontend)) as windows:  # type: ignore[arg-type]
        drawn = read_columns(windows, frontend)
    whole = frontend.features(sound.samples)
    assert drawn.shape == whole.shape
    np.testing.assert_allclose(drawn, whole, atol=0.05)


def test_ticks_rise_with_frequency() -> None:
    found = frequency_ticks(open_frontend("auricle-16k"))
    assert [hertz for hertz, _ in found] == sorted(hertz for hertz, _ in found)
    assert all(0 < place <= 1 for _, place in found) and [place for _, place in found] == sorted(place for _, place in found)
    assert tone_model.RATE / 2 == 8000 and found[-1] == (8000, pytest.approx(1.0))
