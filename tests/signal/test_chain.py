"""Recordings that follow each other in one file, of one rate and number of channels or of several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sounds import sound, write_native

from auricle.signal.streaming import cut, read, stream


@pytest.mark.parametrize("rates", [(22050, 44100), (44100, 22050, 48000)])
@pytest.mark.parametrize("name", ["ogg", "wav"])
def test_a_chain_of_unlike_rates_is_heard_whole(tmp_path: Path, rates: tuple[int, ...], name: str) -> None:
    path = tmp_path / f"chain.{name}"
    parts = [np.concatenate([sound(1.0, rate), np.zeros((1, rate), np.float32)], axis=1) for rate in rates]
    path.write_bytes(
        b"".join(write_native(tmp_path / "part", part, name, rate).read_bytes() for part, rate in zip(parts, rates, strict=True))
    )
    windows = stream(path, rate=8000, seconds=100.0)
    (window,) = windows
    assert windows.error is None and windows.decoded == pytest.approx(2.0 * len(rates), abs=0.01) and windows.info.rate == rates[0]
    for place in range(len(rates)):
        middle = window.samples[0, round((2 * place + 0.1) * 8000) : round((2 * place + 0.9) * 8000)]
        spectrum = np.abs(np.fft.rfft(middle))
        assert np.argmax(spectrum) / 0.8 == pytest.approx(200, abs=2)  # the same tone at any rate
        assert np.abs(window.samples[0, round((2 * place + 1.1) * 8000) : round((2 * place + 1.9) * 8000)]).max() < 0.02
    part = cut(path, 2.0, 3.0)
    assert part.rate == rates[0] and np.abs(part.samples).max() > 0.2


def test_a_chain_of_unlike_channels_is_heard_whole(tmp_path: Path) -> None:
    two, one = sound(1.0, 22050, 2), sound(1.0, 22050, 1)
    content = write_native(tmp_path / "two", two, "wav").read_bytes() + write_native(tmp_path / "one", one, "wav").read_bytes()
    (tmp_path / "chain.wav").write_bytes(content)
    samples = read(tmp_path / "chain.wav").samples
    assert np.abs(samples - np.concatenate([two, np.repeat(one, 2, axis=0)], axis=1)).max() < 1e-4
