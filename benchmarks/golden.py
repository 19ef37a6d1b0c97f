"""Golden answers: what this code answers about fixed recordings, and in what it differs from answers that were stored before.

    python benchmarks/golden.py store   tests/golden/answers --model auricle-tiny=auricle-tiny [--model mn04=FILE] [--data DIR]
    python benchmarks/golden.py compare tests/golden/answers --model auricle-tiny=auricle-tiny [--model mn04=FILE] [--data DIR]

Recordings are the examples and, with --data (or AURICLE_DATA), twenty of docs/data.md. Stored are the answers of listen, tag, detect and
classify as dictionaries (NAME.json) and, as float32, vectors of sounds and words and every named output of every window (NAME.npz); of an
array with many numbers evenly spaced ones. `compare` prints each number that differs by more than --within, each key that is gone, and
each key that is new; differences that mended.json beside the answers explains are counted apart. Exit code 1 where something differs.
`store --only examples/engine.ogg` replaces the answers about that recording alone, where the recording itself was made anew.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import auricle
from auricle.core.errors import AuricleError
from auricle.listen.zeroshot import ZeroShot

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
#: Twenty recordings of docs/data.md: every rate, one to four channels, 70 ms to a minute, silence in some.
RECORDINGS = (
    "esc50_16k/audio/1-100032-A-0.ogg",
    "esc50_16k/audio/1-100038-A-14.ogg",
    "esc50_16k/audio/1-17367-A-10.ogg",
    "esc50_16k/audio/1-187207-A-20.ogg",
    "esc50_16k/audio/1-31482-A-42.ogg",
    "fsdd_8k/audio/0_george_0.flac",
    "wakewords_16k/audio/amelia-00801684-3e63-4a0a-aa4a-98f0542b67d3.flac",
    "speech_text/audio/sense_and_sensibility_01_austen_64kb-0870.flac",
    "sonicpi_cc0/audio/guit_e_fifths.flac",
    "sonicpi_cc0/audio/drum_roll.flac",
    "librosa_examples/audio/vibeace.ogg",
    "librosa_examples/audio/robin.ogg",
    "opensfx/audio/osfx_00.flac",
    "minetest_sounds/audio/carts__carts_cart_moving.1.ogg",
    "kenney_ui_cc0/audio/back_001.flac",
    "ambience/audio/birds_0.flac",
    "donateacry_8k/audio/belly_pain_01.flac",
    "spatial/foa/BF_rec3_choir.ogg",
    "berklee_olpc/audio/analogsynth2-high.ogg",
    "luanti_animals/audio/petz-kitty-meow.ogg",
)
#: Words that are asked for; some are labels of the vocabulary, some are not.
WORDS = ("siren", "rain on a roof", "a wren singing", "crying baby", "speech", "guitar")
_MOST = 1024  # numbers that are stored of one array


def recordings(data: Path | None) -> Iterator[tuple[str, Path]]:
    """Name and path of every recording."""
    for path in sorted(EXAMPLES.glob("*.ogg")):
        yield f"examples/{path.name}", path
    for name in RECORDINGS if data is not None else ():
        assert data is not None
        yield name, data / name


def sampled(array: np.ndarray) -> np.ndarray:
    """At most _MOST numbers of an array, evenly spaced over it."""
    flat = np.ascontiguousarray(array, np.float32).ravel()
    return flat if flat.size <= _MOST else flat[np.linspace(0, flat.size - 1, _MOST).astype(int)]


def answers(model: str, data: Path | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Dictionaries and arrays of one model, by recording and by what was asked."""
    listener = auricle.load(model, "onnx" if model == "auricle-tiny" else "torch-fp32")
    told: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    words = list(WORDS) if listener.runtime.has_text_tower else None
    if words is not None:
        arrays["words"] = listener.embed_text(words)
    for name, path in recordings(data):
        told[name] = dict(_asked(listener, words, path))
        for space in ("words", "likeness"):
            arrays[f"{name}/{space}"] = listener.embed_audio(path, space=space)[0]
        for place, outputs in enumerate(listener.outputs(path)):
            for output, value in outputs.items():
                if np.size(value):
                    arrays[f"{name}/{place}/{output}"] = sampled(np.asarray(value))
    return told, arrays


def _asked(listener: auricle.Listener, words: list[str] | None, path: Path) -> Iterator[tuple[str, Any]]:
    yield "listen", _plain(listener.listen(path, words, top=None if words is not None else 40).to_dict())
    yield "tag", _plain(listener.tag(path).to_dict())
    try:
        yield "detect", _plain(listener.detect(path).to_dict())
    except AuricleError as error:
        yield "detect", str(error)
    if words is None:
        return
    zero_shot = ZeroShot(listener, words)
    for question in ("one", "any"):
        yield f"classify {question}", _plain(zero_shot.classify(path, question=question)[0].to_dict())


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it. The path is left out: it is where this checkout or the data lies."""
    plain: dict[str, Any] = json.loads(json.dumps(answer))
    del plain["file"]
    for scores in ("tags", "labels"):
        if scores in plain:  # by label, so that two equal scores in another order are no difference
            plain[scores] = {one["label"]: {key: value for key, value in one.items() if key != "label"} for one in plain[scores]}
    return plain


def differences(stored: object, found: object, place: str, within: float) -> Iterator[tuple[str, str]]:
    """(where, what) of everything in `found` that is not as stored."""
    if isinstance(stored, Mapping) and isinstance(found, Mapping):
        yield from ((f"{place}/{key}", f"is gone; was {stored[key]}") for key in sorted(stored.keys() - found.keys()))
        yield from ((f"{place}/{key}", f"is new: {found[key]}") for key in sorted(found.keys() - stored.keys()))
        for key in sorted(stored.keys() & found.keys()):
            yield from differences(stored[key], found[key], f"{place}/{key}", within)
    elif isinstance(stored, list) and isinstance(found, list):
        if len(stored) != len(found):
            yield place, f"has {len(found)} items; had {len(stored)}"
        for number, pair in enumerate(zip(stored, found, strict=False)):
            yield from differences(*pair, f"{place}/{number}", within)
    elif isinstance(stored, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        if not abs(stored - found) <= within:
            yield place, f"is {found:.7g}; was {stored:.7g}"
    elif stored != found:
        yield place, f"is {found!r}; was {stored!r}"


def array_differences(
    stored: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], name: str, within: float
) -> Iterator[tuple[str, str]]:
    """(where, what) of arrays that are not as stored: relative to the largest number of an array where that is above 1."""
    for key in sorted(stored.keys() | found.keys()):
        place = f"{name}/{key}"
        if key not in found or key not in stored:
            yield place, "is gone" if key in stored else "is new"
        elif stored[key].shape != found[key].shape:
            yield place, f"has shape {found[key].shape}; had {stored[key].shape}"
        else:
            apart = float(np.abs(stored[key] - found[key]).max(initial=0.0)) / max(1.0, float(np.abs(stored[key]).max(initial=0.0)))
            if not apart <= within:
                yield place, f"is {apart:.2g} away"


def store(into: Path, name: str, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write NAME.json and NAME.npz."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as folder:
        (Path(folder) / "j").write_text(json.dumps(_shortened(told), indent=None, sort_keys=True) + "\n", encoding="utf-8")
        np.savez_compressed(Path(folder) / "a.npz", **dict(arrays))  # type: ignore[arg-type]
        os.replace(Path(folder) / "j", into / f"{name}.json")
        os.replace(Path(folder) / "a.npz", into / f"{name}.npz")


def _shortened(value: Any) -> Any:
    """Seven digits of every number: what single precision holds."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value


def replaced(into: Path, name: str, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], only: str) -> None:
    """Write NAME.json and NAME.npz with new answers about one recording; those about all others stay as they are stored."""
    kept = {key: value for key, value in json.loads((into / f"{name}.json").read_text(encoding="utf-8")).items() if key != only}
    with np.load(into / f"{name}.npz") as file:
        numbers = {key: file[key] for key in file.files if not key.startswith(f"{only}/")}
    new = {key: value for key, value in arrays.items() if key.startswith(f"{only}/")}
    store(into, name, kept | {only: told[only]}, numbers | new)


def compare(stored: Path, name: str, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, within: float) -> int:
    """Print what differs; the number of differences that nothing explains."""
    was = json.loads((stored / f"{name}.json").read_text(encoding="utf-8"))
    with np.load(stored / f"{name}.npz") as file:
        numbers = {key: file[key] for key in file.files}
    was = {key: value for key, value in was.items() if key in told}  # without --data only the examples are compared
    numbers = {key: value for key, value in numbers.items() if key == "words" or any(key.startswith(f"{one}/") for one in told)}
    explained = _mended(stored)
    found = [*differences(was, told, name, within), *array_differences(numbers, arrays, name, within)]
    counted: dict[str, int] = {}
    left = 0
    for place, what in found:
        why = next((reason for pattern, reason in explained.items() if fnmatch.fnmatchcase(place, pattern)), None)
        if why is None:
            left += 1
            print(f"{place} {what}")
        else:
            counted[why] = counted.get(why, 0) + 1
    for why, count in counted.items():
        print(f"{count} differences as mended: {why}")
    print(f"{name}: {len(told)} recordings, {len(numbers)} arrays, {left} differences within {within:g} that nothing explains")
    return left


def _mended(stored: Path) -> dict[str, str]:
    path = stored / "mended.json"
    explained: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return explained


def main() -> None:
    """Store or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("store", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=MODEL")
    parser.add_argument("--data", type=Path, default=os.environ.get("AURICLE_DATA"))
    parser.add_argument("--only", metavar="RECORDING")
    parser.add_argument("--within", type=float, default=1e-5)
    asked = parser.parse_args()
    data = None if asked.data is None else Path(asked.data)
    left = 0
    for model in asked.model:
        name, _, where = model.partition("=")
        told, arrays = answers(where or name, data)
        if asked.what == "store" and asked.only is not None:
            replaced(asked.folder, name, told, arrays, asked.only)
        elif asked.what == "store":
            store(asked.folder, name, told, arrays)
        else:
            left += compare(asked.folder, name, told, arrays, within=asked.within)
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
