"""The examples: small, of one, two and four channels, and what their script makes."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import auricle
from auricle.signal.streaming import inspect, read, stream

FOLDER = Path(__file__).parent.parent.parent / "examples"
NAMES = sorted(path.name for path in FOLDER.glob("*.ogg"))
SHIPPED = {"alarm": "clock alarm", "bells": "church bells", "engine": "engine", "rain": "rain", "siren": "siren"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples made anew."""
    folder = tmp_path_factory.mktemp("examples")
    runpy.run_path(str(FOLDER / "make_examples.py"))["main"](folder)
    return folder


def test_the_examples_are_small_and_differ_in_channels() -> None:
    assert sum((FOLDER / name).stat().st_size for name in NAMES) <= 300_000
    assert {inspect(FOLDER / name).channels for name in NAMES} == {1, 2, 4}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_heard_whole(name: str) -> None:
    windows = stream(FOLDER / name, rate=16000, seconds=10.0)
    for _ in windows:
        pass
    assert windows.error is None and 5.0 <= windows.decoded <= 10.0 and 0.1 < windows.peak < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_what_is_there(made: Path, name: str) -> None:
    there, anew = read(FOLDER / name).samples, read(made / name).samples
    assert there.shape == anew.shape
    assert np.abs(there - anew).max() < 1e-3


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_the_shipped_model_calls_an_example_by_its_name(name: str) -> None:
    tags = auricle.load().tag(FOLDER / f"{name}.ogg").tags
    assert [tag.label for tag in tags if tag.present] == [SHIPPED[name]]


def test_every_example_has_an_expected_answer() -> None:
    assert sorted(f"{name}.ogg" for name in SHIPPED) == NAMES


def spectrum(sound: np.ndarray, rate: int, *, start: float, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (Hz) and power of a stretch of a sound (N,)."""
    part = sound[round(start * rate) : round((start + length) * rate)]
    return np.fft.rfftfreq(len(part), 1 / rate), np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2


def strongest(sound: np.ndarray, rate: int, *, low: float, high: float, start: float, length: float) -> float:
    """The strongest frequency between two, Hz."""
    frequency, power = spectrum(sound, rate, start=start, length=length)
    return float(frequency[np.argmax(power * ((frequency >= low) & (frequency <= high)))])


def test_the_engine_fires_twice_a_turn_and_follows_its_speed() -> None:
    clip = read(FOLDER / "engine.ogg")
    idling = strongest(clip.samples[0], clip.rate, low=20, high=40, start=0.2, length=2.0)
    assert abs(idling - 2 * 850 / 60) < 1.5  # four cylinders of a four-stroke engine at 850 turns a minute
    revved = strongest(clip.samples[0], clip.rate, low=45, high=100, start=4.55, length=0.3)
    assert abs(revved - 2 * 2200 / 60) < 5


def test_rates_are_halved_without_aliases() -> None:
    made = runpy.run_path(str(FOLDER / "make_examples.py"))
    time = np.arange(6400) / made["RATE"]
    kept, lost = np.sin(2 * np.pi * 1000 * time), np.sin(2 * np.pi * 10_000 * time)
    halved = made["at_part"](np.stack([kept, kept + lost]), 2)
    assert halved.shape == (2, 3200) and np.abs(halved - kept[::2]).max() < 1e-9
