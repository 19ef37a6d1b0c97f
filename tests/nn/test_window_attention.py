"""Windows on the Z-curve beside a slow plain Swin that cuts a picture into windows with loops."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from auricle.nn.window_attention import WindowAttention, raster_index, shift_index, shift_mask, zcurve  # noqa: E402


def test_windows_quarters_and_squares_are_runs() -> None:
    places = zcurve(16)
    for size in (2, 4, 8):
        runs = places.view(-1, size * size, 2)
        corner = runs.amin(dim=1, keepdim=True)
        assert (corner % size == 0).all() and ((runs - corner) < size).all()
    assert places[:4].tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert sorted(map(tuple, places.tolist())) == [(row, column) for row in range(16) for column in range(16)]


def test_raster_and_shift() -> None:
    picture = torch.arange(64).view(8, 8)
    row, column = zcurve(8).unbind(1)
    curve = picture[row, column]
    assert (curve[raster_index(8)] == picture.flatten()).all()
    assert (curve[shift_index(8)][raster_index(8)].view(8, 8) == torch.roll(picture, (-1, -1), (0, 1))).all()


def plain(attention: WindowAttention, picture: torch.Tensor, window: int, shift: int) -> torch.Tensor:
    """Swin's attention over a picture (side, side, D), token by token."""
    side, _, width = picture.shape
    rolled = torch.roll(picture, (-shift, -shift), (0, 1))
    query, key, value = attention.qkv(rolled).view(side, side, 3, attention.heads, -1).unbind(2)
    heard = torch.zeros(side, side, attention.heads, width // attention.heads)
    zone = [(place >= side - window) + (place >= side - shift) if shift else 0 for place in range(side)]
    for row in range(side):
        for column in range(side):
            first = row // window * window, column // window * window
            others = [(first[0] + r, first[1] + c) for r in range(window) for c in range(window)]
            scores = []
            for other in others:
                step = (row - other[0] + window - 1) * (2 * window - 1) + column - other[1] + window - 1
                score = (query[row, column] * key[other]).sum(-1) / query.shape[-1] ** 0.5 + attention.bias[step]
                strangers = (zone[row], zone[column]) != (zone[other[0]], zone[other[1]])
                scores.append(score - 100.0 * strangers)
            weights = torch.stack(scores).softmax(dim=0)
            heard[row, column] = (weights[..., None] * torch.stack([value[other] for other in others])).sum(0)
    return torch.roll(attention.proj(heard.flatten(2)), (shift, shift), (0, 1))


@torch.inference_mode()
@pytest.mark.parametrize("moved", [False, True])
def test_the_same_as_plain_swin(moved: bool) -> None:
    torch.manual_seed(0)
    side, window = 16, 8
    attention = WindowAttention(12, 3, window)
    attention.bias.normal_()
    pictures = torch.randn(2, side, side, 12)
    row, column = zcurve(side).unbind(1)
    x = torch.roll(pictures, (-window // 2, -window // 2), (1, 2)) if moved else pictures
    heard = attention(x[:, row, column], shift_mask(side, window) if moved else None)[:, raster_index(side)].view_as(pictures)
    heard = torch.roll(heard, (window // 2, window // 2), (1, 2)) if moved else heard
    for picture, found in zip(pictures, heard, strict=True):
        assert (plain(attention, picture, window, window // 2 if moved else 0) - found).abs().max() < 1e-5
