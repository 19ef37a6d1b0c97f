"""LAION-CLAP without fusion by its own code (LAION-AI/CLAP): its preparation of sounds, HTS-AT tiny, RoBERTa, weights drawn here.

Run: python laion-clap.py REPOSITORIES OUT. Stand-ins: see _clap. The file is as published: names begin with 'module.', and the counted
positions are there that releases of transformers before 4.31 kept.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from _clap import TEXTS, draw, offline, roberta_words, save, sound, stand_in, write_keys

RATE = 48000
POSITIONS = "module.text_branch.embeddings.position_ids"


def roberta() -> Any:
    config = transformers.RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
    return transformers.RobertaModel(config)


class Tower(NamedTuple):
    """How the text tower is called in the published code, its class in transformers, and how both it and its words are made."""

    name: str
    kind: str
    make: Callable[[], Any]
    words: Callable[[Path], Any]


ROBERTA = Tower("roberta", "RobertaModel", roberta, roberta_words)


def main(repositories: Path, out: Path, *, name: str = "laion-clap", size: str = "HTSAT-tiny", fused: bool = False) -> None:
    package = repositories / "LAION-AI+CLAP" / "src" / "laion_clap"
    tensors = run(package, out, size=size, fused=fused, tower=ROBERTA, extra={POSITIONS: torch.arange(514)[None]})
    write_keys(name, repositories, "LAION-AI/CLAP", tensors)


def run(package: Path, out: Path, *, size: str, fused: bool, tower: Tower, extra: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Write what the published package makes of a sound and of words; returns the tensors of its file."""
    stand_in()
    sys.path[:0] = [str(package), str(package.parent)]
    words = tower.words(out)
    offline(words, **{tower.kind: tower.make})
    create_model = importlib.import_module("clap_module").create_model
    data = importlib.import_module("training.data")
    kind = "aff_2d" if fused else "None"
    made, settings = create_model(size, tower.name, enable_fusion=fused, fusion_type=kind)
    draw(made)
    made.eval()
    samples = sound(RATE, 6.3)
    quantised = torch.from_numpy(data.int16_to_float32(data.float32_to_int16(samples)))
    truncating = "fusion" if fused else "rand_trunc"
    prepared = data.get_audio_features({}, quantised, 10 * RATE, truncating, "repeatpad", settings["audio_cfg"])
    read = words(list(TEXTS), padding="max_length", truncation=True, max_length=77, return_tensors="pt")
    with torch.no_grad():
        pooled = made.encode_audio({key: value[None] for key, value in prepared.items()}, device="cpu")["embedding"]
        embedding = made.audio_projection(pooled)[0]
        text = made.encode_text(read, device="cpu")
    tensors = {f"module.{key}": value for key, value in made.state_dict().items()}
    tensors.update(extra)
    checkpoint = {"epoch": 1, "name": "drawn", "state_dict": tensors}
    save(out, words, checkpoint, samples=samples, rate=RATE, pooled=pooled[0], embedding=embedding, text=text)
    return tensors


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
