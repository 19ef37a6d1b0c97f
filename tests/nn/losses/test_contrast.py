"""Contrastive losses: by hand, beside open_clip, and over two processes as in one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, multiprocessing, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from auricle.nn.losses.contrast import InfoNce, SigLip, clamp_with_gradient  # noqa: E402

GROUPS = torch.tensor([0, 1, 2, 0, 3, 1])


def vectors() -> tuple[Tensor, Tensor, Tensor]:
    """Sounds and texts (6, 4), hard texts (6, 2, 4)."""
    steps = torch.arange(48.0)
    return torch.sin(1.7 * steps[:24]).view(6, 4), torch.cos(0.9 * steps[:24]).view(6, 4), torch.sin(2.3 * steps).view(6, 2, 4)


def test_two_pairs_by_hand() -> None:
    loss = InfoNce(temperature=0.5)(torch.eye(2), torch.eye(2))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2)), abs=1e-6)
    scale, bias = 10.0, -10.0
    wanted = math.log(1 + math.exp(-(scale + bias))) + math.log(1 + math.exp(bias))
    assert SigLip()(torch.eye(2), torch.eye(2)).item() == pytest.approx(wanted, abs=1e-6)


def test_rows_of_one_recording_share_their_target() -> None:
    audio, text = torch.eye(3), torch.eye(3)
    loss = InfoNce(temperature=1.0)(audio, text, torch.tensor([7, 7, 9]))
    total = math.log(math.e + 2)  # of the exponentials in a row
    wanted = (2 * (total - 0.5) + (total - 1)) / 3
    assert loss.item() == pytest.approx(wanted, abs=1e-6)


def test_a_hard_text_counts_for_its_own_sound_alone() -> None:
    audio, text = torch.eye(2), torch.eye(2)
    hard = torch.stack([audio[:1], audio[:1]])  # as near as can be to sound 0, and far from sound 1
    loss = InfoNce(temperature=1.0)(audio, text, hard=hard)
    heard = (math.log((2 * math.e + 1) / math.e) + math.log((math.e + 2) / math.e)) / 2
    said = math.log((math.e + 1) / math.e)
    assert loss.item() == pytest.approx((heard + said) / 2, abs=1e-6)


def test_the_learnt_divisor_is_the_scale_upside_down() -> None:
    audio, text, _ = vectors()
    plain, divisor = InfoNce(temperature=0.1), InfoNce(temperature=0.1, divisor=True)
    assert divisor(audio, text, GROUPS).item() == pytest.approx(plain(audio, text, GROUPS).item(), abs=1e-6)


# Loss and the first row of the sounds' gradient for unit vectors, as open_clip_torch 3.3.0 (open_clip/loss.py) gives them.
PUBLISHED = {
    "InfoNce": (7.928830, (-0.4069509, 0.7523122, 1.3422406, 0.9163879)),
    "SigLip": (10.064193, (-1.0260121, -0.6286084, 0.2445135, 0.9325925)),
}


@pytest.mark.parametrize("loss", [InfoNce(), SigLip()], ids=lambda loss: type(loss).__name__)
def test_the_same_as_open_clip(loss: nn.Module) -> None:
    audio, text, _ = vectors()
    audio = functional.normalize(audio, dim=-1).requires_grad_()
    value = loss(audio, text)
    value.backward()
    assert audio.grad is not None
    wanted, first = PUBLISHED[type(loss).__name__]
    # Ours makes vectors unit by itself: of the published gradient, what lies along the vector is taken off.
    along = torch.tensor(first)
    along = along - (along @ audio[0].detach()) * audio[0].detach()
    assert value.item() == pytest.approx(wanted, rel=1e-5)
    assert torch.allclose(audio.grad[0], along, atol=1e-5)


def test_a_bounded_value_can_come_back_but_not_go_further() -> None:
    for start, slope, moves in ((5.0, -1.0, False), (5.0, 1.0, True), (-1.0, 1.0, False), (-1.0, -1.0, True), (2.0, 1.0, True)):
        value = torch.tensor(start, requires_grad=True)
        out = clamp_with_gradient(value, 0.0, 4.0)
        (slope * out).backward()
        assert 0.0 <= out.item() <= 4.0
        assert value.grad is not None and value.grad.item() == (slope if moves else 0.0)


def test_scale_stays_within_a_hundred() -> None:
    assert InfoNce(temperature=1e-4).logit_scale().item() == pytest.approx(100.0)
    assert InfoNce(temperature=1e-4, divisor=True).logit_scale().item() == pytest.approx(100.0)


def told(loss: nn.Module, rows: slice, *, hard: bool) -> tuple[float, Tensor, list[Tensor]]:
    """Loss, and the gradients of a weight that both towers go through and of the loss's own parameters, for some of the rows."""
    audio, text, harder = vectors()
    weight = (torch.eye(4) + 0.1).requires_grad_()
    more = {"hard": harder[rows] @ weight} if hard else {}
    value = loss(audio[rows] @ weight, text[rows] @ weight, GROUPS[rows], **more)
    value.backward()
    assert weight.grad is not None
    return value.item(), weight.grad, [p.grad for p in loss.parameters() if p.grad is not None]


def one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    rows = slice(3 * rank, 3 * rank + 3)
    torch.save([told(InfoNce(), rows, hard=True), told(SigLip(), rows, hard=False)], f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_are_as_one(tmp_path: Path) -> None:
    multiprocessing.spawn(one_of_two, (str(tmp_path),), nprocs=2)
    halves = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    whole = [told(InfoNce(), slice(None), hard=True), told(SigLip(), slice(None), hard=False)]
    for place, (value, weight, own) in enumerate(whole):
        first, second = halves[0][place], halves[1][place]
        assert (first[0] + second[0]) / 2 == pytest.approx(value, rel=1e-6)
        assert torch.allclose((first[1] + second[1]) / 2, weight, atol=1e-5)
        for mine, one, other in zip(own, first[2], second[2], strict=True):
            assert torch.allclose((one + other) / 2, mine, atol=1e-5)
