"""What listening costs, end to end, beside what a user would pick instead. All ratios come from one run on one machine.

    python benchmarks/listen.py                  everything that this install allows; prints, and writes docs/results/listen.json
    python benchmarks/listen.py --quick --dry    minutes less, nothing written

Measured: an hour of 44.1 kHz stereo on one core; ten hours' memory; a cold `auricle tag`; `import auricle`; the size of a fresh
environment with the core alone (needs a package index); and 100 files against transformers' zero-shot-audio-classification
pipeline over a ClapModel with random weights, which cost the same as trained ones (needs transformers and torch).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from auricle.bench.results import Figure, fingerprint, write_record
from auricle.runtime import catalog

ROOT = Path(__file__).resolve().parents[1]
RATE = 44_100
LABELS = ["dog barking", "rain", "siren", "crying baby", "church bells", "engine", "clapping", "birds", "speech", "music"]
SEED = 0


def scene(rng: np.random.Generator, seconds: float, *, channels: int = 1) -> np.ndarray:
    """Sound (N, C) at 44.1 kHz that no window can skip: the project's own examples at random gains over a little noise."""
    total = round(seconds * RATE)
    sound = 0.003 * rng.standard_normal((total, channels)).astype(np.float32)
    examples = [soundfile.read(path, dtype="float32", always_2d=True) for path in sorted((ROOT / "examples").glob("*.ogg"))]
    at = 0
    while examples and at < total:
        samples, rate = examples[rng.integers(len(examples))]
        places = np.arange(0, len(samples), rate / RATE)  # nearest sample: cheap, and only its cost to hear matters here
        piece = samples[places.astype(int)].mean(axis=1, keepdims=True)[: total - at]
        sound[at : at + len(piece)] += np.float32(rng.uniform(0.1, 0.8)) * piece
        at += len(piece) + int(rng.uniform(0, 2) * RATE)
    return sound.clip(-1, 1)


def write_long(path: Path, hours: float, *, channels: int) -> Path:
    """A long 16-bit wav, written minute by minute."""
    rng = np.random.default_rng(SEED)
    minute = scene(rng, 60, channels=channels)
    with soundfile.SoundFile(path, "w", RATE, channels, subtype="PCM_16") as file:
        for _ in range(round(hours * 60)):
            file.write(np.roll(minute, int(rng.integers(len(minute))), axis=0))
    return path


def command(*words: str, cpu_count: Sequence[int] | None = None) -> tuple[float, str]:
    """Run a Python command line in a fresh process, on some cores only; seconds it took and what it printed."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [settings.get("PYTHONPATH")])])
    pin = None if cpu_count is None else lambda: os.sched_setaffinity(0, cpu_count)
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True, env=settings, preexec_fn=pin)
    return time.perf_counter() - began, done.stdout


def chosen(model: str | None) -> list[str]:
    """The words of a command that name a model."""
    return [] if model is None else ["--model", str(Path(model).resolve())]


def peak_memory() -> float:
    """MB that the largest child process so far held."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def median(measure: Callable[[], float], times: int) -> float:
    """Median of some measurements, after one that warms the disk cache."""
    measure()
    return statistics.median(measure() for _ in range(times))


def measure_hour(folder: Path, model: str | None, times: int) -> list[Figure]:
    """An hour from file to answer on one core: the whole process."""
    path = write_long(folder / "hour.wav", 1.0, channels=2)
    core = [min(os.sched_getaffinity(0))]
    taken = []
    for _ in range(times):
        seconds, printed = command("-m", "auricle", "listen", str(path), "--json", *chosen(model), cpu_count=core)
        told = json.loads(printed)
        assert told["coverage"] == 1.0 and "error" not in told
        taken.append(seconds)
    path.unlink()
    middle = statistics.median(taken)
    note = "wav, stereo, 44.1 kHz; one core; process start, decoding, resampling, model, events and JSON; median, least and most"
    return [
        {"name": "hour_seconds", "value": middle, "low": min(taken), "high": max(taken), "unit": "s", "n": times, "note": note},
        {"name": "hour_speed", "value": 3600 / middle, "unit": "x", "n": times, "note": "seconds of sound a second on one core"},
        {"name": "hour_memory", "value": peak_memory(), "unit": "MB", "n": 1, "note": "peak of the process"},
    ]


def measure_ten_hours(folder: Path, model: str | None) -> list[Figure]:
    """Peak memory over ten hours, all cores."""
    path = write_long(folder / "long.wav", 10.0, channels=1)
    seconds, printed = command("-m", "auricle", "listen", str(path), "--json", *chosen(model))
    assert json.loads(printed)["coverage"] == 1.0
    path.unlink()
    return [
        {
            "name": "ten_hours_memory",
            "value": peak_memory(),
            "unit": "MB",
            "n": 1,
            "note": "peak of the process, ten hours of wav",
        },
        {"name": "ten_hours_seconds", "value": seconds, "unit": "s", "n": 1, "note": "all cores"},
    ]


def measure_start(folder: Path, model: str | None, times: int) -> list[Figure]:
    """Fresh processes: a short file's tags, and the bare import."""
    path = folder / "x.wav"
    soundfile.write(path, scene(np.random.default_rng(SEED), 5.0), RATE)
    cold = median(lambda: command("-m", "auricle", "tag", str(path), *chosen(model))[0], times)
    bare = median(lambda: command("-c", "pass")[0], 2 * times)
    loaded = median(lambda: command("-c", "import auricle")[0], 2 * times)
    return [
        {
            "name": "tag_cold_seconds",
            "value": cold,
            "unit": "s",
            "n": times,
            "note": "`auricle tag x.wav`, 5 s of sound, median of fresh processes",
        },
        {
            "name": "import_seconds",
            "value": max(0.0, loaded - bare),
            "unit": "s",
            "n": 2 * times,
            "note": "`import auricle` over a bare interpreter",
        },
    ]


def measure_install(folder: Path) -> list[Figure]:
    """Size of a fresh environment with the core alone."""
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    words = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"install not measured: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return []
    size = sum(path.lstat().st_size for path in place.rglob("*") if not path.is_dir()) / 1e6
    return [{"name": "core_environment", "value": size, "unit": "MB", "n": 1, "note": "a fresh .venv, pip included, without torch"}]


def measure_peer(folder: Path, model: str | None, *, count: int, rounds: int) -> list[Figure]:
    """Files a second of both, taking turns, on all cores."""
    if not (importlib.util.find_spec("transformers") and importlib.util.find_spec("torch")):
        print("not compared with transformers: it or torch is not installed", file=sys.stderr)
        return []
    files = []
    for place in range(count):
        sound = scene(np.random.default_rng(SEED + place), 5.0)
        path = folder / f"{place}.ogg"
        soundfile.write(path, sound, RATE)
        files.append(str(path))
    ours, theirs = hear_with_auricle(model), hear_with_transformers()
    ours(files[:2]), theirs(files[:2])
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, hear in (("ours", ours), ("theirs", theirs)):
            began = time.perf_counter()
            hear(files)
            taken[name].append(time.perf_counter() - began)
    speeds = {name: count * rounds / sum(seconds) for name, seconds in taken.items()}
    ratios = [slow / fast for slow, fast in zip(taken["theirs"], taken["ours"], strict=True)]
    note = f"{count} ogg files of 5 s, {len(LABELS)} labels, decoding included, all cores"
    peer = "the same files; transformers' pipeline, ClapModel, random weights"
    told = "times as fast: median, least and most of the rounds; the models differ in size, which is the point"
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    return [
        {"name": "files_a_second", "value": speeds["ours"], "unit": "files/s", "n": count, "note": note},
        {"name": "peer_files_a_second", "value": speeds["theirs"], "unit": "files/s", "n": count, "note": peer},
        {"name": "peer_ratio", "value": middle, "low": low, "high": high, "unit": "x", "n": rounds, "note": told},
    ]


def hear_with_auricle(model: str | None) -> Callable[[list[str]], Any]:
    """Tags, events and the asked labels of files."""
    import auricle

    listener = auricle.load(model)
    return lambda files: listener.listen(files, LABELS)


def hear_with_transformers() -> Callable[[list[str]], Any]:
    """The pipeline as its documentation shows it, fed with arrays by the fastest decoder and resampler (it would call ffmpeg)."""
    import soxr
    from tokenizers import Tokenizer, models, pre_tokenizers

    peer: Any = importlib.import_module("transformers")  # untyped, and absent where types are checked
    letters = {letter: place for place, letter in enumerate(["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz ."])}
    words = Tokenizer(models.WordLevel(letters, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # a token a word, as few as any trained tokenizer gives
    tokenizer = peer.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    extractor = peer.ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad")
    model = peer.ClapModel(peer.ClapConfig()).eval()
    ask = peer.pipeline("zero-shot-audio-classification", model=model, tokenizer=tokenizer, feature_extractor=extractor)

    def hear(files: list[str]) -> list[Any]:
        answers = []
        for file in files:
            samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
            answers.append(ask(soxr.resample(samples.mean(axis=1), rate, 48_000), candidate_labels=LABELS))
        return answers

    return hear


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out ten hours and the install, fewer repeats")
    parser.add_argument("--dry", action="store_true", help="write no record")
    parser.add_argument("--model", help="a model folder in place of the shipped model; no record is written then")
    asked = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures += measure_start(folder, asked.model, 3 if asked.quick else 9)
        figures += measure_hour(folder, asked.model, 1 if asked.quick else 5)
        if not asked.quick:
            figures += measure_ten_hours(folder, asked.model)
            figures += measure_install(folder)
        figures += measure_peer(folder, asked.model, count=20 if asked.quick else 100, rounds=1 if asked.quick else 3)
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:10.3f} {figure.get('unit', ''):8} {figure.get('note', '')}")
    if not asked.dry and not asked.model:
        record(figures)


def record(figures: list[Figure]) -> None:
    """Write docs/results/listen.json."""
    about = "What listening costs, end to end, and beside transformers' zero-shot pipeline in the same run."
    weights = fingerprint(catalog.find_folder(None))
    where = ROOT / "docs" / "results"
    shown = "python benchmarks/listen.py"
    print(write_record(where, "listen", command=shown, seed=SEED, figures=figures, weights=weights, extra={"about": about}))


if __name__ == "__main__":
    main()
