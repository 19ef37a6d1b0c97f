"""What the scripts of language-audio systems share: packages that are not there, towers without the network, drawn weights, writing.

Stand-ins: packages that the published code imports but that play no part here (torchvision, webdataset, wandb and the like) become empty
modules; torchaudio is the published one minus its compiled library. transformers' from_pretrained gives the same architecture at the
published size with fresh weights, and a small tokenizer of the same kind taught here: weights and tables of words lie on the network.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

KEYS = Path(__file__).resolve().parent.parent / "keys"
TEXTS = (
    "a dog barks in the distance",
    "Rain falls on a tin roof, and thunder follows.",
    "siren",
    "This is a sound of people who talk, laugh and walk about while a train passes by, slowly, on and on, until nothing else is heard.",
)
ABSENT = (
    "torchvision",
    "webdataset",
    "braceexpand",
    "wandb",
    "horovod",
    "ftfy",
    "PIL",
    "wget",
    "h5py",
    "ruamel",
    "sentence_transformers",
    "loguru",
    "museval",
    "loralib",
)


class _Empty(types.ModuleType):
    """A module in which every name is an empty class."""

    __path__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *_args, **_options: None})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name.split(".")[0] not in ABSENT:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Empty(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def stand_in() -> None:
    """Make the absent packages importable, and torchaudio without its compiled library."""
    sys.modules["timm"] = None  # type: ignore[assignment]  # the published code goes without it where it is not installed
    sys.meta_path.append(_Finder())
    found = importlib.util.find_spec("torchaudio")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("torchaudio is not installed; run: pip install --no-deps torchaudio")
    torchaudio, extension = types.ModuleType("torchaudio"), types.ModuleType("torchaudio._extension")
    torchaudio.__path__ = [found.submodule_search_locations[0]]
    extension.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = extension._IS_RNNT_AVAILABLE = extension._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
    sys.modules["torchaudio"], sys.modules["torchaudio._extension"] = torchaudio, extension
    import torchaudio.transforms


def sound(rate: int, seconds: float, seed: int = 0) -> np.ndarray:
    """Float32 (N,): a rising tone and bursts of noise, full scale under one, over a floor of noise at -60 dB.

    Without the floor the bands between the partials hold nothing but the rounding of the published single-precision transform.
    """
    rng = np.random.default_rng(seed)
    times = np.arange(round(rate * seconds)) / rate
    bursts = rng.standard_normal(times.size) * np.where(np.sin(2 * np.pi * 0.7 * times) > 0, 0.15, 0.001)
    return np.clip(bursts + 0.3 * np.sin(2 * np.pi * (300 * times + 200 * times**2)), -0.99, 0.99).astype(np.float32)


@torch.no_grad()
def draw(module: torch.nn.Module, seed: int = 0) -> None:
    """Every parameter and statistic away from zero and one, small enough that states stay sane; fixed tables as they are."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point() or any(part in name for part in ("extractor.", "mel_trans", "log_trans", "attn_mask")):
            continue
        if name.endswith("bn0.running_mean"):
            tensor.normal_(-35.0, 5.0, generator=generator)
        elif name.endswith("bn0.running_var"):
            tensor.uniform_(100.0, 400.0, generator=generator)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=generator)
        elif not tensor.ndim:
            continue
        elif tensor.ndim == 1 and name.endswith("weight"):
            tensor.normal_(1.0, 0.1, generator=generator)
        else:
            gain = 1.5 if tensor.ndim == 4 else 0.7  # convolutions come before a ReLU, which halves what they give
            tensor.normal_(0.0, 0.1 if tensor.ndim == 1 else gain / tensor[0].numel() ** 0.5, generator=generator)


def byte_level(folder: Path, special: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level tokenizer taught by TEXTS; the special words come first."""
    from tokenizers import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(TEXTS * 3, vocab_size=256 + len(special) + 60, min_frequency=2, special_tokens=list(special))
    made.save_model(str(folder))
    lines = (folder / "merges.txt").read_text().splitlines()
    return json.loads((folder / "vocab.json").read_text()), [tuple(line.split()) for line in lines if not line.startswith("#version")]


def roberta_words(folder: Path) -> Any:
    """RoBERTa's kind: <s> 0, <pad> 1, </s> 2."""
    vocabulary, merges = byte_level(folder, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges)


def gpt2_words(folder: Path) -> Any:
    """GPT-2's kind: "!" is 0, <|endoftext|> the last."""
    vocabulary, merges = byte_level(folder, [])
    return transformers.GPT2Tokenizer(vocab={**vocabulary, "<|endoftext|>": len(vocabulary)}, merges=merges)


def bert_words(folder: Path) -> Any:
    """BERT's kind: [PAD] 0, small letters."""
    from tokenizers import BertWordPieceTokenizer

    made = BertWordPieceTokenizer(lowercase=True)
    made.train_from_iterator(TEXTS, vocab_size=200, min_frequency=1, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return transformers.BertTokenizer(vocab=made.get_vocab(), do_lower_case=True)


def t5_words(folder: Path) -> Any:
    """T5's kind: <pad> 0, </s> 1."""
    from tokenizers import SentencePieceUnigramTokenizer

    made = SentencePieceUnigramTokenizer()
    made.train_from_iterator(TEXTS * 3, vocab_size=120, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    pieces = json.loads(made.to_str())["model"]["vocab"]
    return transformers.T5Tokenizer(vocab=[tuple(piece) for piece in pieces], extra_ids=0)


def offline(words: Any, **models: Any) -> None:
    """Let from_pretrained of these classes of transformers give what is handed in, and every tokenizer class `words`."""
    for name, model in models.items():
        setattr(getattr(transformers, name), "from_pretrained", classmethod(lambda cls, *_names, _made=model, **_options: _made()))  # noqa: B010
    for name in ("AutoTokenizer", "BertTokenizer", "RobertaTokenizer", "GPT2Tokenizer", "BartTokenizer", "T5Tokenizer"):
        setattr(getattr(transformers, name), "from_pretrained", classmethod(lambda cls, *_names, **_options: words))  # noqa: B010


def save(out: Path, words: Any, checkpoint: Mapping[str, Any], *, name: str = "checkpoint.pt", **expected: Any) -> None:
    """OUT/checkpoint.pt, OUT/tokenizer.json and OUT/expected.npz."""
    torch.save(dict(checkpoint), out / name)
    if words is not None:
        words._tokenizer.save(str(out / "tokenizer.json"))
        expected["texts"] = np.array(TEXTS)
    np.savez(out / "expected.npz", **{key: np.asarray(value) for key, value in expected.items()})


def write_keys(name: str, repositories: Path, source: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """keys/NAME.json: names and shapes as the published code gives them."""
    clone = repositories / source.replace("/", "+")
    commit = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    keys = {key: list(tensor.shape) for key, tensor in tensors.items()}
    told = {"source": source, "commit": commit, "made_by": f"tests/parity/upstream/{name}.py", "keys": keys}
    KEYS.mkdir(exist_ok=True)
    (KEYS / f"{name}.json").write_text(json.dumps(told, separators=(",", ":")) + "\n", encoding="utf-8")


def unit(x: torch.Tensor) -> torch.Tensor:
    """Rows of unit length."""
    return torch.nn.functional.normalize(x, dim=-1)
