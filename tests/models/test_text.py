"""Text towers: every kind reads the same words to the same vector, whatever fills the row up, and sizes come from the settings."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.text import open_text_tower  # noqa: E402
from auricle.nn.pooling import masked_mean  # noqa: E402

BERT = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "pad_token_id": 1}
BERT |= {"max_position_embeddings": 40}
WORDS = {"length": 32, "pad": 1}
TOWERS: dict[str, dict[str, Any]] = {
    "roberta": {"family": "roberta", "pool": "pooler", "projection": "relu", "config": {**BERT, "type_vocab_size": 1}},
    "bert": {"family": "bert", "pool": "first", "projection": "residual", "config": BERT},
    "gpt2": {
        "family": "gpt2",
        "pool": "last",
        "projection": "residual",
        "config": {"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 40, "bos_token_id": 1, "eos_token_id": 1},
    },
    "t5": {
        "family": "t5",
        "pool": "mean",
        "projection": "linear",
        "config": {"vocab_size": 50, "d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2},
    },
    "bart": {
        "family": "bart",
        "pool": "mean",
        "projection": "relu",
        "config": {
            "vocab_size": 50,
            "d_model": 32,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 48,
            "decoder_layers": 1,
            "decoder_attention_heads": 1,
            "decoder_ffn_dim": 1,
            "max_position_embeddings": 40,
        },
    },
    "clip": {
        "family": "clip",
        "pool": "last",
        "projection": None,
        "config": {
            "vocab_size": 50,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 48,
            "max_position_embeddings": 40,
        },
    },
}


def made(name: str, **other: Any) -> Any:
    torch.manual_seed(0)
    tower = open_text_tower({**TOWERS[name], "words": WORDS, **other}, dim=24)
    for parameter in tower.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    return tower


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    """Three texts of 5, 9 and 12 tokens in rows of 16."""
    lengths = torch.tensor([5, 9, 12])
    mask = (torch.arange(16) < lengths[:, None]).long()
    ids = torch.randint(3, 50, (3, 16), generator=torch.Generator().manual_seed(1))
    return torch.where(mask.bool(), ids, 1), mask


@pytest.mark.parametrize("name", list(TOWERS))
@torch.inference_mode()
def test_what_fills_a_row_up_does_not_matter(name: str) -> None:
    tower = made(name)
    ids, mask = rows()
    together = tower(ids, mask)
    assert together.shape == (3, 32 if name == "clip" else 24) and torch.equal(together, tower(ids, mask))
    for row in range(3):
        real = int(mask[row].sum())
        alone = tower(ids[row : row + 1, :real], mask[row : row + 1, :real])[0]
        assert (together[row] - alone).abs().max() < 1e-5 * alone.abs().max()
    other = ids.clone()
    other[0, 1] = 49 if other[0, 1] != 49 else 48
    assert (tower(other, mask)[0] - together[0]).abs().max() > 1e-4


@torch.inference_mode()
def test_over_all_counts_what_fills_up() -> None:
    """So ReCLAP was trained: its mean runs over the padding, which then must always be as long."""
    tower = made("t5", pool="over all")
    ids, mask = rows()
    states = tower.tower(input_ids=ids, attention_mask=mask)[0]
    assert torch.allclose(tower(ids, mask), tower.projection(states.mean(dim=1)), atol=1e-6)
    assert (tower(ids, mask)[0] - tower(ids[:1, :5], mask[:1, :5])[0]).abs().max() > 1e-3


@torch.inference_mode()
def test_ordered_adds_what_comes_early_and_what_late_to_the_mean() -> None:
    tower = made("t5", pool="ordered")
    ids, mask = rows()
    states = tower.tower(input_ids=ids, attention_mask=mask)[0]
    wanted = masked_mean(states, mask.bool()) + tower.drift(states, mask)
    assert torch.allclose(tower(ids, mask), tower.projection(wanted), atol=1e-5)
    with torch.no_grad():
        tower.drift.layer.weight.zero_()
    assert (tower(ids, mask) - tower.projection(wanted)).abs().max() > 1e-3


@torch.inference_mode()
def test_last_is_the_last_real_token() -> None:
    tower = made("gpt2", projection=None)
    ids, mask = rows()
    ids[1, 3] = 1  # the id that fills up may stand inside a text
    states = tower.tower(input_ids=ids, attention_mask=mask)[0]
    assert torch.equal(tower(ids, mask), torch.stack([states[0, 4], states[1, 8], states[2, 11]]))


@pytest.mark.parametrize(
    ("wrong", "said"), [({"pool": "best"}, "pool"), ({"family": "elmo"}, "family"), ({"config": {"hidden_size": 33}}, "bert")]
)
def test_settings_that_make_no_tower_are_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        made("bert", **wrong)
