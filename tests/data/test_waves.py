from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.core.errors import InputError
from auricle.data import shards, waves
from auricle.data.item import Item
from auricle.data.manifest import read
from auricle.data.waves import open_waves

RATE = 8000


def sounds(folder: Path, count: int = 5) -> list[Item]:
    """Items of ramps of whole numbers, so that what is read can be told exactly."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        samples = (np.arange(100 + 10 * number) * 7 + number).astype(np.int16)
        soundfile.write(folder / f"{number}.wav", samples, RATE, subtype="PCM_16")
        made.append(Item(str(number), folder / f"{number}.wav"))
    return made


def test_waves_are_the_files_bit_by_bit(tmp_path: Path) -> None:
    items = sounds(tmp_path / "in")
    told: list[tuple[int, int]] = []
    held = open_waves(items, tmp_path / "out", rate=RATE, progress=lambda done, total: told.append((done, total)))
    assert (len(held), held.rate, held.failed, held.cut, told) == (5, RATE, {}, 0, [(5, 5)])
    for index, item in enumerate(items):
        wave = held.wave(index)
        assert wave.dtype == np.int16 and not wave.flags.writeable and isinstance(wave, np.memmap)
        assert (wave == soundfile.read(item.audio, dtype="int16")[0]).all()
        assert held.lengths[index] == len(wave)
    with pytest.raises(IndexError):
        held.wave(5)
    copy = pickle.loads(pickle.dumps(held))
    assert (copy.wave(3) == held.wave(3)).all() and len(pickle.dumps(held)) < 4000


def test_mixed_down_resampled_and_never_clipped(tmp_path: Path) -> None:
    time = np.arange(RATE * 2) / (2 * RATE)
    tone = np.sin(2 * np.pi * 500 * time)
    soundfile.write(tmp_path / "stereo.wav", np.stack([tone, 0.5 * tone], axis=1), 2 * RATE)
    soundfile.write(tmp_path / "loud.wav", 4.0 * tone[: 2 * RATE : 2], RATE, subtype="FLOAT")
    held = open_waves([Item(name, tmp_path / f"{name}.wav") for name in ("stereo", "loud")], tmp_path, rate=RATE)
    assert held.lengths.tolist() == [RATE, RATE]
    wanted = np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
    assert np.abs(held.wave(0)[200:-200] / 32768 - 0.75 * wanted[200:-200]).max() < 0.01
    assert np.abs(held.wave(1) / 32768 - wanted).max() < 0.01


def test_bad_files_are_named_and_the_rest_is_there(tmp_path: Path) -> None:
    items = sounds(tmp_path / "in", 3)
    items[1].audio.write_bytes(b"RIFF\x10\0\0\0WAVEjunk")
    items += [Item("gone", tmp_path / "gone.wav"), Item("part", items[0].audio, start=99.0)]
    items += [Item("long", tmp_path / ("n" * 300 + ".wav")), Item("nul", tmp_path / "a\0b.wav")]
    held = open_waves(items, tmp_path / "out", rate=RATE)
    assert set(held.failed) == {1, 3, 4, 5, 6} and "too long" in held.failed[5] and r"a\x00b.wav" in held.failed[6]
    assert "1.wav" in held.failed[1] and "no such file" in held.failed[3] and "nothing is at 99" in held.failed[4]
    assert [len(held.wave(index)) for index in range(5)] == [100, 0, 120, 0, 0]
    soundfile.write(tmp_path / "gone.wav", np.ones(50) * 0.5, RATE)
    assert len(open_waves(items, tmp_path / "out", rate=RATE).wave(3)) == 50  # another state of the file, another folder


def test_parts_of_files_and_long_ones(tmp_path: Path) -> None:
    ramp = np.arange(4 * RATE, dtype=np.int16)
    soundfile.write(tmp_path / "long.wav", ramp, RATE, subtype="PCM_16")
    items = [
        Item("part", tmp_path / "long.wav", start=1.0, end=1.5),
        Item("rest", tmp_path / "long.wav", start=3.0),
        Item("whole", tmp_path / "long.wav"),
    ]
    held = open_waves(items, tmp_path / "a", rate=RATE, max_seconds=2.0)
    assert held.cut == 1 and held.lengths.tolist() == [RATE // 2, RATE, 2 * RATE]
    assert (held.wave(0) == ramp[RATE : RATE + RATE // 2]).all() and (held.wave(1) == ramp[3 * RATE :]).all()
    assert (held.wave(2) == ramp[: 2 * RATE]).all()


def test_without_a_length_too_long_a_clip_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves, "MAX_SECONDS", 0.01)
    held = open_waves(sounds(tmp_path / "in", 1), tmp_path, rate=RATE)
    assert held.cut == 0 and "is longer than 0.01 s; pass max_seconds" in held.failed[0] and len(held.wave(0)) == 0


def test_sounds_in_shards(tmp_path: Path) -> None:
    items = sounds(tmp_path / "in")
    shards.write(tmp_path, items, name="x", clips_per_shard=3)
    held = open_waves(read(tmp_path / "x-{000000..000001}.tar"), tmp_path / "out", rate=RATE)
    assert not held.failed
    for index, item in enumerate(items):
        assert (held.wave(index) == soundfile.read(item.audio, dtype="int16")[0]).all()
    lost = [Item("x", tmp_path / "x-000000.tar", member="nine.wav"), Item("y", tmp_path / "none.tar", member="a.wav")]
    assert set(open_waves(lost, tmp_path / "out", rate=RATE).failed) == {0, 1}


def test_an_interrupted_making_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves, "_MIN_PART_CLIPS", 2)
    items = sounds(tmp_path / "in")
    heard: list[str] = []
    real = waves._decode

    def hear(item: Item, *rest: object) -> waves.Decoded:
        heard.append(item.id)
        if item.id == "3" and len(heard) < 5:
            raise KeyboardInterrupt
        return real(item, *rest)

    monkeypatch.setattr(waves, "_decode", hear)
    with pytest.raises(KeyboardInterrupt):
        open_waves(items, tmp_path / "out", rate=RATE)
    (home,) = (tmp_path / "out").iterdir()
    assert [path.name for path in sorted(home.glob("*.json"))] == ["00000.json"]
    (home / ".00001.int16.killed.partial").write_bytes(b"left behind")
    held = open_waves(items, tmp_path / "out", rate=RATE)
    assert heard.count("0") == heard.count("1") == 1 and heard.count("3") == 2
    assert [len(held.wave(index)) for index in range(5)] == [100, 110, 120, 130, 140]
    assert sorted(path.name for path in home.iterdir()) == sorted(f"0000{part}.{end}" for part in range(3) for end in ("int16", "json"))
    open_waves(items, tmp_path / "out", rate=RATE)
    assert len(heard) == 7  # nothing is decoded twice


TWO = """
import sys
from pathlib import Path
from auricle.data import waves
from auricle.data.manifest import read
waves._MIN_PART_CLIPS = 4
held = waves.open_waves(read(sys.argv[1]), Path(sys.argv[2]), rate=8000)
print(sum(int(held.wave(index).sum(dtype="int64")) for index in range(len(held))))
"""


def test_two_processes_at_once_do_no_harm(tmp_path: Path) -> None:
    items = sounds(tmp_path, 40)
    (tmp_path / "clips.jsonl").write_text("".join(json.dumps({"audio": str(item.audio)}) + "\n" for item in items))
    command = [sys.executable, "-c", TWO, str(tmp_path / "clips.jsonl"), str(tmp_path / "out")]
    paths = os.pathsep.join([str(Path(waves.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    wanted = sum(int(soundfile.read(item.audio, dtype="int16")[0].sum(dtype="int64")) for item in items)
    assert said == [f"{wanted}\n"] * 2
    (home,) = (tmp_path / "out").iterdir()
    assert not list(home.glob("*.lock")) and len(list(home.iterdir())) == 20


def test_bad_arguments(tmp_path: Path) -> None:
    for arguments in ({"rate": 0}, {"rate": RATE, "max_seconds": 0.0}):
        with pytest.raises(InputError, match="wanted 4000 to 768000 Hz"):
            open_waves(sounds(tmp_path, 1), tmp_path, **arguments)
    with pytest.raises(InputError, match="no items"):
        open_waves([], tmp_path, rate=RATE)
