"""Words become the ids that each published system would make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle.core.errors import InputError, ModelError
from auricle.runtime.tokenizer import TextTokenizer

TEXTS = ["a dog barks", "rain on a tin roof, far away!", "wind"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of BERT's kind: [PAD] 0, [CLS] 1, [SEP] 2, small letters, a token a letter."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, **{word: 4 + n for n, word in enumerate("adogbrksniwtfhuey,.!")}}
    made = Tokenizer(models.WordPiece({**vocabulary, **{f"##{word}": 40 + n for n, word in enumerate(vocabulary)}}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    made.enable_padding(length=40)  # as files of the hub often say; the rules of the system win
    path = tmp_path_factory.mktemp("bert") / "tokenizer.json"
    made.save(str(path))
    return path


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of GPT-2's kind: "!" is 0, <|endoftext|> the last."""
    from tokenizers import AddedToken, ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(["hear !! hear !!", *TEXTS] * 3, vocab_size=280, min_frequency=2)
    made.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    path = tmp_path_factory.mktemp("gpt2") / "tokenizer.json"
    made.save(str(path))
    return path


def tokens(path: Path, **words: Any) -> TextTokenizer:
    return TextTokenizer(path, {"words": {"length": 77, "pad": 0, **words}})


def test_rows_end_in_padding(bert: Path) -> None:
    ids, mask = tokens(bert).encode(TEXTS)
    assert ids.dtype == mask.dtype == np.int64 and ids.shape == mask.shape and ids.shape[1] % 8 == 0
    for row, real in zip(ids, mask.sum(axis=1), strict=True):
        assert row[0] == 1 and row[real - 1] == 2 and not row[real:].any()
    assert (np.diff(mask, axis=1) <= 0).all()


def test_what_is_too_long_keeps_its_ends(bert: Path) -> None:
    ids, mask = tokens(bert, length=6).encode(["rain on a tin roof", "dog"])
    assert ids.shape == (2, 6) and ids[0, 0] == 1 and ids[0, -1] == 2 and mask[0].all()
    assert ids[1].tolist()[:5] == [1, *tokens(bert).encode(["dog"])[0][0, 1:4], 2]


def test_length_fills_every_row(bert: Path) -> None:
    ids, mask = tokens(bert, length=20, fill="length", pad=3).encode(["dog"])
    assert ids.shape == (1, 20) and (ids[mask == 0] == 3).all()


def test_letters_are_made_small_and_signs_dropped(gpt2: Path) -> None:
    plain = tokens(gpt2).encode(["rain on a tin roof far away"])
    changed = tokens(gpt2, lower=True, drop='(,.!?;:|*")').encode(["Rain on a (tin) roof , far away!"])
    assert (plain[0] == changed[0]).all()


def test_the_suffix_stays(gpt2: Path) -> None:
    """MS-CLAP 2023 adds the end of text to every text, and takes "!" for a token by itself, since it fills up with it."""
    made = tokens(gpt2, suffix=" <|endoftext|>", special=["!"])
    end = tokens(gpt2).encode(["<|endoftext|>"])[0][0, 0]
    ids, mask = made.encode(["hear !!", "rain on a tin roof"])
    assert (ids[[0, 1], mask.sum(axis=1) - 1] == end).all()
    assert (ids[0, : mask[0].sum()] == 0).sum() == 2  # one each, though the tokenizer has learnt "!!"
    ids, mask = tokens(gpt2).encode(["hear !!"])
    assert 0 not in ids[mask == 1]
    cut = tokens(gpt2, length=4, suffix=" <|endoftext|>").encode(["rain on a tin roof, far away"])[0]
    assert cut.shape == (1, 4) and cut[0, -1] == end


def test_what_cannot_be_used_is_named(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="list of strings"):
        tokens(bert).encode("dog")
    with pytest.raises(ModelError, match="text embedding needs it"):
        tokens(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="not a tokenizer"):
        tokens(tmp_path / "tokenizer.json")
    with pytest.raises(ModelError, match=r"text\.words: length"):
        TextTokenizer(bert, {"words": {"pad": 0}})
    with pytest.raises(ModelError, match=r"text\.words"):
        TextTokenizer(bert, {})


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("dog barks", True),
        ("42", True),
        ("dog \u72d7", True),
        ("", False),
        ("\U0001f436", False),
        ("\u72d7", False),
        ("\u0441\u043e\u0431\u0430\u043a\u0430", False),
    ],
)
def test_words_that_a_tokenizer_only_spells_in_bytes_or_as_unknown_are_not_read(
    kind: str, text: str, read: bool, request: pytest.FixtureRequest
) -> None:
    """A dog in emoji, Chinese and Russian, for tokenizers of English. BERT's kind here has no digits."""
    found = tokens(request.getfixturevalue(kind), suffix=" <|endoftext|>" if kind == "gpt2" else "")
    assert found.has_known_words(text) == (read and not (kind == "bert" and text == "42"))


def test_a_tokenizer_of_another_script_reads_it(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = [chr(code) for code in range(ord("\u0430"), ord("\u044f") + 1)]
    words = [first + second + third for first in letters[:11] for second in letters[:10] for third in letters[:10]]
    for vocabulary, read in ((words, True), (letters, False)):
        made = Tokenizer(models.WordPiece({word: place for place, word in enumerate(["[UNK]", *vocabulary])}, unk_token="[UNK]"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        made.save(str(tmp_path / "tokenizer.json"))
        assert tokens(tmp_path / "tokenizer.json").has_known_words(vocabulary[0]) is read
