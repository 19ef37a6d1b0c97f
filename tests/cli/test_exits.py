"""Whatever stops a command, there is one line, an exit code, and no half-written file: on full disks, closed pipes, narrow encodings."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import made_sounds
import numpy as np
import pytest
import soundfile
from tone_model import tone

from auricle.cli import exits
from auricle.core.errors import InputError, ModelError, WriteError

LIMIT = 64  # bytes of a file that the process may write


def run(*words: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """`auricle` as a process of its own, inside a folder."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1", "AURICLE_CACHE": ""}
    environment |= options.pop("environment", {})
    return subprocess.run(
        [sys.executable, "-m", "auricle", *words],
        cwd=folder,
        env=environment,
        text=True,
        check=False,
        stderr=subprocess.PIPE,
        **({"stdout": subprocess.PIPE} | options),
    )


@pytest.fixture
def place(tmp_path: Path, tone_folder: Path) -> Path:
    """A folder with recordings, examples to fit, an archive, a suite and a model, `tones`."""
    made_sounds.written(tmp_path, made_sounds.tones(tmp_path))
    made_sounds.copied(tone_folder, tmp_path / "tones")
    for label in ("low tone", "high tone"):
        for take in "ab":
            (tmp_path / "takes" / label).mkdir(parents=True, exist_ok=True)
            soundfile.write(tmp_path / "takes" / label / f"{take}.wav", tone(label, 2), 16_000)
    probe = {"format": 1, "name": "probe", "about": "Tones.", "protocol": "linear_probe", "split": {"by": "fold"}, "draws": 50}
    (tmp_path / "probe.json").write_text(json.dumps({**probe, "metrics": ["accuracy"]}))
    return tmp_path


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A full disk of its own."""
    home = tmp_path_factory.mktemp("disk")
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform != "linux" or libc.mount(b"none", bytes(home), b"tmpfs", 0, b"size=256k"):
        pytest.skip("a file system for the test cannot be mounted here; that takes root on Linux")
    try:
        with (home / "ballast").open("wb") as file:
            file.write(bytes(os.statvfs(home).f_bavail * os.statvfs(home).f_frsize))
        yield home
    finally:
        libc.umount(bytes(home))


MODEL = ("--model", "tones")
SOUND = "takes/low tone/a.wav"
#: Command line -> what it writes, {} being the place that takes no more.
WRITERS: dict[str, tuple[str, ...]] = {
    "html": ("listen", SOUND, "--html", "{}/page.html", *MODEL),
    "embed": ("embed", SOUND, "--output", "{}/x.npy", *MODEL),
    "index": ("index", "takes", "--archive", "{}/new.archive", *MODEL),
    "fit": ("fit", "takes", "--output", "{}/own.head", *MODEL),
    "score": ("score", "tones", "probe.json", "--data", "clips.jsonl", "--output", "{}/result"),
}
ARCHIVE: dict[str, tuple[str, ...]] = {
    "csv": ("search", "--like", SOUND, "--archive", "sounds.archive", "--export", "{}/hits.csv", *MODEL),
    "parquet": ("search", "--like", SOUND, "--archive", "sounds.archive", "--export", "{}/hits.parquet", *MODEL),
    "cuts": ("search", "--like", SOUND, "--archive", "sounds.archive", "--export", "{}/cuts/", *MODEL),
    "hits": ("search", "--like", SOUND, "--archive", "sounds.archive", "--html", "{}/hits.html", *MODEL),
}
TORCH: dict[str, tuple[str, ...]] = {
    "train": ("train", "msclap", "--set", "train.steps=1", "--set", "batch=2", "--output", "{}/run"),
    "cache": ("train", "classic", "--set", "cache={}/cache", "--output", "run"),
}


def check_one_line(done: subprocess.CompletedProcess[str], *wanted: str) -> None:
    assert done.returncode == exits.FAILED, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert any(text in last for text in wanted), done.stderr


def left(folder: Path) -> list[str]:
    """Files that a command left: none but those that were there before."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != "ballast")


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_line_and_no_half_file(name: str, place: Path, disk: Path) -> None:
    check_one_line(run(*(word.replace("{}", str(disk)) for word in WRITERS[name]), folder=place), "the disk is full")
    assert left(disk) == []


def test_exports_to_a_full_disk_are_one_line_and_no_half_file(place: Path, disk: Path) -> None:
    pytest.importorskip("lancedb")
    assert run("index", "takes", "--archive", "sounds.archive", *MODEL, folder=place).returncode == 0
    for words in ARCHIVE.values():
        check_one_line(run(*(word.replace("{}", str(disk)) for word in words), folder=place), "the disk is full")
    assert left(disk) == []


@pytest.mark.parametrize("name", TORCH)
def test_trainings_on_a_full_disk_are_one_line_and_no_half_file(name: str, place: Path, disk: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    check_one_line(run(*(word.replace("{}", str(disk)) for word in TORCH[name]), folder=place), "the disk is full", "are free; free some")
    assert [name for name in left(disk) if not name.endswith((".wav", "config.json"))] == []


def test_an_archive_on_a_full_disk_stays_as_it_was(place: Path, disk: Path) -> None:
    pytest.importorskip("lancedb")
    (disk / "ballast").unlink()
    home = disk / "sounds.archive"
    assert run("index", "takes/low tone", "--archive", str(home), *MODEL, folder=place).returncode == 0
    with (disk / "ballast").open("wb") as file:
        file.write(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
    check_one_line(run("index", "takes", "--archive", str(home), *MODEL, folder=place), f"{home}: the disk is full")
    check_one_line(run("teach", "hum", "--yes", SOUND, "--archive", str(home), *MODEL, folder=place), f"{home}: the disk is full")
    (disk / "ballast").unlink()
    assert run("index", "takes", "--archive", str(home), *MODEL, folder=place).returncode == 0
    facts = json.loads(run("archive", "--archive", str(home), "--json", folder=place).stdout)
    assert (facts["files"], facts["failed"]) == (4, 0)


def test_a_published_model_converted_and_exported_to_a_full_disk_leaves_nothing(place: Path, disk: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from published_models import clap_folder, tagger

    clap_folder(place / "clap")
    check_one_line(run("convert", "clap", "--output", f"{disk}/clap", folder=place), "the disk is full")
    tagger(place / "tagger")
    check_one_line(run("export", "tagger", "--output", f"{disk}/tagger", folder=place), "the disk is full")
    assert left(disk) == []


@pytest.mark.parametrize("name", ["embed", "index", "fit"])
def test_a_limit_on_the_size_of_files_is_one_line_and_no_half_file(
    name: str, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("limited")
    done = run(
        *(word.replace("{}", str(target)) for word in WRITERS[name]),
        folder=place,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )
    check_one_line(done, "the file is larger than")
    assert left(target) == []


def test_a_full_disk_behind_the_output_is_one_line(place: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there")
    with Path("/dev/full").open("w") as full:
        done = run("tag", SOUND, "--json", *MODEL, folder=place, stdout=full)
    check_one_line(done, "the disk is full")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_pipe_that_is_closed_ends_the_command_in_silence(place: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run("tag", SOUND, "--json", *MODEL, folder=place, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (exits.CLOSED, "")


@pytest.mark.parametrize("number", [1, 2])
def test_a_stream_that_is_closed_from_the_start_is_no_fault(number: int, place: Path) -> None:
    done = run("tag", SOUND, "--json", *MODEL, folder=place, preexec_fn=lambda: os.close(number))
    assert (done.returncode, done.stderr) == (0, "")
    assert ("tags" in done.stdout) is (number == 2)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_answers_are_written_in_any_encoding(encoding: str, place: Path) -> None:
    names = ["日本.wav", "é😀.wav", os.fsdecode(b"lat\xe9in.wav")]
    for name in names:
        soundfile.write(os.fsencode(place / name), tone("low tone", 1), 16_000, format="WAV")
    said = {"PYTHONIOENCODING": encoding}
    done = run("tag", *names, "--json", *MODEL, folder=place, environment=said, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == ["日本.wav", "é😀.wav", r"lat\xe9in.wav"]
    people = run("listen", *names, "ñ.wav", *MODEL, folder=place, environment=said, encoding=encoding)
    assert people.returncode == exits.FAILED and people.stdout.count("low tone") >= len(names) and "Traceback" not in people.stderr


def test_messages_of_decoders_are_not_printed(place: Path) -> None:
    soundfile.write(place / "damaged.mp3", np.random.default_rng(0).standard_normal(160_000) * 0.1, 16_000)
    data = bytearray((place / "damaged.mp3").read_bytes())
    data[3000:12_000] = bytes(9000)
    (place / "damaged.mp3").write_bytes(data)
    done = run("tag", "damaged.mp3", *MODEL, folder=place)
    assert "resync" not in done.stderr and "mpg123" not in done.stderr and "Traceback" not in done.stderr
    assert done.returncode == (exits.FAILED if done.stderr else 0)
    assert all(line.startswith(("damaged.mp3: ", "1 file had")) for line in done.stderr.splitlines())


def test_ctrl_c_is_one_line(place: Path) -> None:
    soundfile.write(place / "long.wav", tone("low tone", 1800), 16_000)
    command = [sys.executable, "-m", "auricle", "listen", *["long.wav"] * 20, "--json", *MODEL]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == exits.STOPPED and said.startswith("stopped; ") and len(said.splitlines()) == 1


def test_a_name_of_300_letters_is_one_line_and_the_others_are_heard(place: Path) -> None:
    done = run("tag", "n" * 300 + ".wav", SOUND, "--json", *MODEL, folder=place)
    first, second = map(json.loads, done.stdout.splitlines())
    assert done.returncode == exits.FAILED and "too long" in first["error"] and "error" not in second and "Traceback" not in done.stderr


def failing(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("wrong words"), 2, "wrong words"),
        (ModelError("no model"), 1, "no model"),
        (WriteError("a.txt: the disk is full"), 1, "a.txt: the disk is full"),
        (PermissionError(13, "Permission denied", "x.wav"), 1, "x.wav: permission denied"),
        (MemoryError(), 1, "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 1, "not enough memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), 1, "not enough memory"),
        (KeyboardInterrupt(), 130, "stopped; files written so far are complete"),
        (KeyError("x"), 70, "internal error in auricle (KeyError)"),
        (SystemExit(3), 3, ""),
    ],
)
def test_every_end_has_a_line_and_a_code(error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exits.run(failing(error)) == code
    said = capsys.readouterr().err
    assert line in said and ("Traceback" in said) == (code == exits.BUG)
    if code not in (exits.BUG, 3):
        assert len(said.splitlines()) == 1


def test_the_codes_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "start.md").read_text(encoding="utf-8")
    stated = {int(line.split("|")[1]) for line in page.splitlines() if line.startswith("| ") and line.split("|")[1].strip().isdigit()}
    assert stated == {0, exits.FAILED, exits.USAGE, 3, exits.BUG, exits.STOPPED, exits.CLOSED}
