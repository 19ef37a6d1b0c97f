"""LEAF: its parts against plain reckoning, its start against mel bands, its learning against silence and noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.core.errors import InputError  # noqa: E402
from auricle.nn.leaf import GaussianPooling, Leaf, mel_gabors  # noqa: E402
from auricle.nn.pcen import Pcen, moving_average  # noqa: E402

FRAMES = [(1, 1), (159, 1), (160, 1), (161, 2), (16000, 100), (16001, 101)]


@pytest.mark.parametrize(("filters", "count"), [(40, 280), (64, 448)])
def test_seven_numbers_a_band(filters: int, count: int) -> None:
    assert sum(parameter.numel() for parameter in Leaf(filters).parameters()) == count


@pytest.mark.parametrize(("samples", "frames"), FRAMES)
def test_frames(samples: int, frames: int) -> None:
    leaf = Leaf(8)
    with torch.no_grad():
        features = leaf(torch.randn(2, samples, generator=torch.Generator().manual_seed(0)) * 0.1)
    assert features.shape == (2, frames, 8) and features.isfinite().all()
    assert leaf.frame_rate == 100.0


def test_centres_are_those_of_mel_bands() -> None:
    from auricle.signal.mel import hz_to_mel

    centre, deviation = mel_gabors(40, rate=16000, low=60.0, high=7800.0)
    mels = hz_to_mel(centre.double().numpy() * 16000 / (2 * math.pi), scale="kaldi")
    wanted = np.linspace(hz_to_mel(60.0, scale="kaldi"), hz_to_mel(7800.0, scale="kaldi"), 42)[1:-1]
    assert np.allclose(mels, wanted, rtol=1e-5)
    assert (deviation.diff() < 0).all()  # wider bands ring for less time


@pytest.mark.parametrize("band", [3, 12, 25, 39])
def test_a_tone_at_a_centre_is_loudest_in_that_band(band: int) -> None:
    leaf = Leaf(40)
    centre = float(leaf.filters.centre.detach()[band])
    tone = 0.5 * torch.cos(centre * torch.arange(8000.0))[None]
    with torch.no_grad():
        energy = leaf.pooling(leaf.filters(tone))[0, 10:-10]
    assert (energy.argmax(dim=1) == band).all()


def test_a_response_is_half_as_high_where_its_triangle_has_a_quarter() -> None:
    leaf = Leaf(40)
    real, imaginary = leaf.filters.taps().detach()
    spectrum = torch.fft.fft(torch.complex(real, imaginary), n=1 << 16).abs()
    band = 30
    hertz = torch.arange(1 << 16) * 16000 / (1 << 16)
    half = hertz[spectrum[band] >= spectrum[band].max() / 2]
    corners = 700 * torch.expm1(torch.linspace(math.log1p(60 / 700), math.log1p(7800 / 700), 42).double())
    mel = torch.log1p(corners[band : band + 3] / 700)
    foot, top = (float(700 * math.expm1(float(place))) for place in (mel[0] + (mel[1] - mel[0]) / 4, mel[2] - (mel[2] - mel[1]) / 4))
    assert float(half.max() - half.min()) == pytest.approx(top - foot, rel=0.01)


@pytest.mark.parametrize("step", [1, 4])
def test_energies_are_the_squared_modulus_of_a_plain_convolution(step: int) -> None:
    filters = Leaf(5, step=step).filters
    samples = torch.randn(2, 1001, generator=torch.Generator().manual_seed(4))
    real, imaginary = filters.taps().detach().double().numpy()
    found = filters(samples).detach().numpy()
    assert found.shape == (2, 5, -(-1001 // step))
    for row in range(2):
        for band in range(5):
            padded = np.pad(samples[row].double().numpy(), 200)
            wave = np.correlate(padded, real[band]) + 1j * np.correlate(padded, imaginary[band])
            assert np.allclose(found[row, band], np.abs(wave[::step]) ** 2, rtol=1e-4, atol=1e-7)


def test_every_fourth_energy_gives_nearly_the_same_frames() -> None:
    samples = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(5))
    fine, coarse = (leaf.pooling(leaf.filters(samples)).detach()[:, 2:-2] for leaf in (Leaf(40), Leaf(40, step=4)))
    apart = (fine - coarse).abs() / fine
    assert float(apart.mean()) < 1e-3 and float(apart.max()) < 0.02
    with pytest.raises(InputError, match="wanted a step that divides"):
        Leaf(40, step=7)


def test_energies_begin_as_those_of_mel_bands() -> None:
    """Noise through LEAF before it has learned, and through mel bands of the same corners: alike in every band (the paper's start)."""
    librosa = pytest.importorskip("librosa")
    samples = 0.1 * torch.randn(32000, generator=torch.Generator().manual_seed(6))
    leaf = Leaf(40)
    found = leaf.pooling(leaf.filters(samples[None])).detach()[0].numpy()
    bank = librosa.filters.mel(sr=16000, n_fft=512, n_mels=40, fmin=60.0, fmax=7800.0, htk=True, norm=None)
    power = np.abs(librosa.stft(samples.numpy()[80:], n_fft=512, win_length=400, hop_length=160)) ** 2  # LEAF's frames lie half a hop on
    ours, theirs = np.log(found[2:197]), np.log((bank @ power).T[2:197])
    level = ours.mean(0) - theirs.mean(0)
    assert np.abs(level - level.mean()).max() < 0.1  # no band is louder than the others
    assert min(np.corrcoef(ours[:, band], theirs[:, band])[0, 1] for band in range(40)) > 0.85


def test_a_padded_clip_gives_what_it_gives_alone() -> None:
    leaf = Leaf(6, step=4)
    samples = torch.randn(1, 3000, generator=torch.Generator().manual_seed(7))
    padded = torch.cat([samples, torch.randn(1, 777)], dim=1)
    mask = (torch.arange(3777) < 3000)[None]
    with torch.no_grad():
        assert torch.allclose(leaf(padded, mask)[:, :19], leaf(samples), atol=1e-6)


def test_the_moving_average_is_the_plain_one() -> None:
    generator = torch.Generator().manual_seed(0)
    energy = torch.rand(2, 150, 3, generator=generator, dtype=torch.float64)
    weight = torch.tensor([0.04, 1.0, 0.0], dtype=torch.float64)
    state, plain = energy[:, 0], []
    for frame in energy.unbind(1):
        state = weight * frame + (1 - weight) * state
        plain.append(state)
    assert torch.allclose(moving_average(energy, weight), torch.stack(plain, dim=1), atol=1e-12)


def test_pcen_by_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    energy = torch.rand(1, 80, 4, generator=torch.Generator().manual_seed(1)) + 0.1
    pcen = Pcen(4, alpha=0.8, smooth=0.1, delta=2.0, root=2.0, floor=1e-6)
    first = energy[0, 0].numpy()
    theirs = librosa.pcen(
        energy[0].numpy().T, sr=100, hop_length=1, gain=0.8, bias=2.0, power=0.5, eps=1e-6, b=0.1, zi=(0.9 * first)[:, None]
    )
    assert np.allclose(pcen(energy)[0].detach().numpy().T, theirs, atol=1e-5)


def test_pooling_is_a_plain_weighted_sum() -> None:
    pooling = GaussianPooling(2, size=9, hop=4)
    energy = torch.rand(1, 2, 21, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        pooling.width.copy_(torch.tensor([0.3, 0.5]))
        found = pooling(energy)[0]
    places = np.arange(9) - 4
    padded = np.pad(energy[0].numpy(), ((0, 0), (2, 6)))  # 6 frames: one every 4 of 21 samples, rounded up; the first from -2 to 6
    for band, width in enumerate((0.3, 0.5)):
        taps = np.exp(-0.5 * (places / (width * 4)) ** 2)
        assert np.allclose(found[:, band].numpy(), [padded[band, 4 * frame : 4 * frame + 9] @ taps for frame in range(6)], atol=1e-6)


@pytest.mark.parametrize("gain", [0.0, 1e-6, 1.0])
def test_every_number_learns_and_none_breaks(gain: float) -> None:
    leaf = Leaf(6)
    samples = gain * torch.randn(2, 3000, generator=torch.Generator().manual_seed(3))
    features = leaf(samples)
    features.square().mean().backward()
    assert features.isfinite().all()
    for name, parameter in leaf.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        if gain == 1.0:
            assert (parameter.grad != 0).all(), name


def test_training_moves_a_filter_to_a_tone() -> None:
    leaf = Leaf(1, low=900.0, high=1500.0)
    tone = torch.sin(2 * math.pi * 1300 / 16000 * torch.arange(3200.0))[None]
    curvature = 2 * float(leaf.filters.deviation.detach()) ** 2  # of a Gaussian's logarithm
    optimizer = torch.optim.SGD([leaf.filters.centre], lr=0.5 / curvature)
    before = float(leaf.filters.centre.detach())
    for _ in range(6):
        optimizer.zero_grad()
        loss = -torch.log(leaf.pooling(leaf.filters(tone)).mean())
        loss.backward()
        optimizer.step()
    target = 2 * math.pi * 1300 / 16000
    assert abs(float(leaf.filters.centre.detach()) - target) < 0.2 * abs(before - target)
