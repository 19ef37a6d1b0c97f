"""RampPooling: which way states go, whatever is padded."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from auricle.nn.pooling import RampPooling, ramp_mean  # noqa: E402


def states() -> object:
    return torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(0))


def test_the_other_way_round_is_the_other_sign() -> None:
    x = states()
    torch.testing.assert_close(ramp_mean(x.flip(1)), -ramp_mean(x))
    assert float(ramp_mean(x).abs().max()) > 0.1


def test_states_that_stay_and_single_ones_have_no_drift() -> None:
    x = states()
    torch.testing.assert_close(ramp_mean(x[:, :1].expand(-1, 7, -1)), torch.zeros(3, 5), atol=1e-6, rtol=0)
    torch.testing.assert_close(ramp_mean(x[:, :1]), torch.zeros(3, 5))
    torch.testing.assert_close(ramp_mean(x, torch.zeros(3, 7, dtype=torch.bool)), torch.zeros(3, 5))


def test_the_last_state_counts_for_it_and_the_first_against_it() -> None:
    torch.testing.assert_close(ramp_mean(torch.tensor([[[1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0]]])), torch.tensor([[-1 / 3], [1 / 3]]))


def test_padding_changes_nothing() -> None:
    x, layer = states(), RampPooling(5)
    mask = torch.arange(7)[None] < torch.tensor([[7], [4], [1]])
    for row, length in enumerate((7, 4, 1)):
        torch.testing.assert_close(layer(x, mask)[row], layer(x[row : row + 1, :length])[0])
    torch.testing.assert_close(layer(x, mask), layer(torch.where(mask[..., None], x, 9.0), mask))
