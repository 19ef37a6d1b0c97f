"""One mixture for two front-ends: powers add, times and levels agree, and what is drawn depends on the generator alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from auricle.core.records import Clip
from auricle.data.compose.feature_bank import FeatureBank, open_bank
from auricle.data.compose.mixtures import FILTER_HZ, Mixture, MixtureConfig, Noise, Part, draw_mixture, place, render
from auricle.signal.frontend import Frontend, open_frontend

RATE = 32_000
SMALL, LARGE = open_frontend("auricle-16k"), open_frontend("mobilenet-32k")
WAVES = [0.1 * np.random.default_rng(seed).standard_normal((seed + 1) * RATE).astype(np.float32) for seed in range(3)]


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FeatureBank]:
    home = tmp_path_factory.mktemp("banks")

    def decode(index: int) -> Clip:
        return Clip(WAVES[index][None], RATE)

    return {each.name: open_bank(decode, 3, home / each.name, each, speeds=(1.0, 1.25)) for each in (SMALL, LARGE)}


def rendered(banks: dict[str, FeatureBank], mixture: Mixture, frontend: Frontend, seconds: float) -> np.ndarray:
    return render(mixture, banks[frontend.name], frontend, banks[SMALL.name].level, round(seconds * frontend.frame_rate))


def alone(banks: dict[str, FeatureBank], part: Part) -> Mixture:
    """The part at its own level."""
    return Mixture((part,), gain=float(banks[SMALL.name].level[part.clip]) - part.level)


@pytest.mark.parametrize("frontend", [SMALL, LARGE], ids=lambda each: each.name)
def test_one_clip_has_its_own_power(banks: dict[str, FeatureBank], frontend: Frontend) -> None:
    from auricle.signal.resample import resample

    power = rendered(banks, alone(banks, Part(1, 0, 3.0, 0.0, 0.0)), frontend, 1.5)
    own = frontend.power(resample(WAVES[1][None], RATE, frontend.rate)[0])[: len(power)]
    loud = own > 1e-6
    assert loud.mean() > 0.9
    np.testing.assert_allclose(10 * np.log10(power[loud] / own[loud]), 0, atol=0.1)  # the bank has 16 bits


@pytest.mark.parametrize("frontend", [SMALL, LARGE], ids=lambda each: each.name)
def test_powers_add(banks: dict[str, FeatureBank], frontend: Frontend) -> None:
    parts = (Part(0, 0, 0.0, 0.0, 1.0, room=0.4), Part(2, 1, -6.0, 0.5, 0.0, gains=(3.0, 0.0, -3.0, 1.0, 2.0)))
    together = rendered(banks, Mixture(parts, gain=-20.0), frontend, 2.0)
    np.testing.assert_allclose(together, sum(rendered(banks, Mixture((part,), gain=-20.0), frontend, 2.0) for part in parts), rtol=1e-5)


@pytest.mark.parametrize("frontend", [SMALL, LARGE], ids=lambda each: each.name)
def test_a_gain_is_a_gain_in_every_front_end(banks: dict[str, FeatureBank], frontend: Frontend) -> None:
    part = Part(0, 0, 0.0, 0.0, 0.5)
    quiet, loud = (rendered(banks, Mixture((part,), gain=gain), frontend, 2.0) for gain in (-30.0, -20.0))
    np.testing.assert_allclose(loud, 10 * quiet, rtol=1e-4)
    sounding = np.flatnonzero(loud.sum(axis=1) > 1e-6) / frontend.frame_rate
    assert sounding[0] == pytest.approx(0.5, abs=0.05) and sounding[-1] == pytest.approx(1.5, abs=0.06)


def test_a_filter_acts_at_its_frequencies(banks: dict[str, FeatureBank]) -> None:
    flat = Part(1, 0, 0.0, 0.0, 0.0)
    shaped = dataclasses.replace(flat, gains=(0.0, 0.0, 12.0, 0.0, 0.0))
    for frontend in (SMALL, LARGE):
        one, other = (rendered(banks, Mixture((part,)), frontend, 1.0) for part in (flat, shaped))
        gains = 10 * np.log10(other.sum(axis=0) / one.sum(axis=0))
        assert gains[np.abs(frontend.centres - FILTER_HZ[2]).argmin()] == pytest.approx(12, abs=0.5)
        assert np.abs(gains[frontend.centres < 250]).max() < 0.01


def test_nothing_is_left_above_the_cut(banks: dict[str, FeatureBank]) -> None:
    for frontend in (SMALL, LARGE):
        power = rendered(banks, Mixture((Part(1, 0, 0.0, 0.0, 0.0),), cut=3000.0), frontend, 1.0)
        assert not power[:, frontend.centres > 3000].any() and power[:, frontend.centres < 2900].all()


@pytest.mark.parametrize("tilt", [0.0, -6.0])
def test_noise_is_as_loud_and_as_tilted_as_it_says_in_every_front_end(banks: dict[str, FeatureBank], tilt: float) -> None:
    part = Part(1, 0, 0.0, 0.0, 0.0)
    for frontend in (SMALL, LARGE):
        clip, noisy, again = (
            rendered(banks, Mixture((part,), noise=noise), frontend, 4.0) for noise in (None, Noise(-10.0, tilt, 1), Noise(-10.0, tilt, 1))
        )
        assert np.array_equal(noisy, again)
        noise = noisy[round(2.2 * frontend.frame_rate) :]  # after the end of the clip
        middle, low = frontend.centres < 7500, (frontend.centres < 400).nonzero()[0]
        assert 10 * np.log10(noise[:, middle].sum(1).mean() / clip[:, middle].sum(1).max()) == pytest.approx(-10, abs=2)
        white = rendered(banks, Mixture((part,), noise=Noise(-10.0, 0.0, 1)), frontend, 4.0)[round(2.2 * frontend.frame_rate) :]
        assert (noise[:, low].sum() > 1.5 * white[:, low].sum()) == (tilt < 0)


def test_noise_is_drawn_as_often_as_asked(banks: dict[str, FeatureBank]) -> None:
    bank = banks[SMALL.name]
    for share in (0.0, 0.3, 1.0):
        config = MixtureConfig(noise_share=share)
        drawn = [draw_mixture(np.random.default_rng(seed), [0, 1, 2], bank, SMALL.frame_rate, 1.0, config) for seed in range(200)]
        assert np.mean([mixture.noise is not None for mixture in drawn]) == pytest.approx(share, abs=0.1)


def test_a_room_adds_a_tail_of_as_much_energy(banks: dict[str, FeatureBank]) -> None:
    dry, wet = (rendered(banks, Mixture((Part(0, 0, 0.0, 0.0, 0.0, room=room),)), LARGE, 3.0) for room in (0.0, 0.8))
    assert wet.sum() == pytest.approx(2 * dry.sum(), rel=0.01)
    after = np.log10(wet[120:160].sum(axis=1))  # 1.2 to 1.6 s: the sound has ended
    assert np.polyfit(np.arange(40) / 100, 10 * after, 1)[0] == pytest.approx(-60 / 0.8, rel=0.05)


def test_what_is_drawn_depends_on_the_generator_alone(banks: dict[str, FeatureBank]) -> None:
    def drawn(seed: int) -> Mixture:
        rng = np.random.default_rng(seed)
        return draw_mixture(rng, [2, 0, 1, 1], banks[SMALL.name], SMALL.frame_rate, 1.5, MixtureConfig())

    assert drawn(3) == drawn(3) and len({drawn(seed) for seed in range(20)}) == 20
    assert {len(drawn(seed).parts) for seed in range(60)} == {1, 2, 3, 4}
    for seed in range(60):
        for part in drawn(seed).parts:
            length = len(WAVES[part.clip]) / RATE / banks[SMALL.name].speeds[part.speed]
            assert part.start >= 0 and part.at >= 0 and min(part.start, part.at) == 0
            assert part.start + 1.5 <= length + 0.1 if part.start else part.at + length <= 1.5 + 0.1 or length >= 1.5


def test_a_clip_as_long_as_the_mixture_fills_it(banks: dict[str, FeatureBank]) -> None:
    bank = banks[SMALL.name]
    for seed in range(8):
        clip = draw_mixture(
            np.random.default_rng(seed), [1], bank, SMALL.frame_rate, len(bank.clip(1, 0)[1]) / SMALL.frame_rate, MixtureConfig()
        )
        assert clip.parts[0].speed or clip.parts[0].start == clip.parts[0].at == 0.0


def test_the_loudest_keeps_its_level(banks: dict[str, FeatureBank]) -> None:
    config = MixtureConfig(counts=(0.0, 1.0), gain_db=0.0)
    mixture = draw_mixture(np.random.default_rng(0), [0, 1], banks[SMALL.name], SMALL.frame_rate, 1.0, config)
    loudest = max(mixture.parts, key=lambda part: part.level)
    assert mixture.gain + loudest.level == pytest.approx(float(banks[SMALL.name].level[loudest.clip]))
    far = Mixture((loudest, dataclasses.replace(loudest, level=loudest.level - 30)))
    assert far.audible() == [loudest]


def test_rows_are_placed_where_the_clip_is() -> None:
    rows = np.arange(1, 7)
    assert place(rows, Part(0, 0, 0.0, 0.0, 0.4), 10.0, 8).tolist() == [0, 0, 0, 0, 1, 2, 3, 4]
    assert place(rows, Part(0, 0, 0.0, 0.2, 0.0), 10.0, 8).tolist() == [3, 4, 5, 6, 0, 0, 0, 0]
