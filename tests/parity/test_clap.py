"""CLAP beside transformers' own ClapModel on weights drawn here: waveform to vector, words to vector, with fusion and without."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from auricle.models.convert import checkpoint_file  # noqa: E402
from auricle.models.convert.convert import load_checkpoint  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.runtime.tokenizer import TextTokenizer  # noqa: E402
from auricle.signal.crop import fit  # noqa: E402
from auricle.signal.frontend import open_frontend  # noqa: E402

RATE = 48000
CLOSE = 1e-4
TEXTS = [
    "a dog barks",
    "Rain on a tin roof, far away!",
    "This is a sound of a siren that howls and howls and howls through the whole night.",
]
TINY = {"patch_embeds_hidden_size": 32, "hidden_size": 128, "depths": [2, 2, 1], "num_attention_heads": [2, 4, 8]}


@dataclasses.dataclass
class Pair:
    folder: Path
    theirs: Any
    ours: Model
    processor: Any


def sound(seconds: float, seed: int) -> np.ndarray:
    """Float32 (N,): a rising tone and bursts of noise."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(RATE * seconds)) / RATE
    bursts = 0.2 * rng.standard_normal(times.size) * (np.sin(2 * np.pi * 0.7 * times) > 0)
    return (bursts + 0.3 * np.sin(2 * np.pi * (300 * times + 200 * times**2))).astype(np.float32)


def drawn(model: Any, seed: int) -> Any:
    """The model with every parameter and statistic away from zero and one."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if not tensor.is_floating_point() or name.startswith("logit_scale"):
            continue
        if name.endswith("running_var"):
            tensor.data.uniform_(0.5, 2.0, generator=generator)
        elif "norm" in name.lower() and name.endswith("weight"):
            tensor.data.normal_(1.0, 0.1, generator=generator)
        else:
            tensor.data.normal_(0.0, 0.3 if tensor.ndim == 1 else 0.7 / tensor[0].numel() ** 0.5, generator=generator)
    return model.eval()


def tokenizer(folder: Path) -> Any:
    """RoBERTa's kind of tokenizer, taught by the sentences of this file."""
    from tokenizers import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator(TEXTS * 3, vocab_size=330, min_frequency=2, special_tokens=special)
    made.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    merges = [tuple(line.split()) for line in (folder / "merges.txt").read_text().splitlines() if not line.startswith("#version")]
    return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges)


def published(folder: Path, *, fused: bool, audio: dict[str, Any]) -> Pair:
    """A folder as the hub has it, and both models of it."""
    words = tokenizer(folder)
    config = transformers.ClapConfig(
        text_config={
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 256,
            "vocab_size": len(words),
        },
        audio_config={**audio, "enable_fusion": fused, "fusion_type": "aff_2d" if fused else None},
        projection_dim=64,
    )
    theirs = drawn(transformers.ClapModel(config), seed=int(fused))
    truncation = "fusion" if fused else "rand_trunc"
    extractor = transformers.ClapFeatureExtractor(frequency_min=50, truncation=truncation)
    processor = transformers.ClapProcessor(extractor, words)
    theirs.save_pretrained(folder)
    extractor.save_pretrained(folder)
    words.save_pretrained(folder)
    ours, _, report = load_checkpoint(checkpoint_file.read(folder), name="clap")
    assert report.format == ("hf-clap-fused" if fused else "hf-clap")
    return Pair(folder, theirs, ours, processor)


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return published(tmp_path_factory.mktemp("clap"), fused=request.param, audio=TINY)


def apart(ours: Any, theirs: Any) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def heard(pair: Pair, samples: np.ndarray) -> torch.Tensor:
    """Our embedding (E,), of unit length."""
    ears = open_frontend(pair.ours.config.frontend)
    if samples.size < 10 * RATE:
        samples = fit(samples, round(pair.ours.config.window.seconds * RATE), pair.ours.config.window.pad)
    return unit(pair.ours(torch.from_numpy(ears.features(samples)[None]))["embedding"][0])


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def taken(theirs: Any) -> torch.Tensor:
    """The vectors of a model's answer, whichever way this version of transformers hands them over."""
    return unit(theirs if isinstance(theirs, torch.Tensor) else theirs.pooler_output)


@torch.no_grad()
@pytest.mark.parametrize("seconds", [10.0, 4.3, 0.3])
def test_short_sounds(pair: Pair, seconds: float) -> None:
    samples = sound(seconds, 1)
    inputs = pair.processor(audio=[samples], sampling_rate=RATE, return_tensors="pt")
    # With fusion transformers calls one clip of every batch longer, at random, when none is: not what the weights were trained with.
    inputs["is_longer"] = torch.tensor([[False]])
    assert apart(heard(pair, samples), taken(pair.theirs.get_audio_features(**inputs))[0]) <= CLOSE


@torch.no_grad()
@pytest.mark.parametrize("pair", [True], ids=["fused"], indirect=True)
def test_long_sounds_with_fusion(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = sound(14.0, 2)
    # Three draws, one from each third of the places: the first, the central and the last are the ones that we always take.
    draws = iter([lambda places: places[0], lambda places: 400 // 2, lambda places: places[-1]])
    monkeypatch.setattr(np.random, "choice", lambda places: next(draws)(places))
    inputs = pair.processor(audio=[samples], sampling_rate=RATE, return_tensors="pt")
    assert bool(inputs["is_longer"].all())
    theirs = taken(pair.theirs.get_audio_features(**inputs))[0]
    assert apart(heard(pair, samples), theirs) <= CLOSE
    inputs["is_longer"] = torch.tensor([[False]])
    assert apart(taken(pair.theirs.get_audio_features(**inputs))[0], theirs) > 100 * CLOSE  # the fusion is heard


@torch.no_grad()
def test_words(pair: Pair) -> None:
    inputs = pair.processor(text=TEXTS, return_tensors="pt", padding=True)
    theirs = taken(pair.theirs.get_text_features(**inputs))
    assert pair.ours.config.text is not None
    tokens = TextTokenizer(pair.folder / "tokenizer.json", pair.ours.config.text.tower)
    ids, mask = tokens.encode(TEXTS)
    length = inputs["input_ids"].shape[1]
    assert (ids[:, :length] == inputs["input_ids"].numpy()).all() and not mask[:, length:].any()
    assert apart(unit(pair.ours.embed_tokens(torch.from_numpy(ids), torch.from_numpy(mask))), theirs) <= CLOSE
    for row, text in enumerate(TEXTS):  # a text alone is what it is in company
        alone = pair.ours.embed_tokens(*map(torch.from_numpy, tokens.encode([text])))
        assert apart(unit(alone[0]), theirs[row]) <= CLOSE


@torch.no_grad()
@pytest.mark.parametrize("fused", [False, True])
def test_published_width(tmp_path: Path, fused: bool) -> None:
    pair = published(tmp_path, fused=fused, audio={})
    theirs = sum(parameter.numel() for parameter in pair.theirs.audio_model.parameters())
    assert sum(parameter.numel() for parameter in pair.ours.encoder.parameters()) == theirs
    samples = sound(3.0, 3)
    inputs = pair.processor(audio=[samples], sampling_rate=RATE, return_tensors="pt")
    inputs["is_longer"] = torch.tensor([[False]])
    assert apart(heard(pair, samples), taken(pair.theirs.get_audio_features(**inputs))[0]) <= CLOSE


def test_other_features_are_refused(pair: Pair, tmp_path: Path) -> None:
    from auricle.core.errors import ModelError

    said = json.loads((pair.folder / "preprocessor_config.json").read_text())
    pair.theirs.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**said, "frequency_min": 0}))
    with pytest.raises(ModelError, match="frequency_min is 0"):
        load_checkpoint(checkpoint_file.read(tmp_path), name="clap")
