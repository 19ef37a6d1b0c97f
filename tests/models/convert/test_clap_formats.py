"""What the formats of HTS-AT and of CLAP read from a checkpoint: sizes, rates, words; and what they refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert.checkpoint_file import Checkpoint  # noqa: E402
from auricle.models.convert.convert import recognise  # noqa: E402
from auricle.signal.banks import mel_bank  # noqa: E402
from auricle.signal.presets import PRESETS  # noqa: E402

KEYS = Path(__file__).resolve().parents[2] / "parity" / "keys"


def checkpoint(name: str, **held: Any) -> Checkpoint:
    """A published list of names and shapes, with some tensors that hold something."""
    listed = json.loads((KEYS / f"{name}.json").read_text())["keys"]
    tensors = {key: torch.empty(shape, device="meta") for key, shape in listed.items()}
    unknown = set(held) - set(tensors)
    assert not unknown
    return Checkpoint(Path("checkpoint.pt"), {**tensors, **held}, {}, {})


def settings(found: Checkpoint) -> dict[str, Any]:
    return dict(recognise(found).settings(found))


@pytest.mark.parametrize("frontend", ["panns-32k", "laion-unfused"])
def test_the_rate_of_a_tagger_is_that_of_its_mel_matrix(frontend: str) -> None:
    bank = torch.from_numpy(mel_bank(PRESETS[frontend]).copy())
    told = settings(checkpoint("htsat", **{"sed_model.logmel_extractor.melW": bank}))
    assert told["frontend"] == told["encoder"]["frontend"] == frontend
    assert len(told["labels"]) == 527 and told["label_rate"] == 3.2
    with pytest.raises(ModelError, match=r"mel filterbank .* is unknown"):
        settings(checkpoint("htsat", **{"sed_model.logmel_extractor.melW": bank.flip(0)}))


@pytest.mark.parametrize(
    ("name", "key", "held", "scale"),
    [
        ("laion-clap", "module.logit_scale_a", math.log(20.0), 20.0),
        ("msclap-2023", "logit_scale", math.log(30.0), 30.0),
        ("wavcaps-htsat", "temp", 0.05, 20.0),  # kept as what cosines are divided by
    ],
)
def test_the_scale_of_cosines(name: str, key: str, held: float, scale: float) -> None:
    assert settings(checkpoint(name, **{key: torch.tensor(held)}))["logit_scale"] == pytest.approx(scale)


@pytest.mark.parametrize(
    ("name", "window", "policy", "family", "pool", "words"),
    [
        ("laion-clap", 10.0, "repeatpad", "roberta", "pooler", {"length": 77, "pad": 1}),
        ("laion-clap-fused", 10.0, "repeatpad", "roberta", "pooler", {"length": 77, "pad": 1}),
        ("laion-clap-cnn14", 10.0, "repeatpad", "roberta", "pooler", {"length": 77, "pad": 1}),
        ("reclap", 10.0, "repeatpad", "t5", "over all", {"length": 77, "pad": 0, "fill": "length"}),
        ("msclap-2022", 5.0, "tile", "bert", "first", {"length": 100, "pad": 0}),
        ("msclap-2023", 7.0, "tile", "gpt2", "last", {"length": 77, "pad": 0, "suffix": " <|endoftext|>", "special": ["!"]}),
        ("wavcaps-cnn14", 10.0, "zero", "bert", "first", {"length": 30, "pad": 0, "lower": True, "drop": '(,.!?;:|*")'}),
    ],
)
def test_how_each_fills_a_window_and_reads_words(
    name: str, window: float, policy: str, family: str, pool: str, words: dict[str, Any]
) -> None:
    told = settings(checkpoint(name))
    text = told["text"]
    assert (told["window"], told["policy"], text["family"], text["pool"], text["words"]) == (window, policy, family, pool, words)


def test_a_tower_that_is_not_known_is_named() -> None:
    found = checkpoint("laion-clap")
    tensors = {name: tensor for name, tensor in found.tensors.items() if "text_branch.embeddings" not in name}
    with pytest.raises(ModelError, match="text tower"):
        settings(Checkpoint(found.path, tensors, {}, {}))
