"""Words of a training: a vocabulary learnt from its captions, and texts to ids for the models that are trained on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from auricle.core.files import make_folder, write_text
from auricle.runtime.tokenizer import Tokens

#: Tokens that are no words, by id: what fills a row up, the start, the stop, and a word that is hidden from a captioner.
MARKS = ("<pad>", "<begin>", "<end>", "<hidden>")
PAD, BEGIN, END, HIDDEN = range(len(MARKS))
#: Longest caption in tokens, start and stop among them.
LONGEST = 64


def learn(texts: Iterable[str], path: Path, *, size: int = 4000) -> int:
    """Write tokenizer.json: pieces of words that are frequent in the texts, small letters. The number of ids: at most `size`."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    made: Any = Tokenizer(models.BPE())
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, special_tokens=list(MARKS), initial_alphabet=alphabet, show_progress=False)
    )
    made.post_processor = processors.TemplateProcessing(
        single=f"{MARKS[BEGIN]} $A {MARKS[END]}", special_tokens=[(MARKS[BEGIN], BEGIN), (MARKS[END], END)]
    )
    make_folder(path.parent)
    write_text(path, made.to_str(pretty=True))
    return int(made.get_vocab_size())


def rules() -> dict[str, Any]:
    """What config.json says of these words (runtime.words.WordRules)."""
    return {"length": LONGEST, "pad": PAD}


class Words:
    """Texts to ids and back. path: tokenizer.json. count: ids that it knows."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """settings: rules, of this file or of a model's text tower."""
        from tokenizers import Tokenizer

        self.path = path
        self._tokens = Tokens(path, {"words": settings})
        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self.count = int(self._tokenizer.get_vocab_size())

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """ids and mask, int64 (B, L)."""
        ids, mask = self._tokens.encode(texts)
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def text(self, ids: Sequence[int]) -> str:
        """Words of ids; marks are left out."""
        return str(self._tokenizer.decode(list(ids))).strip()
