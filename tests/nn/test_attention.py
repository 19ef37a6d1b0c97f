"""Attention over tokens: masked ones are as good as absent, distances share buckets as published, tables fit other grids."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from auricle.nn.attention import Attention, HeadGate, RelativePositions  # noqa: E402
from auricle.nn.patch import Patches, patch_grid  # noqa: E402
from auricle.nn.position import resize_positions, sincos, sincos_grid  # noqa: E402


def plain(attention: Attention, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """The textbook's sums, one head and one query at a time."""
    width = x.shape[-1]
    size = width // attention.heads
    query, key, value = (x @ attention.qkv.weight.T + attention.qkv.bias).split(width, dim=-1)
    out = torch.zeros_like(x)
    for head in range(attention.heads):
        part = slice(head * size, (head + 1) * size)
        for place in range(len(x)):
            scores = key[:, part] @ query[place, part] / math.sqrt(size) + bias[head, place]
            out[place, part] = torch.softmax(scores, 0) @ value[:, part]
    return out @ attention.out.weight.T + attention.out.bias


@torch.inference_mode()
@pytest.mark.parametrize("of_input", [None, False, True])
def test_attention_is_the_textbooks(of_input: bool | None) -> None:
    torch.manual_seed(0)
    gate = None if of_input is None else HeadGate(4, 3, of_input=of_input)
    attention, x, bias = Attention(12, 3, gate), torch.randn(2, 7, 12), torch.randn(1, 3, 7, 7)
    wanted = bias[0]
    if gate is not None:
        gate.scale.copy_(torch.randn(3, 1, 1))
        seen = x[1] if of_input else x[1] @ attention.qkv.weight[:12].T + attention.qkv.bias[:12]
        update, reset = torch.sigmoid(gate.linear(seen.view(7, 3, 4))).unbind(-1)
        factors = update * (reset * gate.scale[:, 0, 0] - 1) + 2  # (L, H)
        wanted = factors.T[:, :, None] * wanted
    assert torch.allclose(attention(x, None, bias)[1], plain(attention, x[1], wanted), atol=1e-5)


@torch.inference_mode()
def test_masked_tokens_are_as_good_as_absent() -> None:
    torch.manual_seed(1)
    attention, x, bias = Attention(12, 3, HeadGate(4, 3, of_input=False)), torch.randn(2, 9, 12), torch.randn(1, 3, 9, 9)
    mask = torch.arange(9)[None] < torch.tensor([[9], [5]])
    together = attention(x, mask, bias)
    assert torch.allclose(together[1, :5], attention(x[1:, :5], None, bias[:, :, :5, :5])[0], atol=1e-6)
    assert torch.allclose(attention(x, mask)[1, :5], attention(x[1:, :5])[0], atol=1e-6)


@torch.inference_mode()
def test_distances_share_buckets_that_widen() -> None:
    positions = RelativePositions(32, 1, max_distance=100)
    positions.scores.weight.copy_(torch.arange(32.0)[:, None])
    bucket = positions(301)[0, 0]
    middle = bucket[150]
    assert middle[150] == 0 and bucket.diagonal().eq(0).all()
    before, behind = middle[:150].flip(0), middle[151:]
    assert torch.equal(behind, before + 16), "keys behind the query have the other half"
    assert before[:7].tolist() == [1, 2, 3, 4, 5, 6, 7], "near distances have one each"
    wanted = [8 + int(math.log(distance / 8) / math.log(100 / 8) * 8) for distance in range(8, 100)]
    assert before[7:99].tolist() == wanted and before[99:].eq(15).all()


def test_a_table_is_cut_from_its_middle_or_stretched() -> None:
    table = torch.arange(24.0).view(1, 24, 1)  # 6 moments of 4 bands
    assert resize_positions(table, (6, 4), (6, 4)) is table
    cut = resize_positions(table, (6, 4), (3, 2))
    assert cut.flatten().tolist() == [9, 10, 13, 14, 17, 18]
    twice = resize_positions(table, (6, 4), (12, 4)).view(12, 4)
    assert torch.allclose(
        twice[1:3], torch.stack([0.75 * twice[0] + 0.25 * table.view(6, 4)[1], 0.25 * twice[0] + 0.75 * table.view(6, 4)[1]])
    )
    both = resize_positions(table, (6, 4), (12, 2)).view(12, 2)
    assert torch.allclose(both, twice[:, 1:3])


def test_sines() -> None:
    table = sincos(torch.arange(4), 6)
    assert table[1].tolist() == pytest.approx(
        [math.sin(1), math.sin(10000 ** (-1 / 3)), math.sin(10000 ** (-2 / 3)), *table[1, 3:].tolist()]
    )
    assert sincos(torch.arange(4), 6, closed=True)[1, 2] == pytest.approx(math.sin(1e-4))
    grid = sincos_grid(3, 2, 8).view(3, 2, 8)
    assert torch.equal(grid[0, :, :4], grid[2, :, :4]) and torch.equal(grid[:, 0, 4:], grid[:, 1, 4:])


def test_patches_come_time_first() -> None:
    torch.manual_seed(2)
    patches, x = Patches(5, (4, 3), stride=(2, 3)), torch.randn(1, 11, 8)
    assert patch_grid(11, 8, size=(4, 3), stride=(2, 3)) == (4, 2)
    tokens = patches(x)
    assert tokens.shape == (1, 8, 5)
    third = (x[0, 2:6, 0:3] * patches.conv.weight[:, 0]).sum((1, 2)) + patches.conv.bias
    assert torch.allclose(tokens[0, 2], third, atol=1e-5), "the third patch is the second moment's lowest"
