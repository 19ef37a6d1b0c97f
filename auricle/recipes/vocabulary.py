"""Tokenizers of captions: training of a vocabulary, and encoding and decoding of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from auricle.core.files import make_folder, write_text
from auricle.runtime.tokenizer import TextTokenizer

#: Padding, begin and end of a caption, and the mask token of parallel captioning.
SPECIAL_TOKENS = ("<pad>", "<begin>", "<end>", "<hidden>")
PAD, BEGIN, END, MASK = range(len(SPECIAL_TOKENS))
#: Longest caption in tokens, including begin and end; longer ones are truncated.
MAX_TOKENS = 64


def train_tokenizer(texts: Iterable[str], path: Path, *, size: int = 4000) -> int:
    """Train a byte-level BPE tokenizer on lower-cased texts and write it to path. Returns the number of ids, at most `size`."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=alphabet, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL_TOKENS[BEGIN]} $A {SPECIAL_TOKENS[END]}", special_tokens=[(SPECIAL_TOKENS[i], i) for i in (BEGIN, END)]
    )
    make_folder(path.parent)
    write_text(path, tokenizer.to_str(pretty=True))
    return int(tokenizer.get_vocab_size())


def tokenizer_settings() -> dict[str, Any]:
    """The text settings of config.json (runtime.tokenizer) for these tokenizers."""
    return {"length": MAX_TOKENS, "pad": PAD}


class CaptionTokenizer:
    """Encodes captions to token ids and decodes them. path: tokenizer.json. vocabulary_size: number of ids."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """settings: from `tokenizer_settings`, or those of a model's text tower."""
        from tokenizers import Tokenizer

        self.path = path
        self._tokens = TextTokenizer(path, {"words": settings})
        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self.vocabulary_size = int(self._tokenizer.get_vocab_size())

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encode B texts: ids and mask, int64 (B, L)."""
        ids, mask = self._tokens.encode(texts)
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without special tokens."""
        return str(self._tokenizer.decode(list(ids))).strip()
